//! From events to attempts: each `connect()` with its owner and every piece of evidence that is
//! certainly, or by its initial sequence number, its own.
//!
//! Pure: no clock, no I/O. The same events give the same attempts, on any machine.

mod attempt;
mod beyond;
mod enrichment;
mod evidence;
mod flow;
pub mod listener;
mod loose;
mod nearby;
mod queue;
mod resent;
mod ruling;
mod stream;
mod tracker;

pub use self::{
    attempt::{Attempt, Closer, End, Found, Identity, RouteAnswer, is_late, is_over, was_left},
    beyond::{Beyond, OtherEnd, Translation},
    enrichment::Enrichment,
    evidence::{Evidence, IcmpSeen, PacketKind, ResetSeen, SeenDrop, Way, is_down},
    listener::Counters,
    nearby::{ListenerHolder, Nearby, NearbyListener},
    queue::FullQueue,
    resent::resent_for,
    ruling::Ruling,
    stream::{bytes_received, direction, never_left},
    tracker::{HOLD_NS, Tracker},
};
