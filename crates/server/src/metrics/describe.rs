//! The names that `/metrics` tells, and what they mean: what `docs/metrics.md` and the exposition both say.

/// One metric.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Described {
    /// Its name, without what the exposition appends (`_total`, `_bucket`…).
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) shape: Shape,
    /// What tells its series apart.
    pub(crate) labels: &'static [&'static str],
    /// What it says.
    pub(crate) help: &'static str,
}

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Only grows; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size: `_bucket`, `_sum` and `_count`.
    Histogram,
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Described {
    Described { name, shape: Shape::Counter, labels, help }
}
const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Described {
    Described { name, shape: Shape::Gauge, labels, help }
}

pub(super) const REQUESTS: Described = counter(
    "stayput_http_requests",
    &["route", "method", "status"],
    "Requests answered. A route is its pattern, never a path.",
);
pub(super) const IN_FLIGHT: Described = gauge("stayput_http_requests_in_flight", &[], "Requests being answered.");
pub(super) const CONNECTIONS: Described = gauge("stayput_connections", &[], "Open connections.");
pub(super) const ACCEPTED: Described = counter("stayput_connections_accepted", &[], "Connections accepted so far.");
pub(super) const REFUSED: Described = counter(
    "stayput_refused",
    &["limit"],
    "Connections and requests told 503 because a limit was reached: connections, requests, transfers or body_memory.",
);
pub(super) const CLOSED: Described = counter(
    "stayput_connections_closed",
    &["reason"],
    "Connections closed on the client: its head was slow (head), it asked nothing (idle), it did not read (reader).",
);
pub(super) const STORE: Described = Described {
    name: "stayput_store_seconds",
    shape: Shape::Histogram,
    labels: &["store", "operation", "outcome"],
    help: "How long the store took. An operation may be a batch; an outcome is ok or the kind of the error.",
};
pub(super) const CLAIMS: Described = counter(
    "stayput_claims",
    &["outcome"],
    "Claims that the store answered, by outcome: created, joined, replaced, kept or unchanged; spooled if it is a server \
     with a spool. A replaced one changed a user's variation.",
);
pub(super) const NEW_GOALS: Described = counter("stayput_goals_new", &[], "Goals that claims were told are new.");
pub(super) const DROPPED_GOALS: Described =
    counter("stayput_goals_dropped", &[], "Goals not stored because an assignment has 1000 of them already.");
pub(super) const BREAKER: Described = gauge(
    "stayput_breaker",
    &["state"],
    "1 for what happens to operations now: they pass (closed), fail (open), or one asks whether the store is back \
     (probing).",
);
pub(super) const OPENED: Described =
    counter("stayput_breaker_opened", &[], "How often the store was left alone after failures in a row.");
pub(super) const CACHE: Described = counter(
    "stayput_near_cache_answers",
    &["answer"],
    "Keys read and claims made by how the near cache answered: at once (hit), by asking the store (miss), or with what \
     it said before because it failed (stale).",
);
pub(super) const CACHE_READS: Described = counter(
    "stayput_near_cache_reads",
    &[],
    "Reads of the store by the near cache; fewer than misses where several waited for one.",
);
pub(super) const INVALIDATIONS: Described =
    counter("stayput_near_cache_invalidations", &[], "Users that the near cache forgot because they were changed.");
pub(super) const OUTDATED: Described = counter(
    "stayput_near_cache_outdated",
    &[],
    "How often everything in the near cache became too old, because changes may have been missed.",
);
pub(super) const EVICTIONS: Described =
    counter("stayput_near_cache_evictions", &[], "Users that made room for others in the near cache.");
pub(super) const CACHE_USERS: Described = gauge("stayput_near_cache_users", &[], "Users in the near cache.");
pub(super) const CACHE_BYTES: Described = gauge("stayput_near_cache_bytes", &[], "About what the near cache takes.");
pub(super) const SPOOL_WAITING: Described = gauge(
    "stayput_spool_waiting",
    &[],
    "Claims that wait for the store, of all processes that share the spool. This and what follows only with a spool.",
);
pub(super) const SPOOL_OLDEST: Described =
    gauge("stayput_spool_oldest_seconds", &[], "How long the oldest of them has waited; 0 if there are none.");
