//! For people.

use super::page::{Branch, CausePage, Count, ErrorPage, Explanation, ReasonPage, Setting};
use crate::{cause::Cause, escape::escape};

/// Prose is wrapped at this many columns; commands are not.
pub(super) const COLUMNS: usize = 100;
/// What [`crate::cause::FILL_IN`] stand for.
pub(super) const FILL_IN_LINE: &str = "REMOTE, PORT: the far end; LOCAL: own address; DEV: network \
                                       device; PID: process; NEXT_HOP: router.";
/// Where facts of a reason begin.
const INDENT: usize = 16;

/// All that a name stands for; `page` is the one cause that its reasons lead to.
pub(super) fn explanation(found: &Explanation, page: Option<&CausePage>) -> String {
    let mut parts: Vec<String> = found.causes.iter().map(cause).collect();
    let kinds = [
        ("drop reason", "enum skb_drop_reason", &found.drop_reasons),
        ("reset reason", "enum sk_rst_reason", &found.reset_reasons),
    ];
    for (kind, source, reasons) in kinds {
        parts.extend(
            reasons
                .iter()
                .map(|it| reason(it, kind, source, page.is_some())),
        );
    }
    parts.extend(page.map(cause));
    parts.extend(found.errnos.iter().map(error));
    parts.join("\n")
}

/// The fault tree.
pub(super) fn tree(branches: &[Branch]) -> String {
    let mut text = "Why a TCP connection fails\n".to_owned();
    for (nth, branch) in branches.iter().enumerate() {
        let last = nth + 1 == branches.len();
        let (fork, trunk) = if last {
            ("└─", "  ")
        } else {
            ("├─", "│ ")
        };
        text += &format!("│\n{fork} {}: {}\n", branch.place, branch.about);
        for (nth, cause) in branch.causes.iter().enumerate() {
            let fork = if nth + 1 == branch.causes.len() {
                "└─"
            } else {
                "├─"
            };
            text += &format!("{trunk} {fork} {:23} {}\n", cause.code, cause.title);
        }
    }
    text += "\n'tcpwhy explain CODE' tells more; drop reasons, reset reasons and errnos are \
             explained too.\n";
    text
}

fn cause(page: &CausePage) -> String {
    let mut text = format!("{}: {}\n", page.code, page.title);
    fact(
        &mut text,
        "place",
        &format!("{} ({})", page.place, page.place_about),
    );
    for (name, list) in [
        ("errno", page.errnos),
        ("drop reasons", page.drop_reasons),
        ("reset reasons", page.reset_reasons),
    ] {
        if !list.is_empty() {
            fact(&mut text, name, &list.join(", "));
        }
    }
    for (heading, prose) in [
        ("What you see", page.sees),
        ("How the kernel gets there", page.kernel_path),
    ] {
        text += &format!("\n{heading}\n");
        wrap(&mut text, prose, "  ", 2);
    }
    if !page.kernel_files.is_empty() {
        wrap(
            &mut text,
            &format!("({})", page.kernel_files.join(", ")),
            "  ",
            2,
        );
    }
    for (heading, lines) in [("Confirm", page.confirm), ("Mend", page.mend)] {
        text += &format!("\n{heading}\n");
        for line in lines {
            text += &format!("  - {line}\n");
        }
    }
    present(&mut text, page);
    text += &format!("\n{FILL_IN_LINE}\n");
    let note = "Other words in capitals are yours to choose. [In brackets]: the Debian package of \
                the command. In another network namespace, put 'nsenter -n -t PID' before a \
                command.";
    wrap(&mut text, note, "", 0);
    text
}

/// Present values, under one heading for each scope; nothing where there is none.
fn present(text: &mut String, page: &CausePage) {
    for (scope, host_wide) in [("this network namespace", false), ("the whole host", true)] {
        let mut settings = page
            .settings
            .iter()
            .filter(|setting| setting.host_wide == host_wide)
            .peekable();
        if settings.peek().is_some() {
            *text += &format!("\nPresent values here ({scope})\n");
            text.extend(settings.map(setting));
        }
    }
    for (heading, counts) in [
        (
            "Counters here (this network namespace, since it was made)",
            &page.counters,
        ),
        (
            "In use here (/proc/net/sockstat; mem in pages)",
            &page.usage,
        ),
    ] {
        if !counts.is_empty() {
            *text += &format!("\n{heading}\n");
            text.extend(counts.iter().map(|it| format!("  {}\n", count(it))));
        }
    }
}

fn setting(setting: &Setting) -> String {
    let name = escape(&setting.name);
    match setting.value.as_deref() {
        Some("") => format!("  {name} is empty\n"),
        Some(value) => format!("  {name} = {}\n", escape(value)),
        // The kernel shows some of them in the first network namespace only.
        None if setting.host_wide => format!("  {name}: not to be read here\n"),
        None => format!("  {name}: not on this host\n"),
    }
}

fn count(count: &Count) -> String {
    match count.value {
        Some(value) => format!("{} = {value}", count.name),
        None => format!("{}: not on this host", count.name),
    }
}

fn reason(page: &ReasonPage, kind: &str, source: &str, page_follows: bool) -> String {
    let name = escape(&page.name);
    let Some(meaning) = page.meaning else {
        return format!(
            "{name}: a {kind} of this kernel, not yet described here; the kernel's source says \
                more ({source})\n"
        );
    };
    let mut text = String::new();
    wrap(&mut text, &format!("{name}: {meaning}"), "", 2);
    fact(&mut text, "kind", &format!("{kind} ({source})"));
    if let Some(weight) = page.weight {
        fact(&mut text, "weight", weight.about());
    }
    if !page.counters.is_empty() {
        let counts: Vec<String> = page.counters.iter().map(count).collect();
        fact(&mut text, "counters here", &counts.join(", "));
    }
    if !page.look.is_empty() {
        text += &format!("  {:14}{}\n", "look at", page.look);
    }
    if !page_follows {
        causes(&mut text, "\nCauses it can lead to\n", &page.causes);
    }
    text
}

fn error(page: &ErrorPage) -> String {
    let mut text = format!("{} ({}): {}\n", page.name, page.number, page.message);
    if let Some(weight) = page.weight {
        fact(&mut text, "weight", weight.about());
    }
    for call in &page.calls {
        fact(&mut text, call.call, call.meaning);
    }
    if let Some(path) = page.kernel_path {
        text += "\nHow the kernel gets there\n";
        wrap(&mut text, path, "  ", 2);
    }
    causes(&mut text, "\nCauses that can end in it\n", &page.causes);
    text
}

fn causes(text: &mut String, heading: &str, causes: &[&Cause]) {
    if causes.is_empty() {
        *text += "\nNo cause of a failed connection is known to come with it.\n";
        return;
    }
    *text += heading;
    for cause in causes {
        *text += &format!("  {:23} {}\n", cause.code, cause.title);
    }
    *text += "\n'tcpwhy explain CODE' tells more.\n";
}

/// A short name, and what it says.
fn fact(text: &mut String, name: &str, value: &str) {
    wrap(text, value, &format!("  {name:14}"), INDENT);
}

fn wrap(text: &mut String, prose: &str, first: &str, indent: usize) {
    let rest = " ".repeat(indent);
    let options = textwrap::Options::new(COLUMNS)
        .initial_indent(first)
        .subsequent_indent(&rest)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    *text += &textwrap::fill(prose, options);
    *text += "\n";
}
