//! Keeps recently seen assignments in this process: what it may answer is what cannot change anything.
//!
//! One entry holds all that is known of one user. A read may not undo what was learnt, claimed or forgotten since it
//! began; of two answers that overlapped, the higher revision of one claim counts, and where that does not decide the
//! key is asked for again. Of claims, those that would change nothing are answered from here, and never one that
//! brings goals of a classic campaign. Who reads what somebody else is reading waits for that read.
//!
//! What is answered is at most `max_age` older than the store, as long as nobody else's changes are followed; a claim
//! or a removal through the cache is seen at once. Where the store fails, reads are answered with what it said at most
//! `max_stale` ago.
use crate::{
    Assignment, AssignmentStore, BoxFuture, Change, Changes, Claimed, Clock, Cursor, Entry, Error, ErrorKind, Key,
    Kind, Offer, Outcome, Page, Result, ScanStore, Scope, SystemClock, Timestamp, User, distinct,
};
use std::{sync::Arc, time::Duration};

mod asking;
mod fetch;
mod flights;
mod keeper;
mod known;
mod stats;
mod sync;

pub use asking::Seen;
pub use known::Held;
pub use stats::NearCacheStats;

use asking::Asking;
use keeper::Keeper;

const NAME: &str = "near cache";

/// A store whose answers are kept. Clones share what they know.
///
/// Reads that have to ask need a tokio runtime; [`NearCache::peek`] needs none.
#[derive(Debug)]
pub struct NearCache<S>(Arc<Asking<S>>);

/// What a cache counts, without the store behind it: for whoever outlives the store or is part of it.
#[derive(Clone, Debug)]
pub struct NearCacheMeter(Arc<Keeper>);

impl NearCacheMeter {
    /// What the cache did so far.
    pub fn stats(&self) -> NearCacheStats {
        self.0.stats()
    }
}

/// How much is kept, and how long.
#[derive(Clone, Debug)]
pub struct NearCacheOptions {
    bytes: u64,
    max_age: Duration,
    max_stale: Duration,
    absent_for: Duration,
    clock: Arc<dyn Clock>,
}

/// What is known about a key without asking anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peek {
    /// It holds this.
    Held(Held),
    /// It holds nothing, or did not a moment ago: [`NearCacheOptions::absent_for`].
    Absent,
    /// Nothing is known: ask.
    Unknown,
}

impl Default for NearCacheOptions {
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            max_age: Duration::from_secs(5),
            max_stale: Duration::from_secs(300),
            absent_for: Duration::ZERO,
            clock: Arc::new(SystemClock),
        }
    }
}

impl NearCacheOptions {
    /// About how many bytes it takes, 64 MiB by default.
    pub fn bytes(self, bytes: u64) -> Self {
        Self { bytes, ..self }
    }
    /// How old an answer may be, 5 seconds by default: how long another process's change may stay unseen.
    pub fn max_age(self, max_age: Duration) -> Self {
        Self { max_age, ..self }
    }
    /// How old an answer may be while the store fails, 5 minutes by default; nothing lets reads fail as the store does.
    pub fn max_stale(self, max_stale: Duration) -> Self {
        Self { max_stale, ..self }
    }
    /// How long it is remembered that a user holds nothing, if everything of the user was read; not at all by default.
    /// A claim is never answered so.
    pub fn absent_for(self, absent_for: Duration) -> Self {
        Self { absent_for, ..self }
    }
    /// Tells time by `clock` instead of the system's. It judges what expires too, so it should agree with the store's.
    ///
    /// [`Clock::recent`] is enough for what has a tenth of a second left; what has less is judged by [`Clock::now`], so
    /// that nothing expired or too old is told because a clock was read in a cheap way.
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }
}

