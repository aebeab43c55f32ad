//! Clients whose SYN was answered again and again: until they acknowledge, or nobody waits for them.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, SocketAddr},
};

/// Network namespace, port of the listener, and the client.
pub(super) type Key = (u32, u16, SocketAddr);

/// Requests remembered at most; then the oldest goes.
const MAX_REQUESTS: usize = 65_536;
/// Time before an answer is sent again for the first time (`TCP_TIMEOUT_INIT`), unless observed.
const FIRST_NS: u64 = 1_000_000_000;
/// Longest time between two answers (`TCP_RTO_MAX`).
const LONGEST_NS: u64 = 120_000_000_000;
/// Timers are late, never early.
const MARGIN_NS: u64 = 500_000_000;

/// A SYN that was answered again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    sk: u64,
    /// The address that it connects to.
    pub(super) local: IpAddr,
    /// The client's initial sequence number.
    pub(super) isn: u32,
    pub(super) first_ns: u64,
    last_ns: u64,
    apart_ns: u64,
    pub(super) times: u32,
    refused: bool,
}

impl Request {
    /// The time between two answers doubles each time (`reqsk_timer_handler`,
    /// `net/ipv4/inet_connection_sock.c`): without another one by this moment there will be none.
    pub(super) fn due_ns(&self) -> u64 {
        let next_ns = (2 * self.apart_ns).min(LONGEST_NS);
        self.last_ns + next_ns + next_ns / 2 + MARGIN_NS
    }
}

/// Requests that were answered again.
#[derive(Default)]
pub(super) struct Requests {
    waiting: HashMap<Key, Request>,
    order: VecDeque<(u64, Key)>,
    looked_ns: u64,
    pub(super) forgotten: u64,
}

/// They are looked through so often.
const LOOK_NS: u64 = 250_000_000;

impl Requests {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn answered_again(&mut self, key: Key, sk: u64, syn: (IpAddr, u32), now_ns: u64) {
        let known = self.waiting.get_mut(&key).filter(|known| known.sk == sk);
        if let Some(request) = known.filter(|known| known.isn == syn.1) {
            request.apart_ns = now_ns.saturating_sub(request.last_ns).max(FIRST_NS);
            request.last_ns = now_ns;
            request.times += 1;
            return;
        }
        while self.waiting.len() >= MAX_REQUESTS {
            let Some((first_ns, oldest)) = self.order.pop_front() else {
                break;
            };
            if self.is(first_ns, &oldest) {
                self.waiting.remove(&oldest);
                self.forgotten += 1;
            }
        }
        let request = Request {
            sk,
            local: syn.0,
            isn: syn.1,
            first_ns: now_ns,
            last_ns: now_ns,
            apart_ns: FIRST_NS,
            times: 1,
            refused: false,
        };
        self.waiting.insert(key, request);
        self.order.push_back((now_ns, key));
        // Places of requests that are gone pile up in front.
        if self.order.len() > 2 * MAX_REQUESTS {
            let waiting = &self.waiting;
            self.order.retain(|(first_ns, key)| {
                waiting
                    .get(key)
                    .is_some_and(|request| request.first_ns == *first_ns)
            });
        }
    }

    fn is(&self, first_ns: u64, key: &Key) -> bool {
        let request = self.waiting.get(key);
        request.is_some_and(|request| request.first_ns == first_ns)
    }

    /// It came up.
    pub(super) fn answered(&mut self, key: Key) {
        self.waiting.remove(&key);
    }

    /// The client did acknowledge, and found no place in the accept queue.
    pub(super) fn refused(&mut self, key: Key) {
        if let Some(request) = self.waiting.get_mut(&key) {
            request.refused = true;
        }
    }

    /// The listener is gone, and its requests with it.
    pub(super) fn forget_listener(&mut self, netns: u32, port: u16) {
        self.waiting
            .retain(|(of_netns, of_port, _), _| (*of_netns, *of_port) != (netns, port));
    }

    /// Those that will never be answered.
    pub(super) fn given_up(&mut self, now_ns: u64) -> Vec<(u64, SocketAddr, Request)> {
        let mut given_up = Vec::new();
        if now_ns < self.looked_ns + LOOK_NS {
            return given_up;
        }
        self.looked_ns = now_ns;
        self.waiting.retain(|(_, _, client), request| {
            let waits = request.due_ns() > now_ns;
            if !waits && !request.refused {
                given_up.push((request.sk, *client, *request));
            }
            waits
        });
        given_up.sort_by_key(|(_, client, request)| (request.first_ns, *client));
        given_up
    }
}
