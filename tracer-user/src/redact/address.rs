//! Pseudonyms of addresses. They keep the family, and whether an address is private; none is an
//! address that anybody can have, so that a pseudonym is known as one.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{Arc, PoisonError, RwLock},
};

use super::pseudonym::Key;

/// Private ranges, and the range (of the reserved class E) that stands for each. Within them the
/// bits that two addresses have in common are as many before and after: subnets stay subnets.
const PRIVATE: [([u8; 4], u32, [u8; 4]); 5] = [
    ([10, 0, 0, 0], 8, [250, 0, 0, 0]),
    ([172, 16, 0, 0], 12, [251, 16, 0, 0]),
    ([192, 168, 0, 0], 16, [251, 168, 0, 0]),
    ([100, 64, 0, 0], 10, [251, 64, 0, 0]),
    ([169, 254, 0, 0], 16, [251, 254, 0, 0]),
];
/// Public addresses become those of 240.0.0.0/5.
const PUBLIC: u32 = 0xf000_0000;
const PUBLIC_BITS: u32 = 27;
/// So many private IPv4 addresses are remembered.
const MAX_PRIVATE: usize = 1 << 16;
/// So many public IPv4 addresses are kept apart for certain.
const MAX_PUBLIC: usize = 1 << 20;

/// Makes pseudonyms of addresses.
pub(super) struct Addresses {
    /// Private addresses that were asked for: each costs as many hashes as it has bits.
    private: HashMap<u32, u32>,
    taken: Arc<RwLock<Taken>>,
    /// Only looks at those that are taken.
    helps: bool,
    /// A public address had none, and was to be given none.
    unsettled: bool,
}

/// Public pseudonyms that are taken, and by whom. Which of two addresses that meet moves on depends on
/// which came first.
type Taken = HashMap<u32, u32>;

impl Addresses {
    pub(super) fn new() -> Self {
        Self {
            private: HashMap::new(),
            taken: Arc::default(),
            helps: false,
            unsettled: false,
        }
    }

    /// For another thread: the same pseudonyms. Of a public address that has none yet it says so
    /// ([`Addresses::was_unsettled`]).
    pub(super) fn helper(&self) -> Self {
        Self {
            private: HashMap::new(),
            taken: Arc::clone(&self.taken),
            helps: true,
            unsettled: false,
        }
    }

    /// Whether an address had no pseudonym since the last call.
    pub(super) fn was_unsettled(&mut self) -> bool {
        std::mem::take(&mut self.unsettled)
    }

    pub(super) fn pseudonym(&mut self, key: &Key, addr: IpAddr) -> IpAddr {
        match addr {
            IpAddr::V4(addr) => self.v4(key, addr).into(),
            IpAddr::V6(addr) => self.v6(key, addr).into(),
        }
    }

    fn v4(&mut self, key: &Key, addr: Ipv4Addr) -> Ipv4Addr {
        if stays_v4(addr) {
            return addr;
        }
        let bits = addr.to_bits();
        for (from, len, to) in PRIVATE {
            let from = Ipv4Addr::from(from).to_bits();
            if bits >> (32 - len) == from >> (32 - len) {
                let rest = bits & (u32::MAX >> len);
                let kept = self.private(bits, || keep_prefixes(key, bits, rest, 32 - len));
                return Ipv4Addr::from_bits(Ipv4Addr::from(to).to_bits() | kept);
            }
        }
        Ipv4Addr::from_bits(PUBLIC | self.public(key, bits))
    }

    fn private(&mut self, addr: u32, kept: impl FnOnce() -> u32) -> u32 {
        if self.private.len() >= MAX_PRIVATE {
            self.private.clear();
        }
        *self.private.entry(addr).or_insert_with(kept)
    }

    /// 27 bits for 32: where two addresses meet, the later one moves on.
    fn public(&mut self, key: &Key, addr: u32) -> u32 {
        for attempt in 0_u32.. {
            let mut word = [0; 8];
            word[..4].copy_from_slice(&addr.to_be_bytes());
            word[4..].copy_from_slice(&attempt.to_be_bytes());
            let bits = key.bits("public IPv4", &word) & ((1 << PUBLIC_BITS) - 1);
            let bits = u32::try_from(bits).unwrap_or_default();
            let known = self.taken.read().unwrap_or_else(PoisonError::into_inner);
            let (whose, is_full) = (known.get(&bits).copied(), known.len() >= MAX_PUBLIC);
            drop(known);
            match whose {
                Some(other) if other != addr => continue,
                Some(_) => {}
                None if self.helps => self.unsettled = true,
                None if is_full => {}
                None => {
                    let mut taken = self.taken.write().unwrap_or_else(PoisonError::into_inner);
                    taken.insert(bits, addr);
                }
            }
            return bits;
        }
        0
    }

