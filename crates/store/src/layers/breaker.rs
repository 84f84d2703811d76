//! Leaves a store alone that has failed several times in a row, and asks it now and then whether it is back.
mod gate;

use crate::{
    Assignment, AssignmentStore, BoxFuture, Claimed, Clock, Cursor, Entry, Key, Offer, Page, Result, ScanStore, Scope,
    SystemClock, User,
};
use std::{sync::Arc, time::Duration};

pub use gate::{BreakerState, Gate};

/// A store that fails at once while the one inside is known to be down.
///
/// Closed, everything passes. After so many operations in a row that ended in `Timeout` or `Unavailable` it opens, and
/// every operation is `Unavailable` without being asked. When the pause is over one operation passes as a probe: if
/// the store answers, whatever it answers, everything passes again; if not, the pause begins anew.
///
/// `Invalid` says nothing about the store; `Corrupt` and `Refused` say that it answers.
#[derive(Debug)]
pub struct Breaker<S> {
    inner: S,
    gate: Arc<Gate>,
}

/// When to open, and for how long.
#[derive(Clone, Debug)]
pub struct BreakerOptions {
    /// So many failures in a row open it; 5.
    pub failures: u32,
    /// How long it stays open before it asks again; 1 second.
    pub pause: Duration,
    /// An operation whose caller gave up after so long counts as one that ended in `Timeout`; 1 second. Otherwise a
    /// store that hangs would never be noticed where callers are less patient than its deadline.
    pub patience: Duration,
    /// Tells time.
    pub clock: Arc<dyn Clock>,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        let second = Duration::from_secs(1);
        Self { failures: 5, pause: second, patience: second, clock: Arc::new(SystemClock) }
    }
}

impl<S: Sync> Breaker<S> {
    /// Watches over `inner`.
    pub fn new(inner: S, options: BreakerOptions) -> Self {
        Self { inner, gate: Arc::new(Gate::new(options)) }
    }
    /// Tells whether it is open, for as long as anybody asks.
    pub fn gate(&self) -> Arc<Gate> {
        self.gate.clone()
    }

    async fn through<'a, T>(&'a self, ask: impl FnOnce(&'a S) -> BoxFuture<'a, Result<T>>) -> Result<T> {
        let passage = self.gate.enter()?;
        let answer = ask(&self.inner).await;
        passage.ended(answer.as_ref().err());
        answer
    }
}

// What asks nothing of the store, an empty batch or a flush with nothing to do, is no sign of life: it goes around.
#[deny(clippy::missing_trait_methods)]
impl<S: AssignmentStore> AssignmentStore for Breaker<S> {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        match keys {
            [] => self.inner.get(keys),
            _ => Box::pin(self.through(move |inner| inner.get(keys))),
        }
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        match offers {
            [] => self.inner.claim(offers),
            _ => Box::pin(self.through(move |inner| inner.claim(offers))),
        }
    }
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        match entries {
            [] => self.inner.put(entries),
            _ => Box::pin(self.through(move |inner| inner.put(entries))),
        }
    }
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        match keys {
            [] => self.inner.remove(keys),
            _ => Box::pin(self.through(move |inner| inner.remove(keys))),
        }
    }
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        self.inner.flush()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: ScanStore> ScanStore for Breaker<S> {
    fn user<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<Vec<Entry>>> {
        Box::pin(self.through(move |inner| inner.user(user)))
    }
    fn erase<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.through(move |inner| inner.erase(user)))
    }
    fn scan<'a>(
        &'a self,
        scope: Option<&'a Scope>,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page>> {
        Box::pin(self.through(move |inner| inner.scan(scope, after, limit)))
    }
}
