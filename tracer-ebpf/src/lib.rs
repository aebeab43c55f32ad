//! The wire between the two halves of tcpwhy: what the BPF programs write into the ring buffer
//! ([`event`]), what user space tells them before they are loaded ([`config`]), and how they count
//! what they see and lose ([`counter`]).
//!
//! No BPF dependency: user space, tests and fuzzers use this library as it is.

#![no_std]

#[cfg(feature = "decode")]
extern crate std;

#[macro_use]
mod wire;
pub mod attempt;
pub mod config;
pub mod counter;
pub mod event;
#[cfg(feature = "decode")]
pub mod json;
pub mod listener;
pub mod tcp_state;
