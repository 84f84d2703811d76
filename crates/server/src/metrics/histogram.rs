//! How long things took, without a lock: the library's own histogram has one.
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// The upper ends of the buckets, in nanoseconds; what is longer is only in the count.
const ENDS: [u64; 20] = {
    const MICRO: u64 = 1_000;
    const MILLI: u64 = 1_000_000;
    [
        MICRO,
        2 * MICRO,
        5 * MICRO,
        10 * MICRO,
        20 * MICRO,
        50 * MICRO,
        100 * MICRO,
        200 * MICRO,
        500 * MICRO,
        MILLI,
        2 * MILLI,
        5 * MILLI,
        10 * MILLI,
        20 * MILLI,
        50 * MILLI,
        100 * MILLI,
        200 * MILLI,
        500 * MILLI,
        1_000 * MILLI,
        5_000 * MILLI,
    ]
};

/// Counts durations by size.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    buckets: [AtomicU64; ENDS.len()],
    longer: AtomicU64,
    nanoseconds: AtomicU64,
}

/// What a histogram held at one moment.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) sum: f64,
    pub(super) count: u64,
    /// The end of each bucket in seconds, and how many fell into it alone.
    pub(super) buckets: Vec<(f64, u64)>,
}

impl Histogram {
    pub(super) fn observe(&self, elapsed: Duration) {
        let nanoseconds = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let at = ENDS.partition_point(|end| *end < nanoseconds);
        self.buckets.get(at).unwrap_or(&self.longer).fetch_add(1, Relaxed);
        self.nanoseconds.fetch_add(nanoseconds, Relaxed);
    }
    pub(super) fn seen(&self) -> Seen {
        let ends = ENDS.iter().map(|end| *end as f64 / 1e9);
        let mut buckets: Vec<(f64, u64)> = ends.zip(self.buckets.iter().map(|bucket| bucket.load(Relaxed))).collect();
        buckets.push((f64::MAX, self.longer.load(Relaxed)));
        let count = buckets.iter().map(|(_, count)| count).sum();
        Seen { sum: self.nanoseconds.load(Relaxed) as f64 / 1e9, count, buckets }
    }
}

#[cfg(test)]
mod tests {
    use super::Histogram;
    use std::time::Duration;

    #[test]
    fn a_duration_falls_into_the_bucket_that_ends_with_it() {
        let histogram = Histogram::default();
        for micros in [1, 2, 3, 7_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let seen = histogram.seen();
        let filled: Vec<_> = seen.buckets.iter().filter(|(_, count)| *count > 0).copied().collect();
        assert_eq!(filled, [(1e-6, 1), (2e-6, 1), (5e-6, 1), (f64::MAX, 1)]);
        assert_eq!((seen.count, (seen.sum * 1e6).round()), (4, 7_000_006.0));
    }
}
