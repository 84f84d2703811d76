//! What a connector counts, as numbers and as text for Prometheus.
use super::OnError;
use crate::{Clock, Error, ErrorKind};
use std::{
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// What a connector did so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Stats {
    /// Answers to `get` from what this process has seen.
    pub hits: u64,
    /// Answers for which the store was asked.
    pub asked: u64,
    /// Answers that are too old, because the store did not answer.
    pub stale: u64,
    /// Answers that consist of what was set here and not delivered yet, because the store did not answer.
    pub undelivered: u64,
    /// Calls of `get` to which nobody could tell the answer in time.
    pub unknown: u64,
    /// Ids and records that cannot be stored.
    pub invalid: u64,
    /// What was set.
    pub sets: u64,
    /// Of that, what was stored, or was there already.
    pub stored: u64,
    /// What came late: another variation was held and stays. Goals joined.
    pub kept: u64,
    /// What replaced the variation that the SDK had read.
    pub replaced: u64,
    /// What the store did not answer and the spool keeps until it does.
    pub spooled: u64,
    /// What could not be kept: no room was left, or the store can never take it.
    pub lost: u64,
    /// How often what was set could not be delivered and was tried again.
    pub retried: u64,
    /// What waits now.
    pub waiting: u64,
    /// About how many bytes that takes.
    pub waiting_bytes: u64,
    /// What waits in the spool now, of all processes that share it.
    pub spool_waiting: u64,
    /// Errors that were swallowed.
    pub errors: u64,
    /// How often the store was left alone because it failed.
    pub breaker_opened: u64,
    /// Whether it is being left alone now.
    pub breaker_open: bool,
    /// Users about whom something is kept here.
    pub users: u64,
    /// About how many bytes that takes.
    pub bytes: u64,
    /// Users that had to make room for others.
    pub evictions: u64,
    /// How often the store told that somebody, perhaps this process, has changed something about a user.
    pub invalidations: u64,
}

impl Stats {
    /// For Prometheus to read.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, values: &[(&str, u64)]| {
            let _ = writeln!(text, "# HELP stayput_connector_{name} {help}\n# TYPE stayput_connector_{name} {kind}");
            for (labels, value) in values {
                let _ = writeln!(text, "stayput_connector_{name}{labels} {value}");
            }
        };
        let gets = [
            ("{answer=\"hit\"}", self.hits),
            ("{answer=\"asked\"}", self.asked),
            ("{answer=\"stale\"}", self.stale),
            ("{answer=\"undelivered\"}", self.undelivered),
            ("{answer=\"unknown\"}", self.unknown),
        ];
        family("gets_total", "counter", "Calls of get by where the answer came from.", &gets);
        family("sets_total", "counter", "Calls of set.", &[("", self.sets)]);
        let settled = [
            ("{outcome=\"stored\"}", self.stored),
            ("{outcome=\"kept\"}", self.kept),
            ("{outcome=\"replaced\"}", self.replaced),
            ("{outcome=\"spooled\"}", self.spooled),
            ("{outcome=\"lost\"}", self.lost),
        ];
        family("settled_total", "counter", "What was set, by what became of it.", &settled);
        family("retries_total", "counter", "Deliveries that failed and were tried again.", &[("", self.retried)]);
        family("invalid_total", "counter", "Ids and records that cannot be stored.", &[("", self.invalid)]);
        family("errors_total", "counter", "Errors that were swallowed.", &[("", self.errors)]);
        family("waiting", "gauge", "What was set and is not delivered yet.", &[("", self.waiting)]);
        family("waiting_bytes", "gauge", "About how many bytes that takes.", &[("", self.waiting_bytes)]);
        family("spool_waiting", "gauge", "What waits in the spool, of all processes.", &[("", self.spool_waiting)]);
        let open = u64::from(self.breaker_open);
        family("breaker_open", "gauge", "Whether the store is being left alone.", &[("", open)]);
        family("breaker_opened_total", "counter", "How often it was left alone.", &[("", self.breaker_opened)]);
        family("near_cache_users", "gauge", "Users about whom something is kept.", &[("", self.users)]);
        family("near_cache_bytes", "gauge", "About how many bytes that takes.", &[("", self.bytes)]);
        let changes = "Users about whom the store told that something had changed.";
        family("near_cache_invalidations_total", "counter", changes, &[("", self.invalidations)]);
        family("near_cache_evictions_total", "counter", "Users that made room for others.", &[("", self.evictions)]);
        text
    }
}

/// What is counted while it happens, and who is told of errors.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) hits: AtomicU64,
    pub(super) asked: AtomicU64,
    pub(super) stale: AtomicU64,
    pub(super) undelivered: AtomicU64,
    pub(super) unknown: AtomicU64,
    pub(super) invalid: AtomicU64,
    pub(super) sets: AtomicU64,
    pub(super) stored: AtomicU64,
    pub(super) kept: AtomicU64,
    pub(super) replaced: AtomicU64,
    pub(super) spooled: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) retried: AtomicU64,
    errors: AtomicU64,
    listener: Option<(OnError, Arc<dyn Clock>)>,
    /// By kind: when it was told last.
    told: [AtomicU64; 6],
}

impl Counters {
    /// The least time between two errors of one kind that are told.
    const PAUSE: u64 = 1_000;

    pub(super) fn new(listener: Option<OnError>, clock: Arc<dyn Clock>) -> Self {
        Self { listener: listener.map(|listener| (listener, clock)), ..Self::default() }
    }
    /// Swallows `error`.
    pub(super) fn tell(&self, error: &Error) {
        self.errors.fetch_add(1, Relaxed);
        let Some((listener, clock)) = &self.listener else { return };
        let kind = match error.kind() {
            ErrorKind::Corrupt => 1,
            ErrorKind::Invalid => 2,
            ErrorKind::Refused => 3,
            ErrorKind::Timeout => 4,
            ErrorKind::Unavailable => 5,
        };
        let Some(told) = self.told.get(kind) else { return };
        let (last, now) = (told.load(Relaxed), clock.now().as_millis());
        let due = last == 0 || now.abs_diff(last) >= Self::PAUSE;
        if due && told.compare_exchange(last, now.max(1), Relaxed, Relaxed).is_ok() {
            listener.tell(error);
        }
    }
    pub(super) fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        Stats {
            hits: read(&self.hits),
            asked: read(&self.asked),
            stale: read(&self.stale),
            undelivered: read(&self.undelivered),
            unknown: read(&self.unknown),
            invalid: read(&self.invalid),
            sets: read(&self.sets),
            stored: read(&self.stored),
            kept: read(&self.kept),
            replaced: read(&self.replaced),
            spooled: read(&self.spooled),
            lost: read(&self.lost),
            retried: read(&self.retried),
            errors: read(&self.errors),
            ..Stats::default()
        }
    }
}
