//! Who owns a connection.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A process, as it was when the connection began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Process {
    /// Thread-group id in the initial pid namespace.
    pub pid: u32,
    /// Thread id in the initial pid namespace.
    pub tid: u32,
    /// The process's own view of its pid, where it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ns_pid: Option<u32>,
    /// Name of the process (its main thread).
    pub comm: String,
    /// Name of the thread, where it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_comm: Option<String>,
    /// Path of the executable, in the process's own mount namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exe: Option<String>,
    /// Command line, arguments joined by blanks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmdline: Option<String>,
    /// User id in the initial user namespace.
    pub uid: u32,
    /// Parent's pid in the initial pid namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ppid: Option<u32>,
    /// Control group (the v2 path; on hosts that have v1, too, the path that names a container; where v2
    /// holds nothing but the root, the longest v1 path).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<String>,
    /// Container id, from the control group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// What runs that container, where the control group tells: `docker`, `containerd`, `cri-o` or
    /// `podman`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_runtime: Option<String>,
    /// UID of its Kubernetes pod, from the control group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_uid: Option<String>,
    /// systemd unit, from the control group: the innermost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What it has to do with an inbound connection; absent on outbound ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

/// What a process has to do with an inbound connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It holds the connection's own socket.
    Acceptor,
    /// It holds the socket that listens.
    Listener,
}

/// A process that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Holder {
    /// Thread-group id in the initial pid namespace.
    pub pid: u32,
    /// Name of the process.
    pub comm: String,
}
