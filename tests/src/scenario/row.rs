//! How a row of the table is written.

use tracer_user::record::{Confidence, Family, PeerRole, Phase};

use super::Scenario;
use crate::net::Place;

/// Who is to blame where it is a BPF program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// cgroup/connect4 or connect6 on the client.
    Connect,
    /// `cgroup_skb` on what the client sends.
    ClientEgress,
    /// `cgroup_skb` on what the client receives.
    ClientIngress,
    /// `cgroup_skb` on what the server's listener receives.
    ListenerIngress,
    /// XDP on the server's device, run by the stack.
    XdpGeneric,
    /// XDP on the server's device, run by the driver.
    XdpNative,
}

/// A limit that the kernel has once for all network namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostLimit {
    /// Tracked connections: one at most, while the client runs.
    Conntrack,
    /// Connections that nobody has open any more: the client lowers it for a moment.
    Orphans,
}

/// How sure the verdict must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sure {
    /// `certain`: all evidence is joined by the socket.
    Certain,
    /// `likely`: a link is joined by addresses.
    Likely,
    /// Either.
    Either,
    /// `unknown`: nothing explains it.
    Unknown,
}

impl Sure {
    /// Whether a record's confidence is what was asked for.
    #[must_use]
    pub fn allows(self, confidence: Confidence) -> bool {
        match self {
            Self::Certain => confidence == Confidence::Certain,
            Self::Likely => confidence == Confidence::Likely,
            Self::Unknown => confidence == Confidence::Unknown,
            Self::Either => confidence != Confidence::Unknown,
        }
    }
}

/// What address translation changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nat {
    /// Where packets go.
    Destination,
    /// Where packets come from.
    Source,
}

/// What is known of the connection's own end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Local {
    /// Its address, and a port.
    Known,
    /// Its address and this port.
    Port(u16),
    /// Nothing need be known: the failure came before the kernel had chosen.
    Unchosen,
}

/// A drop that must be among the evidence. `a|b` allows either.
#[derive(Clone, Copy, Debug)]
pub struct Dropped {
    /// The kernel's reason.
    pub reason: &'static str,
    /// The function that dropped it.
    pub location: &'static str,
    /// The netfilter hook; empty where it is none.
    pub hook: &'static str,
    /// In whose namespace.
    pub place: Place,
    /// How it was joined: socket, listener, tuple.
    pub matched_by: &'static str,
    /// On which part of its way: tx, rx, forward; empty where it need not be told.
    pub way: &'static str,
}

/// How many a listener must have turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// So many.
    Exactly(u64),
    /// So many, at least and at most: kernels differ.
    Between(u64, u64),
    /// As many as the server's namespace counts under this name (`nstat`).
    Counter(&'static str),
}

/// What must be said of the server's listener.
#[derive(Clone, Copy, Debug)]
pub struct Inbound {
    /// The cause that must be named.
    pub cause: &'static str,
    /// How many were turned away for it, or were answered with a SYN cookie instead.
    pub count: Count,
    /// SYN cookies were sent instead: nobody was turned away.
    pub cookies: bool,
    /// How sure the verdicts must be.
    pub sure: Sure,
    /// A drop reason that must be among the evidence; empty where there is none.
    pub reason: &'static str,
    /// The one rule of a firewall that dropped them, as in [`Row::by_rule`]; empty where none need be
    /// named.
    pub rule: &'static str,
    /// Processes that listen there, each on a socket of its own, so that none is named: a SYN would have
    /// gone to one of them. 0 where it is one.
    pub one_of: usize,
}

/// What must be said of the connection that the server accepted.
#[derive(Clone, Copy, Debug)]
pub struct Accepted {
    /// The cause that must be named.
    pub cause: &'static str,
    /// The errno that must be named; empty where the application gets none.
    pub errno: &'static str,
}

/// Something that is done before the client starts, in the order of the row.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A shell script.
    Script(Place, String),
    /// A process beside.
    Daemon(Place, &'static str),
}

