//! The store behind everything: it keeps a book of all that ever was held, and checks each change against the rule.
//!
//! The rule is said again here in other words, so that a change to `Offer::join` shows.
use crate::dice::Virtual;
use stayput::{
    Assignment, AssignmentStore, AssignmentStoreExt, ClaimId, Claimed, Clock, Entry, Key, Name, Offer, Over, Result,
    ScanStore, Timestamp, User, backends::Memory,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};

/// What one process and its backend agree on as the truth.
#[derive(Debug)]
pub(crate) struct Truth {
    memory: Memory,
    clock: Arc<Virtual>,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
pub(crate) struct Book {
    /// What each key held, in order; before the first line, nothing.
    lines: BTreeMap<Key, Vec<Line>>,
    /// What clients have offered, by claim.
    offers: HashMap<ClaimId, Offer>,
    repeats: HashMap<ClaimId, u64>,
    /// When each claim arrived, each time.
    arrivals: HashMap<ClaimId, Vec<u64>>,
    /// Which claim first brought a goal, in each life of a key.
    first: HashMap<(Key, u32, Name), ClaimId>,
    /// What was found wrong.
    pub(crate) wrong: Vec<String>,
    /// What happened, if somebody wants to know.
    pub(crate) trace: Option<Vec<String>>,
    /// Orders what happens within a millisecond.
    ticks: u64,
}

/// What a key held from some moment on, until the next line or until it expired.
#[derive(Debug)]
struct Line {
    at: Timestamp,
    held: Option<Assignment>,
    /// From nothing to nothing, or from an operator's hand to the next.
    life: u32,
    /// The process whose operator wrote it.
    operator: Option<usize>,
}

/// What might have been seen: from when until when, and not before which line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) floor: usize,
}

impl Truth {
    pub(crate) fn new(clock: Arc<Virtual>, traced: bool) -> Self {
        let book = Book { trace: traced.then(Vec::new), ..Book::default() };
        Self { memory: Memory::new(clock.clone()), clock, book: Mutex::new(book) }
    }
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("no panic")
    }
    pub(crate) fn trace(&self, line: impl FnOnce() -> String) {
        let now = self.clock.now().as_millis();
        if let Some(trace) = &mut self.book().trace {
            trace.push(format!("{now} {}", line()));
        }
    }
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    pub(crate) async fn claim(&self, offers: &[Offer]) -> Result<Vec<Claimed>> {
        let mut claims = Vec::new();
        for offer in offers {
            // Memory answers at once, so nothing comes between.
            let claimed = self.memory.claim_one(offer).await?;
            let after = self.memory.get_one(&offer.key).await?;
            self.trace(|| format!("   arrives {} -> {:?}", said(offer), after.as_ref().map(shown)));
            self.book().arrived(offer, after, self.clock.now());
            claims.push(claimed);
        }
        Ok(claims)
    }
    pub(crate) async fn put(&self, entries: &[Entry], process: usize) -> Result<()> {
        self.memory.put(entries).await?;
        for Entry { key, assignment } in entries {
            self.trace(|| format!("   put {} {}", key.campaign(), shown(assignment)));
            self.book().operated(key, Some(assignment.clone()), self.clock.now(), process);
        }
        Ok(())
    }
    pub(crate) async fn remove(&self, keys: &[Key], process: usize) -> Result<()> {
        self.memory.remove(keys).await?;
        for key in keys {
            self.trace(|| format!("   removed {}", key.campaign()));
            self.book().operated(key, None, self.clock.now(), process);
        }
        Ok(())
    }
    pub(crate) async fn erase(&self, user: &User, process: usize) -> Result<u64> {
        let erased = self.memory.erase(user).await?;
        self.trace(|| format!("   erased {}", user.id()));
        let keys: Vec<Key> = self.book().lines.keys().filter(|key| key.user() == user).cloned().collect();
        keys.iter().for_each(|key| self.book().operated(key, None, self.clock.now(), process));
        Ok(erased)
    }
}

