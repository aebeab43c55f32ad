//! How text is laid out: labels, wrapped prose, colours.

use std::fmt::{self, Display, Write as _};

use anstyle::{AnsiColor, Style};

use crate::escape::escape;

/// Prose is wrapped at this many columns by default; headlines and commands are not.
pub(crate) const COLUMNS: usize = 100;
/// What stands before the lines below a headline: their label is right-aligned in it.
const MARGIN: usize = 10;
/// Holds a name and its value together when lines are wrapped; becomes a blank.
pub(crate) const GLUE: char = '\u{a0}';
pub(crate) const RED: Style = AnsiColor::Red.on_default().bold();
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
pub(crate) const CYAN: Style = AnsiColor::Cyan.on_default();
pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();

/// Lays text out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// Write ANSI colours.
    pub(crate) color: bool,
    /// Prose is wrapped at this many columns.
    pub(crate) columns: usize,
}

impl Page {
    /// Wrapped lines, the first one of all with its label.
    pub(crate) fn prose<S: AsRef<str>>(
        &self,
        text: &mut String,
        label: &str,
        lines: impl IntoIterator<Item = S>,
    ) {
        let options = textwrap::Options::new(self.columns.saturating_sub(MARGIN + 2).max(20))
            .subsequent_indent("  ")
            .break_words(false)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        let style = match label {
            "seen" | "process" | "where" | "missing" => DIM,
            _ => Style::new(),
        };
        let mut label = label;
        for line in lines {
            for part in textwrap::wrap(&escape(line.as_ref()), &options) {
                self.line(text, label, &part.replace(GLUE, " "), style);
                label = "";
            }
        }
    }

    pub(crate) fn line(&self, text: &mut String, label: &str, line: &str, style: Style) {
        let label_style = if label.starts_with("fix") { GREEN } else { DIM };
        let pad = " ".repeat(MARGIN.saturating_sub(label.len()));
        let _ = writeln!(
            text,
            "{pad}{}  {}",
            self.paint(label_style, label),
            self.paint(style, line)
        );
    }

    pub(crate) fn paint<'a>(&self, style: Style, text: &'a str) -> Painted<'a> {
        let style = if self.color && !text.is_empty() {
            style
        } else {
            Style::new()
        };
        Painted { style, text }
    }
}

/// Text with the escape sequences of its style around it.
pub(crate) struct Painted<'a> {
    style: Style,
    text: &'a str,
}

impl Display for Painted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}{}",
            self.style.render(),
            self.text,
            self.style.render_reset()
        )
    }
}
