//! Which processes hold a socket: its inode number, looked for among the descriptors of `/proc`.
//!
//! Dear (one look at each descriptor of the host), so it is done only where a record needs it, one
//! scan serves all questions of a moment, and scans are kept apart in time and bounded. An answer
//! that could not be had says why.

use std::{
    collections::HashMap,
    fs,
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use lru::LruCache;
use procfs::process::Process;

/// A scan serves the questions of so long.
const FRESH: Duration = Duration::from_secs(1);
/// Scans begin at least so far apart, and ten times as far as the last one took: a tenth of one CPU
/// at most.
const APART: Duration = Duration::from_millis(250);
/// One process is looked at again after so long, and ten times as long as that took.
const NEAR_APART: Duration = Duration::from_millis(10);
/// Processes whose descriptors are remembered for that long.
const MAX_NEAR: NonZeroUsize = NonZeroUsize::new(16).expect("not zero");
/// Descriptors looked at in one scan at most.
const MAX_DESCRIPTORS: usize = 131_072;
/// Sockets remembered whose holders were found.
const MAX_FOUND: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");

/// A process that has a descriptor of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Thread-group id.
    pub pid: u32,
    /// Name of the process.
    pub comm: String,
    /// Real user id.
    pub uid: u32,
    /// Start of the process, in clock ticks since boot (`/proc/PID/stat`).
    pub started_ticks: u64,
    /// The descriptor.
    pub fd: u32,
}

/// What a question for a socket's holders came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// These hold it: all of them where `whole`, else those that were looked at.
    Held {
        /// By pid.
        holders: Vec<Holder>,
        /// Every process of the host was looked at.
        whole: bool,
    },
    /// No process of the host holds it.
    Nobody,
    /// It was not looked for, or not everywhere, and why.
    NotLookedFor(String),
}

impl Answer {
    /// The holders that were found.
    #[must_use]
    pub fn holders(&self) -> &[Holder] {
        match self {
            Self::Held { holders, .. } => holders,
            _ => &[],
        }
    }
}

/// A descriptor: process and number.
type Place = (u32, u32);

/// One look at all descriptors.
#[derive(Default)]
struct Scan {
    places: HashMap<u64, Vec<Place>>,
    /// It ended before it had looked everywhere.
    cut_short: bool,
}

/// One look at the descriptors of a process.
struct Near {
    scan: Scan,
    begun: Instant,
    took: Duration,
}

/// Looks, and remembers for a moment.
pub struct Holders {
    found: LruCache<u64, Vec<Place>>,
    near: LruCache<u32, Near>,
    scan: Scan,
    begun: Option<Instant>,
    took: Duration,
    max_descriptors: usize,
}

impl Default for Holders {
    fn default() -> Self {
        Self {
            found: LruCache::new(MAX_FOUND),
            near: LruCache::new(MAX_NEAR),
            scan: Scan::default(),
            begun: None,
            took: Duration::ZERO,
            max_descriptors: MAX_DESCRIPTORS,
        }
    }
}

impl Holders {
    /// Who holds a socket. First those who held it when it was asked for before, then the processes
    /// of `likely`; only then all of them.
    pub fn of(&mut self, inode: u64, likely: &[u32]) -> Answer {
        if inode == 0 {
            return Answer::Nobody;
        }
        if let Some(answer) = self.again(inode) {
            return answer;
        }
        let mut places = Vec::new();
        for &pid in likely {
            places.extend_from_slice(self.places_near(pid, inode));
        }
        match self.confirm(inode, &places) {
            Some(holders) => Answer::Held {
                holders,
                whole: false,
            },
            None => self.all_of(inode),
        }
    }

    /// A process that many connections belong to is not looked at for each of them.
    fn places_near(&mut self, pid: u32, inode: u64) -> &[Place] {
        let is_fresh = |near: &Near| near.begun.elapsed() < NEAR_APART.max(10 * near.took);
        if !self.near.get(&pid).is_some_and(is_fresh) {
            let (begun, mut left) = (Instant::now(), self.max_descriptors);
            let mut scan = Scan::default();
            scan.look_into(pid, &mut left);
            let took = begun.elapsed();
            self.near.put(pid, Near { scan, begun, took });
        }
        let near = self.near.get(&pid);
        let places = near.and_then(|near| near.scan.places.get(&inode));
        places.map(Vec::as_slice).unwrap_or_default()
    }

    /// Those who held a socket when it was asked for before, and hold it still: costs next to
    /// nothing. `None` where nobody of them does.
    pub fn again(&mut self, inode: u64) -> Option<Answer> {
        let before = self.found.get(&inode)?.clone();
        let holders = identify(inode, &before);
        (!holders.is_empty()).then_some(Answer::Held {
            holders,
            whole: false,
        })
    }

