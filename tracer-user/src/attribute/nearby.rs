//! What listens on this host where a connection was refused, on the same port.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Listeners on the port of a refusal, as they were right after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nearby {
    /// Those of the namespace that refused, else those of others: some of them.
    pub listeners: Vec<NearbyListener>,
    /// There are so many more.
    pub more: usize,
    /// Why not every namespace could be asked.
    pub unknown: Option<String>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NearbyListener {
    /// Where it listens.
    pub at: SocketAddr,
    /// Inode number of its network namespace.
    pub netns: u32,
    /// It would have taken the SYN: it began to listen only afterwards.
    pub takes: bool,
    /// Index of the device that it is bound to (`SO_BINDTODEVICE`); 0 for none.
    pub device: u32,
    /// Who holds it.
    pub holder: ListenerHolder,
}

/// Who holds a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListenerHolder {
    /// This process, and so many others.
    Process {
        /// Thread-group id.
        pid: u32,
        /// Its name.
        comm: String,
        /// Other processes that hold it too.
        others: usize,
    },
    /// The kernel itself: no descriptor stands for it.
    Kernel,
    /// It was not found, and why.
    Unknown(String),
}
