//! Attribution and diagnosis of a recorded trace, as they were done live: the same events in the same
//! order, and what was found out beside them. Pure: on any machine, without root.

mod inbound;

use std::collections::{HashMap, VecDeque};

use self::inbound::{Around, Fate, Inbound};
use crate::{
    attribute::{Attempt, Enrichment, Tracker, listener::Look},
    clock::Clock,
    decode::wire,
    diagnose::Places,
    judge::{Judged, judge},
    record::{Confidence, Context, Failure, Header, Ledger, Record, TurnedAway},
};

/// `--max-attempts` of a trace that does not say.
const DEFAULT_ATTEMPTS: usize = 65_536;
/// Verdicts that wait for the recorded ones to be compared with.
const MAX_WAITING: usize = 65_536;

/// Replays one trace, record by record.
pub struct Replay {
    run: Option<Run>,
    /// Failures of the recording that came out as they were, and those that did not.
    pub compared: Compared,
    /// Failures at listeners, handed out as they were recorded: the trace does not have what they were
    /// judged by, or has it not from the beginning of the run.
    pub handed_on: u64,
    /// Events that were replayed.
    pub events: u64,
    /// The last ledger of the recording.
    pub ledger: Option<Ledger>,
    waiting: HashMap<String, Verdict>,
}

/// How replayed failures compare with the recorded ones; those that a filter left out of the
/// recording are not compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// With the same cause and confidence.
    pub same: u64,
    /// With another one.
    pub changed: u64,
    /// Recorded, and not found again.
    pub missing: u64,
}

/// What is compared of a failure.
type Verdict = (String, Confidence);

fn verdict(failure: &Failure) -> Verdict {
    (failure.cause.clone(), failure.confidence)
}

/// One run of tcpwhy; its trace may have several parts.
struct Run {
    host: String,
    boot_id: String,
    time: String,
    part: Option<u32>,
    clock: Clock,
    tracker: Tracker,
    /// `None` where the beginning of the run, or a part after it, is not there.
    inbound: Option<Inbound>,
    places: Places,
    connections: bool,
    /// It has what a replay needs.
    scripted: bool,
}

impl Run {
    fn new(header: &Header) -> Self {
        Self {
            host: header.host.clone(),
            boot_id: header.boot_id.clone(),
            time: header.time.clone(),
            part: header.part,
            clock: Clock {
                offset_ns: header.clock_offset_ns,
            },
            tracker: Tracker::new(DEFAULT_ATTEMPTS),
            inbound: None,
            places: Places::default(),
            connections: false,
            scripted: false,
        }
    }

    /// Parts of one run have the same header, but for their numbers.
    fn goes_on_in(&self, header: &Header) -> bool {
        (&self.host, &self.boot_id, &self.time) == (&header.host, &header.boot_id, &header.time)
    }
}

impl Default for Replay {
    fn default() -> Self {
        Self::new()
    }
}

impl Replay {
    /// Begins.
    #[must_use]
    pub fn new() -> Self {
        Self {
            run: None,
            compared: Compared::default(),
            handed_on: 0,
            events: 0,
            ledger: None,
            waiting: HashMap::new(),
        }
    }

    /// Takes one record of the trace, and hands out those that follow from it: failures, and with
    /// `--all` of the recording connections.
    ///
    /// # Errors
    /// What is wrong with the record, in one line; the replay may go on.
    pub fn take(&mut self, record: Record, tell: &mut dyn FnMut(Record)) -> Result<(), String> {
        match record {
            Record::Header(header) => self.header(&header, tell),
            Record::Event(event) => {
                if let Some(wire) = &event.wire {
                    self.observe(wire)?;
                }
            }
            Record::Context(context) => self.context(*context, tell)?,
            Record::Failure(failure) if failure.listener.is_some() => {
                self.compare_turned_away(failure, tell);
            }
            Record::Failure(failure) => self.compare(&failure),
            Record::Ledger(ledger) => self.ledger = Some(ledger),
            Record::Trailer(trailer) => self.ledger = Some(trailer.ledger),
            Record::Connection(_) | Record::Incident(_) | Record::Counters(_) => {}
        }
        Ok(())
    }

