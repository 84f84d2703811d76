//! Offers that the store has not answered yet: shown to readers, delivered in order, never more than there is room for.
use crate::{Assignment, Claimed, Error, ErrorKind, Key, Offer, Result, Timestamp};
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::{Notify, oneshot};

/// About what an offer costs beside its texts.
const OFFER: u64 = 512;

/// All that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    // A std mutex: nothing awaits while it is held.
    queues: Mutex<Queues>,
    /// How many offers wait, so that readers need no lock where none do.
    count: AtomicUsize,
    room: u64,
    /// There is something new to deliver, or a reason to try at once.
    pub(super) stirred: Notify,
    /// Something was answered.
    pub(super) settled: Notify,
}

#[derive(Debug, Default)]
struct Queues {
    of: HashMap<Key, VecDeque<Waiter>>,
    /// The keys whose first offer nobody is delivering, in the order in which it is their turn.
    turn: VecDeque<Key>,
    numbers: BTreeSet<u64>,
    next: u64,
    bytes: u64,
}

#[derive(Debug)]
struct Waiter {
    offer: Arc<Offer>,
    number: u64,
    listener: Option<Listener>,
}

/// Who wants to hear what became of an offer.
pub(super) type Listener = oneshot::Sender<Result<Claimed>>;

impl Waiting {
    /// Keeps about `room` bytes.
    pub(super) fn new(room: u64) -> Self {
        Self {
            queues: Mutex::default(),
            count: AtomicUsize::new(0),
            room,
            stirred: Notify::new(),
            settled: Notify::new(),
        }
    }
    /// How many offers wait, and about how many bytes they take.
    pub(super) fn size(&self) -> (u64, u64) {
        (self.count.load(Ordering::SeqCst) as u64, self.queues().bytes)
    }

    /// Keeps `offer` behind what waits for its key already.
    pub(super) fn push(&self, offer: Offer, listener: Option<Listener>) -> Result<()> {
        let mut queues = self.queues();
        let bytes = queues.bytes + weight(&offer);
        if bytes > self.room {
            let message = "the store does not answer, and there is no room for more that waits for it";
            return Err(Error::new(ErrorKind::Refused, "connector", message));
        }
        let (key, number) = (offer.key.clone(), queues.next);
        let queue = queues.of.entry(key.clone()).or_default();
        let first = queue.is_empty();
        queue.push_back(Waiter { offer: Arc::new(offer), number, listener });
        if first {
            queues.turn.push_back(key);
        }
        queues.numbers.insert(number);
        (queues.next, queues.bytes) = (number + 1, bytes);
        self.count.fetch_add(1, Ordering::SeqCst);
        drop(queues);
        self.stirred.notify_one();
        Ok(())
    }

    /// What waits for `key`, in order. To be asked before the store is: what is delivered in between is then seen
    /// twice, which joins to the same, and never not at all.
    pub(super) fn of(&self, key: &Key) -> Vec<Arc<Offer>> {
        if self.count.load(Ordering::SeqCst) == 0 {
            return Vec::new();
        }
        let queues = self.queues();
        queues.of.get(key).into_iter().flatten().map(|waiter| waiter.offer.clone()).collect()
    }

    /// The offers whose turn it is, at most `limit`, each of another key. Each must be answered, or put back.
    pub(super) fn take(&self, limit: usize) -> Vec<Arc<Offer>> {
        let mut queues = self.queues();
        let keys: Vec<Key> = {
            let taken = limit.min(queues.turn.len());
            queues.turn.drain(..taken).collect()
        };
        keys.iter().filter_map(|key| Some(queues.of.get(key)?.front()?.offer.clone())).collect()
    }
    /// The store does not answer now: it will be these offers' turn again, behind all others. Who listens hears why.
    pub(super) fn put_back(&self, offers: &[Arc<Offer>], why: impl Fn() -> Error) {
        let mut queues = self.queues();
        for offer in offers {
            if let Some(listener) = queues.of.get_mut(&offer.key).and_then(|queue| queue.front_mut()?.listener.take()) {
                let _ = listener.send(Err(why())); // it may have lost interest
            }
            queues.turn.push_back(offer.key.clone());
        }
    }
    /// `offer` has its answer, or never will.
    pub(super) fn settle(&self, offer: &Offer, answer: Result<Claimed>) {
        let mut queues = self.queues();
        let Some(queue) = queues.of.get_mut(&offer.key) else { return };
        let waiter = queue.pop_front();
        match queue.is_empty() {
            true => drop(queues.of.remove(&offer.key)),
            false => queues.turn.push_back(offer.key.clone()),
        }
        if let Some(waiter) = waiter {
            queues.numbers.remove(&waiter.number);
            queues.bytes = queues.bytes.saturating_sub(weight(offer));
            self.count.fetch_sub(1, Ordering::SeqCst);
            if let Some(listener) = waiter.listener {
                let _ = listener.send(answer);
            }
        }
        drop(queues);
        self.settled.notify_waiters();
    }

    /// What the next offer will be called.
    pub(super) fn mark(&self) -> u64 {
        self.queues().next
    }
    /// How many of those that came before `mark` still wait.
    pub(super) fn before(&self, mark: u64) -> usize {
        self.queues().numbers.range(..mark).count()
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What will be held, if nobody was earlier.
pub(super) fn join(held: Option<Arc<Assignment>>, offers: &[Arc<Offer>], now: Timestamp) -> Option<Arc<Assignment>> {
    match offers {
        [] => held,
        offers => {
            let held = held.map(|held| Assignment::clone(&held));
            offers.iter().fold(held, |held, offer| offer.join(held, now).claimed.held).map(Arc::new)
        }
    }
}

fn weight(offer: &Offer) -> u64 {
    let documents = offer.meta_data.iter().chain(&offer.extra).map(|document| document.as_str().len());
    let goals = offer.goals.iter().map(|goal| goal.len() + 32);
    let names = offer.key.user_id().len() + offer.key.campaign().len();
    OFFER + (names + documents.sum::<usize>() + goals.sum::<usize>()) as u64
}
