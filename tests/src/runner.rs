//! Many scenarios at once, each in namespaces of its own, one tracer for all.

use std::{
    ops::RangeInclusive,
    os::fd::OwnedFd,
    path::PathBuf,
    process::Command,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use tracer_user::record::{Failure, Family};

use crate::{
    bpf::{self, Cgroup, Hook, Xdp},
    client::{self, CommandLine, Daemon, Story},
    judge::{self, Mismatch},
    net::{Lab, Place},
    scenario::{Block, Count, HostLimit, Inbound, Scenario, Step},
    shell,
    tracer::{self, Tracer},
};

/// Scenarios that run beside each other: nearly all of their time is waiting for TCP's timers.
const WORKERS: usize = 24;
/// How long a verdict may take after the application has got its errno. No measurement: a wait.
const VERDICT: Duration = Duration::from_secs(10);

/// A scenario that was made to happen. Its namespaces live for as long as this.
#[derive(Debug)]
pub struct Happened {
    /// Which.
    pub scenario: Scenario,
    /// Where.
    pub lab: Lab,
    /// What the client was and got.
    pub story: Story,
}

impl Happened {
    /// What the tracer said about it that is wrong, and what the client got that is wrong.
    #[must_use]
    pub fn mismatches(&self, failures: Option<&[&Failure]>) -> Vec<Mismatch> {
        let mut found = judge::client(&self.scenario, &self.story);
        if let Some(all) = failures {
            found.extend(judge::failures(&self.scenario, &self.lab, &self.story, all));
            found.extend(judge::inbound(&self.scenario, &self.lab, &self.story, all));
            found.extend(judge::accepted(&self.scenario, &self.lab, &self.story, all));
        }
        found
    }
}

/// Makes scenarios happen: the host-wide ones last, one by one. Gives each its result, in the
/// order of the list.
pub fn run(scenarios: &[Scenario], tracer: Option<&Tracer>) -> Vec<(Scenario, Result<Happened>)> {
    let (last, shared): (Vec<_>, Vec<_>) = scenarios
        .iter()
        .cloned()
        .enumerate()
        .partition(|(_, scenario)| scenario.exclusive());
    let queue = Mutex::new(shared.into_iter());
    let results = Mutex::new(Vec::new());
    let lock = |error: PoisonError<_>| error.into_inner();
    std::thread::scope(|scope| {
        for _ in 0..WORKERS.min(scenarios.len()) {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((place, scenario)) = next else {
                        return;
                    };
                    let done = happen(&scenario, tracer);
                    results
                        .lock()
                        .unwrap_or_else(lock)
                        .push((place, scenario, done));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    for (place, scenario) in last {
        let done = happen(&scenario, tracer);
        results.push((place, scenario, done));
    }
    results.sort_by_key(|(place, ..)| *place);
    results
        .into_iter()
        .map(|(_, scenario, done)| (scenario, done))
        .collect()
}

/// Makes one scenario happen and waits for its records.
pub fn happen(scenario: &Scenario, tracer: Option<&Tracer>) -> Result<Happened> {
    happen_in(Lab::new()?, scenario, tracer)
}

/// The same in namespaces that are there already.
pub fn happen_in(lab: Lab, scenario: &Scenario, tracer: Option<&Tracer>) -> Result<Happened> {
    let told = || format!("cannot play {}", scenario.name);
    let stage = Stage::set(scenario, &lab).with_context(told)?;
    let mut story = stage.play(scenario, &lab).with_context(told)?;
    if let Some(tracer) = tracer {
        let deadline = Instant::now() + VERDICT;
        tracer.wait_for(scenario.failures(), deadline, |failure| {
            tracer::is_from(failure, story.pid)
        });
        wait_for_listener(scenario, &lab, &mut story, tracer)?;
        // Not before the verdict: what a daemon holds is dropped when it ends.
        drop(stage);
        // A listener that has ended turns nobody away any more.
        wait_for_listener(scenario, &lab, &mut story, tracer)?;
    }
    Ok(Happened {
        scenario: scenario.clone(),
        lab,
        story,
    })
}

/// Waits for the records of what the server's listener has turned away by now.
fn wait_for_listener(
    scenario: &Scenario,
    lab: &Lab,
    story: &mut Story,
    tracer: &Tracer,
) -> Result<()> {
    story.counted = counted(scenario, lab)?;
    tracer.wait_until(Instant::now() + VERDICT, |failures| {
        judge::is_all_told(scenario, lab, story, failures)
    });
    Ok(())
}

/// All that stands around a client: gone when dropped.
#[derive(Debug)]
struct Stage {
    daemons: Vec<Daemon>,
    _limit: Option<Lowered>,
    blocked: Blocked,
}

impl Stage {
    /// Breaks what the scenario says.
    fn set(scenario: &Scenario, lab: &Lab) -> Result<Self> {
        let (row, family) = (&scenario.row, scenario.family);
        let blocked = Blocked::new(row.block, lab, family)?;
        let mut daemons = Vec::new();
        for step in &row.steps {
            match step {
                Step::Script(place, script) => {
                    lab.sh(*place, family, script)?;
                }
                Step::Daemon(place, line) => {
                    let cgroup = blocked
                        .procs(Place::Server)
                        .filter(|_| *place == Place::Server);
                    let line = CommandLine(line);
                    let command = line.command(lab, *place, family, cgroup.as_deref())?;
                    daemons.push(Daemon::start(line.0, command)?);
                }
            }
        }
        let limit = row.limit.map(Lowered::lower).transpose()?;
        Ok(Self {
            daemons,
            _limit: limit,
            blocked,
        })
    }

    /// Runs the client.
    fn play(&self, scenario: &Scenario, lab: &Lab) -> Result<Story> {
        let line = CommandLine(&scenario.row.client);
        let cgroup = self.blocked.procs(Place::Client);
        let command = line.command(lab, Place::Client, scenario.family, cgroup.as_deref())?;
        let mut story = client::run(line, command)?;
        story.daemons = self.daemons.iter().map(Daemon::pid).collect();
        Ok(story)
    }
}

/// How many the server's listener has turned away by now, for each that is expected of it.
fn counted(scenario: &Scenario, lab: &Lab) -> Result<Vec<RangeInclusive<u64>>> {
    let one = |inbound: &Inbound| {
        Ok(match inbound.count {
            Count::Exactly(count) => count..=count,
            Count::Between(least, most) => least..=most,
            Count::Counter(name) => {
                let count = counter(lab, name)?;
                count..=count
            }
        })
    };
    scenario.row.inbound.iter().map(one).collect()
}

/// What the server's namespace counts under a name of `nstat`.
pub fn counter(lab: &Lab, name: &str) -> Result<u64> {
    counter_at(lab, Place::Server, name)
}

/// What one of a lab's namespaces counts under a name of `nstat`.
pub fn counter_at(lab: &Lab, place: Place, name: &str) -> Result<u64> {
    let text = lab.sh(
        place,
        Family::Ipv4,
        &format!("nstat -asz {name} | awk '$1 == \"{name}\" {{ print $2 }}'"),
    )?;
    text.trim()
        .parse()
        .with_context(|| format!("{name} is not among the counters: {text:?}"))
}

/// The scenario's BPF programs, attached until this is dropped.
#[derive(Debug, Default)]
struct Blocked {
    cgroup: Option<(Place, Cgroup)>,
    _xdp: Option<OwnedFd>,
}

impl Blocked {
    fn new(block: Option<Block>, lab: &Lab, family: Family) -> Result<Self> {
        let connect = if family == Family::Ipv6 {
            Hook::Connect6
        } else {
            Hook::Connect4
        };
        let cgroup = |place, hook| -> Result<Self> {
            let cgroup = Cgroup::with(hook, &lab.to_string())?;
            Ok(Self {
                cgroup: Some((place, cgroup)),
                _xdp: None,
            })
        };
        let xdp = |mode| -> Result<Self> {
            let link = bpf::xdp_drop(&lab.path(Place::Server), "eth0", mode)?;
            Ok(Self {
                cgroup: None,
                _xdp: Some(link),
            })
        };
        match block {
            None => Ok(Self::default()),
            Some(Block::Connect) => cgroup(Place::Client, connect),
            Some(Block::ClientEgress) => cgroup(Place::Client, Hook::Egress),
            Some(Block::ClientIngress) => cgroup(Place::Client, Hook::Ingress),
            Some(Block::ListenerIngress) => cgroup(Place::Server, Hook::Ingress),
            Some(Block::XdpGeneric) => xdp(Xdp::Generic),
            Some(Block::XdpNative) => xdp(Xdp::Native),
        }
    }

    fn procs(&self, place: Place) -> Option<PathBuf> {
        self.cgroup
            .as_ref()
            .filter(|(at, _)| *at == place)
            .map(|(_, cgroup)| cgroup.procs())
    }
}

/// A limit of the whole host that a scenario lowers; put back when dropped.
#[derive(Debug)]
struct Lowered;

/// What the limit was: its file and its value, while it is lowered.
static LIMIT_WAS: Mutex<Option<(&str, String)>> = Mutex::new(None);

impl Lowered {
    fn lower(limit: HostLimit) -> Result<Self> {
        let (path, value) = match limit {
            HostLimit::Conntrack => ("/proc/sys/net/netfilter/nf_conntrack_max", Some("1")),
            HostLimit::Orphans => ("/proc/sys/net/ipv4/tcp_max_orphans", None),
        };
        let before = std::fs::read_to_string(path)?;
        *LIMIT_WAS.lock().unwrap_or_else(PoisonError::into_inner) = Some((path, before));
        let lowered = Self;
        if let Some(value) = value {
            std::fs::write(path, value).with_context(|| format!("cannot lower {path}"))?;
        }
        Ok(lowered)
    }
}

impl Drop for Lowered {
    fn drop(&mut self) {
        restore();
    }
}

/// Puts back what a scenario changed on the whole host: also for an end by signal.
pub fn restore() {
    let was = LIMIT_WAS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    let Some((path, before)) = was else { return };
    let before = before.trim();
    if let Err(error) = std::fs::write(path, before) {
        eprintln!("cannot restore {path} to {before}: {error}");
    }
}

/// The scenarios of these names, or all of them where none is named.
pub fn choose(names: &[String]) -> Result<Vec<Scenario>> {
    let all = crate::scenario::all();
    if names.is_empty() {
        return Ok(all);
    }
    let mut chosen = Vec::new();
    for name in names {
        let matching = all
            .iter()
            .filter(|it| it.name == *name || it.name == format!("{name}-v6"));
        let matching: Vec<Scenario> = matching.cloned().collect();
        if matching.is_empty() {
            return Err(anyhow!("no scenario {name}: --list shows them"));
        }
        for one in matching {
            if chosen.iter().all(|it: &Scenario| it.name != one.name) {
                chosen.push(one);
            }
        }
    }
    Ok(chosen)
}

/// A command in a namespace, started by hand: for tests that need more than a row.
#[must_use]
pub fn in_netns(lab: &Lab, place: Place, program: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &lab.netns(place), program]);
    command
}

/// What every lab needs first: root, and a host without leftovers.
pub fn prepare() -> Result<()> {
    shell::require_root()?;
    crate::net::sweep();
    Ok(())
}
