//! What the running kernel says of itself: where its structures keep their fields, what its
//! drop reasons are called, which function an address lies in.
//!
//! Nothing here loads a program or depends on a kernel version: all is found by name or by type.

pub mod btf;
pub mod layout;
pub mod reasons;
pub mod stack;
pub mod symbols;
pub mod way;

use std::collections::BTreeMap;

use anyhow::bail;
use tracer_ebpf::config::Layout;

use self::{btf::Btf, reasons::ReasonNames};

/// Everything that the BPF programs and the decoder need to know of the running kernel.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Release, as `uname -r` has it.
    pub release: String,
    /// Field offsets and argument positions.
    pub layout: Layout,
    /// Names of drop and reset reasons.
    pub reasons: ReasonNames,
    /// Controllers of control groups, and their places in `css_set.subsys` (`enum cgroup_subsys_id`).
    pub controllers: BTreeMap<String, u32>,
    /// `bpf_get_socket_cookie` may be called from tracing programs (5.12).
    pub has_cookie: bool,
    /// `bpf_get_retval` exists (5.18).
    pub has_retval: bool,
}

/// Ring buffers came with 5.8; the oldest kernel that is tested is 5.10.
const OLDEST: (u32, u32) = (5, 10);

impl Kernel {
    /// Asks the running kernel.
    ///
    /// # Errors
    /// One line that says what this kernel lacks, and what to do.
    pub fn running() -> anyhow::Result<Self> {
        let release = release()?;
        if version(&release).is_some_and(|version| version < OLDEST) {
            bail!("Linux {release} is too old: tcpwhy needs 5.10 or newer (`uname -r`)");
        }
        let btf = match Btf::from_sys_fs() {
            Ok(btf) => btf,
            Err(why) => bail!(
                "cannot read the kernel's types from {}: {why}; tcpwhy needs a kernel built with \
                 CONFIG_DEBUG_INFO_BTF=y",
                btf::VMLINUX
            ),
        };
        Ok(Self {
            release,
            layout: layout::layout(&btf)?,
            reasons: ReasonNames::from_btf(&btf),
            controllers: controllers(&btf),
            has_cookie: btf.has_function("bpf_get_socket_ptr_cookie"),
            has_retval: btf.has_function("bpf_get_retval"),
        })
    }
}

fn controllers(btf: &Btf) -> BTreeMap<String, u32> {
    let all = btf.enumerators("cgroup_subsys_id").unwrap_or_default();
    let place = |(name, place): (String, i64)| {
        let name = name.strip_suffix("_cgrp_id")?;
        Some((name.to_owned(), u32::try_from(place).ok()?))
    };
    all.into_iter().filter_map(place).collect()
}

fn release() -> anyhow::Result<String> {
    Ok(nix::sys::utsname::uname()?
        .release()
        .to_string_lossy()
        .into_owned())
}

/// Major and minor number of a release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_number() {
        assert_eq!(version("6.18.44-fc-v669"), Some((6, 18)));
        assert_eq!(version("5.4.0-150-generic"), Some((5, 4)));
        assert!(version("5.4.0").unwrap() < OLDEST && version("5.10.0").unwrap() >= OLDEST);
        assert_eq!(version("unknown"), None);
    }
}
