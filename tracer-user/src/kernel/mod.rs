//! What the running kernel says of itself: where its structures keep their fields, what its
//! drop reasons are called, which function an address lies in.
//!
//! Nothing here loads a program or depends on a kernel version: all is found by name or by type.

pub mod btf;
pub mod layout;
pub mod reasons;
pub mod stack;
pub mod symbols;
