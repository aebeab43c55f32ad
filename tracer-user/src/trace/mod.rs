//! Traces: records in files, one JSON object a line.

mod batch;
pub mod codec;
pub mod fault;
pub mod history;
mod line;
pub mod open;
pub mod piece;
mod pipeline;
pub mod read;
pub mod rotate;
pub mod seen;
pub mod select;
mod source;
pub mod write;

pub use self::{
    fault::{Fault, Problem, Problems},
    line::{Kind, Line},
    pipeline::Work,
    read::{Reader, SoFar},
    seen::Seen,
    select::Selection,
};

use std::io;

use crate::record::Record;

/// A record as a line.
fn line(record: &Record) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    Ok(line)
}
