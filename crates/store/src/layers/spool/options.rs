//! How a spool is set up.
use crate::{Claimed, Clock, Error, Offer, SystemClock};
use std::{fmt, sync::Arc, time::Duration};

/// Is told what became of an offer that was spooled: what the store answered, or why it is a dead letter.
pub type OnSettled = Arc<dyn Fn(&Offer, Result<&Claimed, &Error>) + Send + Sync>;

/// How a spool is set up.
#[derive(Clone)]
pub struct SpoolOptions {
    /// How many bytes of offers it keeps, dead letters among them; 1 GiB, some millions.
    pub limit: u64,
    /// How many offers are delivered at once; 256.
    pub batch: usize,
    /// How long to wait after a failed delivery, twice as long after each further one, and at most how long; 100
    /// milliseconds and 5 seconds. Each wait is from half to one and a half times that.
    pub pauses: (Duration, Duration),
    /// How often to look for what other processes have added; 250 milliseconds.
    pub idle: Duration,
    /// Is told, in the process that delivers, what became of each offer: only now is it known which goals are new. Told
    /// at most once: a process that is killed between the answer and the telling has told nobody.
    pub on_settled: Option<OnSettled>,
    /// Tells time.
    pub clock: Arc<dyn Clock>,
    /// A number from 0 up to 1, by which waits differ.
    pub jitter: Arc<dyn Fn() -> f64 + Send + Sync>,
}

impl Default for SpoolOptions {
    fn default() -> Self {
        Self {
            limit: 1 << 30,
            batch: 256,
            pauses: (Duration::from_millis(100), Duration::from_secs(5)),
            idle: Duration::from_millis(250),
            on_settled: None,
            clock: Arc::new(SystemClock),
            // Without random numbers everybody waits equally long.
            jitter: Arc::new(|| getrandom::u32().map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX))),
        }
    }
}

impl fmt::Debug for SpoolOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, batch, pauses, idle, .. } = self;
        let mut shown = f.debug_struct("SpoolOptions");
        shown.field("limit", limit).field("batch", batch).field("pauses", pauses).field("idle", idle);
        shown.finish_non_exhaustive()
    }
}
