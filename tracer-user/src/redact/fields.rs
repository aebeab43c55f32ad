//! What the fields of records hold.

use std::{collections::HashMap, sync::LazyLock};

/// What a field holds.
#[derive(Clone, Copy)]
pub(super) enum Holds {
    /// Words of tcpwhy or of the kernel: kept.
    Ours,
    /// The same, keys and all, but for fields in it that have a line of their own.
    Table,
    /// An address.
    Address,
    /// A name; what its pseudonym begins with.
    Name(&'static str),
    /// A path of a file.
    Path,
    /// A control group, or a unit of systemd.
    Cgroup,
    /// The 64 hexadecimal digits of a container, or another id: digits again.
    Id,
    /// A network device.
    Device,
    /// A table or chain of a firewall.
    Chain,
    /// What only a replay needs: full of names in other forms (hexadecimal digits). It goes.
    Script,
}

/// What the fields of records hold, by name, at whatever depth they are.
const FIELDS: &[(&str, Holds)] = &[
    ("type", Holds::Ours),
    ("schema", Holds::Ours),
    ("version", Holds::Ours),
    ("kernel", Holds::Ours),
    ("id", Holds::Ours),
    ("time", Holds::Ours),
    ("start", Holds::Ours),
    ("first", Holds::Ours),
    ("last", Holds::Ours),
    ("began", Holds::Ours),
    ("direction", Holds::Ours),
    ("phase", Holds::Ours),
    ("cause", Holds::Ours),
    ("confidence", Holds::Ours),
    ("severity", Holds::Ours),
    ("stuck_on", Holds::Ours),
    ("kind", Holds::Ours),
    ("fault", Holds::Ours),
    ("errno", Holds::Ours),
    ("outcome", Holds::Ours),
    ("closed_by", Holds::Ours),
    ("role", Holds::Ours),
    ("family", Holds::Ours),
    ("state", Holds::Ours),
    ("reason", Holds::Ours),
    ("location", Holds::Ours),
    ("hook", Holds::Ours),
    ("engine", Holds::Ours),
    ("packet", Holds::Ours),
    ("matched_by", Holds::Ours),
    ("verdict", Holds::Ours),
    ("match", Holds::Ours),
    ("table", Holds::Chain),
    ("chain", Holds::Chain),
    ("hooks", Holds::Table),
    ("by_cause", Holds::Table),
    ("turned_away", Holds::Table),
    ("by_errno", Holds::Table),
    ("by_drop_reason", Holds::Table),
    ("counters", Holds::Table),
    ("sockets", Holds::Table),
    ("sysctls", Holds::Table),
    ("moved", Holds::Table),
    ("since", Holds::Ours),
    ("begun", Holds::Ours),
    ("ended", Holds::Ours),
    ("recorded_by", Holds::Ours),
    ("joined_by", Holds::Ours),
    ("failures", Holds::Ours),
    ("incident", Holds::Ours),
    ("addr", Holds::Address),
    ("host", Holds::Name("host")),
    ("hosts", Holds::Name("host")),
    ("reference", Holds::Name("host")),
    ("file", Holds::Name("file")),
    ("comm", Holds::Name("proc")),
    ("thread_comm", Holds::Name("proc")),
    ("exe", Holds::Path),
    ("cmdline", Holds::Name("cmd")),
    ("command_line", Holds::Name("arg")),
    ("cgroup", Holds::Cgroup),
    ("unit", Holds::Cgroup),
    ("container", Holds::Id),
    ("container_runtime", Holds::Ours),
    ("pod_uid", Holds::Id),
    ("boot_id", Holds::Id),
    ("device", Holds::Device),
    ("wire", Holds::Script),
];

/// [`FIELDS`], to be looked up.
static BY_NAME: LazyLock<HashMap<&str, Holds>> = LazyLock::new(|| FIELDS.iter().copied().collect());

/// What a field of a structure holds.
pub(super) fn within(holds: Option<Holds>, name: &str) -> Option<Holds> {
    field(name).or(holds.filter(|holds| matches!(holds, Holds::Table)))
}

/// The same, without what holds it.
pub(super) fn field(name: &str) -> Option<Holds> {
    BY_NAME.get(name).copied()
}
