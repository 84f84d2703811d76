//! Events that are sent together: when there are enough of them, when the first has waited long enough, or on demand.
use crate::{
    calls::batch,
    core::Core,
    queue::{Told, Work},
};
use stayput_engine::Json;
use std::{
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

/// `batchEvents`
#[derive(Clone)]
pub struct Batch {
    events: usize,
    interval: Duration,
    told: Option<Told>,
}

pub(crate) struct Batcher {
    settings: Batch,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    events: Vec<Json>,
    /// Which batch it is, so that a timer does not send the next one.
    number: u64,
}

impl Default for Batch {
    /// 100 events or 600 seconds, whichever comes first.
    fn default() -> Self {
        Self { events: 100, interval: Duration::from_secs(600), told: None }
    }
}

impl Batch {
    /// `eventsPerRequest`: 1 to 5,000.
    pub fn events_per_request(self, events: usize) -> Self {
        Self { events: events.clamp(1, 5_000), ..self }
    }
    /// `requestTimeInterval`: at least a second.
    pub fn request_time_interval(self, interval: Duration) -> Self {
        Self { interval: interval.max(Duration::from_secs(1)), ..self }
    }
    /// `flushCallback`: is told of every batch whether it was accepted in the end, and its body.
    pub fn flush_callback(self, told: impl Fn(Result<(), &str>, &str) + Send + Sync + 'static) -> Self {
        Self { told: Some(Arc::new(told)), ..self }
    }
}

impl Batcher {
    pub(crate) fn new(settings: Batch) -> Self {
        Self { settings, waiting: Mutex::default() }
    }

    pub(crate) fn add(&self, core: &Arc<Core>, event: Json) {
        let (count, number) = {
            let mut waiting = self.lock();
            waiting.events.push(event);
            (waiting.events.len(), waiting.number)
        };
        if count >= self.settings.events {
            self.send(core);
        } else if count == 1 {
            let (core, interval) = (Arc::downgrade(core), self.settings.interval);
            tokio::spawn(send_later(core, interval, number));
        }
    }

    /// Queues what waits as one call; false if nothing does.
    pub(crate) fn send(&self, core: &Core) -> bool {
        let events = self.take();
        let Some(settings) = core.settings().filter(|_| !events.is_empty()) else { return false };
        let sender = &core.sender;
        match batch(&settings, core.launch, sender, events).to_http(&settings, sender) {
            Ok(Some(call)) => {
                core.queue.push(Work::Send { call: Box::new(call), told: self.settings.told.clone() }, &core.counters)
            }
            Ok(None) => {}
            Err(error) => {
                core.counters.calls_given_up.add(1);
                tracing::warn!(%error, "a batch cannot be written");
            }
        }
        true
    }

    pub(crate) fn take(&self) -> Vec<Json> {
        let mut waiting = self.lock();
        waiting.number += 1;
        mem::take(&mut waiting.events)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn send_later(core: Weak<Core>, interval: Duration, number: u64) {
    tokio::time::sleep(interval).await;
    let Some(core) = core.upgrade() else { return };
    if let Some(batch) = &core.batch
        && batch.lock().number == number
    {
        batch.send(&core);
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("events", &self.events).field("interval", &self.interval).finish_non_exhaustive()
    }
}
