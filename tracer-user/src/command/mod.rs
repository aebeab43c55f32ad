//! What `tcpwhy COMMAND` does: one file per command.

pub mod explain;
pub mod schema;
