//! The hooks, one file a family.

mod accepted;
mod connect;
mod destroy;
mod drop;
mod end;
mod error;
mod find;
mod follow;
mod holder;
mod icmp;
mod listener;
mod packet;
mod reset;
mod retransmit;
mod state;
mod stream;
mod unsent;
