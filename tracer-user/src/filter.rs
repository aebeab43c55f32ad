//! Which connections a user wants to hear of.

use std::net::IpAddr;

use clap::Args;
use ipnet::IpNet;

use crate::{
    cli::value,
    record::{self, Connection, Event, Failure},
};

/// Linux keeps at most so many bytes of a process name (`TASK_COMM_LEN`, less the final NUL).
const COMM_BYTES: usize = 15;

/// Conditions on a connection. Different conditions must all hold; of several values for one, any.
///
/// An empty list is no condition. What a record does not know fulfils no condition.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(
    next_help_heading = "Filters (repeatable; lists by comma: any value of one, all filters)"
)]
pub struct Filter {
    /// Process id (thread group), in the initial pid namespace
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    pub pid: Vec<u32>,
    /// Name of the process or of its thread (the first 15 bytes count, as in ps)
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub comm: Vec<String>,
    /// User id, a number
    #[arg(long, value_name = "UID", value_delimiter = ',')]
    pub uid: Vec<u32>,
    /// Control group: a path with all below it, or one name in a path (nginx.service)
    #[arg(long, value_name = "PATH|NAME", value_delimiter = ',', value_parser = value::cgroup)]
    pub cgroup: Vec<String>,
    /// Container id, or how it begins
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = value::container)]
    pub container: Vec<String>,
    /// Network namespace: inode number, name under /run/netns, or path (/proc/1/ns/net)
    #[arg(long, value_name = "NETNS", value_delimiter = ',', value_parser = value::netns)]
    pub netns: Vec<u32>,
    /// TCP port of either end
    #[arg(long, value_name = "PORT", value_delimiter = ',')]
    pub port: Vec<u16>,
    /// TCP port of this end
    #[arg(long, value_name = "PORT", value_delimiter = ',')]
    pub local_port: Vec<u16>,
    /// TCP port of the other end
    #[arg(long, value_name = "PORT", value_delimiter = ',')]
    pub remote_port: Vec<u16>,
    /// Address or network of either end (10.0.0.0/8, 2001:db8::1)
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = value::network)]
    pub addr: Vec<IpNet>,
    /// Who opened the connection: a process of this host (out) or another host (in)
    #[arg(long, value_name = "in|out", value_delimiter = ',', value_parser = value::direction)]
    pub direction: Vec<record::Direction>,
    /// Cause of the failure; '!CODE' leaves one out. `tcpwhy explain` lists the codes
    #[arg(long, value_name = "CODE", value_delimiter = ',', value_parser = value::cause)]
    pub cause: Vec<CauseFilter>,
}

/// What filters ask of a process.
#[derive(Clone, Copy, Debug)]
pub struct ProcessFacts<'a> {
    /// Thread-group id.
    pub pid: u32,
    /// User id.
    pub uid: u32,
    /// Name.
    pub comm: &'a str,
    /// Name of the thread.
    pub thread_comm: Option<&'a str>,
    /// Control group.
    pub cgroup: Option<&'a str>,
    /// Container id.
    pub container: Option<&'a str>,
}

impl<'a> ProcessFacts<'a> {
    fn of(process: &'a record::Process) -> Self {
        Self {
            pid: process.pid,
            uid: process.uid,
            comm: &process.comm,
            thread_comm: process.thread_comm.as_deref(),
            cgroup: process.cgroup.as_deref(),
            container: process.container.as_deref(),
        }
    }
}

/// One `--cause`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CauseFilter {
    /// The cause code.
    pub code: &'static str,
    /// True for `!CODE`: leave this cause out.
    pub exclude: bool,
}

impl Filter {
    /// Whether nothing is asked for: everything matches.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a failure is wanted.
    #[must_use]
    pub fn matches(&self, failure: &Failure) -> bool {
        let process = failure.process.as_ref().map(ProcessFacts::of);
        self.wants(
            failure.direction,
            Some(&failure.cause),
            process,
            &failure.socket,
        )
    }

    /// Whether a connection that did not fail is wanted: never where `--cause` asks for one.
    #[must_use]
    pub fn matches_connection(&self, connection: &Connection) -> bool {
        let process = connection.process.as_ref().map(ProcessFacts::of);
        self.wants(connection.direction, None, process, &connection.socket)
    }

