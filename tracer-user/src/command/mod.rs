//! What each command does.

pub mod doctor;
pub mod dump;
pub mod explain;
pub mod export;
pub mod live;
pub mod manual;
mod ready;
pub mod record;
mod recorders;
mod redacted;
pub mod replay;
pub mod report;
pub mod run;
pub mod schema;
pub mod watch;
