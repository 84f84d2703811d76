//! A sound store with places where one fault can be planted, and one that cannot enumerate.
use stayput::{
    Assignment, AssignmentStore, BoxFuture, Claimed, Clock, Cursor, Entry, Error, ErrorKind, Key, Kind, Offer, Page,
    Result, ScanStore, Scope, SystemClock, Timestamp, User, backends::Memory, codec, distinct,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What is wrong with a store; [`SOUND`] bends nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    /// Bends every key.
    pub(crate) key: fn(&mut Key),
    /// Bends what is put.
    pub(crate) put: fn(&mut Entry),
    /// Bends an offer, given what is held and live, before it is joined.
    pub(crate) offer: fn(&mut Offer, Option<&Assignment>),
    /// Bends what a claim leaves and answers, given what lay there before, live or not.
    pub(crate) left: fn(&Offer, Option<&Assignment>, &mut Claimed),
    /// Bends the answers to a batch of reads.
    pub(crate) found: fn(&mut Vec<Option<Assignment>>),
    /// Bends the answers to a batch of claims.
    pub(crate) claimed: fn(&mut Vec<Claimed>),
    /// Which first reads a client repeats for ever.
    pub(crate) remembers: fn(&Option<Assignment>) -> bool,
    /// Bends the list of a user's entries.
    pub(crate) listed: fn(&mut Vec<Entry>),
    pub(crate) flaw: Flaw,
}

/// What is wrong beyond single values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Flaw {
    None,
    TornClaims,
    KeyTwice,
    LateCheck,
    Fragile,
    NeverExpires,
    RemoveHides,
    RemoveNeedsHolder,
    PutKeepsHigherRevision,
    FlushFails,
    UserByPrefix,
    EraseMissesAKind,
    EraseByPrefix,
    EraseCountsNothing,
    ScanSkipsAtTheBorder,
    ScanRepeatsAtTheBorder,
    ScanCountsInsteadOfSeeking,
    ScanNeedsTheCursorsEntry,
    ScanByPrefix,
    ScanIgnoresTheScope,
    ScanIgnoresTheLimit,
    ScanListsExpired,
}

pub(crate) const SOUND: Fault = Fault {
    name: "nothing is wrong",
    key: |_| (),
    put: |_| (),
    offer: |_, _| (),
    left: |_, _, _| (),
    found: |_| (),
    claimed: |_| (),
    remembers: |_| false,
    listed: |_| (),
    flaw: Flaw::None,
};

/// One client of a bent backend.
#[derive(Debug)]
pub(crate) struct Bent {
    fault: Fault,
    backend: Arc<Mutex<Backend>>,
    first_reads: Mutex<HashMap<Key, Option<Assignment>>>,
}

#[derive(Debug, Default)]
struct Backend {
    held: BTreeMap<Key, Assignment>,
    broken: bool,
}

impl Bent {
    pub(crate) fn new(fault: &Fault) -> Self {
        Self { fault: *fault, backend: Arc::default(), first_reads: Mutex::default() }
    }
    pub(crate) fn client(&self) -> Self {
        Self { backend: self.backend.clone(), ..Self::new(&self.fault) }
    }

