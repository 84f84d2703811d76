//! What is to be told to VWO's servers: kept in bounded memory, sent in the background, repeated with back-off.
use crate::{calls::HttpCall, core::Core, stats::Counters, visit::Visit, waiting::Waiting};
use stayput::ErrorKind;
use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// How many calls are on their way at once.
pub(crate) const WORKERS: usize = 8;

/// How much the queue of a client takes, and how stubborn it is.
#[derive(Clone, Debug)]
pub struct Queueing {
    /// Calls that wait, at most.
    pub calls: usize,
    /// About how many bytes they take, at most.
    pub bytes: usize,
    /// How long to wait before each repeat of a call that failed; then it is dropped. A conversion that waits for
    /// its claim goes on at the last of them.
    pub delays: Vec<Duration>,
    /// How long a call may take.
    pub timeout: Duration,
}

impl Default for Queueing {
    /// 16,384 calls of 32 MiB; repeats as the official SDK does, after 1, 2, 4, 8 and 16 seconds; 10 seconds a call.
    fn default() -> Self {
        Self {
            calls: 16_384,
            bytes: 32 << 20,
            delays: [1, 2, 4, 8, 16].map(Duration::from_secs).to_vec(),
            timeout: Duration::from_secs(10),
        }
    }
}

pub(crate) enum Work {
    /// Sends a call, and tells `told` how that went.
    Send { call: Box<HttpCall>, told: Option<Told> },
    /// Makes the call that a visitor amounts to, and sends it.
    Visit(Box<Visit>),
    /// Claims for a conversion.
    Settle(Box<Waiting>),
}

/// Is told how sending went, with the body.
pub(crate) type Told = Arc<dyn Fn(Result<(), &str>, &str) + Send + Sync>;

pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Notify,
    done: Notify,
    limits: Queueing,
}

#[derive(Default)]
struct State {
    next: u64,
    /// By number: what waited longest goes first.
    ready: BTreeMap<u64, Item>,
    /// By when, then by number.
    later: BTreeMap<(Instant, u64), Item>,
    under_way: BTreeSet<u64>,
    bytes: usize,
    closed: bool,
}

struct Item {
    work: Work,
    weight: usize,
    failures: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Done,
    Again,
    Never,
}

impl Queue {
    pub(crate) fn new(limits: Queueing) -> Self {
        Self { state: Mutex::default(), wake: Notify::new(), done: Notify::new(), limits }
    }

    /// Takes `work` if there is room, and drops it otherwise: nobody waits here.
    pub(crate) fn push(&self, work: Work, counters: &Counters) {
        let weight = work.weight();
        let mut state = self.lock();
        let full = state.len() >= self.limits.calls || state.bytes + weight > self.limits.bytes;
        // Once closed, only what is under way may still add to it: its worker comes back for more.
        if full || (state.closed && state.under_way.is_empty()) {
            drop(state);
            return work.count_as_dropped(counters);
        }
        let number = state.next;
        state.next += 1;
        state.bytes += weight;
        state.ready.insert(number, Item { work, weight, failures: 0 });
        drop(state);
        self.wake.notify_one();
    }

    /// Tries everything that waits, at once, and returns when each has been tried; tells how much still waits.
    pub(crate) async fn flush(&self) -> usize {
        for _ in 0..2 {
            // twice, because a conversion that is settled becomes a call
            let before = {
                let mut state = self.lock();
                state.hurry();
                state.next
            };
            self.wake.notify_one();
            loop {
                let mut done = std::pin::pin!(self.done.notified());
                done.as_mut().enable();
                if self.lock().is_through(before) {
                    break;
                }
                done.await;
            }
        }
        self.lock().len()
    }

