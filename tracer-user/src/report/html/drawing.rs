//! The pictures: inline SVG, in the colours of the page.

use std::{fmt::Write as _, net::SocketAddr};

use super::{
    ladder::{Fate, Ladder, Lane, Step},
    markup::{short, short_in_the_middle, text},
};

/// Columns of series; the last one is for all others together.
pub(super) const COLOURS: usize = 8;

const LANE: usize = 190;
const HEAD: usize = 56;
const ROW: usize = 44;
/// The middle of the first lane: times stand left of it, below its name.
const FIRST: usize = 112;

/// A sequence diagram.
pub(super) fn ladder(ladder: &Ladder) -> String {
    let width = middle(ladder.lanes.len()) - LANE / 2;
    let height = HEAD + ROW * ladder.steps.len() + 14;
    let mut svg = format!(
        "<svg class=ladder viewBox=\"0 0 {width} {height}\" role=img \
         aria-label=\"sequence of packets\" style=\"min-width:{}px;max-width:{}px\">",
        width * 17 / 20,
        width * 5 / 4,
    );
    for (nth, lane) in ladder.lanes.iter().enumerate() {
        life(&mut svg, nth, lane, height);
    }
    let mut before = "";
    for (nth, step) in ladder.steps.iter().enumerate() {
        let y = HEAD + ROW * nth + 26;
        let time = step.time.as_deref().map_or("", clock);
        if time != before {
            let _ = write!(svg, "<text class=d x=4 y={}>{}</text>", y + 4, text(time));
            before = time;
        }
        match step.fate {
            Fate::Here => note(&mut svg, step, y, ladder.lanes.len()),
            _ => arrow(&mut svg, step, y),
        }
    }
    svg + "</svg>"
}

/// `18:31:02.123456` of an RFC 3339 time.
fn clock(time: &str) -> &str {
    let day = time.split_once('T').map_or(time, |(_, day)| day);
    day.get(..15).unwrap_or(day)
}

fn middle(lane: usize) -> usize {
    FIRST + LANE * lane
}

fn life(svg: &mut String, nth: usize, lane: &Lane, height: usize) {
    let x = middle(nth);
    let _ = write!(
        svg,
        "<text class=t text-anchor=middle x={x} y=20>{}<title>{}</title></text>\
         <text class=d text-anchor=middle x={x} y=37>{}<title>{}</title></text>\
         <path class=life d=\"M{x} 46V{}\"/>",
        short(&lane.name, 23),
        text(&lane.name),
        below(&lane.below),
        text(&lane.below),
        height - 6,
    );
}

/// What stands below a lane's name; the end of an address is its port.
fn below(text: &str) -> String {
    const CHARACTERS: usize = 27;
    if text.parse::<SocketAddr>().is_ok() {
        short_in_the_middle(text, CHARACTERS)
    } else {
        short(text, CHARACTERS)
    }
}

/// Something that happened at one end; its words stand toward the middle.
fn note(svg: &mut String, step: &Step, y: usize, lanes: usize) {
    let x = middle(step.from);
    let between = (lanes - 1).max(1) * LANE;
    let (at, anchor, room) = if step.from + 1 == lanes {
        (x - 10, "end", between)
    } else {
        (x + 10, "start", between + LANE / 2 - 15)
    };
    let _ = write!(
        svg,
        "<circle class=tip cx={x} cy={y} r=4 /><text text-anchor={anchor} x={at} y={}>{}\
         <title>{}</title></text>",
        y + 4,
        short(&step.what, room / 7),
        text(&step.what),
    );
}

