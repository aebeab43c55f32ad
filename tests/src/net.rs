//! client – router – server: three network namespaces, joined by veth, for one scenario.

use std::{
    fmt,
    net::IpAddr,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tracer_user::record::Family;

use crate::shell;

pub(crate) const PREFIX: &str = "tcpwhy-lab";
/// Address pairs: 10.9.0.0/24 and 10.9.1.0/24 are slot 0, up to 10.9.253.0/24.
const SLOTS: u32 = 127;

/// One of the three namespaces of a lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Where the connection is made.
    Client,
    /// Between: `toward-c` and `toward-s` are its devices.
    Router,
    /// Where it goes.
    Server,
}

impl Place {
    /// Every place.
    pub const ALL: [Self; 3] = [Self::Client, Self::Router, Self::Server];

    /// As it appears in the namespace's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Router => "router",
            Self::Server => "server",
        }
    }
}

/// Three namespaces that vanish when this is dropped.
#[derive(Debug)]
pub struct Lab {
    name: String,
    slot: u32,
    inodes: [u32; 3],
    keep: bool,
}

impl Lab {
    /// Makes the namespaces, with addresses that no other lab of this process has at the moment.
    pub fn new() -> Result<Self> {
        Self::with_slot(next() + std::process::id())
    }

    /// The same with addresses of one's own choice: two labs may have equal ones.
    pub fn with_slot(slot: u32) -> Result<Self> {
        ensure!(!ENDING.load(Ordering::SeqCst), "the lab is being ended");
        let name = format!("{PREFIX}-{}-{}", std::process::id(), next());
        let mut lab = Self {
            name,
            slot: slot % SLOTS,
            inodes: [0; 3],
            keep: false,
        };
        lab.build()
            .with_context(|| format!("cannot build the namespaces of {}", lab.name))?;
        for place in Place::ALL {
            lab.inodes[place as usize] = inode(&lab.path(place))?;
        }
        Ok(lab)
    }

    /// Leaves the namespaces behind, to look at them; the next lab's sweep removes them.
    pub fn keep(&mut self) {
        self.keep = true;
    }

    /// The namespace's name, for `ip netns exec`.
    #[must_use]
    pub fn netns(&self, place: Place) -> String {
        format!("{}-{}", self.name, place.name())
    }

    /// The file that holds the namespace.
    #[must_use]
    pub fn path(&self, place: Place) -> PathBuf {
        Path::new("/run/netns").join(self.netns(place))
    }

    /// The namespace's inode number, as tcpwhy tells it.
    #[must_use]
    pub fn inode(&self, place: Place) -> u32 {
        self.inodes[place as usize]
    }

    /// Whether a namespace is one of this lab's.
    #[must_use]
    pub fn holds(&self, netns: u32) -> bool {
        self.inodes.contains(&netns)
    }

