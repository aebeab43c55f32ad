//! As much of a record as counting needs, borrowed from its line: a report on millions of failures
//! reads whole records only where it shows them.

use std::borrow::Cow;

use serde::Deserialize;

use crate::{
    clock::utc_ns,
    filter::{Filter, ProcessFacts},
    incident::{Destination, Who},
    record::{Confidence, Direction, Severity, Socket},
};

/// A string, borrowed where it holds no escapes.
#[derive(Debug, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A failure.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object: a failure")]
pub(super) struct FailureView<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) time: Text<'a>,
    pub(super) direction: Direction,
    #[serde(borrow)]
    pub(super) cause: Text<'a>,
    pub(super) confidence: Confidence,
    pub(super) severity: Severity,
    #[serde(borrow, default)]
    pub(super) stuck_on: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) process: Option<ProcessView<'a>>,
    pub(super) socket: Socket,
    #[serde(borrow)]
    pub(super) timing: TimingView<'a>,
    #[serde(default)]
    pub(super) tcp: Option<TcpView>,
    pub(super) lost: u64,
}

/// A process.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object: a process")]
pub(super) struct ProcessView<'a> {
    pub(super) pid: u32,
    #[serde(borrow)]
    pub(super) comm: Text<'a>,
    #[serde(borrow, default)]
    thread_comm: Option<Text<'a>>,
    #[serde(borrow, default)]
    exe: Option<Text<'a>>,
    uid: u32,
    #[serde(borrow, default)]
    cgroup: Option<Text<'a>>,
    #[serde(borrow, default)]
    container: Option<Text<'a>>,
    #[serde(borrow, default)]
    unit: Option<Text<'a>>,
}

/// When it began.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object: times")]
pub(super) struct TimingView<'a> {
    #[serde(borrow, default)]
    pub(super) start: Option<Text<'a>>,
}

/// TCP's own view.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object: TCP's view")]
pub(super) struct TcpView {
    #[serde(default)]
    pub(super) isn: Option<u32>,
    #[serde(default)]
    bytes_sent: u64,
    #[serde(default)]
    bytes_received: u64,
    #[serde(default)]
    last_sent_ms: Option<u32>,
    #[serde(default)]
    last_received_ms: Option<u32>,
}

/// A connection that did not fail.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object: a connection")]
pub(super) struct ConnectionView<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) time: Text<'a>,
    pub(super) direction: Direction,
    #[serde(borrow)]
    pub(super) outcome: Text<'a>,
    #[serde(borrow, default)]
    process: Option<ProcessView<'a>>,
    pub(super) socket: Socket,
    #[serde(borrow)]
    pub(super) timing: TimingView<'a>,
    #[serde(default)]
    pub(super) tcp: Option<TcpView>,
}

impl<'a> ProcessView<'a> {
    fn facts(&self) -> ProcessFacts<'_> {
        ProcessFacts {
            pid: self.pid,
            uid: self.uid,
            comm: &self.comm,
            thread_comm: self.thread_comm.as_deref(),
            cgroup: self.cgroup.as_deref(),
            container: self.container.as_deref(),
        }
    }

    pub(super) fn who(&self) -> Who<'_> {
        Who {
            pid: self.pid,
            comm: &self.comm,
            exe: self.exe.as_deref(),
            container: self.container.as_deref(),
            unit: self.unit.as_deref(),
        }
    }
}

impl FailureView<'_> {
    /// Whether a filter wants it.
    pub(super) fn passes(&self, filter: &Filter) -> bool {
        let process = self.process.as_ref().map(ProcessView::facts);
        filter.wants(self.direction, Some(&self.cause), process, &self.socket)
    }

    /// When it came up at the earliest: of a connection whose beginning was not seen, TCP counts the
    /// time since then for as long as no data went one way.
    pub(super) fn came_up_ns(&self, utc_ns: i64) -> Option<i64> {
        let tcp = self.tcp.as_ref()?;
        let unsent = tcp.last_sent_ms.filter(|_| tcp.bytes_sent == 0);
        let unheard = tcp.last_received_ms.filter(|_| tcp.bytes_received == 0);
        Some(utc_ns - i64::from(unsent.or(unheard)?) * 1_000_000)
    }

    /// A RST ended it, from one end to the other.
    pub(super) fn is_reset(&self) -> bool {
        matches!(&*self.cause, "reset-by-local" | "reset-by-peer")
    }

    /// Where it led to.
    pub(super) fn destination(&self) -> Destination {
        Destination::of(self.direction, &self.socket)
    }
}

impl ConnectionView<'_> {
    /// Whether a filter wants it.
    pub(super) fn passes(&self, filter: &Filter) -> bool {
        let process = self.process.as_ref().map(ProcessView::facts);
        filter.wants(self.direction, None, process, &self.socket)
    }
}

impl TimingView<'_> {
    pub(super) fn start_ns(&self) -> Option<i64> {
        self.start.as_deref().and_then(utc_ns)
    }
}
