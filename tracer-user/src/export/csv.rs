//! CSV (RFC 4180): one row a failure, for spreadsheets and databases.

use std::io::{self, Write};

use csv::{Terminator, WriterBuilder};
use serde::Serialize;

use super::{Export, Format};
use crate::{
    escape::escape,
    record::{Endpoint, Failure, Header, Record},
};

/// `--to csv`.
pub static FORMAT: Format = Format {
    name: "csv",
    text,
    new: |out| Box::new(Csv { out, begun: false }),
};

/// The first row. New columns are only ever added, at the end.
pub const COLUMNS: [&str; 46] = [
    "id",
    "time",
    "host",
    "direction",
    "phase",
    "cause",
    "confidence",
    "severity",
    "stuck_on",
    "errno",
    "summary",
    "why",
    "fix",
    "missing",
    "pid",
    "tid",
    "ns_pid",
    "comm",
    "thread_comm",
    "exe",
    "cmdline",
    "uid",
    "ppid",
    "cgroup",
    "container",
    "unit",
    "family",
    "local_addr",
    "local_port",
    "remote_addr",
    "remote_port",
    "netns",
    "cookie",
    "start",
    "elapsed_us",
    "syn_sent",
    "state",
    "retransmits",
    "bytes_sent",
    "bytes_received",
    "drops",
    "resets",
    "icmp",
    "lost",
    "container_runtime",
    "pod_uid",
];

struct Csv {
    out: Box<dyn Write + Send>,
    begun: bool,
}

impl Csv {
    fn begin(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.begun, true) {
            self.out.write_all(&line(&COLUMNS.map(str::to_owned))?)?;
        }
        Ok(())
    }
}

impl Export for Csv {
    fn record(&mut self, record: &Record, text: &[u8]) -> io::Result<()> {
        if let Record::Failure(_) = record {
            self.begin()?;
            self.out.write_all(text)?;
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.begin()?;
        self.out.flush()
    }
}

/// The row of a failure.
fn text(record: &Record, header: Option<&Header>) -> io::Result<Vec<u8>> {
    match record {
        Record::Failure(failure) => {
            let host = header.map_or("", |header| header.host.as_str());
            line(&row(failure, host)?)
        }
        _ => Ok(Vec::new()),
    }
}

fn line(row: &[String; COLUMNS.len()]) -> io::Result<Vec<u8>> {
    let mut writer = WriterBuilder::new();
    let mut writer = writer
        .terminator(Terminator::CRLF)
        .buffer_capacity(LINE_BYTES)
        .from_writer(Vec::with_capacity(LINE_BYTES));
    writer.write_record(row)?;
    writer
        .into_inner()
        .map_err(|why| io::Error::other(why.to_string()))
}

/// A row is hardly ever longer.
const LINE_BYTES: usize = 4096;

fn row(failure: &Failure, host: &str) -> io::Result<[String; COLUMNS.len()]> {
    let process = failure.process.as_ref();
    let socket = &failure.socket;
    let (local_addr, local_port) = end(socket.local);
    let (remote_addr, remote_port) = end(Some(socket.remote));
    let tcp = failure.tcp.as_ref();
    Ok([
        cell(&failure.id),
        cell(&failure.time),
        cell(host),
        word(&failure.direction)?,
        word(&failure.phase)?,
        cell(&failure.cause),
        word(&failure.confidence)?,
        word(&failure.severity)?,
        optional(failure.stuck_on.as_deref()),
        optional(failure.errno.as_deref()),
        cell(&failure.summary),
        list(&failure.why)?,
        list(&failure.fix)?,
        list(&failure.missing)?,
        number(process.map(|process| process.pid)),
        number(process.map(|process| process.tid)),
        number(process.and_then(|process| process.ns_pid)),
        optional(process.map(|process| process.comm.as_str())),
        optional(process.and_then(|process| process.thread_comm.as_deref())),
        optional(process.and_then(|process| process.exe.as_deref())),
        optional(process.and_then(|process| process.cmdline.as_deref())),
        number(process.map(|process| process.uid)),
        number(process.and_then(|process| process.ppid)),
        optional(process.and_then(|process| process.cgroup.as_deref())),
        optional(process.and_then(|process| process.container.as_deref())),
        optional(process.and_then(|process| process.unit.as_deref())),
        word(&socket.family)?,
        local_addr,
        local_port,
        remote_addr,
        remote_port,
        number(socket.netns),
        number(socket.cookie),
        optional(failure.timing.start.as_deref()),
        number(failure.timing.elapsed_us),
        number(failure.timing.syn_sent),
        optional(tcp.map(|tcp| tcp.state.as_str())),
        number(tcp.map(|tcp| tcp.retransmits)),
        number(tcp.map(|tcp| tcp.bytes_sent)),
        number(tcp.map(|tcp| tcp.bytes_received)),
        list(&failure.drops)?,
        list(&failure.resets)?,
        list(&failure.icmp)?,
        failure.lost.to_string(),
        optional(process.and_then(|process| process.container_runtime.as_deref())),
        optional(process.and_then(|process| process.pod_uid.as_deref())),
    ])
}

/// Text from outside. Spreadsheets take what begins with these characters for a formula, and would
/// run it: an apostrophe before it makes it text.
fn cell(text: &str) -> String {
    let safe = escape(text);
    if safe.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{safe}")
    } else {
        safe.into_owned()
    }
}

