//! The BPF programs of tcpwhy: one file a family of hooks. They look, filter and count; they never
//! judge. What they need to know of the running kernel stands in frozen constants ([`kernel`]).

#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]
#![allow(
    clippy::needless_pass_by_value,
    reason = "the program macros hand contexts over by value"
)]
#![allow(
    clippy::cast_possible_truncation,
    reason = "arguments are narrower than registers"
)]

mod announce;
mod atomic;
mod count;
mod hook;
mod in_vain;
mod kernel;
mod owner;
mod pending;
mod ring;
mod socket;
mod stalled;
mod table;

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