pub(super) const SPOOL_BYTES: Described = gauge("stayput_spool_bytes", &[], "What they and dead letters take up.");
pub(super) const SPOOL_LIMIT: Described = gauge("stayput_spool_limit_bytes", &[], "What they may take up.");
pub(super) const SPOOL_DEAD: Described = gauge(
    "stayput_spool_dead_letters",
    &[],
    "Claims that could never be stored and were put aside, of all processes that share the spool.",
);
pub(super) const SPOOLED: Described =
    counter("stayput_spool_claims", &[], "Claims that this process has answered with spooled, repeats aside.");
pub(super) const REPLAYED: Described =
    counter("stayput_spool_replayed", &[], "Claims that this process has delivered. One process of a machine does.");
pub(super) const LOST_RACES: Described = counter(
    "stayput_spool_lost_races",
    &[],
    "Delivered claims that came late: another variation was held and stays, their goals counted.",
);
pub(super) const SPOOL_REFUSED: Described =
    counter("stayput_spool_refused", &[], "Claims turned away because the spool was full: they are lost to Stayput.");
pub(super) const SHADOW_ASKED: Described =
    counter("stayput_shadow_asked", &[], "Keys that the store lacked, so that the one behind it was asked.");
pub(super) const SHADOW_CARRIED: Described =
    counter("stayput_shadow_carried", &[], "Assignments that only the store behind held, carried over.");
pub(super) const SHADOW_DIFFERENCES: Described = counter(
    "stayput_shadow_differences",
    &["what"],
    "Claims after which the store behind holds another variation (variation), or lacked a part that it was then given \
     (part).",
);
pub(super) const SHADOW_MISSED: Described = counter(
    "stayput_shadow_missed",
    &[],
    "Claims that the store behind did not take: going back to it would lose them.",
);
pub(super) const MEMCACHED_EVICTED: Described = counter(
    "stayput_memcached_evicted",
    &[],
    "Values that Memcached threw away for want of memory, ours or not: whose assignment is gone is assigned anew. Nodes are \
     asked every ten seconds; this and what follows only with Memcached.",
);
pub(super) const MEMCACHED_UNREAD: Described =
    counter("stayput_memcached_evicted_unread", &[], "Those of them that nobody had read since they were stored.");
pub(super) const MEMCACHED_RESTARTS: Described =
    counter("stayput_memcached_restarts", &[], "How often a node came back empty: everything on it was lost.");
pub(super) const BUILD: Described = gauge("stayput_build", &["version"], "Always 1; the label tells the version.");
pub(super) const MEMORY: Described =
    gauge("process_resident_memory_bytes", &[], "Memory of this process, mapped files included.");
pub(super) const ANONYMOUS: Described =
    gauge("process_anonymous_memory_bytes", &[], "Memory of this process without mapped files.");
pub(super) const DESCRIPTORS: Described = gauge("process_open_fds", &[], "File descriptors in use.");
pub(super) const MOST_DESCRIPTORS: Described =
    gauge("process_max_fds", &[], "File descriptors that this process may use.");

/// All of them, in the order in which they are told.
pub(crate) const DESCRIBED: [Described; 40] = [
    REQUESTS,
    IN_FLIGHT,
    CONNECTIONS,
    ACCEPTED,
    REFUSED,
    CLOSED,
    STORE,
    CLAIMS,
    NEW_GOALS,
    DROPPED_GOALS,
    BREAKER,
    OPENED,
    CACHE,
    CACHE_READS,
    INVALIDATIONS,
    OUTDATED,
    EVICTIONS,
    CACHE_USERS,
    CACHE_BYTES,
    SPOOL_WAITING,
    SPOOL_OLDEST,
    SPOOL_BYTES,
    SPOOL_LIMIT,
    SPOOL_DEAD,
    SPOOLED,
    REPLAYED,
    LOST_RACES,
    SPOOL_REFUSED,
    SHADOW_ASKED,
    SHADOW_CARRIED,
    SHADOW_DIFFERENCES,
    SHADOW_MISSED,
    MEMCACHED_EVICTED,
    MEMCACHED_UNREAD,
    MEMCACHED_RESTARTS,
    BUILD,
    MEMORY,
    ANONYMOUS,
    DESCRIPTORS,
    MOST_DESCRIPTORS,
];
