//! What each command does.

pub mod doctor;
pub mod explain;
pub mod live;
mod ready;
pub mod record;
pub mod run;
pub mod schema;
pub mod watch;
