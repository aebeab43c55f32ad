//! Chrome's trace event format (JSON), which Perfetto and chrome://tracing open: processes are rows,
//! connections are spans, evidence is instants.
//!
//! Spans are asynchronous events (`b`, `e`), each with an id of its own: connections of one process
//! overlap, and may end in any order. Evidence has the id of its connection (`n`). Everything has
//! the record's own time; what has none is an argument of the span, and stands nowhere in time.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, BuildHasherDefault},
    io::{self, Write},
    num::NonZeroUsize,
};

use lru::LruCache;
use serde::Serialize;
use serde_json::{Value, json};
use siphasher::sip::SipHasher13;

use super::{Export, Format};
use crate::{
    clock::{utc_ns, utc_text},
    escape::escape,
    record::{Direction, Endpoint, Event, Header, Process, Record, Socket, Timing},
};

/// `--to chrome-trace`.
pub static FORMAT: Format = Format {
    name: "chrome-trace",
    text,
    new: |out| Box::new(ChromeTrace::new(out)),
};

/// The category of everything here.
const CATEGORY: &str = "tcp";
/// Pids of the nth host begin at n times this. The kernel's own end at half of it (`PID_MAX_LIMIT`,
/// `include/linux/threads.h`).
const PIDS_A_HOST: u64 = 1 << 23;
/// Stands for the process that is not known: no process of Linux has this pid.
const NO_PROCESS: u64 = 1 << 22;
/// Processes whose name has been told; of one that is forgotten it is told again.
const NAMED: usize = 65_536;
/// Viewers read times as floating-point numbers, which hold nanoseconds since 1970 no longer: times
/// count from so long before the first record (another host's clock may be behind).
const BEFORE_NS: i64 = 30 * 24 * 3600 * 1_000_000_000;
const DAY_NS: i64 = 24 * 3600 * 1_000_000_000;

/// Makes ids: the same ones each time.
type Hasher = BuildHasherDefault<SipHasher13>;

struct ChromeTrace {
    out: Box<dyn Write + Send>,
    /// Nanoseconds since 1970 that are 0 here, once something is written.
    origin_ns: Option<i64>,
    /// Number of the host that the records are from, and its name.
    host: (u64, String),
    hosts: HashMap<String, u64>,
    named: LruCache<(u64, u64), String>,
    hasher: Hasher,
}

/// One trace event.
#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    cat: &'a str,
    ph: &'a str,
    /// Microseconds.
    ts: f64,
    pid: u64,
    tid: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// Of an instant: its thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<&'a str>,
}

/// A connection, failed or not.
struct Span<'a> {
    id: &'a str,
    time: &'a str,
    timing: &'a Timing,
    process: Option<&'a Process>,
    socket: &'a Socket,
    direction: Direction,
    what: &'a str,
}

/// All that a record says: the arguments of its span, or of its instant.
fn text(record: &Record, _: Option<&Header>) -> io::Result<Vec<u8>> {
    Ok(match record {
        Record::Failure(failure) => serde_json::to_vec(failure)?,
        Record::Connection(connection) => serde_json::to_vec(connection)?,
        Record::Event(event) => {
            // What a replay needs of it is no fact for a reader.
            let mut facts = event.clone();
            facts.wire = None;
            serde_json::to_vec(&facts)?
        }
        _ => Vec::new(),
    })
}

