//! The ring buffer's reader: hands out one record at a time, in the kernel's order.

use std::time::Duration;

use aya::maps::{MapData, RingBuf};
use tokio::{io::unix::AsyncFd, time::timeout};

/// Reads what the BPF programs wrote.
pub struct Ring {
    buffer: AsyncFd<RingBuf<MapData>>,
}

impl Ring {
    /// Watches the buffer. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// Where the kernel does not let it be polled.
    pub fn new(buffer: RingBuf<MapData>) -> anyhow::Result<Self> {
        // SAFETY: the ring buffer owns its descriptor, and always gives the same one, until it is
        // dropped, which is after AsyncFd has deregistered it.
        let buffer = unsafe { AsyncFd::register(buffer) }?;
        Ok(Self { buffer })
    }

    /// Hands each waiting record to `take`, at most `limit`; true if more may wait.
    pub fn drain(&mut self, limit: usize, mut take: impl FnMut(&[u8])) -> bool {
        let buffer = self.buffer.get_mut();
        for _ in 0..limit {
            let Some(record) = buffer.next() else {
                return false;
            };
            take(&record);
        }
        true
    }

    /// Waits until records may wait, at most `patience`: under load the kernel half wakes nobody
    /// for single records.
    ///
    /// # Errors
    /// Where polling fails: a defect.
    pub async fn wait(&mut self, patience: Duration) -> anyhow::Result<()> {
        if let Ok(ready) = timeout(patience, self.buffer.readable_mut()).await {
            // The notification is edge-triggered: it is taken back before the buffer is drained.
            ready?.clear_ready();
        }
        Ok(())
    }
}