    fn v6(&mut self, key: &Key, addr: Ipv6Addr) -> Ipv6Addr {
        if addr.is_loopback() || addr.is_unspecified() || addr.is_multicast() {
            return addr;
        }
        if let Some(v4) = addr.to_ipv4_mapped() {
            return self.v4(key, v4).to_ipv6_mapped();
        }
        let bits = addr.to_bits();
        let network = key.bits("IPv6 /64", &bits.to_be_bytes()[..8]);
        let host = key.bits("IPv6", &bits.to_be_bytes()) & u128::from(u64::MAX);
        let (prefix, len) = if addr.is_unicast_link_local() {
            (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 64)
        } else if addr.is_unique_local() {
            (Ipv6Addr::new(0xfdfd, 0, 0, 0, 0, 0, 0, 0), 16)
        } else {
            (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32)
        };
        let network = if len == 64 {
            0
        } else {
            (network & (u128::MAX >> (64 + len))) << 64
        };
        Ipv6Addr::from_bits(prefix.to_bits() | network | host)
    }
}

/// Addresses that say nothing about a network.
fn stays_v4(addr: Ipv4Addr) -> bool {
    addr.is_loopback() || addr.is_unspecified() || addr.is_broadcast() || addr.is_multicast()
}

/// Turns each of the lowest `len` bits, or not, as the bits before it decide: one to one, and two
/// addresses with so many leading bits in common have as many in common afterwards.
fn keep_prefixes(key: &Key, addr: u32, rest: u32, len: u32) -> u32 {
    let mut turned = rest;
    for bit in 0..len {
        // All bits above this one, and how many they are.
        let above = u64::from(addr) >> (bit + 1);
        let mut word = [0; 12];
        word[..8].copy_from_slice(&above.to_be_bytes());
        word[8..].copy_from_slice(&bit.to_be_bytes());
        turned ^= u32::from(key.bits("private IPv4", &word) & 1 == 1) << bit;
    }
    turned
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn pseudonyms(addresses: &[&str]) -> Vec<IpAddr> {
        let key = Key::from_secret("test");
        let mut all = Addresses::new();
        addresses
            .iter()
            .map(|text| all.pseudonym(&key, text.parse().unwrap()))
            .collect()
    }

    #[test]
    fn loopback_and_the_like_stay() {
        let stay = [
            "127.0.0.1",
            "127.0.0.53",
            "0.0.0.0",
            "224.0.0.1",
            "::1",
            "::",
            "ff02::1",
        ];
        for (before, after) in stay.iter().zip(pseudonyms(&stay)) {
            assert_eq!(*before, after.to_string());
        }
    }

    #[test]
    fn families_and_kinds_are_kept() {
        let after = pseudonyms(&["10.9.0.1", "192.168.1.1", "8.8.8.8", "fd09::1", "2a00::1"]);
        let text: Vec<_> = after.iter().map(ToString::to_string).collect();
        assert!(text[0].starts_with("250."), "{text:?}");
        assert!(text[1].starts_with("251.168."), "{text:?}");
        assert!(text[2].starts_with("24"), "{text:?}");
        assert!(text[3].starts_with("fdfd:"), "{text:?}");
        assert!(text[4].starts_with("2001:db8:"), "{text:?}");
        let mapped = pseudonyms(&["10.9.0.1", "::ffff:10.9.0.1"]);
        assert_eq!(mapped[0], mapped[1].to_canonical());
        assert_eq!(
            pseudonyms(&["fe80::1"])[0].to_string().find("fe80::"),
            Some(0)
        );
    }

    #[test]
    fn subnets_stay_subnets() {
        let [a, b, c] = pseudonyms(&["10.9.0.1", "10.9.0.200", "10.9.1.1"])[..] else {
            panic!("three")
        };
        let octets = |addr| match addr {
            IpAddr::V4(addr) => Ipv4Addr::octets(&addr),
            IpAddr::V6(_) => panic!("IPv4"),
        };
        assert_eq!(octets(a)[..3], octets(b)[..3]);
        assert_eq!(octets(a)[..2], octets(c)[..2]);
        assert_ne!(octets(a)[..3], octets(c)[..3]);
        let [a, b, c] = pseudonyms(&["fd09::1", "fd09::2", "fd09:0:0:1::1"])[..] else {
            panic!("three")
        };
        let network = |addr| match addr {
            IpAddr::V6(addr) => addr.to_bits() >> 64,
            IpAddr::V4(_) => panic!("IPv6"),
        };
        assert_eq!(network(a), network(b));
        assert_ne!(network(a), network(c));
    }

    #[test]
    fn no_two_addresses_become_one() {
        let key = Key::from_secret("test");
        let mut all = Addresses::new();
        let many = (0..65_536_u32).map(|nth| 0x2d00_0000 + nth * 7919);
        let private = (0..65_536_u32).map(|nth| 0x0a00_0000 + nth * 251);
        let after: BTreeSet<_> = many
            .chain(private)
            .map(|bits| all.v4(&key, Ipv4Addr::from_bits(bits)))
            .collect();
        assert_eq!(after.len(), 2 * 65_536);
    }
}
