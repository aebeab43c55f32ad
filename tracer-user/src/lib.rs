//! tcpwhy: why did this TCP connection fail?
//!
//! The data's way: [`hook`] → [`ring`] → [`decode`] → [`attribute`] → [`diagnose`] → [`compose`] →
//! [`show`]. Each step knows only the ones before it; [`session`] drives them.

pub mod attribute;
pub mod cause;
pub mod cgroup_path;
pub mod cli;
pub mod clock;
pub mod command;
pub mod compose;
pub mod decode;
pub mod diagnose;
pub mod enrich;
pub mod errno;
pub mod escape;
pub mod export;
pub mod filter;
pub mod firewall;
pub mod hook;
pub mod incident;
pub mod join;
pub mod judge;
pub mod kernel;
pub mod net;
#[cfg(test)]
mod numbers;
pub mod record;
pub mod redact;
pub mod replay;
pub mod report;
pub mod ring;
pub mod session;
pub mod show;
pub mod sink;
pub mod trace;