    /// Whether the trace has what a replay needs.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.scripted)
    }

    /// The trace is over: hands out what was turned away and not judged any more.
    pub fn end(&mut self, tell: &mut dyn FnMut(Record)) {
        let rest = self.run.as_mut().map(Run::rest).unwrap_or_default();
        for failure in rest {
            tell(Record::Failure(Box::new(failure)));
        }
    }

    fn header(&mut self, header: &Header, tell: &mut dyn FnMut(Record)) {
        match &mut self.run {
            Some(run) if run.goes_on_in(header) => {
                let next = run.part.map(|part| part + 1);
                run.part = header.part;
                if next.is_none() || next != header.part {
                    self.end(tell);
                    self.run.iter_mut().for_each(|run| run.inbound = None);
                }
            }
            _ => {
                self.end(tell);
                self.run = Some(Run::new(header));
            }
        }
    }

    fn run(&mut self) -> Result<&mut Run, String> {
        self.run
            .as_mut()
            .ok_or_else(|| "there is no header before it: its clock is not known".to_owned())
    }

    fn observe(&mut self, wire: &serde_json::Value) -> Result<(), String> {
        let event = wire::from_json(wire)?;
        let run = self.run()?;
        if let Some(inbound) = &mut run.inbound {
            inbound.observe(&event);
        }
        run.tracker.observe(event);
        self.events += 1;
        Ok(())
    }

    fn context(&mut self, context: Context, tell: &mut dyn FnMut(Record)) -> Result<(), String> {
        match context {
            Context::Run {
                max_attempts,
                connections,
                own_netns,
                known_listeners_only,
                names_receivers,
            } => {
                let run = self.run()?;
                let max_attempts = usize::try_from(max_attempts).unwrap_or(DEFAULT_ATTEMPTS);
                run.tracker = Tracker::new(max_attempts);
                // Traces that do not say so come from kernels that do.
                let named = names_receivers.unwrap_or(true);
                let inbound = |known_only| Inbound::new(known_only, named);
                run.inbound = known_listeners_only.map(inbound);
                run.connections = connections;
                run.places.own = own_netns;
                run.scripted = true;
            }
            Context::Announced { wire } => self.observe(&wire)?,
            Context::Ways { ways } => {
                let known = &mut self.run()?.places.ways;
                for way in ways {
                    match way.way {
                        Some(text) => known.insert(way.netns, text),
                        None => known.remove(&way.netns),
                    };
                }
            }
            Context::Judged { now_ns, attempts } => self.judge(now_ns, attempts, tell)?,
            Context::Look { look } => {
                let look = Look::from_json(&look)?;
                if let Some(inbound) = &mut self.run()?.inbound {
                    inbound.look(&look);
                }
            }
            Context::TurnedAway { now_ns, failures } => {
                for failure in self.run()?.turned_away(now_ns, &failures) {
                    tell(Record::Failure(Box::new(failure)));
                }
            }
        }
        Ok(())
    }

    fn judge(
        &mut self,
        now_ns: u64,
        attempts: Vec<serde_json::Value>,
        tell: &mut dyn FnMut(Record),
    ) -> Result<(), String> {
        // Of attempts whose beginnings were not seen, several may have the same key.
        let mut enrichments: HashMap<_, VecDeque<Enrichment>> = HashMap::new();
        for value in attempts {
            let enrichment: Enrichment =
                serde_json::from_value(value).map_err(|why| format!("judged: {why}"))?;
            let same = enrichments.entry(enrichment.attempt).or_default();
            same.push_back(enrichment);
        }
        if self.waiting.len() > MAX_WAITING {
            self.waiting.clear();
        }
        let run = self.run()?;
        run.scripted = true;
        let mut failures = Vec::new();
        for mut attempt in run.tracker.due(now_ns) {
            // What was not judged then (its record is lost) is judged by its events alone.
            let same = enrichments.get_mut(&(attempt.sk, attempt.start_ns));
            if let Some(enrichment) = same.and_then(VecDeque::pop_front) {
                enrichment.give(&mut attempt);
            }
            if let Some(record) = run.judge(&attempt) {
                if let Record::Failure(failure) = &record {
                    failures.push((failure.id.clone(), verdict(failure)));
                }
                tell(record);
            }
        }
        self.waiting.extend(failures);
        Ok(())
    }

    /// A recorded failure follows what it was judged by.
    fn compare(&mut self, recorded: &Failure) {
        match self.waiting.remove(&recorded.id) {
            Some(told) if told == verdict(recorded) => self.compared.same += 1,
            Some(_) => self.compared.changed += 1,
            None => self.compared.missing += 1,
        }
    }

    /// The same of what a listener turned away; it is handed on where it cannot be judged.
    fn compare_turned_away(&mut self, recorded: Box<Failure>, tell: &mut dyn FnMut(Record)) {
        let inbound = self.run.as_mut().and_then(|run| run.inbound.as_mut());
        match inbound.map_or(Fate::Unknown, |it| it.fate(&recorded)) {
            Fate::Told(told) if told == verdict(&recorded) => self.compared.same += 1,
            Fate::Told(_) | Fate::Otherwise => self.compared.changed += 1,
            Fate::Missing => self.compared.missing += 1,
            Fate::Unknown => {
                self.handed_on += 1;
                tell(Record::Failure(recorded));
            }
        }
    }
}

impl Run {
    fn judge(&self, attempt: &Attempt) -> Option<Record> {
        match judge(attempt, &self.places, self.clock) {
            Judged::Failed(failure) => Some(Record::Failure(failure)),
            Judged::LostRace(connection) | Judged::Closed(connection) => {
                self.connections.then_some(Record::Connection(connection))
            }
        }
    }

    fn turned_away(&mut self, now_ns: u64, recorded: &[TurnedAway]) -> Vec<Failure> {
        let (inbound, around) = self.inbound();
        inbound.map_or_else(Vec::new, |it| it.judge(now_ns, recorded, around))
    }

    fn rest(&mut self) -> Vec<Failure> {
        let (inbound, around) = self.inbound();
        inbound.map_or_else(Vec::new, |it| it.rest(around))
    }

    fn inbound(&mut self) -> (Option<&mut Inbound>, Around<'_>) {
        let around = Around {
            tracker: &self.tracker,
            places: &self.places,
            clock: self.clock,
        };
        (self.inbound.as_mut(), around)
    }
}
