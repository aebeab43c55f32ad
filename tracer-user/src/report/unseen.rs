//! What could not be seen, or is not shown.

use super::{
    collect::Collector,
    model::{Gap, Source, Unseen},
};
use crate::{record::Ledger, show::text::losses, trace::Fault};

/// Every gap, those that may hide failures first.
pub(super) fn gaps(collector: &Collector) -> Vec<Unseen> {
    let mut all = Vec::new();
    for (nth, source) in collector.sources.iter().enumerate() {
        let mut gaps = Gaps::new(Some(&source.file));
        // The ledgers of the parts of one run count from its beginning.
        let goes_on = collector.sources[nth + 1..].iter().any(|later| {
            source.begun.is_some() && (&later.host, &later.begun) == (&source.host, &source.begun)
        });
        match &source.ledger {
            Some(ledger) if !goes_on => of_ledger(ledger, &mut gaps),
            None if !goes_on => gaps.add(
                Gap::Lost,
                "it has no ledger: what was lost while recording is not known",
            ),
            _ => {}
        }
        of_source(source, &mut gaps);
        all.extend(gaps.list);
    }
    let mut gaps = Gaps::new(None);
    of_all(collector, &mut gaps);
    all.extend(gaps.list);
    all.sort_by_key(|gap| gap.kind as u8);
    all
}

/// Gaps of one file, or of all.
struct Gaps {
    of: Option<String>,
    list: Vec<Unseen>,
}

impl Gaps {
    fn new(of: Option<&str>) -> Self {
        Self {
            of: of.map(str::to_owned),
            list: Vec::new(),
        }
    }

    fn add(&mut self, kind: Gap, text: impl Into<String>) {
        self.list.push(Unseen {
            kind,
            of: self.of.clone(),
            text: text.into(),
        });
    }

    /// Where there is any: so many of `what`.
    fn count(&mut self, kind: Gap, count: u64, what: &str) {
        if count > 0 {
            self.add(kind, format!("{count} {what}"));
        }
    }
}

fn of_all(collector: &Collector, gaps: &mut Gaps) {
    if collector.lossy > 0 {
        let text = format!(
            "while {} of these failures went on, events were lost: their verdicts are likely at most",
            collector.lossy
        );
        gaps.add(Gap::Lost, text);
    }
    gaps.count(
        Gap::Filtered,
        collector.filtered,
        "failures of the traces are left out of this report",
    );
    if !collector.successes_known {
        gaps.add(
            Gap::NotRecorded,
            "connections that succeed were not recorded (--all): which share of the attempts failed \
             is not known",
        );
    }
    gaps.count(
        Gap::LeftOut,
        collector.ends_beyond,
        "connections, the last ones, were not compared between hosts: too many",
    );
    let hosts = collector.hosts.iter();
    gaps.count(
        Gap::LeftOut,
        hosts.map(|host| host.groups_left_out).sum(),
        "incidents, the least important ones, are only counted",
    );
}

fn of_ledger(ledger: &Ledger, gaps: &mut Gaps) {
    for text in losses(ledger) {
        gaps.add(Gap::Lost, text);
    }
    if let Some(forgotten) = &ledger.forgotten {
        gaps.count(
            Gap::Lost,
            forgotten.failures,
            "failures were no longer in the history (--last, --memory) when it was written",
        );
        gaps.count(
            Gap::Lost,
            forgotten.evicted,
            "records went from the history before their time, since --memory was full",
        );
        gaps.count(
            Gap::NotRecorded,
            forgotten.expired,
            "records were older than --last when the history was written",
        );
    }
    gaps.count(
        Gap::Filtered,
        ledger.failures_filtered,
        "failures were filtered out while recording",
    );
    let hooks = ledger.hooks.values();
    gaps.count(
        Gap::LeftOut,
        hooks.fold(0, |sum, hook| sum.saturating_add(hook.summarized)),
        "events at listeners are only counted: too many in too short a time",
    );
    gaps.count(
        Gap::CutShort,
        ledger.failures_pending,
        "failures were still under way when recording ended",
    );
}

fn of_source(source: &Source, gaps: &mut Gaps) {
    for missing in &source.degraded {
        let text = format!("{}: {}; {}", missing.what, missing.why, missing.effect);
        gaps.add(Gap::Degraded, text);
    }
    for problem in &source.problems {
        let kind = match problem.fault {
            Fault::CutShort | Fault::CutOff => Gap::CutShort,
            _ => Gap::Damaged,
        };
        gaps.add(kind, problem.text.clone());
    }
}
