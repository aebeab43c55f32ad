//! Asks all network namespaces of this host what they know of connections that have just failed:
//! whether they translate their addresses, and whether the other end is there. Each by both ends,
//! addresses and ports; where two may be meant, neither is told.

use std::{
    mem,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use super::holder;
use crate::{
    attribute::{Attempt, Beyond, End, OtherEnd, PacketKind, Translation},
    compose,
    enrich::{
        connection::{self, Connection},
        conntrack::{self, Entry, Flow},
        holders::Holders,
        netns,
        sockets::Sockets,
    },
    net,
    record::{Direction, PeerRole, Process, Role},
};

/// All network namespaces are asked where so much time is saved up: they may have all of it, since a busy
/// host takes longer; records wait meanwhile.
const LEAST_PATIENCE: Duration = Duration::from_millis(50);
/// It may take so much of the time: a fifth.
const SHARE: u32 = 5;
/// What was not taken is saved up to this.
const MOST_SAVED: Duration = Duration::from_millis(200);
/// Connections that are asked about at once, at most.
const MAX_ASKED: usize = 32;
/// Translations of one connection that are followed, at most.
const MAX_TRANSLATIONS: usize = 3;
/// Processes of the other end's namespace that are looked at before all of the host are.
const MAX_MEMBERS: usize = 64;

/// Asks, seldom.
pub(super) struct Surroundings {
    /// Time that may be taken.
    saved: Duration,
    since: Instant,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            saved: MOST_SAVED,
            since: Instant::now(),
        }
    }
}

/// A connection that is asked about.
struct Subject {
    /// Its place among those that are due.
    nth: usize,
    netns: u32,
    /// Its packets, as far as they have been followed.
    flow: Flow,
    beyond: Beyond,
}

/// What one namespace knows of one connection.
struct Known {
    netns: u32,
    nth: usize,
    entry: Option<Entry>,
    socket: Option<Connection>,
}

impl Surroundings {
    /// Adds to failed connections what is known of them elsewhere.
    pub(super) fn look(&mut self, due: &mut [Attempt], sockets: &mut Sockets) {
        let tracks = due.iter().any(was_refused) && conntrack::is_loaded();
        for attempt in &mut *due {
            attempt.beyond.other_end = listener(attempt, sockets);
            attempt.beyond.forgotten = tracks && was_refused(attempt);
        }
        let mut subjects: Vec<Subject> = due
            .iter()
            .enumerate()
            .filter_map(|(nth, attempt)| subject(nth, attempt))
            .collect();
        let began = Instant::now();
        self.saved = MOST_SAVED.min(self.saved + (began - self.since) / SHARE);
        self.since = began;
        if subjects.is_empty() {
            return;
        }
        let (asked, why) = if self.saved < LEAST_PATIENCE {
            (0, "they were asked before it, which takes long")
        } else {
            (MAX_ASKED, "too many connections failed at once")
        };
        for left in subjects.drain(asked.min(subjects.len())..) {
            due[left.nth].beyond.unasked = Some(why.to_owned());
        }
        for subject in follow(subjects, due, &mut sockets.holders, began + self.saved) {
            let beyond = &mut due[subject.nth].beyond;
            let listener = beyond.other_end.take();
            *beyond = subject.beyond;
            beyond.other_end = beyond.other_end.take().or(listener);
        }
        self.saved = self.saved.saturating_sub(began.elapsed());
    }
}

/// Only what has left its socket, and has failed, is asked about.
fn subject(nth: usize, attempt: &Attempt) -> Option<Subject> {
    let End::State(state) = &attempt.end else {
        return None;
    };
    let tuple = attempt.tuple();
    let end = |address, port| SocketAddr::new(net::address(address), port);
    let local = end(tuple.local, tuple.local_port);
    let remote = end(tuple.remote, tuple.remote_port);
    let whole = local.port() != 0 && remote.port() != 0 && !local.ip().is_unspecified();
    (state.failure != 0 && state.segs_out != 0 && !was_refused(attempt) && whole && local != remote)
        .then(|| Subject {
            nth,
            netns: tuple.netns,
            flow: (local, remote),
            beyond: Beyond::default(),
        })
}

/// Of what was refused nothing is left: neither an entry (`nf_conntrack_tcp_packet`,
/// `net/netfilter/nf_conntrack_proto_tcp.c`), nor another end.
fn was_refused(attempt: &Attempt) -> bool {
    attempt.stream().is_none() && !attempt.evidence.resets_received.is_empty()
}

