//! The postmortem: traces in, a report out. [`collect`] reads and counts, [`conclude`] makes the
//! [`model`] of it, and each format shows that: one file per format, one line in [`FORMATS`].

pub mod collect;
mod conclude;
pub mod connection;
mod ends;
mod host;
pub mod html;
pub mod json;
pub mod markdown;
pub mod model;
mod parse;
mod table;
pub mod text;
mod unseen;
mod view;
pub mod window;
mod words;

use std::io::{self, Write};

use self::model::Report;

/// Every format of reports, by the name that `--format` takes.
pub static FORMATS: &[&Format] = &[
    &text::FORMAT,
    &markdown::FORMAT,
    &html::FORMAT,
    &json::FORMAT,
];

/// A format of reports.
#[derive(Debug)]
pub struct Format {
    /// What `--format` calls it.
    pub name: &'static str,
    /// Writes a report.
    pub write: fn(&Report, Look, &mut dyn Write) -> io::Result<()>,
}

/// What the place that a report goes to can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// ANSI colours.
    pub color: bool,
    /// Columns of text.
    pub columns: usize,
}

/// The format with this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Format> {
    FORMATS.iter().copied().find(|format| format.name == name)
}

/// Of a Look without a terminal.
impl Default for Look {
    fn default() -> Self {
        Self {
            color: false,
            columns: 100,
        }
    }
}

#[cfg(test)]
mod tests;
