//! What clients do, and what must be true of each answer that they get.
use crate::{
    truth::{Book, Window, place, said, shown},
    world::{Process, Purge, Spooled, World, is_spooled},
};
use stayput::{
    Assignment, ClaimId, Claimed, Clock, Entry, Error, ErrorKind, Key, Kind, Name, Offer, Outcome, ScanStore, Scope,
    Timestamp, User,
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::time::sleep;

const USERS: &[&str] = &["u", "w"];
const CAMPAIGNS: &[&str] = &["one", "two"];
const VARIATIONS: &[&str] = &["A", "B", "C"];
const GOALS: &[&str] = &["f", "g", "h", "i"];

/// What a process has done and seen.
#[derive(Debug, Default)]
pub(crate) struct Own {
    /// Nothing before this line may be shown to it any more: it has written since.
    floors: HashMap<Key, usize>,
    seen: HashMap<Key, Assignment>,
    /// Offers that failed: clients repeat them.
    failed: Vec<Offer>,
}

/// A client of `process` takes so many steps.
pub(crate) async fn works(world: Arc<World>, process: Arc<Process>, steps: u64) {
    for _ in 0..steps {
        sleep(world.dice.millis(60)).await;
        match world.dice.below(100) {
            0..30 => reads(&world, &process).await,
            30..38 => reads_all(&world, &process).await,
            38..88 => claims(&world, &process).await,
            88..91 => puts(&world, &process).await,
            91..96 => removes(&world, &process).await,
            _ => erases(&world, &process).await,
        }
    }
}

async fn reads(world: &World, process: &Process) {
    let mut keys: Vec<Key> = (0..1 + world.dice.below(2)).map(|_| key(world)).collect();
    keys.dedup();
    let begun = begun(world, process, &keys);
    let answer = match &process.stack.near_cache {
        Some(cache) => {
            cache.look(&keys).await.map(|seen| seen.into_iter().map(|seen| (seen.held, seen.is_stale)).collect())
        }
        None => {
            process.store().get(&keys).await.map(|held| held.into_iter().map(|held| (held, false)).collect::<Vec<_>>())
        }
    };
    match answer {
        Ok(answers) => {
            for ((key, begun), (held, is_stale)) in keys.iter().zip(begun).zip(answers) {
                seen(world, process, key, begun, held, is_stale);
            }
        }
        Err(error) => failed(world, process, &error),
    }
}

async fn reads_all(world: &World, process: &Process) {
    let user = user(world);
    let keys: Vec<Key> = CAMPAIGNS.iter().map(|campaign| user.key(Kind::Classic, campaign).expect("legal")).collect();
    let begun = begun(world, process, &keys);
    match process.stack.store.user(&user).await {
        Ok(entries) => {
            for (key, begun) in keys.iter().zip(begun) {
                let held = entries.iter().find(|entry| entry.key == *key).map(|entry| entry.assignment.clone());
                seen(world, process, key, begun, held, false);
            }
        }
        Err(error) => failed(world, process, &error),
    }
}

async fn claims(world: &World, process: &Process) {
    let again = process.own.lock().expect("no panic").failed.pop().filter(|_| world.dice.percent(70));
    let mut offers = vec![again.unwrap_or_else(|| offer(world, process))];
    if world.dice.percent(25) {
        offers.extend(Some(offer(world, process)).filter(|other| other.key != offers[0].key));
    }
    let keys: Vec<Key> = offers.iter().map(|offer| offer.key.clone()).collect();
    let begun = begun(world, process, &keys);
    let tick = {
        let mut book = world.truth.book();
        offers.iter().for_each(|offer| book.offered(offer));
        book.tick()
    };
    world.truth.trace(|| format!("p{} offers {:?}", process.number, offers.iter().map(said).collect::<Vec<_>>()));
    match process.store().claim(&offers).await {
        Ok(claims) => {
            for ((offer, begun), claimed) in offers.iter().zip(begun).zip(&claims) {
                answered(world, process, offer, (begun, tick), claimed);
            }
        }
        Err(error) => {
            failed(world, process, &error);
            process.own.lock().expect("no panic").failed.extend(offers);
        }
    }
}

async fn puts(world: &World, process: &Process) {
    let offer = offer(world, process);
    let Some(assignment) = offer.join(None, world.clock.now()).claimed.held else { return };
    let key = offer.key.clone();
    let done = process.store().put(&[Entry { key: key.clone(), assignment }]).await;
    wrote(world, process, &[key], done);
}

async fn removes(world: &World, process: &Process) {
    let keys = [key(world)];
    let purge = purges(world, process, &keys);
    let done = process.store().remove(&keys).await;
    purged(world, process, purge, done.is_ok());
    wrote(world, process, &keys, done);
}

async fn erases(world: &World, process: &Process) {
    let user = user(world);
    let keys: Vec<Key> = CAMPAIGNS.iter().map(|campaign| user.key(Kind::Classic, campaign).expect("legal")).collect();
    let purge = purges(world, process, &keys);
    let done = process.stack.store.erase(&user).await;
    purged(world, process, purge, done.is_ok());
    wrote(world, process, &keys, done.map(drop));
}

fn begun(world: &World, process: &Process, keys: &[Key]) -> Vec<(Timestamp, usize)> {
    keys.iter().for_each(|key| world.truth.book().open(key));
    let own = process.own.lock().expect("no panic");
    keys.iter().map(|key| (world.clock.now(), own.floors.get(key).copied().unwrap_or(0))).collect()
}

/// A read was answered.
fn seen(
    world: &World,
    process: &Process,
    key: &Key,
    (begun, floor): (Timestamp, usize),
    held: Option<Assignment>,
    is_stale: bool,
) {
    world.truth.trace(|| {
        let stale = if is_stale { ", stale" } else { "" };
        format!("p{} reads {}: {:?}{stale}", process.number, place(key), held.as_ref().map(shown))
    });
    let age = if is_stale { process.ages[1] } else { process.ages[0] };
    let window = Window { from: before(begun, age), to: world.clock.now(), floor };
    let waited = process.spool_of(world).filter(|machine| machine.waited.since(&machine.disk, key, window.from));
    let mut book = world.truth.book();
    let is_true = book.line(key, held.as_ref(), window).is_some();
    let is_guess = waited.is_some() && may_be_guessed(&book, key, held.as_ref(), window, is_stale);
    if !is_true && !is_guess {
        let candidates: Vec<_> = book.candidates(key, window).map(|(_, held)| held.map(shown)).collect();
        let held = held.as_ref().map(shown);
        book.wrong(format!("p{} read {}: {held:?}, but it was {candidates:?}", process.number, place(key)));
    }
    let mut own = process.own.lock().expect("no panic");
    match held {
        Some(held) => drop(own.seen.insert(key.clone(), held)),
        None => drop(own.seen.remove(key)),
    }
}

/// While offers wait, a read is answered with what is held joined with them: never less than what is held, unless the
/// store could not be asked and the answer says so.
fn may_be_guessed(book: &Book, key: &Key, held: Option<&Assignment>, window: Window, is_stale: bool) -> bool {
    let Some(held) = held else { return false };
    let offered = book.offers_of(key).iter().any(|offer| offer.variation.as_ref() == Some(&held.variation));
    book.candidates(key, window).any(|(_, candidate)| {
        let has = |name: &Name| held.goals.iter().any(|goal| goal.name == *name);
        let kept = candidate.is_none_or(|candidate| candidate.goals.iter().all(|goal| has(&goal.name)));
        let same = candidate.is_some_and(|candidate| candidate.variation == held.variation);
        (is_stale || kept) && (same || offered)
    })
}

/// A claim was answered.
fn answered(
    world: &World,
    process: &Process,
    offer: &Offer,
    ((begun, floor), tick): ((Timestamp, usize), u64),
    claimed: &Claimed,
) {
    world.truth.trace(|| {
        let (outcome, held) = (claimed.outcome, claimed.held.as_ref().map(shown));
        format!("p{} is told of #{}: {outcome:?} {held:?} new {:?}", process.number, offer.claim.0, claimed.new_goals)
    });
    if is_spooled(claimed) {
        return spooled(world, process, offer, tick, claimed);
    }
    // Only what brings nothing may be answered from what is known.
    let age = if offer.goals.is_empty() { process.ages[0] } else { Duration::ZERO };
    let window = Window { from: before(begun, age), to: world.clock.now(), floor };
    let line = told(&mut world.truth.book(), offer, claimed, window, &format!("p{} was told", process.number));
    let mut own = process.own.lock().expect("no panic");
    if let Some(line) = line {
        let floor = own.floors.entry(offer.key.clone()).or_default();
        *floor = line.max(*floor);
    }
    if let Some(held) = &claimed.held {
        own.seen.insert(offer.key.clone(), held.clone());
    }
}

/// What an answer other than `spooled` says of an offer is true; tells since which line.
pub(crate) fn told(book: &mut Book, offer: &Offer, claimed: &Claimed, window: Window, who: &str) -> Option<usize> {
    let key = &offer.key;
    let Some(line) = book.line(key, claimed.held.as_ref(), window) else {
        let candidates: Vec<_> = book.candidates(key, window).map(|(_, held)| held.map(shown)).collect();
        let told = (claimed.outcome, claimed.held.as_ref().map(shown));
        book.wrong(format!("{who} of {}: {told:?}, but it was {candidates:?}", said(offer)));
        return None;
    };
    let held = claimed.held.as_ref();
    let is_own = |held: &Assignment| held.by == offer.claim && Some(&held.variation) == offer.variation.as_ref();
    let is_other = |held: &Assignment| offer.variation.as_ref().is_some_and(|offered| *offered != held.variation);
    let is_true = match claimed.outcome {
        Outcome::Created => held.is_some_and(|held| is_own(held) && held.replaced.is_none()),
        Outcome::Replaced => held.is_some_and(|held| is_own(held) && held.replaced.is_some()),
        Outcome::Kept => held.is_some_and(is_other),
        _ => !held.is_some_and(is_other),
    };
    let missing =
        held.is_some_and(|held| !offer.goals.iter().all(|goal| held.goals.iter().any(|other| other.name == *goal)));
    let new: Vec<&Name> = offer
        .goals
        .iter()
        .filter(|goal| held.is_some() && book.brought(key, line, goal) == Some(offer.claim))
        .collect();
    let mut told: Vec<&Name> = claimed.new_goals.iter().collect();
    told.sort();
    let mut expected = new.clone();
    expected.sort();
    expected.dedup();
    if !is_true || missing || told != expected {
        let told = (claimed.outcome, held.map(shown), &claimed.new_goals);
        book.wrong(format!("{who} of {}: {told:?}, and new were {expected:?}", said(offer)));
    }
    Some(line)
}

fn spooled(world: &World, process: &Process, offer: &Offer, begun: u64, claimed: &Claimed) {
    let Some(machine) = process.spool_of(world) else {
        return world.truth.book().wrong(format!("{} was spooled where no spool is", said(offer)));
    };
    let told = world.truth.book().tick();
    if !claimed.new_goals.is_empty() {
        world.truth.book().wrong(format!("{} is spooled and has new goals", said(offer)));
    }
    let spooled = Spooled { offer: offer.clone(), begun, told };
    machine.promises.lock().expect("no panic").spooled.push(spooled);
}

fn purges(world: &World, process: &Process, keys: &[Key]) -> Option<usize> {
    let begun = world.truth.book().tick();
    world.truth.trace(|| format!("p{} erases {:?}", process.number, keys.iter().map(place).collect::<Vec<_>>()));
    let mut promises = process.spool_of(world)?.promises.lock().expect("no panic");
    promises.purges.push(Purge { keys: keys.to_vec(), begun, ended: None });
    Some(promises.purges.len() - 1)
}
fn purged(world: &World, process: &Process, purge: Option<usize>, well: bool) {
    let tick = world.truth.book().tick();
    if let (Some(machine), Some(number)) = (process.spool_of(world), purge) {
        machine.promises.lock().expect("no panic").purges[number].ended = Some((tick, well));
    }
}

/// An operator's write has ended.
fn wrote(world: &World, process: &Process, keys: &[Key], done: Result<(), Error>) {
    if let Err(error) = done {
        return failed(world, process, &error);
    }
    for key in keys {
        let line = world.truth.book().last_of_operator(key, process.number);
        let mut own = process.own.lock().expect("no panic");
        let floor = own.floors.entry(key.clone()).or_default();
        *floor = line.max(*floor);
    }
}

fn failed(world: &World, process: &Process, error: &Error) {
    world.truth.trace(|| format!("p{} fails: {error}", process.number));
    if error.kind() == ErrorKind::Corrupt {
        world.truth.book().wrong(format!("p{}: {error}", process.number));
    }
}

/// Some offer: of few variations and goals, so that they meet.
fn offer(world: &World, process: &Process) -> Offer {
    let (dice, key) = (&world.dice, key(world));
    let goals = (0..dice.below(8).saturating_sub(4)).map(|_| goal(dice.of(GOALS)));
    let offer = Offer::new(key, ClaimId(dice.below(1 << 40)), world.clock.now()).bringing(goals);
    let offer = Offer { lasts: world.lasts, ..offer };
    let offer = if dice.percent(92) { offer.offering(variation(dice.of(VARIATIONS))) } else { offer };
    let own = process.own.lock().expect("no panic");
    match own.seen.get(&offer.key).filter(|_| dice.percent(30)) {
        Some(held) => {
            let by = dice.percent(70).then_some(held.by);
            offer.replacing(held.variation.clone(), by)
        }
        None => offer,
    }
}
fn key(world: &World) -> Key {
    user(world).key(Kind::Classic, world.dice.of(CAMPAIGNS)).expect("legal")
}
fn user(world: &World) -> User {
    User::new(&Scope::default(), world.dice.of(USERS)).expect("legal")
}
fn variation(name: &str) -> Name {
    Name::variation(name).expect("legal")
}
fn goal(name: &str) -> Name {
    Name::goal(name).expect("legal")
}
fn before(at: Timestamp, age: Duration) -> Timestamp {
    Timestamp::from_millis(at.as_millis().saturating_sub(age.as_millis() as u64))
}
