//! tcpwhy: why did this TCP connection fail?

pub mod cause;
pub mod cli;
pub mod clock;
pub mod command;
pub mod errno;
pub mod escape;
pub mod filter;
pub mod record;
pub mod show;