fn arrow(svg: &mut String, step: &Step, y: usize) {
    let (from, to) = (middle(step.from), middle(step.to));
    let back = to < from;
    let class = match step.fate {
        Fate::NotKnown => "go maybe",
        _ => "go",
    };
    let tip = if back { to + 9 } else { to.saturating_sub(9) };
    let end = match step.fate {
        // It came so far and no further.
        Fate::Dropped => to,
        _ => tip,
    };
    let _ = write!(svg, "<path class=\"{class}\" d=\"M{from} {y}H{end}\"/>");
    if step.fate == Fate::Dropped {
        let _ = write!(
            svg,
            "<path class=lost d=\"M{} {}l14 14m0 -14l-14 14\"/>",
            to - 7,
            y - 7
        );
    } else {
        let _ = write!(
            svg,
            "<path class=tip d=\"M{to} {y}L{tip} {}V{}Z\"/>",
            y - 4,
            y + 4
        );
    }
    let x = usize::midpoint(from, to);
    let room = (from.abs_diff(to) / 8).max(20);
    let _ = write!(
        svg,
        "<text text-anchor=middle x={x} y={}>{}<title>{}</title></text>",
        y - 6,
        short(&step.what, room),
        text(&step.what)
    );
    if !step.why.is_empty() {
        let class = if step.fate == Fate::Dropped {
            "d bad"
        } else {
            "d"
        };
        let _ = write!(
            svg,
            "<text class=\"{class}\" text-anchor=middle x={x} y={}>{}<title>{}</title></text>",
            y + 15,
            short(&step.why, room.max(26)),
            text(&step.why)
        );
    }
}

/// Bars upon each other, one column a bucket: `series` has, for each colour, the counts. Its text
/// stands beside it, so that it may be stretched.
pub(super) fn stacked(series: &[(usize, String, Vec<u64>)], buckets: usize, most: u64) -> String {
    let mut svg = format!(
        "<svg viewBox=\"0 0 {} 1000\" preserveAspectRatio=none role=img \
         aria-label=\"failures over time by cause\">",
        buckets * 10
    );
    let scale = |count: u64| u128::from(count) * 1000 / u128::from(most.max(1));
    let mut heights = vec![0_u64; buckets];
    for (colour, name, counts) in series {
        let name = text(name);
        let _ = write!(svg, "<g class=s{colour}>");
        for (nth, (&count, height)) in counts.iter().zip(&mut heights).enumerate() {
            if count == 0 {
                continue;
            }
            let below = scale(*height);
            *height = height.saturating_add(count);
            let top = scale(*height).max(below + 4).min(1000);
            let _ = write!(
                svg,
                "<rect x={} y={} width=9 height={}><title>{name}: {count}</title></rect>",
                nth * 10,
                1000 - top,
                top.saturating_sub(below),
            );
        }
        svg += "</g>";
    }
    svg + "</svg>"
}

/// One incident over the whole time: a line while it lasted, bars where it failed. Places are
/// thousandths of the time.
pub(super) fn lane(colour: usize, lasted: (u64, u64), bars: &[(u64, u64, u64)]) -> String {
    let most = bars.iter().map(|bar| bar.2).max().unwrap_or(1).max(1);
    let mut svg = format!(
        "<svg viewBox=\"0 0 1000 24\" preserveAspectRatio=none aria-hidden=true>\
         <g class=s{colour}><rect x={} y=21 width={} height=3 />",
        lasted.0,
        lasted.1.saturating_sub(lasted.0).max(4),
    );
    for &(from, to, count) in bars.iter().filter(|bar| bar.2 > 0) {
        // A few are as worth seeing as many.
        let height = 6 + 14 * u128::from(count) / u128::from(most);
        let _ = write!(
            svg,
            "<rect x={from} y={} width={} height={height}><title>{count}</title></rect>",
            21 - height,
            to.saturating_sub(from).max(3),
        );
    }
    svg + "</g></svg>"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{report::html::ladder::of, show::sample};

    #[test]
    fn names_in_a_ladder_are_no_markup() {
        let mut failure = sample::failure();
        if let Some(process) = failure.process.as_mut() {
            process.comm = "<script>\"'".to_owned();
        }
        failure.why = vec!["</svg><b>".to_owned()];
        let svg = ladder(&of(&failure, &[]));
        assert!(!svg.contains("<script") && !svg.contains("<b>"), "{svg}");
        assert_eq!(svg.matches("</svg>").count(), 1);
        assert_eq!(svg.matches("class=lost").count(), 3);
    }

    #[test]
    fn bars_stand_upon_each_other() {
        let series = [
            (0, "a".to_owned(), vec![1, 0]),
            (1, "b".to_owned(), vec![1, 2]),
        ];
        let svg = stacked(&series, 2, 2);
        for part in [
            "x=0 y=500 width=9 height=500",
            "x=0 y=0 width=9 height=500",
            "x=10 y=0 width=9 height=1000",
        ] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
    }
}
