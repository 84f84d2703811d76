//! Tells whoever keeps copies what is written through a store that does not push changes itself.
use crate::{
    Assignment, AssignmentStore, BoxFuture, Change, Claimed, Cursor, Entry, Feed, Key, Offer, Page, Result, ScanStore,
    Scope, User,
};

/// A store whose writes are told.
///
/// Each write that was asked for is told when it has ended, however it ended: what was dropped or has failed may have
/// been applied.
#[derive(Debug)]
pub struct Announced<S> {
    inner: S,
    feed: Feed,
}

impl<S> Announced<S> {
    /// Tells `feed` what is written to `inner`.
    pub fn new(inner: S, feed: Feed) -> Self {
        Self { inner, feed }
    }
    fn afterwards<'a>(&'a self, keys: impl Iterator<Item = &'a Key>) -> Telling<'a> {
        let mut users: Vec<&User> = keys.map(Key::user).collect();
        users.dedup();
        Telling { feed: &self.feed, users }
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: AssignmentStore> AssignmentStore for Announced<S> {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        self.inner.get(keys)
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        Box::pin(async move {
            let _told = self.afterwards(offers.iter().map(|offer| &offer.key));
            self.inner.claim(offers).await
        })
    }
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let _told = self.afterwards(entries.iter().map(|entry| &entry.key));
            self.inner.put(entries).await
        })
    }
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let _told = self.afterwards(keys.iter());
            self.inner.remove(keys).await
        })
    }
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        self.inner.flush()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: ScanStore> ScanStore for Announced<S> {
    fn user<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<Vec<Entry>>> {
        self.inner.user(user)
    }
    fn erase<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let _told = Telling { feed: &self.feed, users: vec![user] };
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

/// Tells when dropped.
struct Telling<'a> {
    feed: &'a Feed,
    users: Vec<&'a User>,
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        self.users.iter().for_each(|user| self.feed.tell(Change::User((*user).clone())));
    }
}