    /// Who held a socket when it was asked for before, or all processes were looked at.
    pub fn before(&self, inode: u64) -> Vec<u32> {
        let found = self.found.peek(&inode);
        let places = found.or_else(|| self.scan.places.get(&inode));
        let mut pids: Vec<u32> = places.into_iter().flatten().map(|place| place.0).collect();
        pids.dedup();
        pids
    }

    /// How long it takes until all processes may be looked at again; `None` where they may be now, or that
    /// would tell no more than the last time.
    pub fn again_in(&self) -> Option<Duration> {
        let apart = APART.max(10 * self.took);
        let left = apart.checked_sub(self.begun?.elapsed())?;
        (!self.scan.cut_short).then_some(left)
    }

    /// As if all processes had been looked at just now, in no time, and none held anything.
    #[cfg(test)]
    pub(crate) fn has_just_looked(&mut self) {
        (self.scan, self.took) = (Scan::default(), Duration::ZERO);
        self.begun = Some(Instant::now());
    }

    /// Every process that holds a socket.
    pub fn all_of(&mut self, inode: u64) -> Answer {
        let age = self.begun.map(|begun| begun.elapsed());
        if age.is_some_and(|age| age < FRESH)
            && let Some(holders) = self.scanned(inode)
        {
            return self.held(holders);
        }
        if let Some(age) = age.filter(|age| *age < APART.max(10 * self.took)) {
            return Answer::NotLookedFor(format!(
                "the descriptors of all processes were looked at {} ms ago",
                age.as_millis()
            ));
        }
        self.scan();
        match self.scanned(inode) {
            Some(holders) => self.held(holders),
            None if self.scan.cut_short => Answer::NotLookedFor(format!(
                "this host has more than {} open descriptors",
                self.max_descriptors
            )),
            None => Answer::Nobody,
        }
    }

    fn held(&self, holders: Vec<Holder>) -> Answer {
        Answer::Held {
            holders,
            whole: !self.scan.cut_short,
        }
    }

    fn scanned(&mut self, inode: u64) -> Option<Vec<Holder>> {
        let places = self.scan.places.get(&inode)?.clone();
        self.confirm(inode, &places)
    }

    fn scan(&mut self) {
        let begun = Instant::now();
        self.scan = Scan::all(self.max_descriptors);
        self.took = begun.elapsed();
        self.begun = Some(begun);
    }

    /// A descriptor that was seen may have been closed since, and its process be another.
    fn confirm(&mut self, inode: u64, places: &[Place]) -> Option<Vec<Holder>> {
        let holders = identify(inode, places);
        if holders.is_empty() {
            return None;
        }
        self.found.put(inode, places.to_vec());
        Some(holders)
    }
}

impl Scan {
    fn all(max_descriptors: usize) -> Self {
        let mut scan = Self::default();
        let mut left = max_descriptors;
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            if let Some(pid) = number(&entry.file_name()) {
                scan.look_into(pid, &mut left);
            }
            if left == 0 {
                scan.cut_short = true;
                break;
            }
        }
        scan
    }

    /// The descriptors of one process; none where it has ended, or is not to be looked at.
    fn look_into(&mut self, pid: u32, left: &mut usize) {
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd"));
        for entry in descriptors.into_iter().flatten().flatten() {
            if *left == 0 {
                return;
            }
            *left -= 1;
            let Some(fd) = number(&entry.file_name()) else {
                continue;
            };
            if let Some(inode) = socket_of(pid, fd) {
                self.places.entry(inode).or_default().push((pid, fd));
            }
        }
    }
}

fn number(name: &std::ffi::OsStr) -> Option<u32> {
    name.to_str()?.parse().ok()
}

/// Inode number of the socket that a descriptor stands for.
fn socket_of(pid: u32, fd: u32) -> Option<u64> {
    let target = fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok()?;
    let inode = target.to_str()?.strip_prefix("socket:[")?;
    inode.strip_suffix(']')?.parse().ok()
}

/// Those that hold it still, one line a process.
fn identify(inode: u64, places: &[Place]) -> Vec<Holder> {
    let mut holders: Vec<Holder> = Vec::new();
    for &(pid, fd) in places {
        if holders.iter().all(|holder| holder.pid != pid) {
            holders.extend(holder(inode, pid, fd));
        }
    }
    holders.sort_by_key(|holder| holder.pid);
    holders
}

fn holder(inode: u64, pid: u32, fd: u32) -> Option<Holder> {
    let process = Process::new(pid.try_into().ok()?).ok()?;
    // The directory stays that of one process: what it says belongs together.
    let (stat, status) = (process.stat().ok()?, process.status().ok()?);
    (socket_of(pid, fd) == Some(inode)).then_some(Holder {
        pid,
        comm: stat.comm,
        uid: status.ruid,
        started_ticks: stat.starttime,
        fd,
    })
}

