//! Questions that have to be asked beside an event, at once: the answer may be gone a moment later.

use tracer_ebpf::{
    event::{self, Owner, State, Unsent},
    listener::how,
};

use super::Session;
use crate::{
    attribute::{self, is_open},
    decode::Event,
    enrich::process,
};

/// What to ask.
pub(super) enum Question {
    /// What `/proc` says of a process.
    Identity { tgid: u32, started_ns: u64 },
    /// The same of one that holds sockets, unless it is known already.
    Holder(Owner),
    /// What the route lookup says.
    Route(Unsent),
    /// Whose a connection is that had come up.
    Owner(Box<State>),
}

impl Question {
    /// What an event gives rise to.
    pub(super) fn about(event: &Event) -> Option<Self> {
        match event {
            Event::Process(process) => Some(Self::Identity {
                tgid: process.tgid,
                started_ns: process.started_ns,
            }),
            Event::Holder(event::Holder { owner, .. }) => Some(Self::Holder(*owner)),
            Event::Listening(listening) if listening.how != how::ENDED => {
                Some(Self::Holder(listening.owner))
            }
            Event::Unsent(unsent) if unsent.err == 0 && unsent.cgroup_err == 0 => {
                Some(Self::Route(*unsent))
            }
            Event::State(state) if state.failure != 0 && is_open(state.old) => {
                Some(Self::Owner(state.clone()))
            }
            _ => None,
        }
    }
}

impl Session {
    /// Asks, and takes the answer.
    pub(super) fn ask(&mut self, question: Question) {
        match question {
            Question::Identity { tgid, started_ns } => self.identify(tgid, started_ns),
            Question::Holder(owner) => self.identify_holder(&owner),
            Question::Route(unsent) => self.ask_route(&unsent),
            Question::Owner(state) => {
                if attribute::never_left(&state) {
                    self.ask_route_of(&state);
                }
                self.streams.failed(state);
            }
        }
    }

    pub(super) fn identify(&mut self, tgid: u32, started_ns: u64) {
        if let Some(identity) = process::identity(tgid, started_ns) {
            self.tracker.identify(tgid, started_ns, identity);
        }
    }

    fn identify_holder(&mut self, owner: &Owner) {
        let known = self.tracker.identity(owner.tgid);
        if known.is_none_or(|(started_ns, _)| started_ns != owner.started_ns) {
            self.identify(owner.tgid, owner.started_ns);
        }
    }

    fn ask_route(&mut self, unsent: &Unsent) {
        let (sk, start_ns) = (unsent.head.sk, unsent.head.attempt_ns);
        let answer = self.routes.ask(unsent, self.owner_of(sk, start_ns));
        self.tracker.route_answer(sk, start_ns, answer);
    }

    /// What the route lookup says of a connection whose last segments never left this host.
    fn ask_route_of(&mut self, state: &State) {
        let (sk, start_ns) = (state.head.sk, state.head.attempt_ns);
        let tgid = self.owner_of(sk, start_ns);
        let answer = self.routes.ask_plainly(&state.tuple, tgid);
        self.tracker.route_answer(sk, start_ns, answer);
    }

    /// Thread-group id of who owns an attempt that has ended; 0 where nobody is known.
    fn owner_of(&self, sk: u64, start_ns: u64) -> u32 {
        let owner = self.tracker.owner(sk, start_ns);
        owner.map_or(0, |owner| owner.tgid)
    }
}
