//! Traces: records in files, one JSON object a line.

pub mod codec;
pub mod fault;
pub mod history;
pub mod open;
pub mod piece;
pub mod read;
pub mod rotate;
pub mod select;
pub mod write;

pub use self::{
    fault::{Fault, Problem, Problems},
    read::{Kind, Line, Reader},
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
