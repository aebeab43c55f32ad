//! Fits the BPF object to the running kernel and loads it.

use anyhow::Context as _;
use aya::{Btf, Ebpf, EbpfLoader, VerifierLogLevel, include_bytes_aligned};
use tracer_ebpf::config::{ABSENT, FILTER_LEN, Layout, Settings};

use super::{Hooks, Plain, attach, cgroup, listeners};
use crate::{clock, kernel::Kernel, record::Degradation};

/// The kernel half, as it was built.
pub(super) static OBJECT: &[u8] = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tcpwhy-bpf.o"));

/// Loose packets a second and CPU that are handed over: a flood of strangers must not fill the ring.
const LOOSE_PACKETS_PER_SECOND: u32 = 2000;
/// Drops at listeners a second and CPU that are handed over: all of them are counted.
const LISTENER_EVENTS_PER_SECOND: u32 = 500;

/// What this run wants to see.
#[derive(Clone, Debug)]
pub struct Options {
    /// Size of the ring buffer, bytes: a power of two, at least a page.
    pub ring_bytes: u32,
    /// Most attempts that are tracked at once.
    pub max_attempts: u32,
    /// Follow connections that came up to their end (`--all`).
    pub follow_open: bool,
    /// Hand over evidence of connections that are not connecting, too (`--events`).
    pub all_evidence: bool,
    /// Only the processes given to [`Hooks::follow`] and their descendants.
    pub follow_command: bool,
    /// Only these processes; empty: all.
    pub pids: Vec<u32>,
    /// Only these users; empty: all.
    pub uids: Vec<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ring_bytes: 8 << 20,
            max_attempts: 65_536,
            follow_open: false,
            all_evidence: false,
            follow_command: false,
            pids: Vec::new(),
            uids: Vec::new(),
        }
    }
}

/// Loads and attaches every program that this kernel allows.
///
/// # Errors
/// One line that says what the kernel refused, where a program is missing without which there is
/// nothing to tell.
pub fn start(kernel: &Kernel, options: &Options) -> anyhow::Result<Hooks> {
    let btf = Btf::from_sys_fs().context("cannot read the kernel's types (BTF)")?;
    let settings = settings(kernel, options);
    let ebpf = load(&btf, kernel.layout, settings, options)?;
    // As the kernel half has it (`is_filtering`).
    let filters = [
        settings.follow_command,
        settings.pids_len,
        settings.uids_len,
    ];
    let mut hooks = Hooks {
        ebpf,
        attached: Vec::new(),
        degraded: Vec::new(),
        follows_command: options.follow_command,
        sees_all: filters == [0; 3],
        names_receivers: kernel.layout.arg_drop_receiver != ABSENT,
    };
    attach::attach(&mut hooks, &btf)?;
    // After the hooks: what begins meanwhile is seen twice, and nothing is missed.
    let blind = listeners::start(&mut hooks.ebpf, &btf, !options.follow_command);
    hooks.degraded.extend(blind);
    let found = hooks.found()?;
    hooks.degraded.extend(too_many(found, options.max_attempts));
    Ok(hooks)
}

/// More connections than the table holds were there before: the oldest entries had to go.
fn too_many(found: u64, max_attempts: u32) -> Option<Degradation> {
    (found > max_attempts.into()).then(|| Degradation {
        what: "iter/task_file".to_owned(),
        why: format!("{found} connections were there before, more than --max-attempts"),
        effect: "the owners of some of them are known only if they hold them still when they fail"
            .to_owned(),
    })
}

fn load(btf: &Btf, layout: Layout, settings: Settings, options: &Options) -> anyhow::Result<Ebpf> {
    let (layout, settings) = (Plain(layout), Plain(settings));
    let mut loader = EbpfLoader::new();
    loader
        .btf(Some(btf))
        .verifier_log_level(verifier_log_level())
        .override_global("LAYOUT", &layout, true)
        .override_global("SETTINGS", &settings, true)
        .map_max_entries("EVENTS", options.ring_bytes)
        .map_max_entries("ATTEMPTS", options.max_attempts)
        .map_max_entries("ACCEPTED", accepted(options));
    loader
        .load(OBJECT)
        .context("the kernel refused the BPF maps")
}

/// Without `--all` nothing is put there.
fn accepted(options: &Options) -> u32 {
    const LEAST: u32 = 64;
    if options.follow_open {
        options.max_attempts
    } else {
        LEAST
    }
}

fn settings(kernel: &Kernel, options: &Options) -> Settings {
    let (pids, pids_len) = filter(&options.pids);
    let (uids, uids_len) = filter(&options.uids);
    Settings {
        benign_drops: kernel.reasons.benign_bitmap(),
        no_socket: kernel
            .reasons
            .drop_reason_value("NO_SOCKET")
            .unwrap_or(ABSENT),
        follow_open: options.follow_open.into(),
        all_evidence: options.all_evidence.into(),
        follow_command: options.follow_command.into(),
        v1_controller: v1_controller(kernel),
        has_cookie: kernel.has_cookie.into(),
        has_retval: kernel.has_retval.into(),
        jiffy_us: clock::jiffy_us(),
        loose_packets_per_second: LOOSE_PACKETS_PER_SECOND,
        listener_events_per_second: LISTENER_EVENTS_PER_SECOND,
        pids,
        pids_len,
        uids,
        uids_len,
        own_tgid: std::process::id(),
    }
}

fn v1_controller(kernel: &Kernel) -> u32 {
    let place = cgroup::v1().and_then(|(controller, _)| kernel.controllers.get(controller));
    place.copied().unwrap_or(ABSENT)
}

/// A filter that the kernel half can hold: unused places repeat the first value. Where there are
/// too many values it filters nothing, and user space does it all.
fn filter(values: &[u32]) -> ([u32; FILTER_LEN], u32) {
    match (values.first(), u32::try_from(values.len())) {
        (Some(&first), Ok(len)) if values.len() <= FILTER_LEN => {
            let mut places = [first; FILTER_LEN];
            places[..values.len()].copy_from_slice(values);
            (places, len)
        }
        _ => ([0; FILTER_LEN], 0),
    }
}

/// The verifier's last word alone: its whole log costs time and says nothing to users. Where a
/// program is refused it is loaded again with a place for the log, and with no log at all the kernel
/// would refuse that for a reason of its own (EINVAL).
fn verifier_log_level() -> VerifierLogLevel {
    if cfg!(feature = "debug") {
        VerifierLogLevel::default()
    } else {
        VerifierLogLevel::STATS
    }
}