/// Follows connections through their translations, to their other ends.
fn follow(
    mut subjects: Vec<Subject>,
    due: &[Attempt],
    holders: &mut Holders,
    until: Instant,
) -> Vec<Subject> {
    let mut done = Vec::new();
    while !subjects.is_empty() {
        let questions = subjects.iter().map(|it| (it.nth, it.flow)).collect();
        let Some((known, all)) = ask(questions, until) else {
            for subject in &mut subjects {
                subject.beyond.unasked = Some("they cannot be asked".to_owned());
            }
            done.append(&mut subjects);
            break;
        };
        for mut subject in mem::take(&mut subjects) {
            let about = known.iter().filter(|it| it.nth == subject.nth);
            let about: Vec<&Known> = about.collect();
            let followed = subject.beyond.translations.len() < MAX_TRANSLATIONS;
            match translation(&subject, &about) {
                Some((it, flow)) if followed => {
                    subject.beyond.translations.push(it);
                    subject.flow = flow;
                    subjects.push(subject);
                }
                _ => {
                    // One that was not asked may know of another.
                    if all {
                        let direction = due[subject.nth].direction();
                        subject.beyond.other_end = other_end(&about, direction, holders);
                    } else {
                        let why = "not all of them answered in time";
                        subject.beyond.unasked = Some(why.to_owned());
                    }
                    done.push(subject);
                }
            }
        }
    }
    done
}

/// What the namespaces of this host know, and whether all of them answered.
fn ask(questions: Vec<(usize, Flow)>, until: Instant) -> Option<(Vec<Known>, bool)> {
    let questions = Arc::new(questions);
    let patience = until.saturating_duration_since(Instant::now());
    let (answers, left) =
        netns::within_each(patience, move |netns| answer(netns, &questions)).ok()?;
    let mut all = left == 0;
    let mut known = Vec::new();
    for answer in answers {
        match answer {
            Ok(more) => known.extend(more),
            Err(_) => all = false,
        }
    }
    Some((known, all))
}

/// In the network namespace of this thread.
fn answer(netns: u32, questions: &[(usize, Flow)]) -> anyhow::Result<Vec<Known>> {
    let tracked = conntrack::Asker::here()?;
    let sockets = connection::Asker::here()?;
    let mut known = Vec::new();
    for &(nth, flow) in questions {
        let entry = match &tracked {
            Some(tracked) => tracked.find(flow)?,
            None => None,
        };
        let (from, to) = flow;
        let socket = sockets.find(to, from)?;
        if entry.is_some() || socket.is_some() {
            known.push(Known {
                netns,
                nth,
                entry,
                socket,
            });
        }
    }
    Ok(known)
}

/// The one namespace that translates it next; its own comes before all others.
fn translation(subject: &Subject, about: &[&Known]) -> Option<(Translation, Flow)> {
    let is_new = |netns| {
        let mut before = subject.beyond.translations.iter();
        before.all(|it| it.netns != netns)
    };
    let found: Vec<(Translation, Flow)> = about
        .iter()
        .filter(|it| is_new(it.netns))
        .filter_map(|it| {
            let entry = it.entry?;
            let translation = Translation {
                netns: it.netns,
                original: entry.original,
                reply: entry.reply,
            };
            Some((translation, entry.translates(subject.flow)?))
        })
        .collect();
    let own = found.iter().find(|(it, _)| it.netns == subject.netns);
    match found.as_slice() {
        [one] => Some(*one),
        _ => own.copied(),
    }
}

fn other_end(about: &[&Known], direction: Direction, holders: &mut Holders) -> Option<OtherEnd> {
    let mut found = about.iter().filter_map(|it| Some((it.netns, it.socket?)));
    let (Some((netns, socket)), None) = (found.next(), found.next()) else {
        return None;
    };
    let (role, held) = match direction {
        Direction::Outbound => (PeerRole::Acceptor, Some(Role::Acceptor)),
        Direction::Inbound => (PeerRole::Opener, None),
    };
    Some(OtherEnd {
        netns,
        role,
        state: compose::state_name(socket.state).to_owned(),
        process: process(socket.inode, netns, held, holders),
    })
}

/// Where its SYN was dropped on the way into its destination: what listens there.
fn listener(attempt: &Attempt, sockets: &mut Sockets) -> Option<OtherEnd> {
    let arrived = attempt.evidence.drops.iter();
    let drop = arrived
        .filter(|drop| drop.packet == PacketKind::Syn && drop.netns != 0)
        .find(|drop| drop.place.hook == Some("input"))?;
    let tuple = attempt.tuple();
    let asked = SocketAddr::new(net::address(tuple.remote), tuple.remote_port);
    let reached = drop.translated.map_or(asked, |(_, to)| to);
    let all = sockets.listeners.on_port(drop.netns, 0, reached.port());
    let mut takes = all.ok()?.into_iter();
    let mut takes = takes
        .by_ref()
        .filter(|it| it.takes(reached.ip(), reached.port()));
    let (Some(one), None) = (takes.next(), takes.next()) else {
        return None;
    };
    Some(OtherEnd {
        netns: drop.netns,
        role: PeerRole::Listener,
        state: "LISTEN".to_owned(),
        process: process(
            one.inode,
            drop.netns,
            Some(Role::Listener),
            &mut sockets.holders,
        ),
    })
}

/// The process that holds a socket, where it is one alone.
fn process(inode: u32, netns: u32, role: Option<Role>, holders: &mut Holders) -> Option<Process> {
    let inode = u64::from(inode);
    let answer = holders
        .again(inode)
        .unwrap_or_else(|| holders.of(inode, &netns::members(netns, MAX_MEMBERS)));
    let [one] = answer.holders() else {
        return None;
    };
    Some(holder::describe(one, holder::identity(one).as_ref(), role))
}
