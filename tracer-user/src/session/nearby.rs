//! Asks what listens near a refusal by this host: only when one occurs, and seldom.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    attribute::{Attempt, ListenerHolder, Nearby, NearbyListener},
    diagnose,
    enrich::{
        holders::{Answer, Holders},
        listeners::{self, Listener, Listeners},
        netns,
        sockets::Sockets,
    },
};

use super::inbound::Inbound;

/// An answer, and a look at the namespace that refused, serve the refusals of so long: what began to
/// listen before a refusal must not be missing.
const FRESH: Duration = Duration::from_millis(50);
/// Answers remembered at most.
const MAX_KNOWN: usize = 1024;
/// Listeners told of at most.
const MAX_TOLD: usize = 3;
/// Asking all network namespaces ends after so long: records wait meanwhile.
const PATIENCE: Duration = Duration::from_millis(100);
/// It is done again after so many times as long: a tenth of one CPU at most.
const APART: u32 = 10;
/// Namespaces that are looked at again, each by itself, at most.
const MAX_AGAIN: usize = 8;
/// Processes of a listener's own namespace that are looked at before all of the host are.
const MAX_MEMBERS: usize = 64;

/// What all namespaces answered.
struct Survey {
    listeners: Vec<Listener>,
    /// Why not all of them did.
    unknown: Option<Arc<str>>,
    began: Instant,
    /// Not before then are they asked again.
    again: Instant,
    /// Events lost by then.
    lost: u64,
}

/// What was heard of listeners as they began and ended.
pub(super) struct Heard<'a> {
    /// The listeners by now.
    pub(super) listeners: &'a Inbound,
    /// None is left out: no filter works in the kernel, and all of them are watched.
    pub(super) all: bool,
    /// Events lost so far: what they told was not heard.
    pub(super) lost: u64,
}

impl Survey {
    fn make(lost: u64) -> Self {
        let began = Instant::now();
        let (listeners, unknown) = match listeners::everywhere(PATIENCE) {
            Ok((listeners, 0)) => (listeners, None),
            Ok((listeners, left)) => {
                let why = format!("{left} network namespaces did not answer");
                (listeners, Some(why.into()))
            }
            Err(why) => (Vec::new(), Some(format!("{why:#}").into())),
        };
        Self {
            listeners,
            unknown,
            began,
            again: Instant::now() + APART * began.elapsed(),
            lost,
        }
    }

    /// Whether what has begun to listen since then was heard.
    fn is_kept_up(&self, heard: &Heard<'_>) -> bool {
        heard.all && heard.lost == self.lost && self.unknown.is_none()
    }

    /// The other namespaces where something listened on a port by then.
    fn places(&self, netns: u32, port: u16) -> impl Iterator<Item = (u32, u32)> {
        let others = self.listeners.iter();
        others
            .filter(move |it| it.netns != netns && it.port == port)
            .map(|it| (it.netns, 0))
    }
}

/// Looks, and remembers for a moment.
#[derive(Default)]
pub(super) struct Neighbourhood {
    known: HashMap<(u32, SocketAddr), (Instant, Arc<Nearby>)>,
    /// When namespaces that refused were looked at.
    looked: HashMap<u32, Instant>,
    survey: Option<Survey>,
}

impl Neighbourhood {
    /// Adds to an attempt that this host refused what listens on the same port.
    pub(super) fn enrich(
        &mut self,
        attempt: &mut Attempt,
        sockets: &mut Sockets,
        heard: &Heard<'_>,
    ) {
        if let Some((netns, reached)) = diagnose::refused_here(attempt)
            && netns != 0
        {
            attempt.nearby = Some(self.of(netns, reached, sockets, heard));
        }
    }

    fn of(
        &mut self,
        netns: u32,
        reached: SocketAddr,
        sockets: &mut Sockets,
        heard: &Heard<'_>,
    ) -> Arc<Nearby> {
        let key = (netns, reached);
        if let Some((since, known)) = self.known.get(&key)
            && since.elapsed() < FRESH
        {
            return Arc::clone(known);
        }
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        let nearby = Arc::new(self.look(netns, reached, sockets, heard));
        self.known
            .insert(key, (Instant::now(), Arc::clone(&nearby)));
        nearby
    }

