//! What `/metrics` tells. Counting costs a few relaxed additions: nothing is locked, looked up or allocated.
use prometheus_client::{encoding::text::encode, registry::Registry};
use stayput::layers::{Gate, Meter, NearCacheMeter, NearCacheStats, Operation, ShadowStats, SpoolQueue};
use stayput::{Claimed, ErrorKind, Outcome, backends::MemcachedLosses};
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

mod collector;
mod describe;
mod histogram;
mod http;
mod process;

pub(crate) use describe::{DESCRIBED, Described, Shape};
pub(crate) use http::{Method, Route};

use histogram::Histogram;

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// The scheme of the store's URL.
    store: String,
    answers: http::Answers,
    in_flight: AtomicI64,
    connections: AtomicI64,
    accepted: AtomicU64,
    refused: [AtomicU64; Refused::ALL.len()],
    closed: [AtomicU64; Closed::ALL.len()],
    operations: [[Histogram; RESULTS.len()]; Operation::ALL.len()],
    claims: [AtomicU64; OUTCOMES.len()],
    new_goals: AtomicU64,
    dropped_goals: AtomicU64,
    layers: OnceLock<(Arc<Gate>, Option<Arc<SpoolQueue>>)>,
    cache: OnceLock<NearCacheMeter>,
    shadow: OnceLock<Arc<ShadowStats>>,
    losses: OnceLock<MemcachedLosses>,
}

/// What there was too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Connections,
    Requests,
    Transfers,
    BodyMemory,
}

/// Why a connection was closed on a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    Head,
    Idle,
    Reader,
}

const OUTCOMES: [Outcome; 6] =
    [Outcome::Created, Outcome::Joined, Outcome::Replaced, Outcome::Kept, Outcome::Unchanged, Outcome::Spooled];
const RESULTS: [&str; 6] = ["ok", "corrupt", "invalid", "refused", "timeout", "unavailable"];

/// One more as long as this lives.
#[derive(Debug)]
pub(crate) struct More<'a>(&'a AtomicI64);

impl Metrics {
    /// Nothing yet, on a store of this scheme.
    pub(crate) fn new(store: &str) -> Self {
        Self {
            store: store.to_owned(),
            answers: Default::default(),
            in_flight: Default::default(),
            connections: Default::default(),
            accepted: Default::default(),
            refused: Default::default(),
            closed: Default::default(),
            operations: Default::default(),
            claims: Default::default(),
            new_goals: Default::default(),
            dropped_goals: Default::default(),
            layers: OnceLock::new(),
            cache: OnceLock::new(),
            shadow: OnceLock::new(),
            losses: OnceLock::new(),
        }
    }
    /// Tells of these layers too.
    pub(crate) fn watch(&self, breaker: Arc<Gate>, spool: Option<Arc<SpoolQueue>>) {
        self.layers.get_or_init(|| (breaker, spool));
    }
    /// A request is being answered; tells how many are.
    pub(crate) fn request(&self) -> (More<'_>, usize) {
        let before = self.in_flight.fetch_add(1, Relaxed);
        (More(&self.in_flight), usize::try_from(before).unwrap_or_default() + 1)
    }
    /// A connection is open; tells how many are.
    pub(crate) fn connection(&self) -> (More<'_>, usize) {
        self.accepted.fetch_add(1, Relaxed);
        let before = self.connections.fetch_add(1, Relaxed);
        (More(&self.connections), usize::try_from(before).unwrap_or_default() + 1)
    }
    /// A request was answered.
    pub(crate) fn answered(&self, route: Route, method: Method, status: u16) {
        self.answers.add(route, method, status);
    }
    /// Somebody was turned away.
    pub(crate) fn refused(&self, what: Refused) {
        add(&self.refused, what as usize, 1);
    }
    /// A connection was closed on a client that was too slow.
    pub(crate) fn closed(&self, why: Closed) {
        add(&self.closed, why as usize, 1);
    }
    /// Tells of the store behind the store too.
    pub(crate) fn watch_shadow(&self, shadow: Arc<ShadowStats>) {
        self.shadow.get_or_init(|| shadow);
    }
    /// Tells of what Memcached loses too.
    pub(crate) fn watch_losses(&self, losses: MemcachedLosses) {
        self.losses.get_or_init(|| losses);
    }
    /// Tells of `cache` too, which counts itself.
    pub(crate) fn watch_cache(&self, cache: NearCacheMeter) {
        // There is one.
        let _ = self.cache.set(cache);
    }
    /// What the cache counted, if there is one.
    fn cache(&self) -> Option<NearCacheStats> {
        self.cache.get().map(NearCacheMeter::stats)
    }
    /// Everything, as OpenMetrics text.
    pub(crate) fn text(self: &Arc<Self>) -> String {
        let (mut registry, mut text) = (Registry::default(), String::with_capacity(16 * 1024));
        registry.register_collector(Box::new(collector::Collected(self.clone())));
        // Writing to memory does not fail.
        if let Err(error) = encode(&mut text, &registry) {
            tracing::error!(%error, "the metrics could not be written");
        }
        text
    }
}

impl Meter for Metrics {
    fn operation(&self, operation: Operation, result: Result<(), ErrorKind>, elapsed: Duration) {
        let result = match result {
            Ok(()) => 0,
            Err(ErrorKind::Corrupt) => 1,
            Err(ErrorKind::Invalid) => 2,
            Err(ErrorKind::Refused) => 3,
            Err(ErrorKind::Timeout) => 4,
            Err(_) => 5,
        };
        if let Some(histogram) = self.operations.get(operation as usize).and_then(|results| results.get(result)) {
            histogram.observe(elapsed);
        }
    }
    fn claimed(&self, claimed: &[Claimed]) {
        for Claimed { outcome, new_goals, dropped_goals, .. } in claimed {
            let at = OUTCOMES.iter().position(|known| known == outcome);
            add(&self.claims, at.unwrap_or(OUTCOMES.len()), 1);
            if !new_goals.is_empty() {
                self.new_goals.fetch_add(new_goals.len() as u64, Relaxed);
            }
            if *dropped_goals > 0 {
                self.dropped_goals.fetch_add(*dropped_goals as u64, Relaxed);
            }
        }
    }
}

impl Drop for More<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Refused {
    pub(crate) const ALL: [Self; 4] = [Self::Connections, Self::Requests, Self::Transfers, Self::BodyMemory];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Requests => "requests",
            Self::Transfers => "transfers",
            Self::BodyMemory => "body_memory",
        }
    }
}

impl Closed {
    pub(crate) const ALL: [Self; 3] = [Self::Head, Self::Idle, Self::Reader];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Idle => "idle",
            Self::Reader => "reader",
        }
    }
}

fn add(counters: &[AtomicU64], at: usize, number: u64) {
    if let Some(counter) = counters.get(at) {
        counter.fetch_add(number, Relaxed);
    }
}