    fn lock(&self) -> MutexGuard<'_, Backend> {
        self.backend.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn has(&self, flaw: Flaw) -> bool {
        self.fault.flaw == flaw
    }
    fn place(&self, key: &Key) -> Key {
        let mut key = key.clone();
        (self.fault.key)(&mut key);
        key
    }
    fn is_live(&self, held: &Assignment) -> bool {
        self.has(Flaw::NeverExpires) || held.is_live(SystemClock.now())
    }
    fn live(&self, entries: impl Iterator<Item = (Key, Assignment)>) -> Vec<Entry> {
        let live = entries.filter(|(_, held)| self.is_live(held));
        live.map(|(key, assignment)| Entry { key, assignment }).collect()
    }
    fn read(&self, key: &Key) -> Option<Assignment> {
        let found = self.lock().held.get(&self.place(key)).filter(|held| self.is_live(held)).cloned();
        let mut first_reads = self.first_reads.lock().unwrap_or_else(PoisonError::into_inner);
        if (self.fault.remembers)(&found) {
            first_reads.entry(key.clone()).or_insert(found.clone());
        }
        first_reads.get(key).cloned().unwrap_or(found)
    }
    async fn claim_one(&self, offer: &Offer) -> Claimed {
        let (mut offer, key) = (offer.clone(), self.place(&offer.key));
        let mut before = self.lock().held.get(&key).cloned();
        if self.has(Flaw::TornClaims) {
            tokio::task::yield_now().await;
        } else {
            before = self.lock().held.get(&key).cloned();
        }
        let now = SystemClock.now();
        (self.fault.offer)(&mut offer, before.as_ref().filter(|held| held.is_live(now)));
        let sound = offer.join(before.clone(), now);
        let mut bent = sound.claimed.clone();
        (self.fault.left)(&offer, before.as_ref(), &mut bent);
        if sound.changed || bent.held != sound.claimed.held {
            match bent.held.clone() {
                Some(left) => drop(self.lock().held.insert(key, left)),
                None => drop(self.lock().held.remove(&key)),
            }
        }
        bent
    }
    /// What is broken stays so if the call is dropped here.
    async fn risk(&self) -> Result<()> {
        if self.has(Flaw::Fragile) {
            if std::mem::replace(&mut self.lock().broken, true) {
                return Err(Error::new(ErrorKind::Corrupt, "bent", "a dropped call has broken this store"));
            }
            tokio::task::yield_now().await;
            self.lock().broken = false;
        }
        Ok(())
    }
    fn check<'a>(&self, keys: impl Iterator<Item = &'a Key>) -> Result<()> {
        if self.has(Flaw::KeyTwice) { Ok(()) } else { distinct(keys) }
    }
    fn early<'a>(&self, keys: impl Iterator<Item = &'a Key>) -> Result<()> {
        if self.has(Flaw::LateCheck) { Ok(()) } else { self.check(keys) }
    }
    fn of(&self, user: &User, by_prefix: Flaw) -> Vec<(Key, Assignment)> {
        let prefix = self.has(by_prefix);
        let same = |key: &Key| match prefix {
            true => key.scope() == user.scope() && key.user_id().starts_with(user.id()),
            false => key.user() == user,
        };
        let held = &self.lock().held;
        held.iter().filter(|(key, _)| same(key)).map(|(key, held)| (key.clone(), held.clone())).collect()
    }
}

impl AssignmentStore for Bent {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        Box::pin(async move {
            let mut found = keys.iter().map(|key| self.read(key)).collect();
            (self.fault.found)(&mut found);
            Ok(found)
        })
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        Box::pin(async move {
            self.early(offers.iter().map(|offer| &offer.key))?;
            self.risk().await?;
            let mut claimed = Vec::new();
            for offer in offers {
                claimed.push(self.claim_one(offer).await);
            }
            self.check(offers.iter().map(|offer| &offer.key))?;
            (self.fault.claimed)(&mut claimed);
            Ok(claimed)
        })
    }
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.early(entries.iter().map(|entry| &entry.key))?;
            for entry in entries {
                let mut entry = entry.clone();
                (self.fault.put)(&mut entry);
                let (key, held) = (self.place(&entry.key), &mut self.lock().held);
                let higher = held.get(&key).is_some_and(|held| held.revision > entry.assignment.revision);
                if !(self.has(Flaw::PutKeepsHigherRevision) && higher) {
                    held.insert(key, entry.assignment);
                }
            }
            self.check(entries.iter().map(|entry| &entry.key))
        })
    }
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.early(keys.iter())?;
            for key in keys {
                let (key, held) = (self.place(key), &mut self.lock().held);
                if self.has(Flaw::RemoveNeedsHolder) && !held.contains_key(&key) {
                    return Err(Error::new(ErrorKind::Refused, "bent", "there is nothing to remove"));
                }
                if self.has(Flaw::RemoveHides) {
                    held.entry(key).and_modify(|held| held.expires_at = Some(Timestamp::default()));
                } else {
                    held.remove(&key);
                }
            }
            self.check(keys.iter())
        })
    }
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            match self.has(Flaw::FlushFails) {
                true => Err(Error::new(ErrorKind::Refused, "bent", "flushing is not supported")),
                false => Ok(()),
            }
        })
    }
}

