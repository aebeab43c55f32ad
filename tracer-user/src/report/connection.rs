//! One failure or connection, with all that the traces hold of it.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::model::{Detail, Report};
use crate::{
    clock::utc_ns,
    record::{Event, Record, Socket},
    show::text::evidence,
    trace::{Kind, Reader},
};

/// Events that are shown.
const EVENTS: usize = 1000;
/// A verdict waits for evidence; events may have come so much before or after, nanoseconds.
const MARGIN_NS: i64 = 1_000_000_000;

/// Finds a record by its id, and its events. Reads the files once more, but for standard input.
///
/// # Errors
/// Where a file cannot be opened.
pub fn find(id: &str, files: &[PathBuf], report: &Report) -> io::Result<Option<Detail>> {
    let mut found = None;
    for file in files.iter().filter(|file| file.as_os_str() != "-") {
        let mut reader = Reader::open(file)?;
        while let Some(line) = reader.next_line() {
            if !matches!(line.kind, Kind::Failure | Kind::Connection) || !holds(line.json, id) {
                continue;
            }
            let record = line.record();
            if let Ok(record) = record
                && let Some(mut detail) = detail(record, id)
            {
                detail.host = reader.header().map(|header| header.host.clone());
                found = Some((file, detail));
                break;
            }
        }
    }
    let Some((file, mut detail)) = found else {
        return Ok(sampled(id, report));
    };
    add_events(&mut detail, file)?;
    detail.incident = incident(id, &detail, report);
    Ok(Some(detail))
}

/// From standard input only what the report kept is there.
fn sampled(id: &str, report: &Report) -> Option<Detail> {
    let mut samples = report.incidents.iter().filter_map(|story| {
        let sample = story.sample.clone().filter(|sample| sample.id == id)?;
        Some((story, sample))
    });
    let (story, failure) = samples.next()?;
    Some(Detail {
        host: story.host.clone(),
        evidence: evidence(&failure),
        failure: Some(failure),
        connection: None,
        events: Vec::new(),
        events_missing: Some("standard input cannot be read twice: name a file".to_owned()),
        incident: Some(story.incident.id.clone()),
    })
}

fn holds(json: &[u8], id: &str) -> bool {
    !id.is_empty() && json.windows(id.len()).any(|part| part == id.as_bytes())
}

fn detail(record: Record, id: &str) -> Option<Detail> {
    let mut detail = Detail {
        host: None,
        failure: None,
        connection: None,
        evidence: Vec::new(),
        events: Vec::new(),
        events_missing: None,
        incident: None,
    };
    match record {
        Record::Failure(failure) if failure.id == id => {
            detail.evidence = evidence(&failure);
            detail.failure = Some(*failure);
        }
        Record::Connection(connection) if connection.id == id => {
            detail.connection = Some(*connection);
        }
        _ => return None,
    }
    Some(detail)
}

/// Its socket, and when it began and ended.
fn life(detail: &Detail) -> Option<(Socket, i64, i64)> {
    let (socket, timing, time) = match (&detail.failure, &detail.connection) {
        (Some(failure), _) => (&failure.socket, &failure.timing, &failure.time),
        (None, Some(connection)) => (&connection.socket, &connection.timing, &connection.time),
        (None, None) => return None,
    };
    let end = utc_ns(time)?;
    let start = timing.start.as_deref().and_then(utc_ns).unwrap_or(end);
    Some((
        socket.clone(),
        start.saturating_sub(MARGIN_NS),
        end.saturating_add(MARGIN_NS),
    ))
}

fn add_events(detail: &mut Detail, file: &Path) -> io::Result<()> {
    let Some((socket, from, until)) = life(detail) else {
        return Ok(());
    };
    let mut any = false;
    let mut more = 0u64;
    let mut reader = Reader::open(file)?;
    while let Some(line) = reader.next_line() {
        if line.kind != Kind::Event {
            continue;
        }
        any = true;
        let Ok(Record::Event(event)) = line.record() else {
            continue;
        };
        let within = utc_ns(&event.time).is_some_and(|time| (from..=until).contains(&time));
        if !within || !is_about(&event, &socket) {
            continue;
        }
        if detail.events.len() < EVENTS {
            detail.events.push(*event);
        } else {
            more += 1;
        }
    }
    detail.events.sort_by(|a, b| a.time.cmp(&b.time));
    detail.events_missing = match (any, more) {
        (false, _) => Some("the trace holds none: --events records them".to_owned()),
        (true, 0) => None,
        (true, more) => Some(format!("{more} more are not shown")),
    };
    Ok(())
}

/// The same two ends, whichever of them is the event's local one.
fn is_about(event: &Event, socket: &Socket) -> bool {
    let Some(seen) = &event.socket else {
        return false;
    };
    let ends = (seen.local, Some(seen.remote));
    ends == (socket.local, Some(socket.remote)) || ends == (Some(socket.remote), socket.local)
}

/// The incident that it belongs to: known where it is one of the first failures of it, or alike.
fn incident(id: &str, detail: &Detail, report: &Report) -> Option<String> {
    let failure = detail.failure.as_ref()?;
    let listed = report
        .incidents
        .iter()
        .find(|story| story.incident.failures.iter().any(|it| it == id));
    let alike = || {
        report.incidents.iter().find(|story| {
            let incident = &story.incident;
            let comm = |process: &Option<crate::record::Process>| {
                process.as_ref().map(|process| process.comm.clone())
            };
            incident.cause == failure.cause
                && story.host == detail.host
                && incident.remote == Some(failure.socket.remote)
                && comm(&incident.process) == comm(&failure.process)
                && (incident.first.as_str()..=incident.last.as_str())
                    .contains(&failure.time.as_str())
        })
    };
    let story = listed.or_else(alike)?;
    Some(story.incident.id.clone())
}