    /// Whether a failure is wanted, or, where it has no cause, a connection that did not fail.
    #[must_use]
    pub fn wants(
        &self,
        direction: record::Direction,
        cause: Option<&str>,
        process: Option<ProcessFacts<'_>>,
        socket: &record::Socket,
    ) -> bool {
        self.wants_direction(direction)
            && match cause {
                Some(cause) => self.wants_cause(cause),
                None => self.cause.iter().all(|cause| cause.exclude),
            }
            && self.wants_process(process)
            && self.wants_socket(Some(socket))
    }

    /// Whether a piece of evidence is wanted. It knows neither cause nor direction: those
    /// conditions are not asked of it.
    #[must_use]
    pub fn matches_event(&self, event: &Event) -> bool {
        self.wants_process(event.process.as_ref().map(ProcessFacts::of))
            && self.wants_socket(event.socket.as_ref())
    }

    fn wants_direction(&self, direction: record::Direction) -> bool {
        any(&self.direction, |wanted| *wanted == direction)
    }

    fn wants_cause(&self, code: &str) -> bool {
        let mut included = true;
        for cause in &self.cause {
            match (cause.exclude, cause.code == code) {
                (true, true) => return false,
                (false, true) => return !self.excludes(code),
                (false, false) => included = false,
                (true, false) => {}
            }
        }
        included
    }

    fn excludes(&self, code: &str) -> bool {
        self.cause
            .iter()
            .any(|cause| cause.exclude && cause.code == code)
    }

    fn wants_process(&self, process: Option<ProcessFacts<'_>>) -> bool {
        let Some(process) = process else {
            return self.pid.is_empty()
                && self.comm.is_empty()
                && self.uid.is_empty()
                && self.cgroup.is_empty()
                && self.container.is_empty();
        };
        any(&self.pid, |pid| *pid == process.pid)
            && any(&self.comm, |comm| {
                same_comm(comm, process.comm)
                    || process
                        .thread_comm
                        .is_some_and(|name| same_comm(comm, name))
            })
            && any(&self.uid, |uid| *uid == process.uid)
            && any(&self.cgroup, |wanted| {
                process.cgroup.is_some_and(|path| in_cgroup(wanted, path))
            })
            && any(&self.container, |wanted| {
                process
                    .container
                    .is_some_and(|id| id.starts_with(wanted.as_str()))
            })
    }

    fn wants_socket(&self, socket: Option<&record::Socket>) -> bool {
        let local = socket.and_then(|socket| socket.local);
        let remote = socket.map(|socket| socket.remote);
        let local_port = local.and_then(|end| end.port);
        let remote_port = remote.and_then(|end| end.port);
        let ends = [local, remote];
        any(&self.netns, |netns| {
            socket.and_then(|socket| socket.netns) == Some(*netns)
        }) && any(&self.port, |port| {
            [local_port, remote_port].contains(&Some(*port))
        }) && any(&self.local_port, |port| local_port == Some(*port))
            && any(&self.remote_port, |port| remote_port == Some(*port))
            && any(&self.addr, |network| {
                ends.iter().flatten().any(|end| contains(network, end.addr))
            })
    }
}