    /// Runs a shell script in one of the namespaces; see [`Lab::variables`].
    pub fn sh(&self, place: Place, family: Family, text: &str) -> Result<String> {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.netns(place), "sh", "-euc", text]);
        shell::output(command.envs(self.variables(family)))
    }

    /// What scripts and clients may use: `$c`, `$r`, `$s` are the ends and the router's near
    /// address in the scenario's family, `$far` and `$near` addresses that nobody has, on the
    /// server's net and the client's.
    #[must_use]
    pub fn variables(&self, family: Family) -> Vec<(&'static str, String)> {
        let v6 = family == Family::Ipv6;
        let (c, s) = (self.net(family, 0), self.net(family, 1));
        let host = |net: &str, number: u8| format!("{net}{number}");
        vec![
            ("c", host(&c, 2)),
            ("r", host(&c, 1)),
            ("s", host(&s, 2)),
            ("rs", host(&s, 1)),
            ("near", host(&c, 77)),
            ("far", host(&s, 77)),
            ("s4", self.address(Place::Server, Family::Ipv4).to_string()),
            ("s6", self.address(Place::Server, Family::Ipv6).to_string()),
            (
                "server_net",
                format!("{}{}", s, if v6 { "/64" } else { "0/24" }),
            ),
            ("lo", if v6 { "::1" } else { "127.0.0.1" }.to_owned()),
            ("other_any", if v6 { "0.0.0.0" } else { "::" }.to_owned()),
            (
                "url",
                if v6 {
                    format!("[{s}2]")
                } else {
                    format!("{s}2")
                },
            ),
            ("ip", if v6 { "ip -6" } else { "ip -4" }.to_owned()),
            ("nfip", if v6 { "ip6" } else { "ip" }.to_owned()),
            ("ethertype", if v6 { "ipv6" } else { "ip" }.to_owned()),
            ("protocol_at", if v6 { "20" } else { "23" }.to_owned()),
            (
                "iptables",
                if v6 {
                    "ip6tables-legacy"
                } else {
                    "iptables-legacy"
                }
                .to_owned(),
            ),
            (
                "iptables_nft",
                if v6 { "ip6tables-nft" } else { "iptables-nft" }.to_owned(),
            ),
            ("lab_pid", std::process::id().to_string()),
            ("router", self.netns(Place::Router)),
            ("small", if v6 { "90" } else { "60" }.to_owned()),
        ]
    }

    /// The value of one of [`Lab::variables`] that is an address.
    #[must_use]
    pub fn variable(&self, family: Family, name: &str) -> Option<IpAddr> {
        let all = self.variables(family);
        all.into_iter()
            .find(|(key, _)| *key == name)
            .and_then(|(_, value)| value.parse().ok())
    }

    /// The address of one of the ends.
    #[must_use]
    pub fn address(&self, place: Place, family: Family) -> IpAddr {
        let (half, host) = match place {
            Place::Client => (0, 2),
            Place::Router => (0, 1),
            Place::Server => (1, 2),
        };
        let octet = self.slot * 2 + half;
        match family {
            Family::Ipv4 => IpAddr::from([10, 9, u8::try_from(octet).unwrap_or(u8::MAX), host]),
            Family::Ipv6 => {
                let net = u16::try_from(octet).unwrap_or(u16::MAX);
                IpAddr::from([0xfd00, 9, net, 0, 0, 0, 0, u16::from(host)])
            }
        }
    }

    fn net(&self, family: Family, half: u32) -> String {
        let number = self.slot * 2 + half;
        match family {
            Family::Ipv4 => format!("10.9.{number}."),
            Family::Ipv6 => format!("fd00:9:{number:x}::"),
        }
    }

    fn build(&self) -> Result<()> {
        let [c, r, s] = Place::ALL.map(|place| self.netns(place));
        let [c4, s4] = [0, 1].map(|half| self.net(Family::Ipv4, half));
        let [c6, s6] = [0, 1].map(|half| self.net(Family::Ipv6, half));
        shell::script(&format!(
            "ip netns add {c}; ip netns add {r}; ip netns add {s}
             ip link add eth0 netns {c} address 02:00:00:00:00:0c type veth \
                peer name toward-c netns {r} address 02:00:00:00:01:0c
             ip link add eth0 netns {s} address 02:00:00:00:00:05 type veth \
                peer name toward-s netns {r} address 02:00:00:00:01:05
             ip netns exec {c} sh -c 'echo 1 > /proc/sys/net/ipv4/tcp_syn_retries'
             for ns in {c} {r} {s}; do
                ip netns exec $ns sh -c '{NO_DAD}'
             done
             ip netns exec {r} sh -c '
                echo 1 > /proc/sys/net/ipv4/ip_forward
                echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
                {ANSWER_ALWAYS}'
             ip netns exec {s} sh -c '{ANSWER_ALWAYS}'
             {}{}{}",
            ends(
                &c,
                "eth0",
                &format!("{c4}2/24"),
                &format!("{c6}2/64"),
                Some((&c4, &c6))
            ),
            ends(
                &s,
                "eth0",
                &format!("{s4}2/24"),
                &format!("{s6}2/64"),
                Some((&s4, &s6))
            ),
            ends(
                &r,
                "toward-c",
                &format!("{c4}1/24"),
                &format!("{c6}1/64"),
                None
            ) + &ends(
                &r,
                "toward-s",
                &format!("{s4}1/24"),
                &format!("{s6}1/64"),
                None
            ),
        ))?;
        Ok(())
    }
}

