//! What was read last per key, whoever read it: for calls that nothing tells apart, so that doubt counts for all.
use super::{READINGS, quiet::Quiet};
use crate::{Clock, Key, Over};
use lru::LruCache;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Readings of all callers together.
#[derive(Debug)]
pub(crate) struct Unattributed {
    // A std mutex: nothing awaits while it is held.
    readings: Mutex<LruCache<Key, Over>>,
    quiet: Quiet,
    clock: Arc<dyn Clock>,
}

/// A `get` that has found nothing yet; it makes its key quiet however it ends, unless it does find something.
#[derive(Debug)]
pub(crate) struct Doubt<'a> {
    of: &'a Unattributed,
    key: Key,
    dispelled: bool,
}

impl Unattributed {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { readings: Mutex::new(LruCache::new(READINGS)), quiet: Quiet::default(), clock }
    }
    /// A `get` of `key` begins.
    pub(crate) fn begin(&self, key: &Key) -> Doubt<'_> {
        Doubt { of: self, key: key.clone(), dispelled: false }
    }
    /// What a `set` under `key` may replace.
    pub(crate) fn take(&self, key: &Key) -> Option<Over> {
        self.readings().pop(key).filter(|_| !self.quiet.holds(key, self.clock.now()))
    }
    fn readings(&self) -> MutexGuard<'_, LruCache<Key, Over>> {
        self.readings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Doubt<'_> {
    /// It has found what `read` names.
    pub(crate) fn dispel(mut self, read: Over) {
        self.dispelled = true;
        self.of.readings().put(self.key.clone(), read);
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if !self.dispelled {
            self.of.quiet.begin(&self.key, self.of.clock.now());
            self.of.readings().pop(&self.key);
        }
    }
}
