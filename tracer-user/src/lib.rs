//! tcpwhy: why did this TCP connection fail?
//!
//! The data's way: [`hook`] → [`ring`] → [`decode`] → [`attribute`] → [`diagnose`] → [`compose`] →
//! records. Each step knows only the ones before it.

pub mod attribute;
pub mod cause;
pub mod clock;
pub mod compose;
pub mod decode;
pub mod diagnose;
pub mod enrich;
pub mod errno;
pub mod escape;
pub mod hook;
pub mod kernel;
pub mod net;
pub mod record;
pub mod ring;
pub mod session;