impl Export for ChromeTrace {
    fn record(&mut self, record: &Record, text: &[u8]) -> io::Result<()> {
        match record {
            Record::Header(header) => {
                let host = format!("{} {}", header.host, header.boot_id);
                let next = self.hosts.len() as u64;
                let number = *self.hosts.entry(host).or_insert(next);
                self.host = (number, header.host.clone());
                Ok(())
            }
            Record::Failure(failure) => {
                let span = Span {
                    id: &failure.id,
                    time: &failure.time,
                    timing: &failure.timing,
                    process: failure.process.as_ref(),
                    socket: &failure.socket,
                    direction: failure.direction,
                    what: &failure.cause,
                };
                self.span(&span, text)
            }
            Record::Connection(connection) => {
                let span = Span {
                    id: &connection.id,
                    time: &connection.time,
                    timing: &connection.timing,
                    process: connection.process.as_ref(),
                    socket: &connection.socket,
                    direction: connection.direction,
                    what: &connection.outcome,
                };
                self.span(&span, text)
            }
            Record::Event(event) => self.instant(event, text),
            _ => Ok(()),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        if self.origin_ns.is_none() {
            self.begin(0)?;
        }
        self.out.write_all(b"\n]}\n")?;
        self.out.flush()
    }
}

impl ChromeTrace {
    fn new(out: Box<dyn Write + Send>) -> Self {
        let named = NonZeroUsize::new(NAMED).unwrap_or(NonZeroUsize::MIN);
        Self {
            out,
            origin_ns: None,
            host: (0, String::new()),
            hosts: HashMap::new(),
            named: LruCache::new(named),
            hasher: Hasher::default(),
        }
    }

    /// A connection, from its start to its end. Where the start is not known it has no length.
    fn span(&mut self, span: &Span<'_>, args: &[u8]) -> io::Result<()> {
        let Some(end_ns) = utc_ns(span.time) else {
            return Ok(());
        };
        let (pid, tid) = self.row(end_ns, span.process)?;
        let arrow = match span.direction {
            Direction::Outbound => "to",
            Direction::Inbound => "from",
        };
        let name = format!("{} {arrow} {}", escape(span.what), span.socket.remote);
        let id = match connection_id(&self.hasher, self.host.0, span.socket) {
            Some(id) => id,
            None => hex(self.hasher.hash_one(span.id)),
        };
        let start_ns = start_ns(span.timing, end_ns);
        let entry = |ph, ns| Entry {
            name: &name,
            cat: CATEGORY,
            ph,
            ts: ns,
            pid,
            tid,
            id: Some(id.clone()),
            s: None,
        };
        match start_ns {
            None => self.write_with(&entry("n", self.micros(end_ns)), args),
            Some(start_ns) => {
                self.write_with(&entry("b", self.micros(start_ns)), args)?;
                self.write(&entry("e", self.micros(end_ns)))
            }
        }
    }

    /// A piece of evidence: on its connection where that is known, else on its row.
    fn instant(&mut self, event: &Event, args: &[u8]) -> io::Result<()> {
        let Some(ns) = utc_ns(&event.time) else {
            return Ok(());
        };
        let (pid, tid) = self.row(ns, event.process.as_ref())?;
        let joined = event.matched_by.and(event.socket.as_ref());
        let id = joined.and_then(|socket| connection_id(&self.hasher, self.host.0, socket));
        let entry = Entry {
            name: &escape(&event.summary),
            cat: CATEGORY,
            ph: if id.is_some() { "n" } else { "i" },
            ts: self.micros(ns),
            pid,
            tid,
            s: id.is_none().then_some("t"),
            id,
        };
        self.write_with(&entry, args)
    }

    /// Pid and thread of a process, whose names are told before they are used first.
    fn row(&mut self, ns: i64, process: Option<&Process>) -> io::Result<(u64, u64)> {
        if self.origin_ns.is_none() {
            self.begin(ns)?;
        }
        let base = self.host.0 * PIDS_A_HOST;
        let (pid, tid, name, thread) = match process {
            None => (NO_PROCESS, NO_PROCESS, "process not known", None),
            Some(process) => (
                u64::from(process.pid).min(NO_PROCESS - 1),
                u64::from(process.tid).min(NO_PROCESS - 1),
                process.comm.as_str(),
                process.thread_comm.as_deref(),
            ),
        };
        let (pid, tid) = (base + pid, base + tid);
        self.name(pid, tid, name, thread.unwrap_or(name))?;
        Ok((pid, tid))
    }

