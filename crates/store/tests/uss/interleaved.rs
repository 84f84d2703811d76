//! Schedules of several tasks, which nothing tells apart.
use crate::{
    flaky::{Flaky, Hand},
    record, variation,
};
use proptest::prelude::*;
use stayput::{
    Clock, Outcome,
    uss::{AsyncUserStorage, Options, QUIET, READINGS},
};
use std::{
    future::Future,
    pin::pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Waker},
    time::Duration,
};

struct Stage {
    store: Arc<Flaky>,
    clock: Arc<Hand>,
    storage: AsyncUserStorage,
}

impl Stage {
    fn new() -> Self {
        let (store, clock) = (Arc::new(Flaky::default()), Arc::new(Hand::default()));
        let options = Options { clock: clock.clone(), ..Options::default() };
        Self { storage: AsyncUserStorage::new(store.clone(), options), store, clock }
    }
    async fn get(&self) -> Option<String> {
        let found = self.storage.get("ann", "AB").await.unwrap();
        variation(&found).map(String::from)
    }
    async fn get_fails(&self) {
        self.store.reads.store(1, Ordering::SeqCst);
        assert!(self.storage.get("ann", "AB").await.is_err());
    }
    async fn set(&self, variation: &str) -> Outcome {
        self.storage.set(record("ann", "AB", variation)).await.unwrap().outcome
    }
}

fn run(schedule: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(schedule);
}

const MOMENT: Duration = Duration::from_millis(1);

#[test]
fn a_good_read_and_a_set_of_another_variation_replace_exactly_once() {
    run(async {
        let stage = Stage::new();
        stage.set("Gone").await;
        assert_eq!(stage.get().await.as_deref(), Some("Gone"));
        assert_eq!(stage.set("Control").await, Outcome::Replaced);
        assert_eq!(stage.set("Variation-1").await, Outcome::Kept);
        assert_eq!(stage.get().await.as_deref(), Some("Control"));
    });
}

#[test]
fn nothing_is_replaced_within_ten_seconds_of_a_failed_read() {
    run(async {
        let stage = Stage::new();
        stage.set("Control").await;
        stage.get_fails().await;
        // Another task reads well; the set below may be of the task that could not read.
        stage.clock.pass(QUIET - MOMENT);
        stage.get().await;
        assert_eq!(stage.set("Variation-1").await, Outcome::Kept);
        // The good reading is used up; after ten seconds a new one counts again.
        stage.clock.pass(MOMENT);
        assert_eq!(stage.set("Variation-1").await, Outcome::Kept);
        stage.get().await;
        assert_eq!(stage.set("Variation-1").await, Outcome::Replaced);
    });
}

#[test]
fn a_failed_read_forgets_what_was_read_before() {
    run(async {
        let stage = Stage::new();
        stage.set("Control").await;
        stage.get().await;
        stage.get_fails().await;
        stage.clock.pass(QUIET);
        assert_eq!(stage.set("Variation-1").await, Outcome::Kept);
    });
}

#[test]
fn the_loser_of_a_first_request_race_does_not_replace_the_winner() {
    run(async {
        let stage = Stage::new();
        assert_eq!((stage.get().await, stage.get().await), (None, None));
        assert_eq!(stage.set("Control").await, Outcome::Created);
        assert_eq!(stage.get().await.as_deref(), Some("Control"), "a third task");
        assert_eq!(stage.set("Variation-1").await, Outcome::Kept, "the second, which had found nothing");
    });
}

#[test]
fn a_read_that_was_dropped_counts_as_failed() {
    run(async {
        let stage = Stage::new();
        stage.set("Control").await;
        *stage.store.takes.lock().unwrap() = Some(Duration::from_secs(3_600));
        {
            let mut read = pin!(stage.storage.get("ann", "AB"));
            assert!(read.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        *stage.store.takes.lock().unwrap() = None;
        stage.get().await;
        assert_eq!(stage.set("Variation-1").await, Outcome::Kept);
    });
}

#[test]
fn readings_are_bounded_and_failures_never_forgotten() {
    run(async {
        let stage = Stage::new();
        let users: Vec<String> = (0..=READINGS.get()).map(|user| user.to_string()).collect();
        for user in &users {
            stage.storage.set(record(user, "AB", "Gone")).await.unwrap();
        }
        for user in &users {
            stage.storage.get(user, "AB").await.unwrap();
        }
        let set = async |user: &String| stage.storage.set(record(user, "AB", "Control")).await.unwrap().outcome;
        assert_eq!(set(&users[0]).await, Outcome::Kept, "the oldest is forgotten");
        assert_eq!(set(&users[1]).await, Outcome::Replaced);
        assert_eq!(set(&users[READINGS.get()]).await, Outcome::Replaced);

        // An outage in which more users fail than anybody would keep a list of.
        stage.store.reads.store(100_000, Ordering::SeqCst);
        for user in 0..100_000 {
            assert!(stage.storage.get(&user.to_string(), "AB").await.is_err());
        }
        for user in &users[2..100] {
            stage.storage.get(user, "AB").await.unwrap();
            assert_eq!(set(user).await, Outcome::Kept);
        }
    });
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Get,
    GetFails,
    Set(&'static str),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Get),
        1 => Just(Step::GetFails),
        4 => prop::sample::select(vec!["A", "B", "C"]).prop_map(Step::Set),
        2 => (0..8_000u64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_user_moves_within_ten_seconds_of_a_read_in_doubt(steps in steps()) {
        run(async {
            let stage = Stage::new();
            let (mut held, mut doubt, mut read) = (None, None, false);
            for step in steps {
                match step {
                    Step::Pass(millis) => stage.clock.pass(Duration::from_millis(millis)),
                    Step::Get => {
                        read = stage.get().await.is_some();
                        if !read {
                            doubt = Some(stage.clock.now());
                        }
                    }
                    Step::GetFails => {
                        stage.get_fails().await;
                        (read, doubt) = (false, Some(stage.clock.now()));
                    }
                    Step::Set(variation) => {
                        let quiet = doubt.is_some_and(|doubt| doubt.until(stage.clock.now()) < QUIET);
                        let outcome = stage.set(variation).await;
                        let expected = match held {
                            None => Outcome::Created,
                            Some(held) if held == variation => Outcome::Unchanged,
                            Some(_) if read && !quiet => Outcome::Replaced,
                            Some(_) => Outcome::Kept,
                        };
                        assert_eq!(outcome, expected);
                        if outcome != Outcome::Kept {
                            held = Some(variation);
                        }
                        read = false;
                    }
                }
            }
        });
    }
}
