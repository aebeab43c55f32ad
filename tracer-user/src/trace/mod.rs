//! Traces: records in files, one JSON object a line.

pub mod codec;
pub mod fault;
pub mod open;
pub mod piece;
pub mod read;
pub mod rotate;
pub mod write;

pub use self::{
    fault::{Fault, Problem, Problems},
    read::{Kind, Line, Reader},
};