    /// Takes nothing more; what waits is tried once more.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.hurry();
        drop(state);
        self.wake.notify_waiters();
        self.wake.notify_one();
    }

    /// Returns once nothing waits any more and nothing is under way.
    pub(crate) async fn emptied(&self) {
        loop {
            let mut done = std::pin::pin!(self.done.notified());
            done.as_mut().enable();
            if self.lock().len() == 0 {
                return;
            }
            done.await;
        }
    }

    /// Gives up on everything that waits, and tells how much that was.
    pub(crate) fn clear(&self, counters: &Counters) -> usize {
        let dropped: Vec<Item> = {
            let mut state = self.lock();
            state.hurry();
            std::mem::take(&mut state.ready).into_values().collect()
        };
        let weight: usize = dropped.iter().map(|item| item.weight).sum();
        let mut state = self.lock();
        state.bytes = state.bytes.saturating_sub(weight);
        drop(state);
        dropped.iter().for_each(|item| item.work.give_up(counters));
        self.done.notify_waiters();
        dropped.len()
    }

    /// The next work; nothing when all is done and nothing will come.
    async fn next(&self) -> Option<(u64, Item)> {
        loop {
            let until = {
                let mut state = self.lock();
                state.promote(Instant::now());
                if let Some((number, item)) = state.ready.pop_first() {
                    state.under_way.insert(number);
                    if !state.ready.is_empty() {
                        self.wake.notify_one(); // one wake-up may stand for several pushes
                    }
                    return Some((number, item));
                }
                if state.closed {
                    self.wake.notify_one(); // the other workers
                    return None;
                }
                state.later.keys().next().map(|(when, _)| *when)
            };
            match until {
                Some(when) => tokio::select! {
                    () = self.wake.notified() => {}
                    () = tokio::time::sleep_until(when) => {}
                },
                None => self.wake.notified().await,
            }
        }
    }

    fn finish(&self, number: u64, item: Item, outcome: Outcome, counters: &Counters) {
        let delays = &self.limits.delays;
        let delay = match (&item.work, outcome) {
            (_, Outcome::Done | Outcome::Never) => None,
            (Work::Settle(_), Outcome::Again) => delays.get(item.failures).or(delays.last()).copied(),
            (Work::Send { .. } | Work::Visit(_), Outcome::Again) => delays.get(item.failures).copied(),
        };
        let mut state = self.lock();
        state.under_way.remove(&number);
        match delay.filter(|_| !state.closed) {
            Some(delay) => {
                if let Work::Send { .. } = item.work {
                    counters.calls_repeated.add(1);
                }
                let item = Item { failures: item.failures + 1, ..item };
                state.later.insert((Instant::now() + delay, number), item);
            }
            None => {
                state.bytes = state.bytes.saturating_sub(item.weight);
                if outcome != Outcome::Done {
                    item.work.give_up(counters);
                }
            }
        }
        drop(state);
        self.wake.notify_one();
        self.done.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the [`WORKERS`]: ends once the queue is closed and empty.
pub(crate) async fn work(core: Arc<Core>) {
    while let Some((number, mut item)) = core.queue.next().await {
        item.work = item.work.made(&core);
        let outcome = item.work.attempt(&core).await;
        core.queue.finish(number, item, outcome, &core.counters);
    }
}

impl State {
    fn len(&self) -> usize {
        self.ready.len() + self.later.len() + self.under_way.len()
    }
    /// Whether nothing older than `number` is left to be tried now.
    fn is_through(&self, number: u64) -> bool {
        let old = |first: Option<u64>| first.is_some_and(|first| first < number);
        !old(self.ready.keys().next().copied()) && !old(self.under_way.first().copied())
    }
    fn promote(&mut self, now: Instant) {
        while let Some(entry) = self.later.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((_, number), item) = entry.remove_entry();
            self.ready.insert(number, item);
        }
    }
    fn hurry(&mut self) {
        let later = std::mem::take(&mut self.later);
        self.ready.extend(later.into_iter().map(|((_, number), item)| (number, item)));
    }
}

impl Work {
    /// A visit turned into its call, once: whatever is repeated is the same.
    fn made(self, core: &Core) -> Self {
        match self {
            Self::Visit(visit) => match visit.call(core) {
                Ok(Some(call)) => Self::Send { call: Box::new(call), told: None },
                Ok(None) => Self::Visit(visit),
                Err(error) => {
                    tracing::warn!(%error, "a tracking call cannot be written");
                    Self::Visit(visit)
                }
            },
            other => other,
        }
    }

    async fn attempt(&self, core: &Arc<Core>) -> Outcome {
        match self {
            Self::Send { call, told } => match core.http.send(call).await {
                Ok(()) => {
                    core.counters.calls_sent.add(1);
                    tell(told, Ok(()), call);
                    Outcome::Done
                }
                Err(error) => {
                    tracing::debug!(%error, "a tracking call failed");
                    Outcome::Again
                }
            },
            Self::Visit(_) => Outcome::Never,
            Self::Settle(waiting) => match waiting.settle(core).await {
                Ok(()) => Outcome::Done,
                Err(error) if matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Corrupt) => Outcome::Never,
                Err(_) => Outcome::Again, // where it failed, it was logged
            },
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Send { call, .. } => {
                let headers: usize = call.headers.iter().map(|(_, value)| value.len() + size_of::<String>() * 2).sum();
                size_of::<Item>() + call.url.len() + call.body.as_ref().map_or(0, String::len) + headers
            }
            Self::Visit(visit) => size_of::<Item>() + visit.weight(),
            Self::Settle(waiting) => waiting.weight(),
        }
    }
    fn give_up(&self, counters: &Counters) {
        match self {
            Self::Send { call, told } => {
                counters.calls_given_up.add(1);
                tracing::warn!("a tracking call was dropped: VWO's servers did not accept it");
                tell(told, Err("Batch call could not be processed"), call);
            }
            Self::Visit(_) => counters.calls_given_up.add(1),
            Self::Settle(_) => {
                counters.conversions_dropped.add(1);
                tracing::warn!("a conversion was dropped: its claim was never answered");
            }
        }
    }
    fn count_as_dropped(&self, counters: &Counters) {
        match self {
            Self::Send { .. } | Self::Visit(_) => counters.calls_dropped.add(1),
            Self::Settle(_) => counters.conversions_dropped.add(1),
        }
    }
}

/// A callback that panics must not end a worker.
fn tell(told: &Option<Told>, result: Result<(), &str>, call: &HttpCall) {
    if let (Some(told), Some(body)) = (told, &call.body)
        && catch_unwind(AssertUnwindSafe(|| told(result, body))).is_err()
    {
        tracing::error!("the callback of a batch panicked");
    }
}
