//! Questions that have to be asked beside an event, at once: the answer may be gone a moment later.

use tracer_ebpf::{
    event::{self, Owner, State, Unsent},
    listener::how,
    tcp_state,
};

use super::Session;
use crate::{
    attribute::{self, Identity, is_late, is_over},
    decode::Event,
    enrich::process,
};

/// What to ask.
pub(super) enum Question {
    /// What `/proc` says of a process.
    Identity(Newcomer),
    /// The same of one that holds sockets, unless it is known already.
    Holder(Owner),
    /// What the route lookup says.
    Route(Unsent),
    /// Whose a connection is that had come up.
    Owner(Box<State>),
}

/// A process that is heard of for the first time.
pub(super) struct Newcomer {
    tgid: u32,
    started_ns: u64,
    ppid: u32,
    /// As in [`event::Process::image`].
    image: [u64; 3],
}

impl Question {
    /// What an event gives rise to.
    pub(super) fn about(event: &Event) -> Option<Self> {
        match event {
            Event::Process(process) => Some(Self::Identity(Newcomer {
                tgid: process.tgid,
                started_ns: process.started_ns,
                ppid: process.ppid,
                image: process.image,
            })),
            Event::Holder(event::Holder { owner, .. }) => Some(Self::Holder(*owner)),
            Event::Listening(listening) if listening.how != how::ENDED => {
                Some(Self::Holder(listening.owner))
            }
            Event::Unsent(unsent) if unsent.err == 0 && unsent.cgroup_err == 0 => {
                Some(Self::Route(*unsent))
            }
            Event::State(state) if tcp_state::is_open(state.old) && !is_over(state) => {
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
            Question::Identity(newcomer) => self.identify_newcomer(&newcomer),
            Question::Holder(owner) => self.identify_holder(&owner),
            Question::Route(unsent) => self.ask_route(&unsent),
            Question::Owner(state) => {
                if state.failure != 0 && attribute::never_left(&state) {
                    self.ask_route_of(&state);
                }
                if state.failure != 0 || !self.is_known(&state) {
                    self.streams.ended(state);
                }
            }
        }
    }

    /// Whose it is, and who opened it.
    fn is_known(&self, state: &State) -> bool {
        let owner = self.tracker.owner(state);
        owner.is_some_and(|owner| !is_late(&owner) || attribute::direction(state).is_some())
    }

    /// One that was ending when it was heard of runs what its parent runs, where it shows that.
    fn identify_newcomer(&mut self, it: &Newcomer) {
        let own = process::identity(it.tgid, it.started_ns);
        let known = own.as_ref().is_some_and(|own| own.exe.is_some());
        let parents = || process::of_image(it.ppid, it.image);
        let identity = match (if known { None } else { parents() }, own) {
            (Some(parents), own) => Some(Identity {
                exe: parents.exe,
                cmdline: parents.cmdline,
                ..own.unwrap_or_default()
            }),
            (None, own) => own,
        };
        if let Some(identity) = identity {
            self.tracker.identify(it.tgid, it.started_ns, identity);
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
        let owner = self.tracker.owner_of(sk, start_ns);
        owner.map_or(0, |owner| owner.tgid)
    }
}