impl<S> NearCache<S> {
    /// Keeps what `inner` answers.
    pub fn new(inner: S, options: NearCacheOptions) -> Self {
        Self(Arc::new(Asking { inner, keeper: Arc::new(Keeper::new(options)) }))
    }
    /// The store behind.
    pub fn inner(&self) -> &S {
        &self.0.inner
    }
    /// What is known of `key`. Never waits.
    #[inline]
    pub fn peek(&self, key: &Key) -> Peek {
        let keeper = &self.0.keeper;
        let peek = keeper.peek(key);
        match peek {
            Peek::Unknown => keeper.counters.missed(1),
            _ => keeper.counters.hit(1),
        }
        peek
    }
    /// What `key` held at most `max_stale` ago, for callers who could not ask. Never waits.
    pub fn stale(&self, key: &Key) -> Option<Arc<Assignment>> {
        let stale = self.0.keeper.stale(key)?;
        self.0.keeper.counters.stale(1);
        Some(stale)
    }
    /// Somebody changed something about `user`.
    pub fn forget(&self, user: &User) {
        self.0.keeper.counters.invalidated();
        self.0.keeper.forget(user);
    }
    /// Anybody may have changed anything: what is known counts only while the store fails, and reads under way are
    /// not kept.
    pub fn outdate(&self) {
        self.0.keeper.counters.outdated();
        self.0.keeper.outdate();
    }
    /// Takes `change` in. What was known counts only while the store fails: this process's own writes are pushed back,
    /// too, and an outage right behind them should not find it without an answer.
    pub fn hear(&self, change: &Change) {
        match change {
            Change::User(user) => {
                self.0.keeper.counters.invalidated();
                self.0.keeper.doubt(user);
            }
            Change::Everything => self.outdate(),
        }
    }
    /// What it did so far.
    pub fn stats(&self) -> NearCacheStats {
        self.0.keeper.stats()
    }
    /// Tells the same later.
    pub fn meter(&self) -> NearCacheMeter {
        NearCacheMeter(self.0.keeper.clone())
    }
}

impl<S: AssignmentStore> NearCache<S> {
    /// Hears of `changes` for as long as it lives. Needs a tokio runtime.
    pub fn follow(&self, mut changes: Changes) {
        let cache = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            while let Some(change) = changes.next().await {
                match cache.upgrade() {
                    Some(cache) => Self(cache).hear(&change),
                    None => return,
                }
            }
        });
    }
    /// [`AssignmentStore::get`], with a mark on what may be outdated.
    pub async fn look(&self, keys: &[Key]) -> Result<Vec<Seen>> {
        self.0.look(keys).await
    }
}

impl<S: ScanStore> NearCache<S> {
    /// Reads everything of `user`, so that [`NearCache::peek`] knows it, and what is absent too. Does nothing if that
    /// is known already.
    pub async fn prefetch(&self, user: &User) -> Result<()> {
        self.0.prefetch(user).await
    }
}

impl<S> Clone for NearCache<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: AssignmentStore> AssignmentStore for NearCache<S> {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        Box::pin(async move { Ok(self.look(keys).await?.into_iter().map(|seen| seen.held).collect()) })
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        Box::pin(self.0.claim(offers))
    }
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let _after = Afterwards(|| entries.iter().for_each(|entry| self.0.keeper.forget_key(&entry.key)));
            self.0.inner.put(entries).await
        })
    }
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let _after = Afterwards(|| keys.iter().for_each(|key| self.0.keeper.forget_key(key)));
            self.0.inner.remove(keys).await
        })
    }
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        self.0.inner.flush()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: ScanStore> ScanStore for NearCache<S> {
    /// Always asks, and keeps the answer.
    fn user<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<Vec<Entry>>> {
        Box::pin(async move {
            let ticket = self.0.keeper.begin(user);
            let entries = self.0.inner.user(user).await?;
            if entries.iter().any(|entry| entry.key.user() != user) {
                return Err(asking::of_others());
            }
            let shared = |entry: &Entry| (entry.key.clone(), Arc::new(entry.assignment.clone()));
            ticket.learn_whole(&entries.iter().map(shared).collect());
            Ok(entries)
        })
    }
    fn erase<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let _after = Afterwards(|| self.0.keeper.forget(user));
            self.0.inner.erase(user).await
        })
    }
    fn scan<'a>(
        &'a self,
        scope: Option<&'a Scope>,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page>> {
        self.0.inner.scan(scope, after, limit)
    }
}

/// Does something when dropped: also when the call failed, or its future was dropped half-way.
struct Afterwards<F: FnMut()>(F);

impl<F: FnMut()> Drop for Afterwards<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn again(error: &Error) -> Error {
    error.again()
}
