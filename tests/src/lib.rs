//! Real failures, made in network namespaces, and what tcpwhy must say about them.
//!
//! [`scenario`] is the table of failures; [`net`] makes the client, router and server namespaces
//! that each of them gets for itself; [`client`] and [`bpf`] break things in them; [`tracer`] runs
//! the real `tcpwhy`; [`judge`] compares, [`matrix`] shows it as a table;
//! [`runner`] does all of it for many scenarios at once; [`ordinary`] is traffic without failures.

pub mod bpf;
pub mod client;
pub mod hog;
pub mod judge;
pub mod lock;
pub mod matrix;
pub mod net;
mod nginx;
pub mod ordinary;
pub mod recorder;
pub mod report;
pub mod runner;
pub mod scenario;
pub mod service;
pub mod shell;
pub mod tracer;
#[cfg(target_arch = "x86_64")]
pub mod unhook;
pub mod unseen;
