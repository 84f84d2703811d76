//! The queue of a spool: what waits, in order, and what never will be stored.
use super::{
    NAME,
    disk::{List, Lock, Locked, Of, SpoolDisk, Used},
    entry::{DeadLetter, Waiting, prefix},
    options::SpoolOptions,
};
use crate::{Assignment, Claimed, Error, ErrorKind, Key, Offer, Outcome, Result, User, codec, sync::wait};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// How often a lock is tried that somebody else has.
pub(super) const KNOCK: Duration = Duration::from_millis(5);
/// How long an erasure waits for offers that are on their way.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a spool holds; for people, metrics and the spool itself.
#[derive(Debug)]
pub struct SpoolQueue {
    pub(super) disk: Arc<dyn SpoolDisk>,
    pub(super) options: SpoolOptions,
    pub(super) counts: Counts,
    /// Something was added.
    pub(super) added: Notify,
    /// The store has answered somebody.
    pub(super) answered: Notify,
    pub(super) closed: AtomicBool,
}

/// What this process has done.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) spooled: AtomicU64,
    pub(super) replayed: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) buried: AtomicU64,
    pub(super) refused: AtomicU64,
    full: AtomicBool,
}

/// How a spool is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolStats {
    /// Offers that wait, of all processes of the machine.
    pub waiting: u64,
    /// How long the oldest of them has waited.
    pub oldest: Option<Duration>,
    /// Offers that could not be stored and never will be, of all processes.
    pub dead: u64,
    /// Bytes of both.
    pub bytes: u64,
    /// How many bytes there may be.
    pub limit: u64,
    /// Offers that this process has kept.
    pub spooled: u64,
    /// Offers that this process has delivered.
    pub replayed: u64,
    /// Those of them that came late: another variation was held, and stays. Their goals counted all the same.
    pub lost: u64,
    /// Offers that this process has put aside for good.
    pub buried: u64,
    /// Offers that this process had to turn away because the spool was full.
    pub refused: u64,
}

impl SpoolQueue {
    /// What is on `disk`.
    pub fn new(disk: Arc<dyn SpoolDisk>, options: SpoolOptions) -> Self {
        let (added, answered) = (Notify::new(), Notify::new());
        Self { disk, options, counts: Counts::default(), added, answered, closed: AtomicBool::new(false) }
    }

