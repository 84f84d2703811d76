//! From counters to what a scrape reads.
use super::{
    Closed, Described, Metrics, OUTCOMES, RESULTS, Refused, Shape,
    describe::{
        ACCEPTED, ANONYMOUS, BREAKER, BUILD, CACHE, CACHE_BYTES, CACHE_READS, CACHE_USERS, CLAIMS, CLOSED, CONNECTIONS,
        DESCRIPTORS, DROPPED_GOALS, EVICTIONS, IN_FLIGHT, INVALIDATIONS, LOST_RACES, MEMCACHED_EVICTED,
        MEMCACHED_RESTARTS, MEMCACHED_UNREAD, MEMORY, MOST_DESCRIPTORS, NEW_GOALS, OPENED, OUTDATED, REFUSED, REPLAYED,
        REQUESTS, SHADOW_ASKED, SHADOW_CARRIED, SHADOW_DIFFERENCES, SHADOW_MISSED, SPOOL_BYTES, SPOOL_DEAD,
        SPOOL_LIMIT, SPOOL_OLDEST, SPOOL_REFUSED, SPOOL_WAITING, SPOOLED, STORE,
    },
    process,
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet},
    metrics::MetricType,
};
use stayput::layers::{BreakerState, Gate, NearCacheStats, Operation, ShadowStats, SpoolQueue};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

#[derive(Debug)]
pub(super) struct Collected(pub(super) Arc<Metrics>);

impl Collector for Collected {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let it = &*self.0;
        let to = &mut to;
        let mut requests = begun(to, &REQUESTS)?;
        for (labels, count) in it.answers.seen() {
            requests.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, f64>(&count, None)?;
        }
        gauge(to, &IN_FLIGHT, it.in_flight.load(Relaxed))?;
        gauge(to, &CONNECTIONS, it.connections.load(Relaxed))?;
        counter(to, &ACCEPTED, &it.accepted)?;
        counters(to, &REFUSED, Refused::ALL.map(Refused::name).into_iter().zip(&it.refused))?;
        counters(to, &CLOSED, Closed::ALL.map(Closed::name).into_iter().zip(&it.closed))?;
        self.store(begun(to, &STORE)?)?;
        counters(to, &CLAIMS, OUTCOMES.map(stayput::Outcome::name).into_iter().zip(&it.claims))?;
        counter(to, &NEW_GOALS, &it.new_goals)?;
        counter(to, &DROPPED_GOALS, &it.dropped_goals)?;
        if let Some((breaker, spool)) = it.layers.get() {
            self.breaker(to, breaker)?;
            spool.as_ref().map_or(Ok(()), |spool| self.spool(to, spool))?;
        }
        if let Some(cache) = it.cache() {
            self.cache(to, cache)?;
        }
        if let Some(shadow) = it.shadow.get() {
            self.shadow(to, shadow)?;
        }
        if let Some(losses) = it.losses.get() {
            counter(to, &MEMCACHED_EVICTED, &losses.evicted().into())?;
            counter(to, &MEMCACHED_UNREAD, &losses.unread().into())?;
            counter(to, &MEMCACHED_RESTARTS, &losses.restarts().into())?;
        }
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        begun(to, &BUILD)?.encode_family(&version)?.encode_gauge(&1_i64)?;
        if let Some((resident, anonymous)) = process::memory() {
            gauge(to, &MEMORY, signed(resident))?;
            gauge(to, &ANONYMOUS, signed(anonymous))?;
        }
        for (described, number) in
            [(DESCRIPTORS, process::descriptors()), (MOST_DESCRIPTORS, process::most_descriptors())]
        {
            if let Some(number) = number {
                gauge(to, &described, signed(number))?;
            }
        }
        Ok(())
    }
}