#[cfg(test)]
mod tests {
    use std::{
        net::{TcpListener, UdpSocket},
        os::{fd::AsRawFd as _, linux::fs::MetadataExt as _},
        process::{Command, Stdio},
    };

    use super::*;

    fn inode(socket: &impl std::os::fd::AsRawFd) -> u64 {
        let path = format!("/proc/self/fd/{}", socket.as_raw_fd());
        fs::metadata(path).unwrap().st_ino()
    }

    fn me(answer: &Answer) -> &Holder {
        let own = std::process::id();
        let mut mine = answer.holders().iter().filter(|it| it.pid == own);
        mine.next().unwrap_or_else(|| panic!("{answer:?}"))
    }

    #[test]
    fn a_socket_of_ours_is_found_among_all() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let answer = Holders::default().of(inode(&socket), &[]);
        let holder = me(&answer);
        assert_eq!(holder.fd, u32::try_from(socket.as_raw_fd()).unwrap());
        let stat = Process::myself().unwrap().stat().unwrap();
        assert_eq!(
            (&holder.comm, holder.started_ticks),
            (&stat.comm, stat.starttime)
        );
        assert!(matches!(answer, Answer::Held { whole: true, .. }));
    }

    #[test]
    fn likely_processes_are_looked_at_first() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut holders = Holders::default();
        let answer = holders.of(inode(&socket), &[std::process::id()]);
        me(&answer);
        assert!(matches!(answer, Answer::Held { whole: false, .. }));
        assert_eq!(holders.begun, None, "no scan");
    }

    #[test]
    fn a_likely_process_is_not_looked_at_for_each_socket_of_its() {
        let sockets = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let (mut holders, own) = (Holders::default(), std::process::id());
        me(&holders.of(inode(&sockets[0]), &[own]));
        // As if that had taken long.
        holders.near.get_mut(&own).unwrap().took = Duration::from_secs(3600);
        let begun = holders.near.get(&own).unwrap().begun;
        me(&holders.of(inode(&sockets[1]), &[own]));
        assert_eq!(
            (holders.near.get(&own).unwrap().begun, holders.begun),
            (begun, None)
        );
        // One that was opened since is found among all.
        let late = UdpSocket::bind("127.0.0.1:0").unwrap();
        let answer = holders.of(inode(&late), &[own]);
        me(&answer);
        assert!(matches!(answer, Answer::Held { whole: true, .. }));
    }

    #[test]
    fn two_processes_may_hold_one_socket() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let stdin = Stdio::from(std::os::fd::OwnedFd::from(socket.try_clone().unwrap()));
        let mut child = Command::new("sleep")
            .arg("60")
            .stdin(stdin)
            .spawn()
            .unwrap();
        let answer = Holders::default().all_of(inode(&socket));
        child.kill().unwrap();
        child.wait().unwrap();
        me(&answer);
        let other = answer.holders().iter().find(|it| it.pid == child.id());
        // Before its exec it still has our name.
        assert_eq!(other.map(|it| it.fd), Some(0), "{answer:?}");
    }

    #[test]
    fn scans_are_kept_apart_and_serve_more_than_one_question() {
        let sockets = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let mut holders = Holders::default();
        me(&holders.all_of(inode(&sockets[0])));
        let begun = holders.begun;
        me(&holders.all_of(inode(&sockets[1])));
        assert_eq!(holders.begun, begun, "one scan");
        holders.took = Duration::from_secs(3600);
        let late = TcpListener::bind("127.0.0.1:0").unwrap();
        let answer = holders.of(inode(&late), &[]);
        assert!(matches!(answer, Answer::NotLookedFor(_)), "{answer:?}");
        assert_eq!(holders.begun, begun);
    }

    #[test]
    fn a_closed_socket_is_nobodys() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut holders = Holders::default();
        let inode = inode(&socket);
        me(&holders.of(inode, &[]));
        drop(socket);
        let at_once = holders.of(inode, &[]);
        // Another process might have got it: that takes another scan, and it is too early for one.
        assert!(matches!(at_once, Answer::NotLookedFor(_)), "{at_once:?}");
        assert_eq!(Holders::default().of(inode, &[]), Answer::Nobody);
        assert_eq!(holders.of(0, &[]), Answer::Nobody);
    }

    #[test]
    fn a_scan_that_reaches_its_bound_does_not_say_nobody() {
        let mut holders = Holders {
            max_descriptors: 1,
            ..Holders::default()
        };
        let answer = holders.all_of(u64::MAX);
        assert!(
            matches!(&answer, Answer::NotLookedFor(why) if why.contains("more than 1 open")),
            "{answer:?}"
        );
    }
}
