//! What could not be seen, or is not shown.

use super::{
    collect::Collector,
    model::{Gap, Source, Unseen},
};
use crate::{show::text::losses, trace::Fault};

/// Every gap, those that may hide failures first.
pub(super) fn gaps(collector: &Collector) -> Vec<Unseen> {
    let mut gaps = Vec::new();
    for source in &collector.sources {
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

fn of_source(source: &Source, gaps: &mut Vec<Unseen>) {
    let of = Some(source.file.clone());
    let mut add = |kind, text: String| {
        let of = of.clone();
        gaps.push(Unseen { kind, of, text });
    };
    if let Some(ledger) = &source.ledger {
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
