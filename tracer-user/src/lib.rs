//! tcpwhy
pub mod kernel;
pub mod record;
