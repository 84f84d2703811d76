//! What each thread read last, which is what its next `set` may replace.
use super::READINGS_PER_THREAD;
use crate::{Key, Over};
use lru::LruCache;
use std::{
    cell::RefCell,
    sync::atomic::{AtomicU64, Ordering},
};

/// The readings of one storage. They end with their thread, so that no other can inherit them.
#[derive(Debug)]
pub(crate) struct Readings {
    number: u64,
}

impl Default for Readings {
    fn default() -> Self {
        static CREATED: AtomicU64 = AtomicU64::new(0);
        Self { number: CREATED.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Readings {
    /// This thread has read `read` under `key`.
    pub(crate) fn remember(&self, key: &Key, read: Over) {
        let _ = READINGS.try_with(|readings| readings.borrow_mut().put((self.number, key.clone()), read));
    }
    /// What this thread's last `get` of `key` found, unless a `set` has used it since.
    pub(crate) fn take(&self, key: &Key) -> Option<Over> {
        let taken = READINGS.try_with(|readings| readings.borrow_mut().pop(&(self.number, key.clone())));
        taken.unwrap_or_default() // a thread that is ending has forgotten
    }
}

thread_local! {
    /// By number of the storage and key.
    static READINGS: RefCell<LruCache<(u64, Key), Over>> = RefCell::new(LruCache::new(READINGS_PER_THREAD));
}