/// Addresses are of use at once: a SYN does not wait for duplicate address detection.
const NO_DAD: &str = "for conf in /proc/sys/net/ipv6/conf/*; do echo 0 > $conf/accept_dad; done";

/// ICMP errors are not rate-limited: a lab's answers do not depend on what was sent before.
const ANSWER_ALWAYS: &str = "echo 0 > /proc/sys/net/ipv4/icmp_ratelimit
    echo 0 > /proc/sys/net/ipv6/icmp/ratelimit";

fn ends(netns: &str, dev: &str, v4: &str, v6: &str, via: Option<(&str, &str)>) -> String {
    let routes = via.map_or_else(String::new, |(v4, v6)| {
        format!("route add default via {v4}1\nroute add ::/0 via {v6}1\n")
    });
    format!(
        "ip -n {netns} -batch - <<END\n\
         link set lo up\nlink set {dev} up\naddr add {v4} dev {dev}\n\
         addr add {v6} dev {dev} nodad\n{routes}END\n"
    )
}

impl Drop for Lab {
    fn drop(&mut self) {
        if !self.keep {
            for place in Place::ALL {
                remove(&self.netns(place));
            }
        }
    }
}

impl fmt::Display for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

fn next() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The inode number of a namespace file.
pub fn inode(path: &Path) -> Result<u32> {
    let found = std::fs::metadata(path).with_context(|| format!("no {}", path.display()))?;
    Ok(u32::try_from(found.ino())?)
}

fn remove(netns: &str) {
    // Gone already, or never made: nothing is left to undo.
    let _ = shell::output(Command::new("ip").args(["netns", "del", netns]));
}

/// Removes what labs left behind whose process is gone.
pub fn sweep() {
    sweep_where(is_gone);
}

/// No process has this pid any more.
pub(crate) fn is_gone(pid: &str) -> bool {
    !Path::new("/proc").join(pid).exists()
}

/// Set once the process is being ended: no more labs are made.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Removes every lab of this process: for an end by signal, where nothing is dropped. Scripts that
/// are under way may still make namespaces, so it is done until nothing has come for a while.
pub fn sweep_own() {
    ENDING.store(true, Ordering::SeqCst);
    let own = std::process::id().to_string();
    let mut quiet = 0;
    while quiet < 3 {
        quiet = if sweep_where(|owner| owner == own) == 0 {
            quiet + 1
        } else {
            0
        };
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Removes the labs of the owners that are gone, and gives the number of namespaces that were.
fn sweep_where(gone: impl Fn(&str) -> bool) -> usize {
    let mut found = 0;
    let Ok(entries) = std::fs::read_dir("/run/netns") else {
        return found;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').nth(1));
        if owner.is_some_and(&gone) {
            found += 1;
            end_processes(&name);
            remove(&name);
        }
    }
    let Ok(groups) = crate::bpf::cgroups() else {
        return found;
    };
    for group in groups {
        let name = group
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let owner = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').nth(1));
        if owner.is_some_and(&gone) {
            // A control group that still holds a process stays for the next sweep.
            let _ = std::fs::remove_dir(&group);
        }
    }
    found
}

/// Ends what still runs in a namespace that a lab made: nothing else can be in there.
fn end_processes(netns: &str) {
    let pids = shell::output(Command::new("ip").args(["netns", "pids", netns]));
    for pid in pids.unwrap_or_default().split_whitespace() {
        let _ = shell::output(Command::new("kill").args(["-KILL", pid]));
    }
}
