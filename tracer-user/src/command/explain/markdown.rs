//! For tickets and wikis, and for `docs/causes.md`.

use super::page::{Branch, CausePage, Count, ErrorPage, Explanation, ReasonPage};
use crate::cause::{self, CAUSES, Cause, errno, reason};

/// All that a name stands for; `page` is the one cause that its reasons lead to.
pub(super) fn explanation(found: &Explanation, page: Option<&CausePage>) -> String {
    let mut text = String::new();
    for page in found.causes.iter().chain(page) {
        text += &with_present(page);
    }
    for (kind, reasons) in [
        ("drop reason", &found.drop_reasons),
        ("reset reason", &found.reset_reasons),
    ] {
        for page in reasons {
            text += &reason_section(page, kind);
        }
    }
    for page in &found.errnos {
        text += &error(page);
    }
    text.trim_start().to_owned()
}

/// Everything that is known, without a host's values: the same on every machine.
pub(super) fn reference(branches: &[Branch]) -> String {
    let mut text = "# Why a TCP connection fails\n\n\
        Made from tcpwhy's catalogue by `cargo xtask docs`: change it there. `tcpwhy explain NAME` \
        shows the same with a host's present values. Words in capitals in a command are to be \
        filled in; [in brackets] stands the Debian package of a command.\n\n\
        ## The fault tree\n"
        .to_owned();
    for branch in branches {
        text += &format!("\n**{}**: {}\n\n", branch.place, branch.about);
        for cause in &branch.causes {
            text += &format!("- {}: {}\n", link(cause), cause.title);
        }
    }
    text += "\n## Causes\n";
    for cause in CAUSES {
        text += &section(&CausePage::new(cause, &super::host::Nobody));
    }
    text += "\n## Drop reasons\n\nWhy the kernel drops a packet (`enum skb_drop_reason`, Linux \
        5.17 and newer). *Ordinary*: it occurs in connections that are well.\n\n";
    table(&mut text, reason::drops(), |name| {
        cause::by_drop_reason(name).collect()
    });
    text += "\n## Reset reasons\n\nWhy this host sends a RST (`enum sk_rst_reason`, Linux 6.10 and \
             newer).\n\n";
    table(&mut text, reason::RESETS.iter(), |name| {
        cause::by_reset_reason(name).collect()
    });
    text += "\n## Errors\n\nWhat the calls on a TCP socket give.\n";
    for page in errno::all() {
        if let Some(number) = crate::errno::number(page.name) {
            text += &error(&ErrorPage::new(number));
        }
    }
    text
}

fn link(cause: &Cause) -> String {
    format!("[`{0}`](#{0})", cause.code)
}

fn links(causes: &[&Cause]) -> String {
    let links: Vec<String> = causes.iter().map(|cause| link(cause)).collect();
    links.join(", ")
}

fn code_list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn section(page: &CausePage) -> String {
    let mut text = format!("\n### {}\n\n{}.\n\n", page.code, capital(page.title));
    text += &format!("- Place: {} ({})\n", page.place, page.place_about);
    let names = |heading: &str, names: &[&str]| match names {
        [] => String::new(),
        names => format!("- {heading}: {}\n", code_list(names.iter().copied())),
    };
    text += &names("Errors", page.errnos);
    text += &names("Drop reasons", page.drop_reasons);
    text += &names("Reset reasons", page.reset_reasons);
    let settings: Vec<&str> = page.settings.iter().map(|it| it.name.as_str()).collect();
    text += &names("Settings", &settings);
    let counters: Vec<&str> = page.counters.iter().map(|it| it.name).collect();
    text += &names("Counters", &counters);
    let usage: Vec<&str> = page.usage.iter().map(|it| it.name).collect();
    text += &names("In `/proc/net/sockstat`", &usage);
    text += &names("Kernel source", page.kernel_files);
    text += &format!("\n**What you see.** {}\n", plain(page.sees));
    text += &format!(
        "\n**How the kernel gets there.** {}\n",
        plain(page.kernel_path)
    );
    for (heading, lines) in [("Confirm", page.confirm), ("Mend", page.mend)] {
        text += &format!("\n**{heading}**\n\n");
        for line in lines {
            text += &format!("- {}\n", step(line));
        }
    }
    text
}