    fn name(&mut self, pid: u64, tid: u64, name: &str, thread: &str) -> io::Result<()> {
        let told = format!("{name}\0{thread}");
        if self.named.get(&(pid, tid)) == Some(&told) {
            return Ok(());
        }
        self.named.put((pid, tid), told);
        let (number, host) = self.host.clone();
        let name = if number == 0 {
            escape(name).into_owned()
        } else {
            escape(&format!("{name} on {host}")).into_owned()
        };
        for (what, args) in [
            ("process_name", json!({"name": name})),
            ("process_labels", json!({"labels": escape(&host)})),
            ("thread_name", json!({"name": escape(thread)})),
        ] {
            let entry = json!({"name": what, "ph": "M", "pid": pid, "tid": tid, "args": args});
            self.write(&entry)?;
        }
        Ok(())
    }

    /// What stands before the events. `ns` is the first time that is known.
    fn begin(&mut self, ns: i64) -> io::Result<()> {
        let origin_ns = (ns - ns.rem_euclid(DAY_NS)).saturating_sub(BEFORE_NS);
        self.origin_ns = Some(origin_ns);
        let other: Value = json!({
            "tool": "tcpwhy",
            "version": env!("CARGO_PKG_VERSION"),
            "time_origin": utc_text(origin_ns),
        });
        write!(
            self.out,
            r#"{{"displayTimeUnit":"ns","otherData":{other},"traceEvents":["#
        )?;
        // The first one has no comma before it.
        let entry = json!({
            "name": "process_name", "ph": "M", "pid": NO_PROCESS,
            "args": {"name": "process not known"},
        });
        write!(self.out, "\n{entry}")
    }

    fn write(&mut self, entry: &impl Serialize) -> io::Result<()> {
        self.out.write_all(b",\n")?;
        serde_json::to_writer(&mut self.out, entry)?;
        Ok(())
    }

    /// With arguments, which stand last.
    fn write_with(&mut self, entry: &Entry<'_>, args: &[u8]) -> io::Result<()> {
        let entry = serde_json::to_vec(entry)?;
        let open = entry.strip_suffix(b"}").unwrap_or(&entry);
        for part in [b",\n", open, b",\"args\":", args, b"}"] {
            self.out.write_all(part)?;
        }
        Ok(())
    }

    /// Microseconds since the origin; exact to the nanosecond for some 80 days.
    #[allow(
        clippy::cast_precision_loss,
        reason = "the origin is near enough for that"
    )]
    fn micros(&self, ns: i64) -> f64 {
        ns.saturating_sub(self.origin_ns.unwrap_or(0)) as f64 / 1000.0
    }
}

/// When a connection began, if the record says so, itself or by its length.
fn start_ns(timing: &Timing, end_ns: i64) -> Option<i64> {
    let start = timing.start.as_deref().and_then(utc_ns);
    let elapsed_ns = timing
        .elapsed_us
        .and_then(|us| i64::try_from(us).ok()?.checked_mul(1000));
    start
        .or_else(|| end_ns.checked_sub(elapsed_ns?))
        .filter(|&start_ns| start_ns <= end_ns)
}

/// The same for a connection and its packets, whichever way they went; `None` where no two ends are
/// known.
fn connection_id(hasher: &Hasher, host: u64, socket: &Socket) -> Option<String> {
    let local = socket.local.filter(|end| end.port.is_some())?;
    let key = |end: Endpoint| (end.addr.to_canonical(), end.port);
    let mut ends = [key(local), key(socket.remote)];
    ends.sort_unstable();
    Some(hex(hasher.hash_one((host, ends, socket.netns))))
}

