//! A process that holds a socket, as records have it.

use crate::{
    attribute::Identity,
    compose,
    enrich::{holders::Holder, process},
    record::{Process, Role},
};

/// A holder, and what is known of it.
pub(super) fn describe(
    holder: &Holder,
    identity: Option<&Identity>,
    role: Option<Role>,
) -> Process {
    let mut described = Process {
        pid: holder.pid,
        tid: holder.pid,
        comm: holder.comm.clone(),
        uid: holder.uid,
        role,
        ..Process::default()
    };
    if let Some(identity) = identity {
        compose::add_identity(&mut described, identity);
    }
    compose::add_groups(&mut described);
    described
}

/// What `/proc` says of a holder now.
pub(super) fn identity(holder: &Holder) -> Option<Identity> {
    process::identity(holder.pid, process::nanoseconds(holder.started_ticks))
}