    /// How it is doing.
    pub fn stats(&self) -> Result<SpoolStats> {
        let Used { waiting, dead, bytes } = self.disk.used()?;
        let first = self.disk.read(List::Waiting, Of::All, 1)?;
        let since = first.first().and_then(|row| Waiting::read(row).ok()).map(|waiting| waiting.since);
        let Counts { spooled, replayed, lost, buried, refused, .. } = &self.counts;
        Ok(SpoolStats {
            waiting,
            oldest: since.map(|since| since.until(self.options.clock.now())),
            dead,
            bytes,
            limit: self.options.limit,
            spooled: spooled.load(Relaxed),
            replayed: replayed.load(Relaxed),
            lost: lost.load(Relaxed),
            buried: buried.load(Relaxed),
            refused: refused.load(Relaxed),
        })
    }
    /// The oldest dead letters, at most `limit`.
    pub fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>> {
        self.disk.read(List::Dead, Of::All, limit)?.iter().map(DeadLetter::read).collect()
    }
    /// Forgets all dead letters; tells how many there were.
    pub async fn clear_dead_letters(&self) -> Result<u64> {
        let numbers: Vec<u64> =
            self.disk.read(List::Dead, Of::All, usize::MAX)?.into_iter().map(|row| row.number).collect();
        let cleared = numbers.len() as u64;
        self.disk.remove(List::Dead, numbers).await?;
        self.disk.sync().await?;
        Ok(cleared)
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> Result<bool> {
        Ok(self.disk.used()?.waiting == 0)
    }
    /// What waits for `key`, in order.
    pub fn waiting(&self, key: &Key) -> Result<Vec<Offer>> {
        if self.is_empty()? { Ok(Vec::new()) } else { self.of_key(key) }
    }
    pub(super) fn of_key(&self, key: &Key) -> Result<Vec<Offer>> {
        self.read(&prefix(key))
    }
    /// What waits for `user`, by key and then in order.
    pub(super) fn of_user(&self, user: &User) -> Result<Vec<Offer>> {
        self.read(&codec::user_prefix(user))
    }
    fn read(&self, prefix: &[u8]) -> Result<Vec<Offer>> {
        let rows = self.disk.read(List::Waiting, Of::Prefix(prefix), usize::MAX)?;
        // What cannot be read is put aside by whoever replays; it is nobody's answer until then.
        Ok(rows.iter().filter_map(|row| Waiting::read(row).ok()).map(|waiting| waiting.offer).collect())
    }
    /// What `held` will be once `waiting` is delivered, if nobody else comes first. Unless that changes nothing it is a
    /// guess, and says so, for caches in front.
    pub(super) fn join(&self, held: Option<Assignment>, waiting: &[Offer]) -> Option<Assignment> {
        let now = self.options.clock.now();
        let (mut held, mut is_guess) = (held, false);
        for offer in waiting {
            let joined = offer.join(held, now);
            (held, is_guess) = (joined.claimed.held, is_guess || joined.changed);
        }
        held.map(|held| if is_guess { Assignment { revision: 0, ..held } } else { held })
    }

    /// Keeps `offers` until they are delivered; when this returns, no crash can lose them. One that waits already, the
    /// same in everything, is not kept twice.
    pub(super) async fn keep(&self, offers: &[&Offer]) -> Result<Vec<Claimed>> {
        let since = self.options.clock.now();
        let (mut answers, mut rows) = (Vec::with_capacity(offers.len()), Vec::new());
        for offer in offers {
            // Delivered late, an `over` that names nobody could replace a holder that its writer never saw.
            let over = offer.over.clone().filter(|over| over.by.is_some());
            let offer = Offer { over, ..(*offer).clone() };
            let mut waiting = self.of_key(&offer.key)?;
            if !waiting.contains(&offer) {
                waiting.push(offer.clone());
                rows.push(Waiting { since, offer }.row()?);
            }
            let held = self.join(None, &waiting);
            answers.push(Claimed { held, outcome: Outcome::Spooled, new_goals: Vec::new(), dropped_goals: 0 });
        }
        let added = rows.len() as u64;
        if added > 0 && !self.disk.append(List::Waiting, rows, self.options.limit).await? {
            return Err(self.full(added));
        }
        self.disk.sync().await?;
        self.counts.spooled.fetch_add(added, Relaxed);
        self.counts.full.store(false, Relaxed);
        self.added.notify_one();
        Ok(answers)
    }

    fn full(&self, offers: u64) -> Error {
        self.counts.refused.fetch_add(offers, Relaxed);
        let limit = self.options.limit;
        let message = format!(
            "the store cannot be reached and the spool is full ({limit} bytes): this was not kept; bring the store back, \
             or give the spool more room"
        );
        if !self.counts.full.swap(true, Relaxed) {
            tracing::error!(limit, "the spool is full: what is offered from now on is refused");
        }
        Error::new(ErrorKind::Refused, NAME, message)
    }

    /// Forgets everything whose keys begin with one of `prefixes`, dead letters too, when nothing is on its way to the
    /// store any more: what is on its way would bring it back.
    pub(super) async fn purge(&self, prefixes: &[Vec<u8>]) -> Result<()> {
        let find = |list| -> Result<Vec<u64>> {
            let mut numbers = Vec::new();
            for prefix in prefixes {
                let rows = self.disk.read(list, Of::Prefix(prefix), usize::MAX)?;
                numbers.extend(rows.into_iter().map(|row| row.number));
            }
            Ok(numbers)
        };
        // What is on its way waits until it is answered, so whoever has nothing waiting has nothing on its way.
        if find(List::Waiting)?.is_empty() && find(List::Dead)?.is_empty() {
            // What somebody removed a moment ago may not be synced yet: a crash would bring it back.
            return self.disk.sync().await;
        }
        let _flight = self.stop_flights().await?;
        for list in [List::Waiting, List::Dead] {
            self.disk.remove(list, find(list)?).await?;
        }
        self.disk.sync().await
    }
    /// Sees to it that nothing is on its way to the store, for as long as the answer lives.
    async fn stop_flights(&self) -> Result<Box<dyn Locked>> {
        let mut wanted = None;
        for _ in 0..PATIENCE.as_millis() / KNOCK.as_millis() {
            if wanted.is_none() {
                wanted = self.disk.lock(Lock::Purge)?;
            }
            if wanted.is_some()
                && let Some(flight) = self.disk.lock(Lock::Flight)?
            {
                return Ok(flight);
            }
            wait(KNOCK).await;
        }
        let message = format!("offers have been on their way to the store for {PATIENCE:?}: nothing was erased");
        Err(Error::new(ErrorKind::Timeout, NAME, message))
    }
}
