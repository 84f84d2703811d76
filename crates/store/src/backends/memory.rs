//! Assignments in this process's memory: for tests, and the reference for every other backend.
//!
//! | event | what is lost |
//! |---|---|
//! | the process ends, however it ends | everything |
use crate::{
    Assignment, AssignmentStore, BoxFuture, Claimed, Clock, Cursor, Entry, Key, Kind, Offer, Page, Result, ScanStore,
    Scope, SystemClock, User, codec, distinct,
};
use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A store that forgets everything when dropped.
#[derive(Debug)]
pub struct Memory {
    // A std mutex: nothing awaits while it is held, and holding it is what makes a claim atomic.
    held: Mutex<BTreeMap<Key, Assignment>>,
    clock: Arc<dyn Clock>,
}

impl Memory {
    /// An empty store that tells time by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { held: Mutex::default(), clock }
    }
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Assignment>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}

#[deny(clippy::missing_trait_methods)]
impl AssignmentStore for Memory {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        Box::pin(async move {
            let (held, now) = (self.lock(), self.clock.now());
            Ok(keys.iter().map(|key| held.get(key).filter(|held| held.is_live(now)).cloned()).collect())
        })
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        Box::pin(async move {
            distinct(offers.iter().map(|offer| &offer.key))?;
            let (mut held, now) = (self.lock(), self.clock.now());
            let claim = |offer: &Offer| {
                let joined = offer.join(held.get(&offer.key).cloned(), now);
                if let Some(assignment) = joined.claimed.held.as_ref().filter(|_| joined.changed) {
                    held.insert(offer.key.clone(), assignment.clone());
                }
                joined.claimed
            };
            Ok(offers.iter().map(claim).collect())
        })
    }
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            distinct(entries.iter().map(|entry| &entry.key))?;
            self.lock().extend(entries.iter().map(|entry| (entry.key.clone(), entry.assignment.clone())));
            Ok(())
        })
    }
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            distinct(keys)?;
            let mut held = self.lock();
            keys.iter().for_each(|key| drop(held.remove(key)));
            Ok(())
        })
    }
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

#[deny(clippy::missing_trait_methods)]
impl ScanStore for Memory {
    fn user<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<Vec<Entry>>> {
        Box::pin(async move {
            let (held, now) = (self.lock(), self.clock.now());
            Ok(of_user(&held, user).filter(|(_, held)| held.is_live(now)).map(entry).collect())
        })
    }
    fn erase<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let mut held = self.lock();
            let keys: Vec<Key> = of_user(&held, user).map(|(key, _)| key.clone()).collect();
            keys.iter().for_each(|key| drop(held.remove(key)));
            Ok(keys.len() as u64)
        })
    }
    fn scan<'a>(
        &'a self,
        scope: Option<&'a Scope>,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page>> {
        Box::pin(async move {
            let after = after.map(|cursor| codec::decode_key("memory", &cursor.0)).transpose()?;
            let (held, now) = (self.lock(), self.clock.now());
            let begin = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
            let rest = held.range::<Key, _>((begin, Bound::Unbounded));
            let mut rest =
                rest.filter(|(key, held)| held.is_live(now) && scope.is_none_or(|scope| key.scope() == scope));
            let entries: Vec<Entry> = rest.by_ref().take(limit.max(1)).map(entry).collect();
            let next = rest.next().and_then(|_| entries.last()).map(|last| Cursor(codec::encode_key(&last.key)));
            Ok(Page { entries, unreadable: Vec::new(), next })
        })
    }
}

/// Everything of `user`: keys sort by user first, so it stands together.
fn of_user<'a>(held: &'a BTreeMap<Key, Assignment>, user: &'a User) -> impl Iterator<Item = (&'a Key, &'a Assignment)> {
    let first = user.key(Kind::Classic, "\u{1}").ok(); // nothing sorts before U+0001 but the U+0000 that is not allowed
    let from = first.map_or(Bound::Unbounded, Bound::Included);
    held.range((from, Bound::Unbounded)).take_while(move |(key, _)| key.user() == user)
}

fn entry((key, held): (&Key, &Assignment)) -> Entry {
    Entry { key: key.clone(), assignment: held.clone() }
}