impl Collected {
    fn breaker(&self, to: &mut DescriptorEncoder<'_>, breaker: &Gate) -> fmt::Result {
        let now = breaker.state();
        let mut states = begun(to, &BREAKER)?;
        for state in [BreakerState::Closed, BreakerState::Open, BreakerState::Probing] {
            states.encode_family(&[("state", state.name())])?.encode_gauge(&i64::from(state == now))?;
        }
        begun(to, &OPENED)?.encode_counter::<NoLabelSet, u64, f64>(&breaker.opened(), None)
    }
    fn shadow(&self, to: &mut DescriptorEncoder<'_>, shadow: &ShadowStats) -> fmt::Result {
        counter(to, &SHADOW_ASKED, &shadow.asked().into())?;
        counter(to, &SHADOW_CARRIED, &shadow.carried().into())?;
        let (variations, mended) = (shadow.other_variations().into(), shadow.mended().into());
        counters(to, &SHADOW_DIFFERENCES, [("variation", &variations), ("part", &mended)].into_iter())?;
        counter(to, &SHADOW_MISSED, &shadow.missed().into())
    }
    fn cache(&self, to: &mut DescriptorEncoder<'_>, seen: NearCacheStats) -> fmt::Result {
        let mut answers = begun(to, &CACHE)?;
        for (answer, count) in [("hit", seen.hits), ("miss", seen.misses), ("stale", seen.stale)] {
            let labels = [("answer", answer)];
            answers.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, f64>(&count, None)?;
        }
        for (described, count) in [
            (CACHE_READS, seen.reads),
            (INVALIDATIONS, seen.invalidations),
            (OUTDATED, seen.outdated),
            (EVICTIONS, seen.evictions),
        ] {
            begun(to, &described)?.encode_counter::<NoLabelSet, u64, f64>(&count, None)?;
        }
        gauge(to, &CACHE_USERS, signed(seen.users))?;
        gauge(to, &CACHE_BYTES, signed(seen.bytes))
    }
    fn spool(&self, to: &mut DescriptorEncoder<'_>, spool: &SpoolQueue) -> fmt::Result {
        let stats = match spool.stats() {
            Ok(stats) => stats,
            Err(error) => {
                tracing::warn!(%error, "the spool cannot be measured");
                return Ok(());
            }
        };
        gauge(to, &SPOOL_WAITING, signed(stats.waiting))?;
        gauge(to, &SPOOL_OLDEST, signed(stats.oldest.map_or(0, |oldest| oldest.as_secs())))?;
        gauge(to, &SPOOL_BYTES, signed(stats.bytes))?;
        gauge(to, &SPOOL_LIMIT, signed(stats.limit))?;
        gauge(to, &SPOOL_DEAD, signed(stats.dead))?;
        counter(to, &SPOOLED, &stats.spooled.into())?;
        counter(to, &REPLAYED, &stats.replayed.into())?;
        counter(to, &LOST_RACES, &stats.lost.into())?;
        counter(to, &SPOOL_REFUSED, &stats.refused.into())
    }
    /// Operations that never ended so are left out.
    fn store(&self, mut to: MetricEncoder<'_>) -> fmt::Result {
        for (operation, results) in Operation::ALL.iter().zip(&self.0.operations) {
            for (result, histogram) in RESULTS.iter().zip(results) {
                let seen = histogram.seen();
                if seen.count > 0 {
                    let labels = [("store", &*self.0.store), ("operation", operation.name()), ("outcome", *result)];
                    let mut series = to.encode_family(&labels)?;
                    series.encode_histogram::<NoLabelSet>(seen.sum, seen.count, &seen.buckets, None)?;
                }
            }
        }
        Ok(())
    }
}

fn begun<'a>(to: &'a mut DescriptorEncoder<'_>, described: &'a Described) -> Result<MetricEncoder<'a>, fmt::Error> {
    let shape = match described.shape {
        Shape::Counter => MetricType::Counter,
        Shape::Gauge => MetricType::Gauge,
        Shape::Histogram => MetricType::Histogram,
    };
    // The library ends the sentence.
    to.encode_descriptor(described.name, described.help.trim_end_matches('.'), None, shape)
}

fn gauge(to: &mut DescriptorEncoder<'_>, described: &Described, value: i64) -> fmt::Result {
    begun(to, described)?.encode_gauge(&value)
}
fn counter(to: &mut DescriptorEncoder<'_>, described: &Described, value: &AtomicU64) -> fmt::Result {
    begun(to, described)?.encode_counter::<NoLabelSet, u64, f64>(&value.load(Relaxed), None)
}
fn counters<'a>(
    to: &mut DescriptorEncoder<'_>,
    described: &Described,
    values: impl Iterator<Item = (&'static str, &'a AtomicU64)>,
) -> fmt::Result {
    let mut family = begun(to, described)?;
    for (name, value) in values {
        let labels = [(described.labels.first().copied().unwrap_or("name"), name)];
        family.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, f64>(&value.load(Relaxed), None)?;
    }
    Ok(())
}
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
