//! Assignments in this process's memory: for tests, and the reference for every other backend.
//!
//! | event | what is lost |
//! |---|---|
//! | the process ends, however it ends | everything |
use crate::{
    Assignment, AssignmentStore, BoxFuture, Claimed, Clock, Cursor, Entry, Key, Kind, Offer, Page, Result, ScanStore,
    Scope, SystemClock, Timestamp, User, codec, distinct,
};
use std::{
    collections::{BTreeSet, HashMap, hash_map},
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A store that forgets everything when dropped.
#[derive(Debug)]
pub struct Memory {
    // A std mutex: nothing awaits while it is held, and holding it is what makes a claim atomic.
    table: Mutex<Table>,
    clock: Arc<dyn Clock>,
}

/// Hashed, because decisions only look up; the order that enumerations need is made when one is asked for.
#[derive(Debug, Default)]
struct Table {
    held: HashMap<Key, Assignment>,
    /// Together with `unsorted` all keys that are held.
    sorted: BTreeSet<Key>,
    /// What came since; some may be gone again, or stand here twice.
    unsorted: Vec<Key>,
}

impl Memory {
    /// An empty store that tells time by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { table: Mutex::default(), clock }
    }
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn lock_in_order(&self) -> MutexGuard<'_, Table> {
        let mut table = self.lock();
        table.sort();
        table
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
            let table = self.lock();
            // Most never expire, and then nobody needs to know what time it is.
            let is_live = |held: &&Assignment| held.expires_at.is_none() || held.is_live(self.clock.now());
            Ok(keys.iter().map(|key| table.held.get(key).filter(is_live).cloned()).collect())
        })
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        Box::pin(async move {
            distinct(offers.iter().map(|offer| &offer.key))?;
            let (mut table, now) = (self.lock(), self.clock.now());
            Ok(offers.iter().map(|offer| table.claim(offer, now)).collect())
        })
    }
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            distinct(entries.iter().map(|entry| &entry.key))?;
            let mut table = self.lock();
            entries.iter().for_each(|entry| table.insert(&entry.key, entry.assignment.clone()));
            Ok(())
        })
    }
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            distinct(keys)?;
            let mut table = self.lock();
            keys.iter().for_each(|key| table.remove(key));
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
            let (table, now) = (self.lock_in_order(), self.clock.now());
            Ok(table.of_user(user).filter(|(_, held)| held.is_live(now)).map(entry).collect())
        })
    }
    fn erase<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let mut table = self.lock_in_order();
            let keys: Vec<Key> = table.of_user(user).map(|(key, _)| key.clone()).collect();
            keys.iter().for_each(|key| table.remove(key));
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
            let (table, now) = (self.lock_in_order(), self.clock.now());
            let begin = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
            let mut rest = table
                .range(begin)
                .filter(|(key, held)| held.is_live(now) && scope.is_none_or(|scope| key.scope() == scope));
            let entries: Vec<Entry> = rest.by_ref().take(limit.max(1)).map(entry).collect();
            let next = rest.next().and_then(|_| entries.last()).map(|last| Cursor(codec::encode_key(&last.key)));
            Ok(Page { entries, unreadable: Vec::new(), next })
        })
    }
}

impl Table {
    fn claim(&mut self, offer: &Offer, now: Timestamp) -> Claimed {
        let place = self.held.entry(offer.key.clone()); // looked up once
        let held = match &place {
            hash_map::Entry::Occupied(place) => Some(place.get().clone()),
            hash_map::Entry::Vacant(_) => None,
        };
        let joined = offer.join(held, now);
        if let Some(assignment) = joined.claimed.held.as_ref().filter(|_| joined.changed) {
            if let hash_map::Entry::Vacant(_) = &place {
                self.unsorted.push(offer.key.clone());
            }
            place.insert_entry(assignment.clone());
            self.tidy();
        }
        joined.claimed
    }
    fn insert(&mut self, key: &Key, assignment: Assignment) {
        match self.held.entry(key.clone()) {
            hash_map::Entry::Occupied(mut place) => drop(place.insert(assignment)),
            hash_map::Entry::Vacant(place) => {
                place.insert(assignment);
                self.unsorted.push(key.clone());
            }
        }
        self.tidy();
    }
    fn tidy(&mut self) {
        if self.unsorted.len() > 2 * self.held.len() {
            self.sort(); // most of them were removed again
        }
    }
    fn remove(&mut self, key: &Key) {
        self.held.remove(key);
        self.sorted.remove(key);
    }
    fn sort(&mut self) {
        self.sorted.extend(self.unsorted.drain(..).filter(|key| self.held.contains_key(key)));
    }

    /// What is held from `begin` on, in order.
    fn range<'a>(&'a self, begin: Bound<&Key>) -> impl Iterator<Item = (&'a Key, &'a Assignment)> + use<'a> {
        self.sorted.range::<Key, _>((begin, Bound::Unbounded)).filter_map(|key| self.held.get_key_value(key))
    }
    /// Everything of `user`: keys sort by user first, so it stands together.
    fn of_user<'a>(&'a self, user: &'a User) -> impl Iterator<Item = (&'a Key, &'a Assignment)> {
        let first = user.key(Kind::Classic, "\u{1}").ok(); // nothing sorts before U+0001 but the U+0000 that is not allowed
        let begin = first.as_ref().map_or(Bound::Unbounded, Bound::Included);
        self.range(begin).take_while(move |(key, _)| key.user() == user)
    }
}

fn entry((key, held): (&Key, &Assignment)) -> Entry {
    Entry { key: key.clone(), assignment: held.clone() }
}