impl Book {
    pub(crate) fn tick(&mut self) -> u64 {
        self.ticks += 1;
        self.ticks
    }
    pub(crate) fn wrong(&mut self, what: String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("WRONG {what}"));
        }
        self.wrong.push(what);
    }
    /// A client is about to offer this.
    pub(crate) fn offered(&mut self, offer: &Offer) {
        self.offers.insert(offer.claim, offer.clone());
        *self.repeats.entry(offer.claim).or_default() += 1;
    }
    pub(crate) fn arrivals(&self, claim: ClaimId) -> &[u64] {
        self.arrivals.get(&claim).map_or(&[], Vec::as_slice)
    }
    /// How often clients offered it.
    pub(crate) fn repeats(&self, claim: ClaimId) -> u64 {
        self.repeats.get(&claim).copied().unwrap_or(0)
    }
    /// All that was ever offered for `key`.
    pub(crate) fn offers_of(&self, key: &Key) -> Vec<&Offer> {
        self.offers.values().filter(|offer| offer.key == *key).collect()
    }
    /// Which claim brought `goal`, in the life that a line belongs to.
    pub(crate) fn brought(&self, key: &Key, line: usize, goal: &Name) -> Option<ClaimId> {
        let life = self.lines.get(key)?.get(line)?.life;
        self.first.get(&(key.clone(), life, goal.clone())).copied()
    }
    /// The last line that `process`' operator wrote.
    pub(crate) fn last_of_operator(&self, key: &Key, process: usize) -> usize {
        let lines = self.lines.get(key).map_or(&[][..], Vec::as_slice);
        lines.iter().rposition(|line| line.operator == Some(process)).unwrap_or(0)
    }
    /// The first line by which `held` was true within the window.
    pub(crate) fn line(&self, key: &Key, held: Option<&Assignment>, window: Window) -> Option<usize> {
        self.candidates(key, window).find(|(_, candidate)| *candidate == held).map(|(line, _)| line)
    }
    /// All that was true within the window.
    pub(crate) fn candidates(
        &self,
        key: &Key,
        window: Window,
    ) -> impl Iterator<Item = (usize, Option<&Assignment>)> + use<'_> {
        let lines = self.lines.get(key).map_or(&[][..], Vec::as_slice);
        let ends = lines.iter().skip(1).map(|line| line.at).chain([Timestamp::MAX]);
        let within = lines.iter().zip(ends).enumerate().skip(window.floor);
        within.filter(move |(_, (line, end))| line.at <= window.to && *end >= window.from).flat_map(
            move |(number, (line, end))| {
                let (from, to) = (line.at.max(window.from), end.min(window.to));
                let held = line.held.as_ref().filter(|held| held.expires_at.is_none_or(|expiry| from < expiry));
                let gone = line.held.as_ref().is_none_or(|held| held.expires_at.is_some_and(|expiry| expiry <= to));
                held.map(|held| (number, Some(held))).into_iter().chain(gone.then_some((number, None)))
            },
        )
    }

    /// Nothing was held of `key` yet.
    pub(crate) fn open(&mut self, key: &Key) {
        self.lines(key);
    }
    fn lines(&mut self, key: &Key) -> &mut Vec<Line> {
        let nothing = || vec![Line { at: Timestamp::default(), held: None, life: 0, operator: None }];
        self.lines.entry(key.clone()).or_insert_with(nothing)
    }
    fn operated(&mut self, key: &Key, held: Option<Assignment>, at: Timestamp, process: usize) {
        let life = self.lines(key).last().map_or(0, |line| line.life + 1);
        for goal in held.iter().flat_map(|held| held.goals.iter()) {
            self.first.insert((key.clone(), life, goal.name.clone()), goal.by);
        }
        self.lines(key).push(Line { at, held, life, operator: Some(process) });
    }
    fn arrived(&mut self, offer: &Offer, after: Option<Assignment>, at: Timestamp) {
        let tick = self.tick();
        self.arrivals.entry(offer.claim).or_default().push(tick);
        match self.offers.get(&offer.claim) {
            Some(offered) if is_faithful(offered, offer) => {}
            offered => {
                let what = format!("{} arrived, and {:?} was offered", said(offer), offered.map(said));
                self.wrong(what);
            }
        }
        let key = &offer.key;
        let (life, written) = self.lines(key).last().map_or((0, None), |line| (line.life, line.held.clone()));
        let before = written.clone().filter(|held| held.is_live(at));
        if let Err(why) = may_become(before.as_ref(), offer, after.as_ref()) {
            let what = format!("{why}: {:?} and {} became {:?}", before.map(|held| shown(&held)), said(offer), after);
            return self.wrong(what);
        }
        if after == before {
            return;
        }
        let life = if before.is_none() { life + 1 } else { life };
        for goal in &offer.goals {
            self.first.entry((key.clone(), life, goal.clone())).or_insert(offer.claim);
        }
        self.lines(key).push(Line { at, held: after, life, operator: None });
    }
}

