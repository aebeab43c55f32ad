//! The hooks: which there are, what each is for, and how they are loaded and attached.
//!
//! Links detach when [`Hooks`] is dropped; nothing is pinned, so a killed tracer leaves nothing behind.

mod attach;
pub mod cgroup;
pub mod counts;
#[cfg(feature = "debug")]
mod debug;
#[cfg(test)]
mod frames;
pub mod listeners;
mod load;
mod missed;
pub mod plan;
mod program;
pub mod sweep;

use aya::{Ebpf, maps::MapData};

pub use self::load::{Options, start};
use crate::record::Degradation;

/// The loaded and attached BPF programs.
pub struct Hooks {
    ebpf: Ebpf,
    /// Names of the attached hooks, in the order of [`plan::PLAN`].
    pub attached: Vec<String>,
    /// What could not be attached, and why.
    pub degraded: Vec<Degradation>,
    /// They see only the processes given to [`Hooks::follow`] and their descendants.
    pub follows_command: bool,
    /// They see every process: no filter works in the kernel.
    pub sees_all: bool,
    /// The kernel says for which socket the packets were that it drops (6.11 and newer).
    pub names_receivers: bool,
}

impl Hooks {
    /// The ring buffer's map.
    ///
    /// # Errors
    /// Where it was taken already.
    pub fn take_ring(&mut self) -> anyhow::Result<aya::maps::RingBuf<MapData>> {
        let map = self.ebpf.take_map("EVENTS");
        Ok(map
            .ok_or_else(|| anyhow::anyhow!("the ring buffer was taken already"))?
            .try_into()?)
    }

    /// Follows a process and its descendants (for programs loaded with
    /// [`Options::follow_command`]).
    ///
    /// # Errors
    /// Where the kernel refuses the update.
    pub fn follow(&mut self, tgid: u32) -> anyhow::Result<()> {
        let map = self.ebpf.map_mut("FOLLOWED");
        let map =
            map.ok_or_else(|| anyhow::anyhow!("the table of followed processes is missing"))?;
        aya::maps::HashMap::<_, u32, u64>::try_from(map)?.insert(tgid, 0, 0)?;
        Ok(())
    }

    /// Since when a process is followed: its start, nanoseconds since boot; 0 for one that was given to
    /// [`Hooks::follow`]; `None` where it is not.
    ///
    /// # Errors
    /// Where the table is missing: a defect.
    pub fn followed(&self, tgid: u32) -> anyhow::Result<Option<u64>> {
        let map = self.ebpf.map("FOLLOWED");
        let map =
            map.ok_or_else(|| anyhow::anyhow!("the table of followed processes is missing"))?;
        let followed = aya::maps::HashMap::<_, u32, u64>::try_from(map)?;
        Ok(followed.get(&tgid, 0).ok())
    }
}

/// Plain data that the kernel may read or write as bytes.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Plain<T>(T);

// SAFETY: used for the wire types only: `repr(C)` structures of fixed-width integers without
// padding, of which every bit pattern is a value.
unsafe impl<T: Copy + 'static> aya::Pod for Plain<T> {}
