//! `docs/metrics.md`, from the descriptions that `/metrics` uses.
use crate::metrics::{DESCRIBED, Described, Shape};
use std::fmt::Write;

const HEAD: &str = "\
# Metrics

`GET /metrics` answers OpenMetrics text, which Prometheus reads. Names and labels are stable within a major version. No
label ever carries a user id: routes are told by their pattern. Series appear with the first thing that they count.

| name | type | labels | |
|---|---|---|---|
";

const FOOT: &str = "
What to watch:

- `rate(stayput_claims_total{outcome=\"replaced\"}[5m])`: users who are moved to another variation. Expected while a
  campaign changes, and otherwise a sign of a client that replaces what it should keep.
- `rate(stayput_store_seconds_count{outcome!=\"ok\"}[5m])`: what the store could not do.
- `stayput_breaker{state=\"closed\"} == 0`: the store is down, and requests fail without asking it.
- `stayput_spool_oldest_seconds` and `stayput_spool_bytes / stayput_spool_limit_bytes`: how long claims have waited,
  and how full the spool is. At 1 claims are refused.
- `stayput_spool_dead_letters > 0`: claims that can never be stored; `stayput spool` shows them.
- `histogram_quantile(0.99, rate(stayput_store_seconds_bucket{operation=\"get\"}[5m]))`: what a decision waits for.
- `increase(stayput_memcached_evicted_total[1h])`, `increase(stayput_memcached_restarts_total[1h])`: users who lost their
  assignment. Nodes need more memory (`-m`), or experiments another store.
- `rate(stayput_refused_total[5m])`: a limit is too low, or a client asks too much.
- `rate(stayput_goals_dropped_total[5m])`: a client invents goals; 1000 of one user and campaign are kept.
";

/// The page.
pub fn metrics() -> String {
    let mut page = String::from(HEAD);
    for Described { name, shape, labels, help } in DESCRIBED {
        let (name, shape) = match shape {
            Shape::Counter => (format!("{name}_total"), "counter"),
            Shape::Gauge => (name.to_owned(), "gauge"),
            Shape::Histogram => (name.to_owned(), "histogram"),
        };
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        let _ = writeln!(page, "| `{name}` | {shape} | {} | {help} |", labels.join(", "));
    }
    page + FOOT
}
