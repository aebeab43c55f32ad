//! Traces: records in files, one JSON object a line.

pub mod fault;
pub mod open;
pub mod read;

pub use self::{
    fault::{Fault, Problem, Problems},
    read::{Kind, Line, Reader},
};