fn optional(value: Option<&str>) -> String {
    value.map_or_else(String::new, cell)
}

fn number<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// The word that JSON has for it.
fn word(value: &impl Serialize) -> io::Result<String> {
    let value = serde_json::to_value(value)?;
    Ok(cell(value.as_str().unwrap_or_default()))
}

/// A JSON array; nothing where there is none.
fn list<T: Serialize>(values: &[T]) -> io::Result<String> {
    if values.is_empty() {
        return Ok(String::new());
    }
    Ok(cell(&serde_json::to_string(values)?))
}

fn end(end: Option<Endpoint>) -> (String, String) {
    (
        number(end.map(|end| end.addr)),
        number(end.and_then(|end| end.port)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{export::exported, show::sample};

    fn rows(records: &[Record]) -> Vec<csv::StringRecord> {
        csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(exported(&FORMAT, records).as_bytes())
            .records()
            .map(Result::unwrap)
            .collect()
    }

    fn value<'a>(rows: &'a [csv::StringRecord], column: &str) -> &'a str {
        let at = COLUMNS.iter().position(|name| *name == column).unwrap();
        &rows[1][at]
    }

    #[test]
    fn one_row_a_failure_below_the_header() {
        let rows = rows(&sample::records());
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0], COLUMNS[..]);
        assert_eq!(value(&rows, "host"), "host");
        assert_eq!(value(&rows, "cause"), "firewall-drop");
        assert_eq!(value(&rows, "confidence"), "certain");
        assert_eq!(value(&rows, "remote_addr"), "10.9.1.1");
        assert_eq!(value(&rows, "remote_port"), "443");
        assert_eq!(value(&rows, "netns"), "4026531840");
        assert_eq!(value(&rows, "missing"), "");
        let why: Vec<String> = serde_json::from_str(value(&rows, "why")).unwrap();
        assert_eq!(why, sample::failure().why);
        let drops: Vec<crate::record::Drop> = serde_json::from_str(value(&rows, "drops")).unwrap();
        assert_eq!(drops, sample::failure().drops);
    }

    #[test]
    fn without_a_failure_there_is_the_header_alone() {
        assert_eq!(exported(&FORMAT, &[]), format!("{}\r\n", COLUMNS.join(",")));
    }

    #[test]
    fn formulas_and_control_characters_are_disarmed() {
        let mut failure = sample::failure();
        if let Some(process) = failure.process.as_mut() {
            process.comm = "=cmd|' /C calc'!A0".to_owned();
            process.cmdline = Some("-x \"a,b\"\r\n\u{1b}[31m".to_owned());
        }
        let rows = rows(&[Record::Failure(Box::new(failure))]);
        assert_eq!(value(&rows, "comm"), "'=cmd|' /C calc'!A0");
        assert_eq!(value(&rows, "cmdline"), r#"'-x "a,b"\r\n\x1b[31m"#);
    }
}
