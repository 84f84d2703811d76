//! The two traits that backends and layers implement.
use crate::{Assignment, Claimed, Entry, Error, ErrorKind, Key, Offer, Result, Scope, User};
use std::{collections::HashSet, fmt, pin::Pin, slice, sync::Arc};

/// A boxed, sendable future: keeps [`AssignmentStore`] usable as `dyn`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where assignments are kept.
///
/// # Contract
/// 1. Answers come in the order of the question, one per element; an empty slice gives an empty answer.
/// 2. Absence is `None`, never an error; an expired assignment is absent. A failed read is an error, never absence.
/// 3. `claim` obeys [`Offer::join`], atomically per key, across every client of the same backend. Where a backend's
///    fail-over can lose writes, its documentation says when two winners are possible.
/// 4. `claim` is idempotent: repeating the same offer (same claim id) after an error is safe and, as long as nobody
///    else changed what is held, gives the same answer.
/// 5. A batch is not a transaction: on `Err`, any subset may have been applied, and the caller may ask again one by
///    one. The keys in one batch of writes differ; otherwise it is `Invalid` ([`distinct`]).
/// 6. Dropping a future may or may not apply it; it never corrupts the store.
/// 7. When a write returns `Ok`, it is as durable as the backend's settings make it; the backend's documentation
///    says what a crash can lose.
/// 8. Bytes that cannot be read are `Corrupt`, for reads and claims alike; only `put`, `remove` and
///    [`ScanStore::erase`] may do away with them.
///
/// There are no default methods: a wrapper that forgets to forward one would silently win. Conveniences live in
/// [`AssignmentStoreExt`].
pub trait AssignmentStore: fmt::Debug + Send + Sync + 'static {
    /// What each key holds.
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>>;
    /// Joins each offer with what is held.
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>>;
    /// Stores each entry whatever was there. For operators only (import with overwrite, undo), with a fresh claim id.
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>>;
    /// Forgets each key; forgetting an absent key is fine.
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>>;
    /// Returns once everything accepted so far is as durable as this store makes it.
    fn flush(&self) -> BoxFuture<'_, Result<()>>;
}

/// A store that can say what it holds. One that cannot answers `Refused` and its name.
pub trait ScanStore: AssignmentStore {
    /// All live assignments of a user, in key order.
    fn user<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<Vec<Entry>>>;
    /// Forgets everything kept about a user, of either kind, expired or unreadable too; tells how many assignments
    /// that were.
    fn erase<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<u64>>;
    /// The live assignments of `scope` (of all scopes, if `None`) that come next after `after`, at most `limit` of
    /// them (at least one is asked for). What is held from the first page to the last appears exactly once.
    fn scan<'a>(
        &'a self,
        scope: Option<&'a Scope>,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page>>;
}

/// Where a scan goes on: bytes that mean something only to the store that gave them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct Cursor(pub Vec<u8>);

/// A part of what a store holds.
#[derive(Debug, Default)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct Page {
    /// Assignments; may be empty although more follow.
    pub entries: Vec<Entry>,
    /// What could not be read; it does not count towards the limit.
    pub unreadable: Vec<Unreadable>,
    /// Where to go on; `None` after the last page.
    pub next: Option<Cursor>,
}

/// Stored bytes that are no assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct Unreadable {
    /// Where they are, if at least the key can be read.
    pub key: Option<Key>,
    /// What is wrong with them.
    pub why: String,
}

#[deny(clippy::missing_trait_methods)]
impl<S: AssignmentStore + ?Sized> AssignmentStore for Arc<S> {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        (**self).get(keys)
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        (**self).claim(offers)
    }
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        (**self).put(entries)
    }
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        (**self).remove(keys)
    }
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        (**self).flush()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: ScanStore + ?Sized> ScanStore for Arc<S> {
    fn user<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<Vec<Entry>>> {
        (**self).user(user)
    }
    fn erase<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<u64>> {
        (**self).erase(user)
    }
    fn scan<'a>(
        &'a self,
        scope: Option<&'a Scope>,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page>> {
        (**self).scan(scope, after, limit)
    }
}

/// What callers want and implementers should not have to write.
pub trait AssignmentStoreExt: AssignmentStore {
    /// What one key holds.
    fn get_one<'a>(&'a self, key: &'a Key) -> impl Future<Output = Result<Option<Assignment>>> + Send + 'a {
        async move { sole(self.get(slice::from_ref(key)).await?) }
    }
    /// Claims one key.
    fn claim_one<'a>(&'a self, offer: &'a Offer) -> impl Future<Output = Result<Claimed>> + Send + 'a {
        async move { sole(self.claim(slice::from_ref(offer)).await?) }
    }
}
impl<S: AssignmentStore + ?Sized> AssignmentStoreExt for S {}

/// Refuses a batch of writes that names a key twice, for every backend in the same words.
pub fn distinct<'a>(keys: impl IntoIterator<Item = &'a Key>) -> Result<()> {
    let mut keys = keys.into_iter();
    let (Some(first), Some(second)) = (keys.next(), keys.next()) else { return Ok(()) };
    let mut seen = HashSet::from([first]);
    match seen.insert(second) && keys.all(|key| seen.insert(key)) {
        true => Ok(()),
        false => Err(Error::invalid("records", "one batch of writes must not name the same user and campaign twice")),
    }
}

fn sole<T>(mut answers: Vec<T>) -> Result<T> {
    let answer = answers.pop().filter(|_| answers.is_empty());
    answer.ok_or_else(|| Error::new(ErrorKind::Corrupt, "store", "one question did not get one answer"))
}
