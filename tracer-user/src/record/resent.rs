//! Segments that were sent again, by why.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What made TCP send a segment again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResentFor {
    /// The SYN had no answer (RFC 9293, 3.8.3).
    Syn,
    /// The SYN-ACK had none.
    SynAck,
    /// Fast recovery (RFC 5681, RFC 8985).
    Fast,
    /// A tail loss probe (RFC 8985, 7).
    Tlp,
    /// The retransmission timeout (RFC 6298), and what it made TCP take for lost.
    Rto,
}

impl ResentFor {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Syn, Self::SynAck, Self::Fast, Self::Tlp, Self::Rto];

    /// The usual name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Syn => "SYN",
            Self::SynAck => "SYN-ACK",
            Self::Fast => "fast",
            Self::Tlp => "TLP",
            Self::Rto => "RTO",
        }
    }
}

/// How many segments were sent again, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resent {
    /// SYNs without an answer.
    pub syn: u32,
    /// SYN-ACKs without one.
    pub syn_ack: u32,
    /// By fast recovery (RFC 5681, RFC 8985).
    pub fast: u32,
    /// Tail loss probes (RFC 8985).
    pub tlp: u32,
    /// By the retransmission timeout (RFC 6298), and what it made TCP take for lost.
    pub rto: u32,
}

impl Resent {
    /// How many of one class.
    #[must_use]
    pub fn of(mut self, class: ResentFor) -> u32 {
        *self.of_mut(class)
    }

    /// The same, to be counted on.
    pub fn of_mut(&mut self, class: ResentFor) -> &mut u32 {
        match class {
            ResentFor::Syn => &mut self.syn,
            ResentFor::SynAck => &mut self.syn_ack,
            ResentFor::Fast => &mut self.fast,
            ResentFor::Tlp => &mut self.tlp,
            ResentFor::Rto => &mut self.rto,
        }
    }

    /// All of them.
    #[must_use]
    pub fn sum(self) -> u32 {
        ResentFor::ALL.iter().map(|&class| self.of(class)).sum()
    }
}

/// `1 TLP, 2 RTO`.
impl fmt::Display for Resent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let classes = ResentFor::ALL.iter().map(|&it| (self.of(it), it.name()));
        let counted = classes.filter(|(count, _)| *count > 0);
        let counted: Vec<String> = counted.map(|(count, it)| format!("{count} {it}")).collect();
        f.write_str(&counted.join(", "))
    }
}