/// A section, and this host's present values.
fn with_present(page: &CausePage) -> String {
    let mut text = section(page);
    let settings = page.settings.iter().map(|setting| {
        let value = setting.value.as_deref().unwrap_or("not to be read here");
        (setting.name.as_str(), value.to_owned())
    });
    let counts = page.counters.iter().chain(&page.usage).map(|count| {
        let value = count
            .value
            .map_or("not on this host".to_owned(), |it| it.to_string());
        (count.name, value)
    });
    let mut values = settings.chain(counts).peekable();
    if values.peek().is_some() {
        text += "\n**Present values**\n\n| | |\n|---|---|\n";
        for (name, value) in values {
            let name = crate::escape::escape(name).replace(['`', '|'], "?");
            text += &format!("| `{name}` | {} |\n", cell(&value));
        }
    }
    text
}

fn reason_section(page: &ReasonPage, kind: &str) -> String {
    let name = plain(&page.name);
    let Some(meaning) = page.meaning else {
        return format!("\n### {name}\n\nA {kind} of this kernel, not yet described here.\n");
    };
    let mut text = format!("\n### {name}\n\nA {kind}: {}.\n\n", plain(meaning));
    if let Some(weight) = page.weight {
        text += &format!("- Weight: {}\n", weight.about());
    }
    if !page.counters.is_empty() {
        text += &format!("- Counters: {}\n", counters(&page.counters));
    }
    if !page.look.is_empty() {
        text += &format!("- Look at: {}\n", plain(page.look));
    }
    if !page.causes.is_empty() {
        let codes = page.causes.iter().map(|cause| cause.code);
        text += &format!("- Causes: {}\n", code_list(codes));
    }
    text
}

fn counters(counts: &[Count]) -> String {
    let counts: Vec<String> = counts
        .iter()
        .map(|count| match count.value {
            Some(value) => format!("`{}` = {value}", count.name),
            None => format!("`{}`", count.name),
        })
        .collect();
    counts.join(", ")
}

fn table(
    text: &mut String,
    reasons: impl Iterator<Item = &'static reason::Reason>,
    causes: impl Fn(&str) -> Vec<&'static Cause>,
) {
    *text +=
        "| reason | weight | meaning | counters | look at | causes |\n|---|---|---|---|---|---|\n";
    for reason in reasons {
        *text += &format!(
            "| `{}` | {} | {} | {} | {} | {} |\n",
            reason.name,
            reason.weight.name(),
            cell(reason.meaning),
            code_list(reason.counters.iter().copied()),
            cell(reason.look),
            links(&causes(reason.name)),
        );
    }
}

fn error(page: &ErrorPage) -> String {
    let mut text = format!(
        "\n### {}\n\n{} ({}).\n\n",
        page.name, page.message, page.number
    );
    for call in &page.calls {
        text += &format!("- `{}`: {}\n", call.call, plain(call.meaning));
    }
    if let Some(path) = page.kernel_path {
        text += &format!("\n{}\n", plain(path));
    }
    if !page.causes.is_empty() {
        let codes = page.causes.iter().map(|cause| cause.code);
        text += &format!("\nCauses: {}.\n", code_list(codes));
    }
    text
}

/// A command with its remark, or a sentence.
fn step(line: &str) -> String {
    let (command, remark) = line.split_once("    ").unwrap_or((line, ""));
    let first = command.split(' ').next().unwrap_or_default();
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_/.".contains(c);
    if !first.chars().all(is_word) {
        return plain(line);
    }
    let remark = if remark.is_empty() {
        String::new()
    } else {
        format!(" {}", plain(remark))
    };
    format!("`{command}`{remark}")
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

/// Prose, without what Markdown would take for its own.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in crate::escape::escape(text).chars() {
        // An underscore inside a word means nothing to Markdown.
        let inside = c == '_' && out.ends_with(|before: char| before.is_ascii_alphanumeric());
        if matches!(c, '*' | '_' | '<' | '`' | '[' | ']' | '\\') && !inside {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The same, inside a table.
fn cell(text: &str) -> String {
    plain(text).replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_are_up_to_date() {
        let committed = include_str!("../../../../docs/causes.md");
        let made = reference(&crate::command::explain::page::tree());
        assert!(
            committed == made,
            "docs/causes.md is stale: run `cargo xtask docs`"
        );
    }

    #[test]
    fn commands_are_told_from_sentences() {
        assert_eq!(step("ss -s"), "`ss -s`");
        assert_eq!(
            step("ss -s    [iproute2] (all)"),
            "`ss -s` \\[iproute2\\] (all)"
        );
        assert_eq!(step("Look at SO_LINGER"), "Look at SO_LINGER");
        assert!(step("systemd's IPAddressDeny= is one").starts_with("systemd's"));
    }
}