impl ScanStore for Bent {
    fn user<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<Vec<Entry>>> {
        Box::pin(async move {
            let mut entries = self.live(self.of(user, Flaw::UserByPrefix).into_iter());
            (self.fault.listed)(&mut entries);
            Ok(entries)
        })
    }
    fn erase<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let mut of_user = self.of(user, Flaw::EraseByPrefix);
            of_user.retain(|(key, _)| !(self.has(Flaw::EraseMissesAKind) && key.kind() == Kind::Fme));
            of_user.iter().for_each(|(key, _)| drop(self.lock().held.remove(key)));
            Ok(if self.has(Flaw::EraseCountsNothing) { 0 } else { of_user.len() as u64 })
        })
    }
    fn scan<'a>(
        &'a self,
        scope: Option<&'a Scope>,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page>> {
        Box::pin(async move {
            let limit = if self.has(Flaw::ScanIgnoresTheLimit) { usize::MAX } else { limit.max(1) };
            let in_scope = |key: &Key| {
                scope.is_none_or(|scope| match self.fault.flaw {
                    Flaw::ScanByPrefix => key.scope().as_str().starts_with(scope.as_str()),
                    Flaw::ScanIgnoresTheScope => true,
                    _ => key.scope() == scope,
                })
            };
            let mut rest = self.lock().held.clone();
            rest.retain(|key, held| in_scope(key) && (self.has(Flaw::ScanListsExpired) || self.is_live(held)));
            let rest: Vec<Entry> = rest.into_iter().map(|(key, assignment)| Entry { key, assignment }).collect();
            let mut passed = 0;
            if let Some(Cursor(after)) = after {
                let (count, key) = after.split_at(8);
                let count = usize::from_le_bytes(count.try_into().expect("8 bytes"));
                let key = codec::decode_key("bent", key)?;
                let at = rest.iter().position(|entry| entry.key == key);
                let seek = rest.iter().position(|entry| entry.key > key).unwrap_or(rest.len());
                passed = match self.fault.flaw {
                    Flaw::ScanCountsInsteadOfSeeking => count,
                    Flaw::ScanNeedsTheCursorsEntry => at.map_or(rest.len(), |at| at + 1),
                    Flaw::ScanRepeatsAtTheBorder if count % 7 == 0 => at.unwrap_or(seek),
                    Flaw::ScanSkipsAtTheBorder => seek + 1,
                    _ => seek,
                };
            }
            let entries: Vec<Entry> = rest.iter().skip(passed).take(limit).cloned().collect();
            let end = passed.saturating_add(limit);
            let last = entries.last().filter(|_| end < rest.len());
            let next = last.map(|last| Cursor([&end.to_le_bytes()[..], &codec::encode_key(&last.key)].concat()));
            Ok(Page { entries, unreadable: Vec::new(), next })
        })
    }
}

/// A sound store that cannot enumerate, and says so with or without its name.
#[derive(Debug)]
pub(crate) struct Refusing {
    inner: Memory,
    named: bool,
}

impl Refusing {
    pub(crate) fn new(named: bool) -> Self {
        Self { inner: Memory::default(), named }
    }
    fn refuse<T: Send + 'static>(&self) -> BoxFuture<'_, Result<T>> {
        let error = match self.named {
            true => Error::new(ErrorKind::Refused, "refusing", "it cannot say what it holds"),
            false => Error::invalid("store", "it cannot say what it holds"),
        };
        Box::pin(async move { Err(error) })
    }
}

impl AssignmentStore for Refusing {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        self.inner.get(keys)
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        self.inner.claim(offers)
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

impl ScanStore for Refusing {
    fn user<'a>(&'a self, _: &'a User) -> BoxFuture<'a, Result<Vec<Entry>>> {
        self.refuse()
    }
    fn erase<'a>(&'a self, _: &'a User) -> BoxFuture<'a, Result<u64>> {
        self.refuse()
    }
    fn scan<'a>(&'a self, _: Option<&'a Scope>, _: Option<&'a Cursor>, _: usize) -> BoxFuture<'a, Result<Page>> {
        self.refuse()
    }
}