/// Nothing was added on the way, and nothing was lost but an `over` that names nobody.
fn is_faithful(offered: &Offer, arrived: &Offer) -> bool {
    let vague = offered.over.as_ref().is_some_and(|over| over.by.is_none());
    *offered == *arrived || vague && Offer { over: None, ..offered.clone() } == *arrived
}

/// The rule, in the words of its invariants.
fn may_become(before: Option<&Assignment>, offer: &Offer, after: Option<&Assignment>) -> Result<(), &'static str> {
    let has =
        |held: &Assignment, name: &Name, by: ClaimId| held.goals.iter().any(|goal| goal.name == *name && goal.by == by);
    match (before, after) {
        (None, None) if offer.variation.is_none() => Ok(()),
        (None, Some(after)) => match after.by == offer.claim && Some(&after.variation) == offer.variation.as_ref() {
            true if offer.goals.iter().all(|goal| has(after, goal, offer.claim)) => Ok(()),
            true => Err("a goal is missing from what was created"),
            false => Err("something else was created"),
        },
        (Some(before), Some(after)) => {
            let makes_way =
                |over: &Over| over.variation == before.variation && over.by.is_none_or(|by| by == before.by);
            let replaced = before.variation != after.variation || before.by != after.by;
            let may = offer.over.as_ref().is_some_and(makes_way) && Some(&after.variation) == offer.variation.as_ref();
            if replaced && !(may && after.by == offer.claim) {
                return Err("a variation changed that nobody may replace");
            }
            if !before.goals.iter().all(|goal| has(after, &goal.name, goal.by)) {
                return Err("a goal that was held is missing");
            }
            match offer.goals.iter().all(|name| after.goals.iter().any(|goal| goal.name == *name)) {
                true => Ok(()),
                false => Err("an offered goal is missing"),
            }
        }
        _ => Err("something came of nothing, or nothing of something"),
    }
}

/// An offer in a line.
pub(crate) fn said(offer: &Offer) -> String {
    let goals: Vec<_> = offer.goals.iter().map(Name::as_str).collect();
    let over = offer.over.as_ref().map(|over| (over.variation.as_str(), over.by.map(|by| by.0)));
    let variation = offer.variation.as_ref().map(Name::as_str);
    format!("#{} {} {variation:?} {goals:?} over {over:?}", offer.claim.0, place(&offer.key))
}
/// An assignment in a line.
pub(crate) fn shown(held: &Assignment) -> String {
    let goals: Vec<_> = held.goals.iter().map(|goal| (goal.name.as_str(), goal.by.0)).collect();
    let expires = held.expires_at.map(Timestamp::as_millis);
    format!("{} by #{} {goals:?} revision {} until {expires:?}", held.variation, held.by.0, held.revision)
}
pub(crate) fn place(key: &Key) -> String {
    format!("{}/{}", key.user_id(), key.campaign())
}
