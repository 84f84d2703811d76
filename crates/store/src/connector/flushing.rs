//! Until all that was set is delivered, or spooled.
use super::engine::Shared;
use crate::{AssignmentStore, Error, ErrorKind, Result};
use std::{
    sync::atomic::{Ordering, Ordering::Relaxed},
    time::Duration,
};
use tokio::time::{Instant, timeout_at};

impl Shared {
    /// Returns once nothing waits that came before `mark`; fails at `limit`.
    pub(super) async fn flush(&self, mark: u64, limit: Duration) -> Result<()> {
        let end = Instant::now() + limit;
        self.flushing.fetch_add(1, Ordering::SeqCst);
        let _flushing = Flushing(self);
        loop {
            let settled = self.waiting.settled.notified();
            let left = self.waiting.before(mark);
            if left == 0 {
                break;
            }
            self.breaker.hurry();
            self.hurried.notify_one();
            if timeout_at(end, settled).await.is_err() {
                let message =
                    format!("{left} of what was set could not be delivered within {limit:?} and go on waiting");
                return Err(Error::new(ErrorKind::Timeout, "connector", message));
            }
        }
        let late = || Error::new(ErrorKind::Timeout, "connector", "what was set is delivered, and not yet durable");
        let delivered = self.delivered.load(Relaxed);
        match timeout_at(end, self.store.flush()).await.unwrap_or_else(|_| Err(late())) {
            // The store is away, and has taken nothing since it said last that all is durable: the rest is spooled.
            Err(error) if error.is_transient() && self.spool.is_some() && self.flushed.load(Relaxed) == delivered => {
                Ok(())
            }
            Err(error) => Err(error),
            Ok(()) => {
                self.flushed.fetch_max(delivered, Relaxed);
                Ok(())
            }
        }
    }
}

/// Ends a flush however it ends.
struct Flushing<'a>(&'a Shared);

impl Drop for Flushing<'_> {
    fn drop(&mut self) {
        self.0.flushing.fetch_sub(1, Ordering::SeqCst);
    }
}
