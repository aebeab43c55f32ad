//! What could not be seen, or is not shown.

use super::{
    collect::Collector,
    model::{Gap, Source, Unseen},
};
use crate::{record::Ledger, show::text::losses, trace::Fault};

/// Every gap, those that may hide failures first.
pub(super) fn gaps(collector: &Collector) -> Vec<Unseen> {
    let mut gaps = Vec::new();
    for (nth, source) in collector.sources.iter().enumerate() {
        // The ledgers of the parts of one run count from its beginning.
        let goes_on = collector.sources[nth + 1..].iter().any(|later| {
            source.begun.is_some() && (&later.host, &later.begun) == (&source.host, &source.begun)
        });
        if let Some(ledger) = source.ledger.as_ref().filter(|_| !goes_on) {
            of_ledger(&source.file, ledger, &mut gaps);
        }
        of_source(source, &mut gaps);
    }
    let mut add = |kind, text: String| {
        gaps.push(Unseen {
            kind,
            of: None,
            text,
        });
    };
    if collector.lossy > 0 {
        let text = format!(
            "while {} of these failures went on, events were lost: their verdicts are likely at most",
            collector.lossy
        );
        add(Gap::Lost, text);
    }
    if collector.filtered > 0 {
        let text = format!(
            "{} failures of the traces are left out of this report",
            collector.filtered
        );
        add(Gap::Filtered, text);
    }
    if !collector.successes_known {
        let text = "connections that succeed were not recorded (--all): which share of the attempts \
                    failed is not known";
        add(Gap::NotRecorded, text.to_owned());
    }
    if collector.ends_beyond > 0 {
        let text = format!(
            "{} connections, the last ones, were not compared between hosts: too many",
            collector.ends_beyond
        );
        add(Gap::LeftOut, text);
    }
    let left_out: u64 = collector
        .hosts
        .iter()
        .map(|host| host.groups_left_out)
        .sum();
    if left_out > 0 {
        let text = format!("{left_out} incidents, the least important ones, are only counted");
        add(Gap::LeftOut, text);
    }
    gaps.sort_by_key(|gap| gap.kind as u8);
    gaps
}

fn of_ledger(file: &str, ledger: &Ledger, gaps: &mut Vec<Unseen>) {
    let mut add = |kind, text: String| {
        let of = Some(file.to_owned());
        gaps.push(Unseen { kind, of, text });
    };
    for text in losses(ledger) {
        add(Gap::Lost, text);
    }
    if ledger.failures_filtered > 0 {
        let text = format!(
            "{} failures were filtered out while recording",
            ledger.failures_filtered
        );
        add(Gap::Filtered, text);
    }
    if ledger.failures_pending > 0 {
        let text = format!(
            "{} failures were still under way when recording ended",
            ledger.failures_pending
        );
        add(Gap::CutShort, text);
    }
}

fn of_source(source: &Source, gaps: &mut Vec<Unseen>) {
    let of = Some(source.file.clone());
    let mut add = |kind, text: String| {
        let of = of.clone();
        gaps.push(Unseen { kind, of, text });
    };
    for missing in &source.degraded {
        let text = format!("{}: {}; {}", missing.what, missing.why, missing.effect);
        add(Gap::Degraded, text);
    }
    for problem in &source.problems {
        let kind = match problem.fault {
            Fault::CutShort | Fault::CutOff => Gap::CutShort,
            _ => Gap::Damaged,
        };
        add(kind, problem.text.clone());
    }
}
