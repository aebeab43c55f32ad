//! Reads a trace on several threads: each reads some lines when it is its turn, parses them while the
//! others do the same with theirs, and hands on what came of it when it is its turn again. So all is
//! taken in the order of the file, and no more is held than a batch a thread.

use std::{
    ops::ControlFlow,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use super::{batch::Batch, line::Line, source::Source};

/// What is done to each line, whichever comes first; and what comes of it.
pub trait Work: Sync {
    /// What a thread needs for itself.
    type Own;
    /// What comes of a line.
    type Done<'a>;

    /// Makes what a thread needs for itself.
    fn own(&self) -> Self::Own;

    /// Does it.
    fn line<'a>(&self, own: &mut Self::Own, line: &Line<'a>) -> Self::Done<'a>;
}

/// What takes a batch, and what came of its lines, in the order of the file.
pub(super) trait Take<W: Work>: Send {
    fn take<'a>(&mut self, batch: &'a Batch, done: Vec<W::Done<'a>>) -> ControlFlow<()>;
}

/// A turn that goes round: whoever has it hands it on.
struct Turn<T> {
    mine: Receiver<T>,
    next: Sender<T>,
}

/// Each one's end of a ring of so many, in the order of their turns; the first one has the turn.
fn ring<T>(turn: T, members: usize) -> Vec<Turn<T>> {
    let (mut senders, receivers): (Vec<_>, Vec<_>) = (0..members).map(|_| channel()).unzip();
    // The receiver is there.
    let _ = senders[0].send(turn);
    senders.rotate_left(1);
    let ends = receivers.into_iter().zip(senders);
    ends.map(|(mine, next)| Turn { mine, next }).collect()
}

/// Takes one batch, on this thread.
pub(super) fn one<W: Work>(batch: &Batch, work: &W, take: &mut dyn Take<W>) -> ControlFlow<()> {
    let done = parse(batch, work, &mut work.own());
    take.take(batch, done)
}

/// Takes all that `source` has, on so many threads.
pub(super) fn run<W: Work>(source: &mut Source, work: &W, take: &mut dyn Take<W>, threads: usize) {
    let reading = ring(source, threads);
    let taking = ring(take, threads);
    thread::scope(|scope| {
        for (reading, taking) in reading.into_iter().zip(taking) {
            scope.spawn(move || member(&reading, &taking, work));
        }
    });
}

/// Ends where the file does, or where another one has: then no turn comes any more.
fn member<W: Work>(reading: &Turn<&mut Source>, taking: &Turn<&mut dyn Take<W>>, work: &W) {
    let mut own = work.own();
    let mut batch = Batch::default();
    while let Ok(source) = reading.mine.recv() {
        let goes_on = source.fill(&mut batch);
        // Nobody listens any more where the end was reached.
        let _ = reading.next.send(source);
        if !goes_on {
            return;
        }
        let done = parse(&batch, work, &mut own);
        let Ok(take) = taking.mine.recv() else {
            return;
        };
        if take.take(&batch, done).is_break() {
            return;
        }
        let _ = taking.next.send(take);
    }
}

fn parse<'a, W: Work>(batch: &'a Batch, work: &W, own: &mut W::Own) -> Vec<W::Done<'a>> {
    batch.lines().map(|line| work.line(own, &line)).collect()
}
