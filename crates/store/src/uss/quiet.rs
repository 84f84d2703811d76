//! For which keys it is too early to replace anything.
use super::QUIET;
use crate::{Key, Timestamp};
use std::{
    hash::{BuildHasher, RandomState},
    iter,
    sync::atomic::{AtomicU64, Ordering},
};

/// Remembers per key when doubt about it arose last.
///
/// A fixed number of slots that keys share by hash, because this must not forget: a forgotten failure would let a
/// writer who could not read replace what others hold. Two keys in one slot only make each other wait.
#[derive(Debug)]
pub(super) struct Quiet {
    until: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl Quiet {
    const SLOTS: usize = 65_536;

    /// Nothing is to be replaced under `key` for [`QUIET`] from `now` on.
    pub(super) fn begin(&self, key: &Key, now: Timestamp) {
        self.slot(key).fetch_max(now.plus(QUIET).as_millis(), Ordering::Relaxed);
    }
    pub(super) fn holds(&self, key: &Key, now: Timestamp) -> bool {
        now.as_millis() < self.slot(key).load(Ordering::Relaxed)
    }
    fn slot(&self, key: &Key) -> &AtomicU64 {
        let slot = self.hasher.hash_one(key) as usize % self.until.len();
        &self.until[slot]
    }
}

impl Default for Quiet {
    fn default() -> Self {
        let until = iter::repeat_with(AtomicU64::default).take(Self::SLOTS).collect();
        Self { until, hasher: RandomState::new() }
    }
}
