//! Keeps offers that could not be delivered on this machine's disk, and claims them later.
//!
//! | event | what is lost |
//! |---|---|
//! | the process ends, kill -9 included | nothing acknowledged, `spooled` included; another process, or the next, delivers it |
//! | the machine or its operating system crashes | nothing acknowledged, if the disk keeps what `fdatasync` gave it |
//! | the disk dies, or the machine never comes back | what waited on it |
//! | the spool is full | what is offered then is `Refused`, and its writer told so |
mod disk;
mod entry;
#[cfg(unix)]
mod lmdb;
mod options;
mod queue;
mod replay;
#[cfg(unix)]
mod sharing;

use crate::{
    Assignment, AssignmentStore, BoxFuture, Claimed, Cursor, Entry, Error, Key, Offer, Page, Result, ScanStore, Scope,
    User, codec, distinct,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering::Relaxed},
};

#[cfg(feature = "testing")]
pub(crate) use disk::weight;
pub use disk::{List, Lock, Locked, NewRow, Of, Row, SpoolDisk, Used};
pub use entry::DeadLetter;
#[cfg(unix)]
pub use lmdb::SpoolFolder;
pub use options::{OnSettled, SpoolOptions};
pub use queue::{SpoolQueue, SpoolStats};

const NAME: &str = "spool";

/// A store whose claims do not fail because it cannot be reached.
///
/// An offer that ended in `Timeout` or `Unavailable` is kept and answered [`Outcome::Spooled`](crate::Outcome): what is
/// held then is what will be held if nobody was earlier, and no goal is new yet; replaying tells. That is safe because
/// claims are idempotent and an `over` that is kept names the claim it saw. As long as a key has offers that wait,
/// later ones queue behind them, and a read answers what is held joined with what waits. A read that fails still fails.
///
/// Pages of a scan do not show what waits. `put` comes before it, `remove` and `erase` do away with it.
#[derive(Debug)]
pub struct Spool<S> {
    inner: Arc<S>,
    queue: Arc<SpoolQueue>,
}

impl<S: AssignmentStore> Spool<S> {
    /// Keeps on `disk` what `inner` does not answer. Whoever wants it delivered spawns the future, which ends with this
    /// store; of several processes that do, one delivers.
    pub fn new(
        inner: S,
        disk: Arc<dyn SpoolDisk>,
        options: SpoolOptions,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (inner, queue) = (Arc::new(inner), Arc::new(SpoolQueue::new(disk, options)));
        let replay = replay::replay(inner.clone(), queue.clone());
        (Self { inner, queue }, replay)
    }
    /// What it holds.
    pub fn queue(&self) -> Arc<SpoolQueue> {
        self.queue.clone()
    }

    /// The store has answered: what waits may go.
    fn answered<T>(&self, result: Result<T>) -> Result<T> {
        if result.is_ok() {
            self.queue.answered.notify_one();
        }
        result
    }
    async fn claim_or_keep(&self, offers: &[Offer]) -> Result<Vec<Claimed>> {
        match self.inner.claim(offers).await {
            Err(error) if error.is_transient() => {
                tracing::debug!(%error, "offers that could not be delivered are spooled");
                self.queue.keep(&offers.iter().collect::<Vec<_>>()).await
            }
            answer => self.answered(answer),
        }
    }
}

impl<S> Drop for Spool<S> {
    fn drop(&mut self) {
        self.queue.closed.store(true, Relaxed);
        self.queue.added.notify_one();
        self.queue.answered.notify_one();
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: AssignmentStore> AssignmentStore for Spool<S> {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        Box::pin(async move {
            if self.queue.is_empty()? {
                return self.inner.get(keys).await;
            }
            // First what waits: what is delivered in between is then seen twice, and never not at all.
            let waiting = keys.iter().map(|key| self.queue.of_key(key)).collect::<Result<Vec<_>>>()?;
            let held = self.answered(self.inner.get(keys).await)?;
            Ok(held.into_iter().zip(&waiting).map(|(held, waiting)| self.queue.join(held, waiting)).collect())
        })
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        Box::pin(async move {
            distinct(offers.iter().map(|offer| &offer.key))?;
            if self.queue.is_empty()? {
                return self.claim_or_keep(offers).await;
            }
            let waits = offers.iter().map(|offer| Ok(!self.queue.of_key(&offer.key)?.is_empty()));
            let waits = waits.collect::<Result<Vec<bool>>>()?;
            let of =
                |behind| offers.iter().zip(&waits).filter(move |(_, waits)| **waits == behind).map(|(offer, _)| offer);
            let ahead: Vec<Offer> = of(false).cloned().collect();
            let mut direct = match ahead.as_slice() {
                [] => Vec::new(),
                ahead => self.claim_or_keep(ahead).await?,
            }
            .into_iter();
            let mut kept = self.queue.keep(&of(true).collect::<Vec<_>>()).await?.into_iter();
            let answers = waits.iter().map(|behind| if *behind { kept.next() } else { direct.next() });
            let unanswered = || Error::new(crate::ErrorKind::Corrupt, NAME, "one question did not get one answer");
            answers.map(|answer| answer.ok_or_else(unanswered)).collect()
        })
    }
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        self.inner.put(entries)
    }
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            distinct(keys)?;
            self.queue.purge(&keys.iter().map(entry::prefix).collect::<Vec<_>>()).await?;
            self.inner.remove(keys).await
        })
    }
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.queue.disk.sync().await?;
            self.inner.flush().await
        })
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: ScanStore> ScanStore for Spool<S> {
    fn user<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<Vec<Entry>>> {
        Box::pin(async move {
            if self.queue.is_empty()? {
                return self.inner.user(user).await;
            }
            let waiting = self.queue.of_user(user)?;
            let held = self.answered(self.inner.user(user).await)?;
            let mut held: BTreeMap<Key, Assignment> =
                held.into_iter().map(|entry| (entry.key, entry.assignment)).collect();
            for offer in waiting {
                let before = held.remove(&offer.key);
                if let Some(joined) = self.queue.join(before, std::slice::from_ref(&offer)) {
                    held.insert(offer.key, joined);
                }
            }
            Ok(held.into_iter().map(|(key, assignment)| Entry { key, assignment }).collect())
        })
    }
    fn erase<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            self.queue.purge(&[codec::user_prefix(user)]).await?;
            self.inner.erase(user).await
        })
    }
    fn scan<'a>(
        &'a self,
        scope: Option<&'a Scope>,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page>> {
        self.inner.scan(scope, after, limit)
    }
}

#[cfg(all(test, feature = "testing"))]
mod models;