    fn look(
        &mut self,
        netns: u32,
        reached: SocketAddr,
        sockets: &mut Sockets,
        heard: &Heard<'_>,
    ) -> Nearby {
        let port = reached.port();
        let listeners = &mut sockets.listeners;
        let (mut found, mut unknown) = match self.within((netns, 0), port, listeners) {
            Ok(found) if found.is_empty() => self.elsewhere(netns, port, listeners, heard),
            Ok(found) => (found, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        // What takes the SYN by now says most, then what anybody can reach.
        found.sort_by_key(|it| {
            let takes = it.takes(reached.ip(), port);
            (!takes, !it.addr.is_unspecified(), it.addr)
        });
        let more = found.len().saturating_sub(MAX_TOLD);
        found.truncate(MAX_TOLD);
        let told = found
            .iter()
            .filter_map(|it| tell(it, netns, reached, sockets));
        let listeners: Vec<_> = told.collect();
        if listeners.len() < found.len() && unknown.is_none() {
            unknown = Some("a listener was gone a moment later".into());
        }
        Nearby {
            listeners,
            more,
            unknown: unknown.map(|why| why.to_string()),
        }
    }

    /// In one namespace, that of a process if it is still there.
    fn within(
        &mut self,
        (netns, tgid): (u32, u32),
        port: u16,
        listeners: &mut Listeners,
    ) -> Result<Vec<Listener>, Arc<str>> {
        let looked = self.looked.get(&netns);
        if looked.is_none_or(|looked| looked.elapsed() >= FRESH) {
            if self.looked.len() >= MAX_KNOWN {
                self.looked.clear();
            }
            self.looked.insert(netns, Instant::now());
            listeners.look(netns, tgid)?;
        }
        listeners.on_port(netns, tgid, port)
    }

    /// In every other network namespace: all are asked once, and since then it is heard what begins to
    /// listen, so that only those with a listener on that port need be asked again.
    fn elsewhere(
        &mut self,
        netns: u32,
        port: u16,
        listeners: &mut Listeners,
        heard: &Heard<'_>,
    ) -> (Vec<Listener>, Option<Arc<str>>) {
        let survey = match self.survey.take() {
            Some(survey) if survey.is_kept_up(heard) || Instant::now() < survey.again => survey,
            _ => Survey::make(heard.lost),
        };
        let (found, unknown) = if survey.began.elapsed() < FRESH {
            let others = survey.listeners.iter();
            let there = others.filter(|it| it.netns != netns && it.port == port);
            (there.cloned().collect(), survey.unknown.clone())
        } else {
            let places: BTreeMap<u32, u32> = survey
                .places(netns, port)
                .chain(heard.listeners.places(netns, port))
                .collect();
            let (found, unknown) = self.again(&places, port, listeners);
            let late = (!survey.is_kept_up(heard))
                .then(|| "all network namespaces were asked before it, which takes long".into());
            (found, unknown.or(late))
        };
        self.survey = Some(survey);
        (found, unknown)
    }

    /// In namespaces where something listened on that port: one that is gone has no listener.
    fn again(
        &mut self,
        places: &BTreeMap<u32, u32>,
        port: u16,
        listeners: &mut Listeners,
    ) -> (Vec<Listener>, Option<Arc<str>>) {
        let mut found = Vec::new();
        for (&netns, &tgid) in places.iter().take(MAX_AGAIN) {
            found.extend(
                self.within((netns, tgid), port, listeners)
                    .into_iter()
                    .flatten(),
            );
        }
        let left = places.len().saturating_sub(MAX_AGAIN);
        let unknown =
            (left > 0).then(|| format!("{left} network namespaces were not asked").into());
        (found, unknown)
    }
}

/// `None` where it is gone meanwhile.
fn tell(
    it: &Listener,
    netns: u32,
    reached: SocketAddr,
    sockets: &mut Sockets,
) -> Option<NearbyListener> {
    Some(NearbyListener {
        at: SocketAddr::new(it.addr.to_canonical(), it.port),
        netns: it.netns,
        takes: it.netns == netns && it.takes(reached.ip(), reached.port()),
        device: it.device,
        holder: holder(it, &mut sockets.holders)?,
    })
}

fn holder(it: &Listener, holders: &mut Holders) -> Option<ListenerHolder> {
    if it.inode == 0 {
        return Some(ListenerHolder::Kernel);
    }
    let inode = u64::from(it.inode);
    let answer = holders.again(inode).unwrap_or_else(|| {
        let likely = netns::members(it.netns, MAX_MEMBERS);
        holders.of(inode, &likely)
    });
    match answer {
        Answer::Held { holders, .. } => {
            let others = holders.len().saturating_sub(1);
            let first = holders.into_iter().next()?;
            Some(ListenerHolder::Process {
                pid: first.pid,
                comm: first.comm,
                others,
            })
        }
        Answer::Nobody => None,
        Answer::NotLookedFor(why) => Some(ListenerHolder::Unknown(why)),
    }
}
