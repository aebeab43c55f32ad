//! What the errors of `connect`, `accept`, `send`, `recv` and `SO_ERROR` mean for TCP, call by
//! call.
//!
//! Which causes end in an error is said by the causes (`errnos`). Source: the code of Linux 7.2
//! that returns them, and `icmp_err_convert` (`net/ipv4/icmp.c`) and `icmpv6_err_convert`
//! (`net/ipv6/icmp.c`) for what ICMP errors become.

mod call;
mod network;

use super::reason::Weight;

/// A call that can give an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `connect()`, and `sendto()` with `MSG_FASTOPEN`.
    Connect,
    /// `accept()` and `accept4()`.
    Accept,
    /// `send()`, `write()` and their kin.
    Send,
    /// `recv()`, `read()` and their kin.
    Recv,
    /// `getsockopt(SO_ERROR)`, which also takes the error away; with `poll()` and `epoll`.
    SoError,
}

impl Call {
    /// Its name, as programs call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect()",
            Self::Accept => "accept()",
            Self::Send => "send()",
            Self::Recv => "recv()",
            Self::SoError => "SO_ERROR",
        }
    }
}

/// An error that a call on a TCP socket can give.
#[derive(Debug)]
pub struct ErrnoPage {
    /// Symbolic name.
    pub name: &'static str,
    /// What it says of the connection.
    pub weight: Weight,
    /// What it means, by call.
    pub calls: &'static [(Call, &'static str)],
    /// How the kernel gets there.
    pub path: &'static str,
}

/// What an error means for TCP; `None` for one that no call gives.
#[must_use]
pub fn find(name: &str) -> Option<&'static ErrnoPage> {
    all().find(|errno| errno.name == name)
}

/// Every error that is described: those of the network first, then those of the call, each by
/// number.
pub fn all() -> impl Iterator<Item = &'static ErrnoPage> {
    network::ERRNOS.iter().chain(call::ERRNOS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cause::CAUSES, errno};

    #[test]
    fn stand_by_number_and_are_complete() {
        for table in [network::ERRNOS, call::ERRNOS] {
            let numbers: Vec<_> = table
                .iter()
                .map(|page| errno::number(page.name).unwrap_or_else(|| panic!("{}", page.name)))
                .collect();
            assert!(numbers.is_sorted());
        }
        let mut names: Vec<_> = all().map(|page| page.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        for page in all() {
            assert!(page.path.ends_with('.'), "{}", page.name);
            assert!(!page.calls.is_empty(), "{}", page.name);
            for (at, (call, text)) in page.calls.iter().enumerate() {
                assert!(!text.ends_with('.') && !text.contains("  "), "{text}");
                assert!(
                    page.calls[..at].iter().all(|(other, _)| other != call),
                    "{}",
                    page.name
                );
            }
        }
    }

    #[test]
    fn every_error_of_a_cause_is_described() {
        for cause in CAUSES {
            for name in cause.errnos {
                assert!(find(name).is_some(), "{}: {name}", cause.code);
            }
        }
    }
}
