//! From bytes to events: checked, never cast, and with the kernel's numbers turned into its names.

mod names;
pub mod wire;

use std::{fmt, sync::Arc};

use tracer_ebpf::{
    event::{self, Head, Short, Wire, kind},
    listener::{self, AtListener, CameUp, Listening},
};

pub use self::names::{Conntrack, Names, Place};

/// Something that happened, as one hook saw it.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A process that has attempts.
    Process(Box<event::Process>),
    /// An attempt, before its first evidence.
    Attempt(event::Attempt),
    /// An outbound socket left `SYN_SENT`, or ended.
    State(Box<event::State>),
    /// An attempt ended before a SYN.
    Unsent(event::Unsent),
    /// A segment was sent again.
    Retransmit(event::Retransmit),
    /// A listener sent its SYN-ACK again.
    SynackRetransmit(event::SynackRetransmit),
    /// This host sent a RST; with the kernel's reason.
    ResetSent(event::ResetSent, Option<Arc<str>>),
    /// A RST was received.
    ResetReceived(event::ResetReceived),
    /// A soft error was left on a socket.
    SocketError(event::SocketError),
    /// A packet was dropped; and where.
    Drop(Box<event::Drop>, Place),
    /// This host sent an ICMP error.
    IcmpSent(event::IcmpSent),
    /// A socket begins to listen, was found listening, or ends.
    Listening(Box<Listening>),
    /// Something happened to a packet at a listener; with the kernel's reason, and where.
    AtListener(Box<AtListener>, Option<Arc<str>>, Option<Arc<str>>),
    /// A client that had to be answered again came up.
    CameUp(CameUp),
    /// A process holds connections whose beginnings were not seen, or closed one that had failed.
    Holder(event::Holder),
}

impl Event {
    /// The fields that every event has.
    #[must_use]
    pub fn head(&self) -> &Head {
        match self {
            Self::Process(event) => &event.head,
            Self::Attempt(event) => &event.head,
            Self::State(event) => &event.head,
            Self::Unsent(event) => &event.head,
            Self::Retransmit(event) => &event.head,
            Self::SynackRetransmit(event) => &event.head,
            Self::ResetSent(event, _) => &event.head,
            Self::ResetReceived(event) => &event.head,
            Self::SocketError(event) => &event.head,
            Self::Drop(event, _) => &event.head,
            Self::IcmpSent(event) => &event.head,
            Self::Listening(event) => &event.head,
            Self::AtListener(event, ..) => &event.head,
            Self::CameUp(event) => &event.head,
            Self::Holder(event) => &event.head,
        }
    }
}

/// A record that is not what the kernel half writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// It ends before its kind does.
    Short {
        /// Its kind, if it got that far.
        kind: Option<u32>,
        /// Its length in bytes.
        len: usize,
    },
    /// Bytes are left over.
    Long {
        /// Its kind.
        kind: u32,
        /// Its length in bytes.
        len: usize,
        /// Bytes that are left over.
        extra: usize,
    },
    /// A kind that this version does not know.
    UnknownKind(u32),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short {
                kind: Some(kind),
                len,
            } => {
                write!(
                    f,
                    "an event of kind {kind} ends after {len} bytes, too early"
                )
            }
            Self::Short { kind: None, len } => {
                write!(f, "an event of {len} bytes is too short to have a kind")
            }
            Self::Long { kind, len, extra } => {
                write!(
                    f,
                    "an event of kind {kind} has {len} bytes, {extra} too many"
                )
            }
            Self::UnknownKind(kind) => write!(f, "an event of the unknown kind {kind}"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Decodes one record of the ring buffer.
///
/// # Errors
/// [`DecodeError`] where the record is not one that the kernel half of this version writes.
pub fn decode(record: &[u8], names: &mut Names) -> Result<Event, DecodeError> {
    let len = record.len();
    let kind = u32::read(&mut &*record).map_err(|Short| DecodeError::Short { kind: None, len })?;
    Ok(match kind {
        kind::PROCESS => Event::Process(Box::new(whole(kind, record)?)),
        kind::ATTEMPT => Event::Attempt(whole(kind, record)?),
        kind::STATE => Event::State(Box::new(whole(kind, record)?)),
        kind::UNSENT => Event::Unsent(whole(kind, record)?),
        kind::RETRANSMIT => Event::Retransmit(whole(kind, record)?),
        kind::SYNACK_RETRANSMIT => Event::SynackRetransmit(whole(kind, record)?),
        kind::RESET_SENT => {
            let event: event::ResetSent = whole(kind, record)?;
            Event::ResetSent(event, names.reset_reason(event.reason))
        }
        kind::RESET_RECEIVED => Event::ResetReceived(whole(kind, record)?),
        kind::SOCKET_ERROR => Event::SocketError(whole(kind, record)?),
        kind::DROP => {
            let event: Box<event::Drop> = Box::new(whole(kind, record)?);
            let place = names.place(&event);
            Event::Drop(event, place)
        }
        kind::ICMP_SENT => Event::IcmpSent(whole(kind, record)?),
        kind::HOLDER => Event::Holder(whole(kind, record)?),
        listener::kind::LISTENING => Event::Listening(Box::new(whole(kind, record)?)),
        listener::kind::AT_LISTENER => {
            let event: Box<AtListener> = Box::new(whole(kind, record)?);
            let reason = names.at_listener(&event);
            let location = names.function(event.location);
            Event::AtListener(event, reason, location)
        }
        listener::kind::CAME_UP => Event::CameUp(whole(kind, record)?),
        _ => return Err(DecodeError::UnknownKind(kind)),
    })
}

/// Reads a value that takes up the whole record.
fn whole<T: Wire>(kind: u32, record: &[u8]) -> Result<T, DecodeError> {
    let mut rest = record;
    let len = record.len();
    let value = T::read(&mut rest).map_err(|Short| DecodeError::Short {
        kind: Some(kind),
        len,
    })?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(DecodeError::Long {
            kind,
            len,
            extra: rest.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names::without_kernel()
    }

    /// The bytes that the kernel half would write for a zeroed record of a kind.
    fn zeroed(kind: u32, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        bytes[..4].copy_from_slice(&kind.to_ne_bytes());
        bytes
    }

    #[test]
    fn every_length_but_the_right_one_is_refused() {
        let right = size_of::<event::State>();
        for len in 0..right + 8 {
            let decoded = decode(&zeroed(kind::STATE, len.max(4))[..len], &mut names());
            assert_eq!(decoded.is_ok(), len == right, "{len}: {decoded:?}");
        }
    }

    #[test]
    fn an_unknown_kind_is_named() {
        let refused = decode(&zeroed(99, 64), &mut names()).unwrap_err();
        assert_eq!(refused.to_string(), "an event of the unknown kind 99");
    }

    #[test]
    fn fields_are_where_the_kernel_half_puts_them() {
        let mut bytes = zeroed(kind::ICMP_SENT, size_of::<event::IcmpSent>());
        let len = bytes.len();
        bytes[8..16].copy_from_slice(&77_u64.to_ne_bytes());
        bytes[len - 8..len - 4].copy_from_slice(&3_u32.to_ne_bytes());
        bytes[len - 4..].copy_from_slice(&13_u32.to_ne_bytes());
        let Event::IcmpSent(event) = decode(&bytes, &mut names()).unwrap() else {
            panic!("another kind");
        };
        assert_eq!((event.head.time_ns, event.kind, event.code), (77, 3, 13));
    }
}
