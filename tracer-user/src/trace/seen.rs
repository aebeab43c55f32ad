//! Which records were read already.

use std::{
    collections::{HashSet, VecDeque},
    hash::{BuildHasher as _, BuildHasherDefault, Hash, Hasher, RandomState},
};

/// Records that are remembered, to know one that comes again.
const REMEMBERED: usize = 1 << 20;

/// The records that were read last.
#[derive(Default)]
pub struct Seen {
    seed: RandomState,
    known: HashSet<u64, BuildHasherDefault<Hashed>>,
    order: VecDeque<u64>,
}

impl Seen {
    /// Whether a record of a host is new; it is remembered.
    pub fn is_new(&mut self, host: impl Hash, id: &str) -> bool {
        let key = self.seed.hash_one((host, id));
        if !self.known.insert(key) {
            return false;
        }
        if self.order.len() >= REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(key);
        true
    }
}

/// Of numbers that are hashes, with a seed that nobody knows: themselves.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}
