//! What a run came to.
use super::Asked;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::time::Duration;

/// Latencies of one run, by what was asked.
#[derive(Clone, Debug)]
pub struct Report {
    gets: Histogram<u64>,
    claims: Histogram<u64>,
    elapsed: Duration,
}

/// One row of a report: times are microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// How many there were.
    pub requests: u64,
    /// How many in a second.
    pub per_second: f64,
    /// Half of them were faster.
    pub p50: f64,
    /// 99 of 100 were faster.
    pub p99: f64,
    /// 999 of 1,000 were faster.
    pub p999: f64,
    /// The slowest.
    pub max: f64,
}

/// Anything longer is counted as this.
const LONGEST: u64 = 600_000_000_000;

impl Default for Report {
    fn default() -> Self {
        Self { gets: histogram(), claims: histogram(), elapsed: Duration::ZERO }
    }
}

impl Report {
    /// One more answer.
    pub fn add(&mut self, asked: Asked, latency: Duration) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(LONGEST);
        match asked {
            Asked::Get => self.gets.saturating_record(nanoseconds),
            Asked::Claim => self.claims.saturating_record(nanoseconds),
        }
    }
    /// How long the run was.
    pub fn took(&mut self, elapsed: Duration) {
        self.elapsed = elapsed;
    }
    /// Adds what another thread measured meanwhile.
    pub fn merge(&mut self, other: &Self) {
        // They have the same bounds, so that nothing can be lost.
        let _ = self.gets.add(&other.gets);
        let _ = self.claims.add(&other.claims);
        self.elapsed = self.elapsed.max(other.elapsed);
    }
    /// How many answers there were.
    pub fn requests(&self) -> u64 {
        self.gets.len() + self.claims.len()
    }
    /// Reads alone.
    pub fn gets(&self) -> Line {
        self.line(&self.gets)
    }
    /// Writes alone.
    pub fn claims(&self) -> Line {
        self.line(&self.claims)
    }
    /// Both.
    pub fn all(&self) -> Line {
        let mut all = self.gets.clone();
        let _ = all.add(&self.claims);
        self.line(&all)
    }

    fn line(&self, histogram: &Histogram<u64>) -> Line {
        let micros = |quantile| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
        let seconds = self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
        Line {
            requests: histogram.len(),
            per_second: (histogram.len() as f64 / seconds).round(),
            p50: micros(0.5),
            p99: micros(0.99),
            p999: micros(0.999),
            max: histogram.max() as f64 / 1_000.0,
        }
    }
}

#[expect(clippy::unwrap_used, reason = "the bounds are constants within the library's own")]
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 3).unwrap()
}
