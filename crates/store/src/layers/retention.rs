//! Stamps offers with how long they last: `?retention=180d` on any store.
use crate::{
    Assignment, AssignmentStore, BoxFuture, Claimed, Cursor, Entry, Key, Offer, Page, Result, ScanStore, Scope, User,
};
use std::time::Duration;

/// Gives every offer that does not say itself how long it lasts the retention of this store.
///
/// One stands outside every layer that looks at offers, so that a cache sees when a renewal is due, and one around each
/// opened store, for whoever puts nothing around it: a second one finds nothing to stamp.
#[derive(Debug)]
pub struct Retention<S> {
    inner: S,
    lasts: Duration,
}

impl<S> Retention<S> {
    /// Keeps what is claimed for `lasts`, counted from the claim and renewed by later ones.
    pub fn new(inner: S, lasts: Duration) -> Self {
        Self { inner, lasts }
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: AssignmentStore> AssignmentStore for Retention<S> {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        self.inner.get(keys)
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        if offers.iter().all(|offer| offer.lasts.is_some()) {
            return self.inner.claim(offers);
        }
        Box::pin(async move {
            let stamp = |offer: &Offer| Offer { lasts: offer.lasts.or(Some(self.lasts)), ..offer.clone() };
            let offers: Vec<Offer> = offers.iter().map(stamp).collect();
            self.inner.claim(&offers).await
        })
    }
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        self.inner.put(entries)
    }
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        self.inner.remove(keys)
    }
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        self.inner.flush()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: ScanStore> ScanStore for Retention<S> {
    fn user<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<Vec<Entry>>> {
        self.inner.user(user)
    }
    fn erase<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<u64>> {
        self.inner.erase(user)
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
