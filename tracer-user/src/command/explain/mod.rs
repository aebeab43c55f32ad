//! `tcpwhy explain`: the knowledge base.
//!
//! A name is looked up in the catalogue (`page.rs`), with what the host says of it (`host.rs`), and
//! written as text, Markdown or JSON.

mod host;
mod markdown;
mod page;
mod text;

use std::{
    error::Error,
    fmt,
    io::{self, Write},
};

use serde::Serialize;

pub use host::{Host, ThisHost};

use self::page::{CausePage, Explanation};
use crate::{cli::ExplainFormat, escape::escape};

/// Why nothing was explained.
#[derive(Debug)]
pub enum ExplainError {
    /// No cause, reason or errno has this name.
    NotKnown {
        /// What was asked for.
        asked: String,
        /// Names that are like it, best first.
        nearest: Vec<String>,
    },
    /// The explanation could not be written.
    Write(io::Error),
}

impl fmt::Display for ExplainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotKnown { asked, nearest } => {
                let asked = escape(asked);
                write!(
                    f,
                    "'{asked}' is no cause, drop reason, reset reason or errno that is known here; "
                )?;
                if nearest.is_empty() {
                    write!(f, "'tcpwhy explain' lists the causes")
                } else {
                    write!(f, "did you mean {}?", nearest.join(", "))
                }
            }
            Self::Write(error) => write!(f, "could not write the explanation: {error}"),
        }
    }
}

impl Error for ExplainError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotKnown { .. } => None,
            Self::Write(error) => Some(error),
        }
    }
}

impl From<io::Error> for ExplainError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// Explains a cause, a drop or reset reason, or an errno: all that the name stands for. Without a
/// name, shows the fault tree, as Markdown everything.
///
/// # Errors
/// Where the name is not known, or `out` cannot be written.
pub fn run(
    name: Option<&str>,
    format: ExplainFormat,
    host: &dyn Host,
    out: &mut dyn Write,
) -> Result<(), ExplainError> {
    let text = match name {
        None => overview(format)?,
        Some(name) => explain(name, format, host)?,
    };
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

fn overview(format: ExplainFormat) -> io::Result<String> {
    #[derive(Serialize)]
    struct Tree {
        tree: Vec<page::Branch>,
    }
    let tree = page::tree();
    match format {
        ExplainFormat::Text => Ok(text::tree(&tree)),
        ExplainFormat::Json => json(&Tree { tree }),
        ExplainFormat::Markdown => Ok(markdown::reference(&tree)),
    }
}

fn explain(name: &str, format: ExplainFormat, host: &dyn Host) -> Result<String, ExplainError> {
    let found = Explanation::find(name, host);
    if found.is_empty() {
        return Err(ExplainError::NotKnown {
            asked: name.to_owned(),
            nearest: page::nearest(name),
        });
    }
    // Whoever asks for a reason that has one cause wants to know the cause.
    let page = found
        .only_cause()
        .filter(|only| found.causes.iter().all(|cause| cause.code != only.code))
        .map(|cause| CausePage::new(cause, host));
    match format {
        ExplainFormat::Text => Ok(text::explanation(&found, page.as_ref())),
        ExplainFormat::Json => Ok(json(&found)?),
        ExplainFormat::Markdown => Ok(markdown::explanation(&found, page.as_ref())),
    }
}

/// One object, on one line.
fn json(value: &impl Serialize) -> io::Result<String> {
    Ok(serde_json::to_string(value)? + "\n")
}

#[cfg(test)]
mod tests;
