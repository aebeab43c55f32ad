//! Log lines of the BPF programs (feature `debug`): for work on them only. A log line costs twenty
//! times what an event does, and is dropped silently where its buffer is full.

use aya::Ebpf;
use aya_log::EbpfLogger;
use tokio::io::{Interest, unix::AsyncFd};

/// Prints them from a task of the running tokio runtime.
pub(super) fn print_log_lines(ebpf: &mut Ebpf) -> anyhow::Result<()> {
    // A second start in one process (doctor) finds it set already.
    let _ = env_logger::try_init();
    let logger = EbpfLogger::init(ebpf)?;
    // SAFETY: the logger owns its descriptor, and always gives the same one.
    let mut logger = unsafe { AsyncFd::register_with_interest(logger, Interest::READABLE) }?;
    tokio::spawn(async move {
        while let Ok(mut ready) = logger.readable_mut().await {
            ready.get_inner_mut().flush();
            ready.clear_ready();
        }
    });
    Ok(())
}
