//! Two stores at once, while a team moves from one to the other and may want to go back.
//!
//! The new store decides. It is asked first and its answers are given; what it lacks is looked for in the old one and
//! carried over with its claim ids before anything else is decided about it. Every claim is made in the old one too,
//! so that it stays ready to take over again.
//!
//! | what fails | what happens |
//! |---|---|
//! | the new store | the operation fails |
//! | the old store, for a key that the new one lacks | the operation fails: taken for absence, it would move a user |
//! | the old store, for a key that the new one holds | the answer is given; the miss is counted and logged |
//!
//! Servers that know only the old store may go on meanwhile. One of them and one that knows both can still give a user
//! who comes to both within the same moments two variations: that is counted, and the new store's stays.
use crate::{
    Assignment, AssignmentStore, AssignmentStoreExt, BoxFuture, Claimed, Cursor, Entry, Error, ErrorKind, Key, Offer,
    Outcome, Page, Result, ScanStore, Scope, User, distinct,
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

/// A store that another one stands behind.
#[derive(Debug)]
pub struct Shadow<N, O> {
    new: N,
    old: O,
    stats: Arc<ShadowStats>,
}

/// What happened between the two; each only grows.
#[derive(Debug, Default)]
pub struct ShadowStats {
    asked: AtomicU64,
    carried: AtomicU64,
    other_variations: AtomicU64,
    mended: AtomicU64,
    missed: AtomicU64,
    failing: AtomicBool,
}

impl ShadowStats {
    /// Keys that the new store lacked and the old one was asked for.
    pub fn asked(&self) -> u64 {
        self.asked.load(Relaxed)
    }
    /// Assignments found in the old store only, and carried over.
    pub fn carried(&self) -> u64 {
        self.carried.load(Relaxed)
    }
    /// Claims after which the stores hold different variations.
    pub fn other_variations(&self) -> u64 {
        self.other_variations.load(Relaxed)
    }
    /// Claims that found the old store without a goal, or without the whole assignment, and gave it to it.
    pub fn mended(&self) -> u64 {
        self.mended.load(Relaxed)
    }
    /// Claims that the old store did not take: going back now would lose them.
    pub fn missed(&self) -> u64 {
        self.missed.load(Relaxed)
    }

    fn miss(&self, claims: usize, error: &Error) {
        self.missed.fetch_add(claims as u64, Relaxed);
        if !self.failing.swap(true, Relaxed) {
            tracing::warn!(%error, "the old store does not take claims; going back would lose them");
        }
    }
    fn well(&self) {
        if self.failing.swap(false, Relaxed) {
            tracing::warn!(missed = self.missed(), "the old store takes claims again");
        }
    }
}

impl<N: AssignmentStore, O: AssignmentStore> Shadow<N, O> {
    /// Answers from `new`, with `old` behind it.
    pub fn new(new: N, old: O) -> Self {
        Self { new, old, stats: Arc::default() }
    }
    /// What happens between the two.
    pub fn stats(&self) -> Arc<ShadowStats> {
        self.stats.clone()
    }

    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Assignment>>> {
        let mut held = self.new.get(keys).await?;
        let lacked: Vec<Key> = lacking(keys, &held).cloned().collect();
        if lacked.is_empty() {
            return Ok(held);
        }
        self.stats.asked.fetch_add(lacked.len() as u64, Relaxed);
        let found = entries(&lacked, self.old.get(&lacked).await?);
        let carried = self.carry(found).await?;
        for (key, held) in keys.iter().zip(&mut held) {
            if held.is_none() {
                *held = carried.get(key).cloned();
            }
        }
        Ok(held)
    }

    /// Carries `found` over to the new store; tells what is held there now. One claim each, so that nobody sees a part.
    async fn carry(&self, found: Vec<Entry>) -> Result<HashMap<Key, Assignment>> {
        let mut offers: Vec<Offer> = found.into_iter().map(Offer::carrying).collect();
        let mut seen = HashSet::new();
        offers.retain(|offer| seen.insert(offer.key.clone())); // reads may name a key twice
        if offers.is_empty() {
            return Ok(HashMap::new());
        }
        let claimed = self.new.claim(&offers).await?;
        self.stats.carried.fetch_add(offers.len() as u64, Relaxed);
        let held = offers.into_iter().zip(claimed).filter_map(|(offer, claimed)| Some((offer.key, claimed.held?)));
        Ok(held.collect())
    }

    /// Those that the new store lacks. What it cannot read is not lacking: its own pages tell of that.
    async fn lacked(&self, entries: Vec<Entry>) -> Result<Vec<Entry>> {
        let keys: Vec<Key> = entries.iter().map(|entry| entry.key.clone()).collect();
        let lacks: Vec<bool> = match self.new.get(&keys).await {
            Ok(held) => held.iter().map(Option::is_none).collect(),
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                let mut lacks = Vec::with_capacity(keys.len());
                for key in &keys {
                    lacks.push(match self.new.get_one(key).await {
                        Err(error) if error.kind() != ErrorKind::Corrupt => return Err(error),
                        held => held.is_ok_and(|held| held.is_none()),
                    });
                }
                lacks
            }
            Err(error) => return Err(error),
        };
        Ok(entries.into_iter().zip(lacks).filter(|(_, lacks)| *lacks).map(|(entry, _)| entry).collect())
    }

    async fn claim_both(&self, offers: &[Offer]) -> Result<Vec<Claimed>> {
        distinct(offers.iter().map(|offer| &offer.key))?;
        let keys: Vec<Key> = offers.iter().map(|offer| offer.key.clone()).collect();
        self.read(&keys).await?;
        let answers = self.new.claim(offers).await?;
        match self.mirror(offers, &answers).await {
            Ok(()) => self.stats.well(),
            Err(error) => self.stats.miss(offers.len(), &error),
        }
        Ok(answers)
    }

    /// Makes in the old store the claims that the new one has answered, counts where the two differ, and gives the old
    /// one what it lacks. Only what the new one holds goes there: what comes back from it is never news.
    async fn mirror(&self, offers: &[Offer], answers: &[Claimed]) -> Result<()> {
        // A variation that was turned away here must not come to anything there; goals count wherever.
        let mirrored = |(offer, answer): (&Offer, &Claimed)| match answer.outcome {
            Outcome::Kept => Offer { variation: None, over: None, ..offer.clone() },
            _ => offer.clone(),
        };
        let mirrored: Vec<Offer> = offers.iter().zip(answers).map(mirrored).collect();
        let theirs = self.old.claim(&mirrored).await?;
        let mut lacking = Vec::new();
        for ((offer, answer), theirs) in offers.iter().zip(answers).zip(theirs) {
            let Some(ours) = &answer.held else { continue };
            match &theirs.held {
                Some(theirs) if theirs.variation != ours.variation => {
                    self.stats.other_variations.fetch_add(1, Relaxed);
                }
                Some(theirs) if has_all(theirs, ours) => {}
                _ => lacking.push(Offer::carrying(Entry { key: offer.key.clone(), assignment: ours.clone() })),
            }
        }
        if !lacking.is_empty() {
            self.stats.mended.fetch_add(lacking.len() as u64, Relaxed);
            self.old.claim(&lacking).await?;
        }
        Ok(())
    }
}

