//! Chance that a seed repeats, and a clock that shows tokio's time.
use stayput::{Clock, Timestamp};
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};
use tokio::time::Instant;

/// SplitMix64: small, and good enough to choose among few.
#[derive(Debug)]
pub(crate) struct Dice(AtomicU64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
    pub(crate) fn number(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(STEP, Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// From 0 up to `end`.
    pub(crate) fn below(&self, end: u64) -> u64 {
        self.number() % end.max(1)
    }
    /// True so many times of a hundred.
    pub(crate) fn percent(&self, chance: u64) -> bool {
        self.below(100) < chance
    }
    pub(crate) fn of<T: Copy>(&self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
    pub(crate) fn millis(&self, end: u64) -> Duration {
        Duration::from_millis(self.below(end))
    }
}

/// Tokio's time, which is paused and moves when everybody waits.
#[derive(Debug)]
pub(crate) struct Virtual(Instant);

impl Virtual {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_000_000).plus(self.0.elapsed())
    }
}