fn hex(number: u64) -> String {
    format!("{number:#x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{export::exported, show::sample};

    fn events(records: &[Record]) -> Vec<Value> {
        let document: Value = serde_json::from_str(&exported(&FORMAT, records)).unwrap();
        document["traceEvents"].as_array().unwrap().clone()
    }

    fn of_kind<'a>(events: &'a [Value], ph: &str) -> Vec<&'a Value> {
        events.iter().filter(|event| event["ph"] == ph).collect()
    }

    #[test]
    fn a_failure_is_a_span_of_its_process() {
        let events = events(&sample::records()[..2]);
        let (begins, ends) = (of_kind(&events, "b"), of_kind(&events, "e"));
        assert_eq!((begins.len(), ends.len()), (1, 1));
        assert_eq!(begins[0]["name"], "firewall-drop to 10.9.1.1:443");
        assert_eq!(begins[0]["id"], ends[0]["id"]);
        assert_eq!(begins[0]["pid"], 4242);
        assert_eq!(begins[0]["args"]["drops"][0]["reason"], "NETFILTER_DROP");
        let ts = |event: &Value| event["ts"].as_f64().unwrap();
        assert!((ts(ends[0]) - ts(begins[0]) - 3_100_000.0).abs() < 0.001);
        assert!(of_kind(&events, "n").is_empty() && of_kind(&events, "i").is_empty());
        let names: Vec<_> = of_kind(&events, "M")
            .into_iter()
            .filter(|event| event["name"] == "process_name" && event["pid"] == 4242)
            .map(|event| event["args"]["name"].clone())
            .collect();
        assert_eq!(names, ["curl"]);
    }

    #[test]
    fn nanoseconds_are_kept() {
        let text = exported(&FORMAT, &sample::records()[..2]);
        // 30 days before the day's midnight, and 18:31:02.123456789.
        assert!(text.contains(r#""ts":2658662123456.789,"#), "{text}");
    }

    #[test]
    fn evidence_has_the_id_of_its_connection_whichever_way_it_went() {
        let mut event = sample::event();
        let mut answer = event.clone();
        if let Some(socket) = answer.socket.as_mut()
            && let Some(local) = socket.local.replace(socket.remote)
        {
            socket.remote = local;
        }
        let failure = sample::record();
        let records = [
            Record::Event(Box::new(event.clone())),
            Record::Event(Box::new(answer)),
            failure,
        ];
        let joined = events(&records);
        let id = &of_kind(&joined, "b")[0]["id"];
        assert!(of_kind(&joined, "n").iter().all(|event| event["id"] == *id));
        assert_eq!(of_kind(&joined, "n").len(), 2);
        event.process = None;
        event.matched_by = None;
        let alone = events(&[Record::Event(Box::new(event))]);
        let alone = of_kind(&alone, "i");
        assert_eq!(alone[0]["pid"], NO_PROCESS);
        assert_eq!(alone[0]["s"], "t");
    }

    #[test]
    fn a_connection_without_a_start_has_no_length() {
        let mut failure = sample::failure();
        failure.timing.start = None;
        let span = events(&[Record::Failure(Box::new(failure.clone()))]);
        assert_eq!(of_kind(&span, "b").len(), 1);
        failure.timing.elapsed_us = None;
        let events = events(&[Record::Failure(Box::new(failure))]);
        assert!(of_kind(&events, "b").is_empty());
        assert_eq!(of_kind(&events, "n").len(), 1);
    }

    #[test]
    fn hosts_do_not_share_pids() {
        let mut second = sample::records();
        if let Some(Record::Header(header)) = second.first_mut() {
            header.host = "other".to_owned();
        }
        let records = [sample::records(), second].concat();
        let events = events(&records);
        let mut pids: Vec<_> = of_kind(&events, "b")
            .iter()
            .map(|event| event["pid"].as_u64().unwrap())
            .collect();
        pids.sort_unstable();
        pids.dedup();
        assert_eq!(pids, [4242, PIDS_A_HOST + 4242]);
        let names = of_kind(&events, "M");
        assert!(
            names
                .iter()
                .any(|event| event["args"]["name"] == "curl on other")
        );
    }

    #[test]
    fn nothing_is_a_trace_too() {
        assert_eq!(events(&[]).len(), 1);
    }
}
