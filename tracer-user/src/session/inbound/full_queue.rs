//! The other end of silence: a full queue of a listener of this host.

use std::net::SocketAddr;

use tracer_ebpf::tcp_state;

use super::{Inbound, SOON_NS};
use crate::{
    attribute::{Attempt, End, FullQueue},
    compose::held::once_held,
    enrich::{holders::Holders, route},
    hook::Hooks,
    net,
};

impl Inbound {
    /// The one listener of this host that may have ignored an attempt's SYNs, since a queue of it was
    /// full. Nobody is named where two might have.
    ///
    /// # Errors
    /// As [`Inbound::look`].
    pub(in crate::session) fn full_queue(
        &mut self,
        hooks: &mut Hooks,
        holders: &mut Holders,
        attempt: &Attempt,
    ) -> anyhow::Result<Option<FullQueue>> {
        if !is_silent(attempt) {
            return Ok(None);
        }
        if attempt.end_ns() + SOON_NS > self.looked_ns {
            self.look_now(hooks)?;
        }
        let tuple = attempt.tuple();
        let asked = SocketAddr::new(net::address(tuple.remote), tuple.remote_port);
        let remote = attempt.beyond.reached().unwrap_or(asked);
        let span = attempt.start_ns..=attempt.end_ns();
        let mut full = self.listeners.full(remote, &span);
        full.retain(|(sk, queue)| {
            let known = self.listeners.get(*sk);
            let tgid = known.and_then(|known| known.processes().next());
            if remote.ip().is_loopback() {
                queue.netns == tuple.netns
            } else {
                route::is_local(queue.netns, tgid.unwrap_or(0), remote.ip()) == Some(true)
            }
        });
        let [(sk, queue)] = &full[..] else {
            return Ok(None);
        };
        let known = self.listeners.get(*sk);
        let inode = known.map_or(0, |known| known.listener.inode);
        let likely: Vec<u32> = known.iter().flat_map(|it| it.processes()).collect();
        let answer = holders.of(inode, &likely);
        let holder = answer.holders().first();
        let now = holder.map(|holder| (holder.comm.clone(), holder.pid));
        let then = || {
            let owner = once_held(known?.creator.as_ref(), &known?.found_at)?;
            Some((net::name(&owner.comm)?, owner.tgid))
        };
        Ok(Some(FullQueue {
            holder: now.or_else(then),
            ..queue.clone()
        }))
    }
}

/// It sent SYNs, and nothing at all came of them.
fn is_silent(attempt: &Attempt) -> bool {
    let End::State(state) = &attempt.end else {
        return false;
    };
    let evidence = &attempt.evidence;
    state.old == tcp_state::SYN_SENT
        && state.segs_out > 0
        && matches!(state.err, 0 | libc::ETIMEDOUT)
        && state.err_soft == 0
        && evidence.drops.is_empty()
        && evidence.resets_received.is_empty()
        && evidence.soft_errors.is_empty()
}
