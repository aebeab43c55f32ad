use std::{
    net::TcpListener,
    os::{fd::AsRawFd as _, linux::fs::MetadataExt as _},
};

use tracer_ebpf::event::{
    self, Head, Holder, Owner, State, Stream, Tuple, Wire as _, kind, owner_flag, seen_by,
};

use super::*;
use crate::{decode::Event, record::Role};

const END_NS: u64 = 1_000_000_000;
const ESTABLISHED: u32 = 1;

fn head(kind: u32, time_ns: u64) -> Head {
    Head {
        kind,
        time_ns,
        sk: 1,
        ..Head::ZERO
    }
}

/// An accepted connection that failed: 100 bytes sent, and acknowledged.
fn failed(inode: u64) -> Box<State> {
    Box::new(State {
        head: head(kind::STATE, END_NS),
        tuple: Tuple {
            netns: 1,
            ..Tuple::ZERO
        },
        stream: Stream {
            inode,
            bytes_acked: 100,
            snd_nxt: 1000,
            ..Stream::ZERO
        },
        old: ESTABLISHED,
        new: 7,
        err: libc::ECONNRESET,
        isn: 1000,
        write_seq: 1000,
        bytes_sent: 100,
        seen_by: seen_by::STATE,
        failure: 1,
        ..State::ZERO
    })
}

struct Run {
    streams: Streams,
    tracker: Tracker,
    inbound: Inbound,
    sockets: Sockets,
}

impl Run {
    /// All processes have just been looked at when a connection fails.
    fn new(inode: u64) -> Self {
        let mut run = Self {
            streams: Streams::default(),
            tracker: Tracker::new(64),
            inbound: Inbound::new(false, true, false),
            sockets: Sockets::default(),
        };
        run.sockets.holders.has_just_looked();
        run.tracker.observe(Event::State(failed(inode)));
        run.streams.ended(failed(inode));
        run
    }

    /// Up to when may be judged.
    fn ask(&mut self, now_ns: u64) -> u64 {
        let (tracker, sockets) = (&mut self.tracker, &mut self.sockets);
        self.streams.ask(now_ns, tracker, &self.inbound, sockets)
    }

    fn is_held_back(&mut self, now_ns: u64) -> bool {
        self.ask(now_ns) < END_NS + HOLD_NS
    }
}

#[test]
fn a_record_waits_for_the_next_look_and_not_longer() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let path = format!("/proc/self/fd/{}", socket.as_raw_fd());
    let mut run = Run::new(std::fs::metadata(path).unwrap().st_ino());
    assert!(run.is_held_back(END_NS + ASK_NS));
    assert!(run.is_held_back(END_NS + HOLD_NS));
    let again_ns = run.streams.next_due_ns().unwrap();
    assert!(again_ns <= END_NS + PATIENCE_NS);
    std::thread::sleep(Duration::from_nanos(again_ns - END_NS));
    assert!(!run.is_held_back(again_ns));
    let attempt = run.tracker.due(u64::MAX).remove(0);
    let process = attempt.found.unwrap().process.unwrap();
    assert_eq!(process.pid, std::process::id());
    assert_eq!(process.role, Some(Role::Acceptor));
}

#[test]
fn a_record_whose_socket_is_closed_waits_no_longer() {
    // Nobody's.
    let mut run = Run::new(u64::MAX);
    assert!(run.is_held_back(END_NS + HOLD_NS));
    let owner = Owner {
        tgid: 4242,
        flags: owner_flag::HELD_IT,
        ..Owner::ZERO
    };
    run.tracker.observe(Event::Holder(Holder {
        head: head(kind::HOLDER, END_NS + HOLD_NS + 1),
        owner,
        how: event::holder::CLOSED,
        reserved: 0,
    }));
    assert!(!run.is_held_back(END_NS + HOLD_NS + 2));
    let attempt = run.tracker.due(u64::MAX).remove(0);
    assert_eq!(attempt.process_owner().map(|owner| owner.tgid), Some(4242));
}

#[test]
fn a_record_whose_socket_has_no_file_does_not_wait() {
    let mut run = Run::new(0);
    run.ask(END_NS + ASK_NS);
    assert!(!run.is_held_back(END_NS + HOLD_NS));
}

#[test]
fn at_the_end_of_the_run_nothing_waits() {
    let mut run = Run::new(u64::MAX);
    run.ask(u64::MAX);
    assert_eq!(run.ask(u64::MAX), u64::MAX);
}
