//! Random operations on a store, against a map that only knows the rule.
use arbitrary::{assignment, key, moment, offer, scope};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use stayput::{
    Assignment, Clock, Entry, ErrorKind, Key, Offer, Result, ScanStore, Scope, Timestamp,
    backends::{File, FileOptions, Memory},
    distinct,
    testing::ManualClock,
};
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

#[path = "support/arbitrary.rs"]
mod arbitrary;

#[test]
fn memory() {
    follows_the_model(400, async |clock, _| Arc::new(Memory::new(clock)) as _);
}
#[test]
fn file() {
    follows_the_model(40, async |clock, folder| {
        Arc::new(File::open(folder, FileOptions::default().clock(clock)).expect("a folder of its own")) as _
    });
}

#[derive(Clone, Debug)]
enum Step {
    Get(Vec<Key>),
    Claim(Vec<Offer>),
    /// The last batch of claims once more, as after a lost answer.
    ClaimAgain,
    Put(Vec<(Key, Assignment)>),
    Remove(Vec<Key>),
    Flush,
    User(Key),
    Erase(Key),
    Scan(Option<Scope>, usize),
    Pass(Duration),
    SetClock(Timestamp),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => vec(key(), 0..5).prop_map(Step::Get),
        9 => vec(offer(), 0..4).prop_map(Step::Claim),
        2 => Just(Step::ClaimAgain),
        2 => vec((key(), assignment()), 0..4).prop_map(Step::Put),
        1 => vec(key(), 0..3).prop_map(Step::Remove),
        1 => Just(Step::Flush),
        2 => key().prop_map(Step::User),
        1 => key().prop_map(Step::Erase),
        2 => (prop::option::of(scope()), 0..5usize).prop_map(|(scope, limit)| Step::Scan(scope, limit)),
        3 => (0..3_000u64).prop_map(|millis| Step::Pass(Duration::from_millis(millis))),
        1 => moment().prop_map(Step::SetClock),
    ]
}

/// Opens a fresh store, in an empty folder if it needs one, for each of `runs` random sequences of steps. A run that
/// fails is shrunk, printed, and kept beside this file to be tried first from then on.
fn follows_the_model(runs: u32, open: impl AsyncFn(Arc<dyn Clock>, &Path) -> Arc<dyn ScanStore>) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let config = Config { cases: runs * rounds(), ..Config::with_source_file(file!()) };
    let outcome = TestRunner::new(config).run(&vec(step(), 1..60), |steps| {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(10_000)));
        runtime.block_on(async {
            let store = open(clock.clone(), folder.path()).await;
            let mut model = Model { held: BTreeMap::new(), clock };
            let mut last = Vec::new();
            for step in &steps {
                if let Step::Claim(offers) = step {
                    last.clone_from(offers);
                }
                let step = if let Step::ClaimAgain = step { &Step::Claim(last.clone()) } else { step };
                model.compare(&*store, step).await?;
            }
            Ok(())
        })
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

struct Model {
    held: BTreeMap<Key, Assignment>,
    clock: Arc<ManualClock>,
}

impl Model {
    async fn compare(&mut self, store: &dyn ScanStore, step: &Step) -> Result<(), TestCaseError> {
        let now = self.clock.now();
        match step {
            Step::Get(keys) => {
                let expected: Vec<_> = keys.iter().map(|key| self.live(now, |held| held == key).pop()).collect();
                let expected: Vec<_> = expected.into_iter().map(|entry| entry.map(|entry| entry.assignment)).collect();
                prop_assert_eq!(answer(store.get(keys).await), Ok(expected));
            }
            Step::Claim(offers) => {
                let expected = self.write(offers.iter().map(|offer| &offer.key)).map(|()| {
                    let claim = |offer: &Offer| {
                        let joined = offer.join(self.held.get(&offer.key).cloned(), now);
                        if let (true, Some(held)) = (joined.changed, joined.claimed.held.clone()) {
                            self.held.insert(offer.key.clone(), held);
                        }
                        joined.claimed
                    };
                    offers.iter().map(claim).collect::<Vec<_>>()
                });
                prop_assert_eq!(answer(store.claim(offers).await), expected);
            }
            Step::ClaimAgain => (),
            Step::Put(entries) => {
                let expected = self.write(entries.iter().map(|(key, _)| key));
                if expected.is_ok() {
                    self.held.extend(entries.iter().cloned());
                }
                let entry =
                    |(key, assignment): &(Key, Assignment)| Entry { key: key.clone(), assignment: assignment.clone() };
                let entries: Vec<Entry> = entries.iter().map(entry).collect();
                prop_assert_eq!(answer(store.put(&entries).await), expected);
            }
            Step::Remove(keys) => {
                let expected = self.write(keys);
                if expected.is_ok() {
                    self.held.retain(|held, _| !keys.contains(held));
                }
                prop_assert_eq!(answer(store.remove(keys).await), expected);
            }
            Step::Flush => prop_assert_eq!(answer(store.flush().await), Ok(())),
            Step::User(key) => {
                let expected = self.live(now, |held| held.user() == key.user());
                prop_assert_eq!(answer(store.user(key.user()).await), Ok(expected));
            }
            Step::Erase(key) => {
                let of_user = |held: &Key| held.user() == key.user();
                let erased = answer(store.erase(key.user()).await);
                // A backend may have dropped by itself what has expired.
                let (least, most) =
                    (self.live(now, of_user).len(), self.held.keys().filter(|held| of_user(held)).count());
                prop_assert!(erased.is_ok_and(|erased| (least as u64..=most as u64).contains(&erased)), "{:?}", erased);
                self.held.retain(|held, _| !of_user(held));
            }
            Step::Scan(scope, limit) => {
                let expected = self.live(now, |held| scope.as_ref().is_none_or(|scope| held.scope() == scope));
                let (mut found, mut cursor) = (Vec::new(), None);
                loop {
                    let page = store.scan(scope.as_ref(), cursor.as_ref(), *limit).await;
                    let page = page.map_err(|error| TestCaseError::fail(error.to_string()))?;
                    prop_assert!(page.entries.len() <= (*limit).max(1) && page.unreadable.is_empty());
                    found.extend(page.entries);
                    prop_assert!(found.len() <= expected.len(), "more is found than is held");
                    cursor = page.next;
                    if cursor.is_none() {
                        break;
                    }
                }
                found.sort_by(|one, other| one.key.cmp(&other.key));
                prop_assert_eq!(found, expected);
            }
            Step::Pass(duration) => self.clock.advance(*duration),
            // Never back: what has expired may be gone for good by then.
            Step::SetClock(time) => self.clock.set(now.max(*time)),
        }
        Ok(())
    }

    fn live(&self, now: Timestamp, wanted: impl Fn(&Key) -> bool) -> Vec<Entry> {
        let live = self.held.iter().filter(|(key, held)| wanted(key) && held.is_live(now));
        live.map(|(key, held)| Entry { key: key.clone(), assignment: held.clone() }).collect()
    }
    fn write<'a>(&self, keys: impl IntoIterator<Item = &'a Key>) -> Result<(), ErrorKind> {
        answer(distinct(keys))
    }
}

fn answer<T>(answer: Result<T>) -> Result<T, ErrorKind> {
    answer.map_err(|error| error.kind())
}

/// More for `./test --long`.
#[expect(clippy::disallowed_methods, reason = "tests have no configuration but this")]
fn rounds() -> u32 {
    if std::env::var_os("STAYPUT_LONG").is_some() { 20 } else { 1 }
}
