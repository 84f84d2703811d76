//! What the cache counts.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a near cache did so far, and how large it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NearCacheStats {
    /// Keys that were answered from the cache, known absence included, and claims that were.
    pub hits: u64,
    /// Keys that were not, and claims that might have been.
    pub misses: u64,
    /// Reads of the store behind; fewer than misses where several waited for one.
    pub reads: u64,
    /// Keys that were answered with what is too old, because the store failed.
    pub stale: u64,
    /// Users that were forgotten because somebody changed something about them.
    pub invalidations: u64,
    /// How often everything became too old at once, because changes may have been missed.
    pub outdated: u64,
    /// Users that had to make room for others.
    pub evictions: u64,
    /// Users about whom something is known.
    pub users: u64,
    /// About how many bytes that takes.
    pub bytes: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    reads: AtomicU64,
    stale: AtomicU64,
    invalidations: AtomicU64,
    outdated: AtomicU64,
    evictions: AtomicU64,
}

impl Counters {
    #[inline]
    pub(super) fn hit(&self, keys: usize) {
        self.hits.fetch_add(keys as u64, Relaxed);
    }
    pub(super) fn missed(&self, keys: usize) {
        self.misses.fetch_add(keys as u64, Relaxed);
    }
    pub(super) fn read(&self) {
        self.reads.fetch_add(1, Relaxed);
    }
    pub(super) fn stale(&self, keys: usize) {
        self.stale.fetch_add(keys as u64, Relaxed);
    }
    pub(super) fn invalidated(&self) {
        self.invalidations.fetch_add(1, Relaxed);
    }
    pub(super) fn outdated(&self) {
        self.outdated.fetch_add(1, Relaxed);
    }
    pub(super) fn evicted(&self) {
        self.evictions.fetch_add(1, Relaxed);
    }
    pub(super) fn seen(&self, users: u64, bytes: u64) -> NearCacheStats {
        NearCacheStats {
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            reads: self.reads.load(Relaxed),
            stale: self.stale.load(Relaxed),
            invalidations: self.invalidations.load(Relaxed),
            outdated: self.outdated.load(Relaxed),
            evictions: self.evictions.load(Relaxed),
            users,
            bytes,
        }
    }
}
