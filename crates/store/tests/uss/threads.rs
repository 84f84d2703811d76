//! Schedules of several threads, some of whose reads fail.
use crate::{flaky::Flaky, record, variation};
use proptest::prelude::*;
use stayput::{
    ClaimId, Claimed, Outcome, Result,
    uss::{Found, Options, READINGS_PER_THREAD, UserStorage},
};
use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering, mpsc},
    thread,
};
use tokio::runtime::Runtime;

const KEY: (&str, &str) = ("ann", "AB");

/// Threads that do one thing at a time, each when told to: a schedule written down.
struct Stage {
    store: Arc<Flaky>,
    threads: Vec<mpsc::Sender<Job>>,
    _runtime: Runtime,
}

type Job = Box<dyn FnOnce(&UserStorage) + Send>;

impl Stage {
    fn new(threads: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let store = Arc::new(Flaky::default());
        let storage = Arc::new(UserStorage::new(store.clone(), runtime.handle().clone(), Options::default()));
        let start = |_| {
            let (sender, jobs) = mpsc::channel::<Job>();
            let storage = storage.clone();
            thread::spawn(move || jobs.into_iter().for_each(|job| job(&storage)));
            sender
        };
        Self { threads: (0..threads).map(start).collect(), store, _runtime: runtime }
    }
    fn on<T: Send + 'static>(&self, thread: usize, act: impl FnOnce(&UserStorage) -> T + Send + 'static) -> T {
        let (answer, answered) = mpsc::channel();
        self.threads[thread].send(Box::new(move |storage| answer.send(act(storage)).unwrap())).unwrap();
        answered.recv().unwrap()
    }
    fn get(&self, thread: usize) -> Result<Option<Found>> {
        self.on(thread, |storage| storage.get(KEY.0, KEY.1))
    }
    fn get_fails(&self, thread: usize) {
        self.store.reads.store(1, Ordering::SeqCst);
        assert!(self.get(thread).is_err());
    }
    fn set(&self, thread: usize, variation: &'static str) -> Claimed {
        self.on(thread, move |storage| storage.set(record(KEY.0, KEY.1, variation))).unwrap()
    }
}

#[test]
fn a_set_after_a_failed_read_never_flips_a_user() {
    let stage = Stage::new(2);
    stage.set(0, "Control");
    // What this thread read earlier, and what another reads meanwhile, is not what the failed read would have said.
    stage.get(1).unwrap();
    stage.get_fails(1);
    stage.get(0).unwrap();
    let claimed = stage.set(1, "Variation-1");
    assert_eq!(claimed.outcome, Outcome::Kept);
    assert_eq!(variation(&stage.get(1).unwrap()), Some("Control"));
    // The other thread's own reading is still good.
    assert_eq!(stage.set(0, "Variation-2").outcome, Outcome::Replaced);
}

#[test]
fn a_set_after_a_read_of_nothing_or_no_read_creates_but_never_replaces() {
    let stage = Stage::new(3);
    assert!(stage.get(0).unwrap().is_none() && stage.get(1).unwrap().is_none());
    assert_eq!(stage.set(0, "Control").outcome, Outcome::Created);
    assert_eq!(stage.set(1, "Variation-1").outcome, Outcome::Kept);
    assert_eq!(stage.set(2, "Variation-1").outcome, Outcome::Kept);
}

#[test]
fn a_good_read_and_a_set_of_another_variation_replace_exactly_once() {
    let stage = Stage::new(2);
    stage.set(0, "Gone");
    // Both read the variation that the campaign has lost; both decide anew, differently.
    assert_eq!(variation(&stage.get(0).unwrap()), variation(&stage.get(1).unwrap()));
    assert_eq!(stage.set(0, "Control").outcome, Outcome::Replaced);
    assert_eq!(stage.set(1, "Variation-1").outcome, Outcome::Kept, "what it read is no longer held");
    // A double set brings nothing new, and a third one has no reading left to use.
    assert_eq!(stage.set(0, "Control").outcome, Outcome::Unchanged);
    assert_eq!(stage.set(0, "Variation-2").outcome, Outcome::Kept);
}

#[test]
fn a_reading_does_not_replace_a_later_holder_of_the_same_name() {
    let stage = Stage::new(2);
    stage.set(0, "Control");
    stage.get(1).unwrap();
    for variation in ["Variation-1", "Control"] {
        stage.get(0).unwrap();
        assert_eq!(stage.set(0, variation).outcome, Outcome::Replaced);
    }
    assert_eq!(stage.set(1, "Variation-2").outcome, Outcome::Kept, "this Control is another claim's");
}

#[test]
fn a_thread_remembers_its_latest_readings_and_forgets_the_oldest_without_harm() {
    let stage = Stage::new(1);
    let outcomes = stage.on(0, |storage| {
        let users: Vec<String> = (0..=READINGS_PER_THREAD.get()).map(|user| user.to_string()).collect();
        users.iter().for_each(|user| drop(storage.set(record(user, "AB", "Gone")).unwrap()));
        users.iter().for_each(|user| drop(storage.get(user, "AB").unwrap()));
        let set = |user: &String| storage.set(record(user, "AB", "Control")).unwrap().outcome;
        let first = users.iter().map(set).collect::<Vec<_>>();
        // Forgotten, it was kept; the SDK's next get and set replace it after all.
        storage.get("0", "AB").unwrap();
        (first, set(&users[0]))
    });
    assert_eq!(outcomes.0[0], Outcome::Kept);
    assert!(outcomes.0[1..].iter().all(|outcome| *outcome == Outcome::Replaced));
    assert_eq!(outcomes.1, Outcome::Replaced);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Get { thread: usize, fails: bool },
    Set { thread: usize, variation: &'static str },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let get = (0..3usize, prop::bool::weighted(0.3)).prop_map(|(thread, fails)| Step::Get { thread, fails });
    let set = (0..3usize, prop::sample::select(vec!["A", "B", "C"]))
        .prop_map(|(thread, variation)| Step::Set { thread, variation });
    prop::collection::vec(prop_oneof![get, set], 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the schedule: a user moves exactly when the thread that sets read, last and since its last set, the
    /// very assignment that is held.
    #[test]
    fn users_move_only_by_a_thread_that_read_what_it_replaces(steps in steps()) {
        let stage = Stage::new(3);
        let mut held: Option<(&str, ClaimId)> = None;
        let mut read: HashMap<usize, ClaimId> = HashMap::new();
        for step in steps {
            match step {
                Step::Get { thread, fails: true } => {
                    stage.get_fails(thread);
                    read.remove(&thread);
                }
                Step::Get { thread, fails: false } => {
                    let found = stage.get(thread).unwrap();
                    prop_assert_eq!(variation(&found), held.map(|held| held.0));
                    found.map(|found| read.insert(thread, found.held().by));
                }
                Step::Set { thread, variation } => {
                    let read = read.remove(&thread);
                    let now = stage.set(thread, variation).held.unwrap();
                    match held {
                        Some((old, by)) if old == variation || read != Some(by) => {
                            prop_assert_eq!((now.variation.as_str(), now.by), (old, by), "it moved");
                        }
                        _ => prop_assert_eq!(now.variation.as_str(), variation, "it stayed"),
                    }
                    held = Some((if now.variation.as_str() == variation { variation } else { held.unwrap().0 }, now.by));
                }
            }
        }
    }
}