/// One row: what is done, and what must be said. `a|b` in an expectation allows either.
#[derive(Clone, Debug)]
pub struct Row {
    pub(crate) number: &'static str,
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) families: &'static [Family],
    pub(crate) limit: Option<HostLimit>,
    pub(crate) alone: bool,
    pub(crate) steps: Vec<Step>,
    pub(crate) block: Option<Block>,
    pub(crate) client: String,
    pub(crate) remote: (&'static str, u16),
    pub(crate) cause: &'static str,
    pub(crate) errno: [&'static str; 2],
    pub(crate) outcome: Option<&'static str>,
    pub(crate) stuck_on: &'static str,
    pub(crate) sure: Sure,
    pub(crate) local: Local,
    pub(crate) drops: Vec<Dropped>,
    pub(crate) failures: usize,
    pub(crate) reset: bool,
    pub(crate) thread: Option<&'static str>,
    pub(crate) mapped: bool,
    pub(crate) exit: i32,
    pub(crate) phase: Phase,
    pub(crate) server: Option<Accepted>,
    pub(crate) says: &'static str,
    pub(crate) rule: &'static str,
    pub(crate) nat: Vec<(Place, Nat)>,
    pub(crate) peer: Option<PeerRole>,
    pub(crate) inbound: Vec<Inbound>,
}

/// A row: number of the experiment, name, what happens. Port 8080 of the server is connected to,
/// in both families, by `connect.py`.
pub(super) fn row(number: &'static str, name: &'static str, about: &'static str) -> Row {
    Row {
        number,
        name,
        about,
        families: &[Family::Ipv4, Family::Ipv6],
        limit: None,
        alone: false,
        steps: Vec::new(),
        block: None,
        client: "connect.py $s 8080".to_owned(),
        remote: ("s", 8080),
        cause: "",
        errno: [""; 2],
        outcome: None,
        stuck_on: "",
        sure: Sure::Either,
        local: Local::Known,
        drops: Vec::new(),
        failures: 1,
        reset: false,
        thread: None,
        mapped: false,
        exit: 0,
        phase: Phase::Connect,
        server: None,
        says: "",
        rule: "",
        nat: Vec::new(),
        peer: None,
        inbound: Vec::new(),
    }
}

/// What is done.
impl Row {
    /// A shell script in one of the namespaces.
    pub(super) fn on(mut self, place: Place, script: impl Into<String>) -> Self {
        self.steps.push(Step::Script(place, script.into()));
        self
    }

    /// One nftables rule in a base chain of its own.
    pub(super) fn nft(self, place: Place, hook: &str, rule: &str) -> Self {
        let kind = if rule.contains("dnat") || rule.contains("masquerade") {
            "nat"
        } else {
            "filter"
        };
        let priority = match (kind, hook) {
            ("nat", "postrouting") => "100",
            ("nat", _) => "-100",
            _ if rule.contains("notrack") => "-300",
            _ => "0",
        };
        let name = format!("{hook}{}", self.steps.len());
        self.on(
            place,
            format!(
                "nft \"table inet lab {{ chain {name} {{ type {kind} hook {hook} \
                 priority {priority}; {rule}; }}; }}\""
            ),
        )
    }

    /// tc on a device, `egress` or `ingress`: this verdict for every TCP packet. 2 drops; 4 takes
    /// the packet away without the kernel counting it as dropped.
    pub(super) fn tc(self, place: Place, device: &str, side: &str, verdict: u8) -> Self {
        self.on(
            place,
            format!(
                "tc qdisc add dev {device} clsact
                 tc filter add dev {device} {side} protocol $ethertype bpf da bytecode \
                 \"4,48 0 0 $protocol_at,21 0 1 6,6 0 0 {verdict},6 0 0 0\""
            ),
        )
    }

    /// The client knows the router's hardware address, the router the server's: nobody asks.
    pub(super) fn static_neighbours(self) -> Self {
        self.on(
            Place::Client,
            "ip neigh replace $r lladdr 02:00:00:00:01:0c dev eth0",
        )
        .on(
            Place::Router,
            "ip neigh replace $s lladdr 02:00:00:00:00:05 dev toward-s",
        )
    }

    /// A process beside.
    pub(super) fn daemon(mut self, place: Place, line: &'static str) -> Self {
        self.steps.push(Step::Daemon(place, line));
        self
    }

    /// A BPF program is in the way.
    pub(super) fn block(mut self, block: Block) -> Self {
        self.block = Some(block);
        self
    }

    /// The client's command line, and the remote end it names (a variable of the lab).
    pub(super) fn client(mut self, line: impl Into<String>, remote: (&'static str, u16)) -> Self {
        (self.client, self.remote) = (line.into(), remote);
        self
    }

    /// The status that the client ends with, where it is not 0.
    pub(super) fn exits(mut self, status: i32) -> Self {
        self.exit = status;
        self
    }

    /// IPv4 only.
    pub(super) fn v4(mut self) -> Self {
        self.families = &[Family::Ipv4];
        self
    }

    /// IPv6 only.
    pub(super) fn v6(mut self) -> Self {
        self.families = &[Family::Ipv6];
        self
    }

    /// No other lab runs beside it.
    pub(super) fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// A limit of the whole host is lowered: no other lab runs beside it.
    pub(super) fn lowers(mut self, limit: HostLimit) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// What must be said.
impl Row {
    /// Cause, errno and how sure.
    pub(super) fn fails(mut self, cause: &'static str, errno: &'static str, sure: Sure) -> Self {
        (self.cause, self.errno, self.sure) = (cause, [errno; 2], sure);
        self
    }

    /// The errno is another one over IPv6.
    pub(super) fn errno_v6(mut self, errno: &'static str) -> Self {
        self.errno[1] = errno;
        self
    }

    /// What the client itself tells, where it is not the errno.
    pub(super) fn told(mut self, outcome: &'static str) -> Self {
        self.outcome = Some(outcome);
        self
    }

    /// What an attempt that was given up was stuck on.
    pub(super) fn stuck_on(mut self, cause: &'static str) -> Self {
        self.stuck_on = cause;
        self
    }

    /// A drop, `REASON@location`, that must be among the evidence.
    pub(super) fn dropped(
        mut self,
        what: &'static str,
        hook: &'static str,
        place: Place,
        matched_by: &'static str,
    ) -> Self {
        let (reason, location) = what.split_once('@').unwrap_or((what, ""));
        self.drops.push(Dropped {
            reason,
            location,
            hook,
            place,
            matched_by,
            way: "",
        });
        self
    }

    /// The last drop named was on this part of its way: tx, rx or forward.
    pub(super) fn way(mut self, way: &'static str) -> Self {
        if let Some(last) = self.drops.last_mut() {
            last.way = way;
        }
        self
    }

    /// The server's listener turned so many away for this cause.
    pub(super) fn turns_away(mut self, cause: &'static str, count: Count, sure: Sure) -> Self {
        self.inbound.push(Inbound {
            cause,
            count,
            cookies: false,
            sure,
            reason: "",
            rule: "",
            one_of: 0,
        });
        self
    }

    /// They were answered with SYN cookies instead.
    pub(super) fn with_cookies(mut self) -> Self {
        if let Some(last) = self.inbound.last_mut() {
            last.cookies = true;
        }
        self
    }

    /// They were dropped at the listener for this reason.
    pub(super) fn by_reason(mut self, reason: &'static str) -> Self {
        if let Some(last) = self.inbound.last_mut() {
            last.reason = reason;
        }
        self
    }

    /// This rule of the server's firewall dropped them.
    pub(super) fn by_its_rule(mut self, rule: &'static str) -> Self {
        if let Some(last) = self.inbound.last_mut() {
            last.rule = rule;
        }
        self
    }

    /// So many processes listen there, and none is named.
    pub(super) fn at_one_of(mut self, processes: usize) -> Self {
        if let Some(last) = self.inbound.last_mut() {
            last.one_of = processes;
        }
        self
    }

    /// The client itself does not fail.
    pub(super) fn only_inbound(self) -> Self {
        self.failures(0).told("")
    }

    /// How far it had come.
    pub(super) fn phase(mut self, phase: Phase) -> Self {
        self.phase = phase;
        self
    }

    /// The cause and the errno that the server's own end of it must be given, too.
    pub(super) fn server_tells(mut self, cause: &'static str, errno: &'static str) -> Self {
        self.server = Some(Accepted { cause, errno });
        self
    }

    /// A reset must be among the evidence.
    pub(super) fn reset(mut self) -> Self {
        self.reset = true;
        self
    }

    /// A link of `why`: `*` stands for anything, `$daemon` for the pid of the first process beside.
    pub(super) fn says(mut self, link: &'static str) -> Self {
        self.says = link;
        self
    }

    /// A namespace translates its addresses: what it changes.
    pub(super) fn translated(mut self, place: Place, what: Nat) -> Self {
        self.nat.push((place, what));
        self
    }

    /// The other end is the first process beside, in the server's namespace.
    pub(super) fn peer(mut self, role: PeerRole) -> Self {
        self.peer = Some(role);
        self
    }

    /// The one rule that dropped it: `*` stands for anything.
    pub(super) fn by_rule(mut self, rule: &'static str) -> Self {
        self.rule = rule;
        self
    }

    /// What is known of the own end.
    pub(super) fn local(mut self, local: Local) -> Self {
        self.local = local;
        self
    }

    /// So many failure records, not one.
    pub(super) fn failures(mut self, number: usize) -> Self {
        self.failures = number;
        self
    }

    /// Made by a thread of this name: pid and comm are the process's.
    pub(super) fn thread(mut self, name: &'static str) -> Self {
        self.thread = Some(name);
        self
    }

    /// IPv4 on an IPv6 socket.
    pub(super) fn mapped(mut self) -> Self {
        self.mapped = true;
        self
    }

    pub(super) fn scenarios(self) -> Vec<Scenario> {
        let both = self.families.len() > 1;
        let name = |family| match family {
            Family::Ipv6 if both => format!("{}-v6", self.name),
            _ => self.name.to_owned(),
        };
        let of = |&family: &Family| Scenario {
            name: name(family),
            family,
            row: self.clone(),
        };
        self.families.iter().map(of).collect()
    }
}

/// What others may see of a scenario.
impl Scenario {
    /// Whether something is to be told beyond the connection's own socket.
    #[must_use]
    pub fn looks_beyond(&self) -> bool {
        !self.row.nat.is_empty() || self.row.peer.is_some()
    }

    /// Number of the kernel experiment behind it.
    #[must_use]
    pub fn number(&self) -> &'static str {
        self.row.number
    }

    /// What happens in it.
    #[must_use]
    pub fn about(&self) -> &'static str {
        self.row.about
    }

    /// The cause that must be named.
    #[must_use]
    pub fn cause(&self) -> &'static str {
        match self.row.inbound.first() {
            Some(inbound) if self.row.cause.is_empty() => inbound.cause,
            _ => self.row.cause,
        }
    }

    /// The causes that its listener must be told of.
    pub fn listener_causes(&self) -> impl Iterator<Item = &'static str> {
        self.row.inbound.iter().map(|inbound| inbound.cause)
    }

    /// The cause that the connection must be told of that the server accepted.
    #[must_use]
    pub fn accepted_cause(&self) -> Option<&'static str> {
        self.row.server.map(|accepted| accepted.cause)
    }

    /// How far the client's connection must have come.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.row.phase
    }

    /// The errno that must be named; empty where the application gets none.
    #[must_use]
    pub fn errno(&self) -> &'static str {
        self.row.errno[usize::from(self.family == Family::Ipv6)]
    }

    /// How many failure records it must make.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.row.failures
    }

    /// Whether nothing else may run beside it.
    #[must_use]
    pub fn exclusive(&self) -> bool {
        self.row.limit.is_some() || self.row.alone
    }
}
