//! One incident: what happened to whom, why, and what to do.

use super::{
    drawing, ladder,
    markup::{anchor, list, text},
    overview::span,
};
use crate::{
    record::{Confidence, Event, Failure, IncidentState, Severity},
    report::{
        model::{OtherEnd, Report, Story},
        words::{found, who, word},
    },
    show::number::{number, plural},
};

/// The class of a severity, in the style.
pub(super) fn severity(severity: Severity) -> &'static str {
    word(severity)
}

pub(super) fn doubt(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Certain => "",
        Confidence::Likely => "likely",
        Confidence::Unknown => "not sure",
    }
}

/// All there is about an incident.
pub(super) fn tell(page: &mut String, story: &Story, report: &Report) {
    let incident = &story.incident;
    let class = severity(incident.severity);
    let (cause, confidence) = found(story);
    *page += &format!(
        "<article class={class} id=\"{}\"><div class=head><span class=\"badge {class}\">{class}\
         </span><code>{}</code><span class=dim>{}</span><span class=dim>{}</span></div><h3>{}</h3>",
        id(story),
        text(&cause),
        doubt(confidence),
        text(&story.name(report.has_several_hosts())),
        text(&incident.summary),
    );
    if let Some(verdict) = &story.verdict {
        *page += &format!(
            "<p><b>Both ends together:</b> {}</p>",
            text(&verdict.summary)
        );
    }
    facts(page, story, report);
    block(page, "Why", &list("ol", "chain", &incident.why));
    if let Some(stuck_on) = &incident.stuck_on {
        *page += &format!("<p>stuck on <code>{}</code></p>", text(stuck_on));
    }
    if let Some(sample) = &story.sample {
        figure(page, sample, &[]);
    }
    block(page, "Evidence", &list("ul", "", &story.evidence));
    for end in &story.other_ends {
        other_end(page, end);
        if end.fix != incident.fix {
            commands(page, "What to do there", &end.fix);
        }
    }
    commands(page, "What to do", &incident.fix);
    if let Some(sample) = &story.sample {
        block(page, "Missing", &list("ul", "", &sample.missing));
    }
    *page += &format!("<p class=dim>process: {}</p>", text(&who(story)));
    page.push_str("</article>");
}

/// Where links to an incident lead.
pub(super) fn id(story: &Story) -> String {
    let host = story.host.as_deref().unwrap_or_default();
    anchor(&format!("{}-{host}", story.incident.id))
}

fn facts(page: &mut String, story: &Story, report: &Report) {
    let incident = &story.incident;
    let going_on = match incident.state {
        IncidentState::Open => ", open when the trace ended",
        IncidentState::Closed => "",
    };
    *page += &format!(
        "<ul class=facts><li><b>{}</b></li><li>{}{going_on}</li><li>{}</li>",
        plural(incident.count, "failure"),
        text(&span(&incident.first, &incident.last)),
        text(&incident.severity_reason),
    );
    if story.wanted < incident.count {
        *page += &format!("<li>{} of them are asked for</li>", number(story.wanted));
    }
    if let Some(host) = story.host.as_ref().filter(|_| report.has_several_hosts()) {
        *page += &format!("<li>on {}</li>", text(host));
    }
    page.push_str("</ul>");
}

/// The packets of one failure, as a picture.
pub(super) fn figure(page: &mut String, failure: &Failure, events: &[Event]) {
    let ladder = ladder::of(failure, events);
    let times = if events.is_empty() {
        "The record tells what was sent and where it ended, but not when: only the first and the \
         last line have a time, and packets of different kinds may have met in another order."
    } else {
        "Each line is an event of the trace, at its time."
    };
    let left_out = match ladder.left_out {
        0 => String::new(),
        many => format!(" {} more are not drawn.", plural(many as u64, "line")),
    };
    let solid = "Solid: it arrived. Dashed: whether it arrived is not known.";
    *page += &format!(
        "<figure><div class=scroll>{}</div><figcaption>One failed connection, <code>{}</code>. {times} {solid}{left_out}\
         </figcaption></figure>",
        drawing::ladder(&ladder),
        text(&failure.id)
    );
}

/// A heading and what belongs to it; nothing where that is nothing.
pub(super) fn block(page: &mut String, title: &str, html: &str) {
    if !html.is_empty() {
        *page += &format!("<h4>{title}</h4>{html}");
    }
}

/// What to do: commands first, each to be copied.
pub(super) fn commands(page: &mut String, title: &str, lines: &[String]) {
    if !lines.is_empty() {
        let lines: Vec<String> = lines.iter().take(40).map(|line| text(line)).collect();
        block(page, title, &format!("<pre>{}</pre>", lines.join("\n")));
    }
}

fn other_end(page: &mut String, end: &OtherEnd) {
    *page += &format!(
        "<h4>The other end</h4><p>{} saw {} of these connections too (joined by {}): \
         <code>{}</code> <span class=dim>{}</span></p><p>{}</p>{}{}",
        text(&end.host),
        end.joined,
        text(&end.joined_by),
        text(&end.cause),
        doubt(end.confidence),
        text(&end.summary),
        list("ol", "chain", &end.why),
        list("ul", "", &end.evidence),
    );
}
