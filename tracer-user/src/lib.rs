//! tcpwhy
pub mod record;