#[deny(clippy::missing_trait_methods)]
impl<N: AssignmentStore, O: AssignmentStore> AssignmentStore for Shadow<N, O> {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        Box::pin(self.read(keys))
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        Box::pin(self.claim_both(offers))
    }
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.new.put(entries).await?;
            self.old.put(entries).await
        })
    }
    /// From the old one first: what is left there would come back.
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.old.remove(keys).await?;
            self.new.remove(keys).await
        })
    }
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.new.flush().await?;
            self.old.flush().await
        })
    }
}

#[deny(clippy::missing_trait_methods)]
impl<N: ScanStore, O: ScanStore> ScanStore for Shadow<N, O> {
    fn user<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<Vec<Entry>>> {
        Box::pin(async move {
            let both = self.old.user(user).await?.into_iter().chain(self.new.user(user).await?);
            let both: BTreeMap<Key, Assignment> = both.map(|Entry { key, assignment }| (key, assignment)).collect();
            Ok(both.into_iter().map(|(key, assignment)| Entry { key, assignment }).collect())
        })
    }
    /// From the old one first; tells the greater of both numbers.
    fn erase<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let erased = self.old.erase(user).await?;
            Ok(erased.max(self.new.erase(user).await?))
        })
    }
    /// Goes through the old store first and carries over what the new one lacks: then the new one has everything, and
    /// tells it once. The first pages are therefore empty.
    fn scan<'a>(
        &'a self,
        scope: Option<&'a Scope>,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page>> {
        Box::pin(async move {
            let (in_new, after) = position(after)?;
            if in_new {
                let mut page = self.new.scan(scope, after.as_ref(), limit).await?;
                page.next = page.next.map(|next| cursor(NEW, Some(next)));
                return Ok(page);
            }
            let Page { entries, unreadable, next } = self.old.scan(scope, after.as_ref(), limit).await?;
            let lacked = self.lacked(entries).await?;
            self.carry(lacked).await?;
            let next = next.map_or_else(|| cursor(NEW, None), |next| cursor(OLD, Some(next)));
            Ok(Page { entries: Vec::new(), unreadable, next: Some(next) })
        })
    }
}

const OLD: u8 = 0;
const NEW: u8 = 1;

/// Whose cursor it is, and the cursor, unless that one's scan begins.
fn cursor(whose: u8, inner: Option<Cursor>) -> Cursor {
    let begun = u8::from(inner.is_some());
    Cursor([whose, begun].into_iter().chain(inner.into_iter().flat_map(|inner| inner.0)).collect())
}
fn position(after: Option<&Cursor>) -> Result<(bool, Option<Cursor>)> {
    match after.map(|cursor| cursor.0.as_slice()) {
        None => Ok((false, None)),
        Some([whose @ (OLD | NEW), begun @ (0 | 1), inner @ ..]) => {
            Ok((*whose == NEW, (*begun == 1).then(|| Cursor(inner.to_vec()))))
        }
        Some(_) => Err(Error::invalid("cursor", "this cursor is of another store")),
    }
}

/// Those of `asked` for which nothing is held.
fn lacking<'a, T>(asked: &'a [T], held: &'a [Option<Assignment>]) -> impl Iterator<Item = &'a T> {
    asked.iter().zip(held).filter(|(_, held)| held.is_none()).map(|(asked, _)| asked)
}
fn entries(keys: &[Key], held: Vec<Option<Assignment>>) -> Vec<Entry> {
    let entry = |(key, held): (&Key, Option<Assignment>)| Some(Entry { key: key.clone(), assignment: held? });
    keys.iter().zip(held).filter_map(entry).collect()
}

fn has_all(theirs: &Assignment, ours: &Assignment) -> bool {
    let known: HashSet<&str> = theirs.goals.iter().map(|goal| goal.name.as_str()).collect();
    ours.goals.iter().all(|goal| known.contains(goal.name.as_str()))
}