/// True where nothing is wanted, or one of the wanted values holds.
fn any<T>(wanted: &[T], holds: impl FnMut(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(holds)
}

/// Compares as many bytes as the kernel keeps.
fn same_comm(wanted: &str, comm: &str) -> bool {
    let wanted = wanted.as_bytes();
    wanted[..wanted.len().min(COMM_BYTES)] == *comm.as_bytes()
}

/// A path that begins with `/` means itself and all below it; anything else a name in the path.
fn in_cgroup(wanted: &str, path: &str) -> bool {
    if wanted.starts_with('/') {
        let wanted = wanted.trim_end_matches('/');
        path.strip_prefix(wanted)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    } else {
        path.split('/').any(|name| name == wanted)
    }
}

/// An IPv4 address mapped into IPv6 is an IPv4 address.
fn contains(network: &IpNet, addr: IpAddr) -> bool {
    network.contains(&addr.to_canonical())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{record::Direction, show::sample};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        filter: Filter,
    }

    fn filter(line: &str) -> Filter {
        Line::try_parse_from(line.split(' '))
            .unwrap_or_else(|error| panic!("{error}"))
            .filter
    }

    /// Whether the sample failure passes `flags`.
    fn passes(flags: &str) -> bool {
        filter(&format!("tcpwhy {flags}")).matches(&sample::failure())
    }

    #[test]
    fn nothing_asked_is_everything_wanted() {
        assert!(Filter::default().is_empty());
        assert!(Filter::default().matches(&sample::failure()));
        assert!(Filter::default().matches_connection(&sample::connection()));
    }

    #[test]
    fn filters_by_process() {
        for (flags, wanted) in [
            ("--pid 4242", true),
            ("--pid 1", false),
            ("--pid 1 --pid 4242", true),
            ("--pid 1,4242", true),
            ("--comm curl", true),
            ("--comm cur", false),
            ("--uid 0", true),
            ("--uid 1000", false),
            ("--cgroup /user.slice", true),
            ("--cgroup /user.slice/", true),
            ("--cgroup /sys/fs/cgroup/user.slice", true),
            ("--cgroup /user", false),
            ("--cgroup /", true),
            ("--cgroup session-1.scope", true),
            ("--cgroup session-1", false),
            ("--container 0a1b", false),
            ("--pid 4242 --comm wget", false),
        ] {
            assert_eq!(passes(flags), wanted, "{flags}");
        }
    }

    #[test]
    fn filters_by_socket() {
        for (flags, wanted) in [
            ("--port 443", true),
            ("--port 43210", true),
            ("--port 80", false),
            ("--local-port 43210", true),
            ("--local-port 443", false),
            ("--remote-port 443", true),
            ("--remote-port 43210", false),
            ("--addr 10.9.0.0/16", true),
            ("--addr 10.9.1.1", true),
            ("--addr 10.9.0.1", true),
            ("--addr 10.8.0.0/16", false),
            ("--addr ::/0", false),
            ("--netns 4026531840", true),
            ("--netns 4026531841", false),
            ("--direction out", true),
            ("--direction in", false),
            ("--direction in,out", true),
        ] {
            assert_eq!(passes(flags), wanted, "{flags}");
        }
    }

    #[test]
    fn filters_by_cause() {
        for (flags, wanted) in [
            ("--cause firewall-drop", true),
            ("--cause no-route", false),
            ("--cause no-route --cause firewall-drop", true),
            ("--cause !firewall-drop", false),
            ("--cause !no-route", true),
            ("--cause firewall-drop --cause !firewall-drop", false),
            ("--cause !no-route,!no-answer", true),
        ] {
            assert_eq!(passes(flags), wanted, "{flags}");
        }
    }

    #[test]
    fn unknown_process_fulfils_no_condition() {
        let mut failure = sample::failure();
        failure.process = None;
        assert!(Filter::default().matches(&failure));
        assert!(!filter("tcpwhy --uid 0").matches(&failure));
        assert!(filter("tcpwhy --port 443").matches(&failure));
    }

    #[test]
    fn compares_names_as_the_kernel_keeps_them() {
        let mut failure = sample::failure();
        let Some(process) = failure.process.as_mut() else {
            panic!("no process")
        };
        process.comm = "systemd-resolve".to_owned();
        process.thread_comm = Some("dns".to_owned());
        assert!(filter("tcpwhy --comm systemd-resolved").matches(&failure));
        assert!(filter("tcpwhy --comm dns").matches(&failure));
    }

    #[test]
    fn a_connection_has_no_cause() {
        let connection = sample::connection();
        assert_eq!(connection.direction, Direction::Outbound);
        assert!(!filter("tcpwhy --cause no-route").matches_connection(&connection));
        assert!(filter("tcpwhy --cause !no-route").matches_connection(&connection));
        assert!(!filter("tcpwhy --port 1").matches_connection(&connection));
    }

    #[test]
    fn an_event_that_matched_nothing_passes_no_narrow_filter() {
        let mut event = sample::event();
        assert!(filter("tcpwhy --pid 4242 --port 443").matches_event(&event));
        event.process = None;
        event.socket = None;
        assert!(Filter::default().matches_event(&event));
        assert!(!filter("tcpwhy --pid 4242").matches_event(&event));
        assert!(!filter("tcpwhy --port 443").matches_event(&event));
    }
}
