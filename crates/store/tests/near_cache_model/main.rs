//! Single flight and invalidation under every schedule that a model checker comes across.
mod near_cache;
mod slow;

use near_cache::Cache;
use shuttle::future::{block_on, spawn};
use slow::{Failing, Slow};
use stayput::{
    AssignmentStoreExt, ClaimId, Key, Kind, Name, Offer, Scope, Timestamp, User, backends::Memory, testing::ManualClock,
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

/// Tries `scene` under many schedules: some chosen at random, some with few changes at bad moments.
fn check(scene: impl Fn() + Clone + Send + Sync + 'static) {
    shuttle::check_random(scene.clone(), schedules());
    shuttle::check_pct(scene, schedules(), 3);
}

#[expect(clippy::disallowed_methods, reason = "./test --long says so in the environment")]
fn schedules() -> usize {
    if std::env::var("STAYPUT_LONG").is_ok_and(|long| long == "1") { 50_000 } else { 1_000 }
}

struct Scene {
    cache: Cache<Slow>,
    truth: Arc<Memory>,
    failing: Failing,
    key: Key,
}

impl Scene {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
        let truth = Arc::new(Memory::new(clock.clone()));
        let key = Key::new(&Scope::default(), Kind::Classic, "u", "c").expect("legal");
        let failing = Failing::default();
        Self { cache: Cache::new(Slow::new(truth.clone(), failing.clone()), clock), truth, failing, key }
    }
    fn offer(&self, claim: u64) -> Offer {
        Offer::new(self.key.clone(), ClaimId(claim), Timestamp::from_millis(1_700_000_000_000))
    }
    fn variation(&self, claim: u64, variation: &str) -> Offer {
        self.offer(claim).offering(name(variation))
    }
    /// Whatever happened: what is told from now on is what is held.
    async fn is_true(&self) {
        let held = self.truth.get_one(&self.key).await.expect("get");
        assert_eq!(self.cache.read(&self.key).await, held);
        assert_eq!(self.cache.read(&self.key).await, held);
    }
    fn user(&self) -> User {
        self.key.user().clone()
    }
}

fn name(text: &str) -> Name {
    Name::variation(text).expect("legal")
}

#[test]
fn whoever_misses_at_once_the_store_is_asked_once() {
    check(|| {
        block_on(async {
            let scene = Scene::new();
            scene.truth.claim_one(&scene.variation(1, "v")).await.expect("claim");
            let readers: Vec<_> = (0..3)
                .map(|_| {
                    let (cache, key) = (scene.cache.clone(), scene.key.clone());
                    spawn(async move { assert!(cache.read(&key).await.is_some()) })
                })
                .collect();
            for reader in readers {
                reader.await.expect("no panic");
            }
            assert_eq!(scene.cache.reads(), 1);
        });
    });
}

#[test]
fn whoever_reads_after_a_failure_asks_anew() {
    check(|| {
        block_on(async {
            let scene = Scene::new();
            scene.truth.claim_one(&scene.variation(1, "v")).await.expect("claim");
            scene.failing.store(1, SeqCst);
            scene.cache.try_prefetch(&scene.user()).await.expect_err("the store is away");
            scene.cache.prefetch(&scene.user()).await;
            scene.cache.forget(&scene.user());
            scene.failing.store(1, SeqCst);
            scene.cache.try_read(&scene.key).await.expect_err("the store is away");
            assert!(scene.cache.read(&scene.key).await.is_some());
        });
    });
}

#[test]
fn whoever_reads_after_an_invalidation_is_told_the_new() {
    check(|| {
        block_on(async {
            let scene = Scene::new();
            scene.truth.claim_one(&scene.variation(1, "old")).await.expect("claim");
            let is_told = Arc::new(AtomicBool::new(false));
            let readers: Vec<_> = (0..3)
                .map(|reader| {
                    let (cache, key, is_told) = (scene.cache.clone(), scene.key.clone(), is_told.clone());
                    spawn(async move {
                        for _ in 0..2 {
                            if reader == 0 {
                                cache.prefetch(key.user()).await;
                            }
                            let must_be_new = is_told.load(SeqCst);
                            let held = cache.read(&key).await.expect("held");
                            assert!(!must_be_new || &*held.variation == "new", "told the old after the invalidation");
                        }
                    })
                })
                .collect();
            let over = scene.variation(2, "new").replacing(name("old"), None);
            scene.truth.claim_one(&over).await.expect("claim");
            scene.cache.forget(&scene.user());
            is_told.store(true, SeqCst);
            for reader in readers {
                reader.await.expect("no panic");
            }
            scene.is_true().await;
        });
    });
}

#[test]
fn whoever_reads_after_everything_became_outdated_is_told_the_new() {
    check(|| {
        block_on(async {
            let scene = Scene::new();
            scene.truth.claim_one(&scene.variation(1, "old")).await.expect("claim");
            let reader = {
                let (cache, key) = (scene.cache.clone(), scene.key.clone());
                spawn(async move {
                    cache.prefetch(key.user()).await;
                    cache.read(&key).await;
                })
            };
            let over = scene.variation(2, "new").replacing(name("old"), None);
            scene.truth.claim_one(&over).await.expect("claim");
            scene.cache.outdate();
            let told = scene.cache.read(&scene.key).await.expect("held");
            assert_eq!(&*told.variation, "new");
            reader.await.expect("no panic");
            scene.is_true().await;
        });
    });
}

#[test]
fn a_process_sees_its_own_claims_and_never_goes_back() {
    check(|| {
        block_on(async {
            let scene = Scene::new();
            scene.truth.claim_one(&scene.variation(1, "v")).await.expect("claim");
            let writers: Vec<_> = (0..2)
                .map(|writer| {
                    let (cache, key) = (scene.cache.clone(), scene.key.clone());
                    let offer = scene.offer(10 + writer).bringing([name(&format!("g{writer}"))]);
                    spawn(async move {
                        let mine = cache.claim(&offer).await.expect("claim").held.expect("held").revision;
                        let seen = cache.read(&key).await.expect("held").revision;
                        assert!(seen >= mine, "revision {seen} after a claim that left {mine}");
                    })
                })
                .collect();
            let (cache, key) = (scene.cache.clone(), scene.key.clone());
            let reader = spawn(async move {
                let mut last = 0;
                for _ in 0..3 {
                    let seen = cache.read(&key).await.expect("held").revision;
                    assert!(seen >= last, "revision {seen} after {last}");
                    last = seen;
                }
            });
            for task in writers.into_iter().chain([reader]) {
                task.await.expect("no panic");
            }
            scene.is_true().await;
        });
    });
}

#[test]
fn first_claims_replacements_and_whole_reads_leave_what_is_held() {
    check(|| {
        block_on(async {
            let scene = Scene::new();
            let offers = [
                scene.variation(1, "a"),
                scene.variation(2, "b").replacing(name("a"), None),
                scene.offer(3).bringing([name("g")]),
            ];
            let writers = offers.map(|offer| {
                let cache = scene.cache.clone();
                spawn(async move { drop(cache.claim(&offer).await.expect("claim")) })
            });
            let (cache, key) = (scene.cache.clone(), scene.key.clone());
            let reader = spawn(async move {
                cache.prefetch(key.user()).await;
                cache.read(&key).await;
            });
            for task in writers.into_iter().chain([reader]) {
                task.await.expect("no panic");
            }
            scene.is_true().await;
        });
    });
}

#[test]
fn a_claim_whose_answer_is_lost_leaves_nothing_wrong_behind() {
    check(|| {
        block_on(async {
            let scene = Scene::new();
            scene.truth.claim_one(&scene.variation(1, "a")).await.expect("claim");
            let (cache, key) = (scene.cache.clone(), scene.key.clone());
            let reader = spawn(async move {
                cache.read(&key).await;
                cache.prefetch(key.user()).await;
            });
            let (cache, offer) = (scene.cache.clone(), scene.variation(slow::LOST, "b").replacing(name("a"), None));
            let writer = spawn(async move { drop(cache.claim(&offer).await.expect_err("the answer is lost")) });
            for task in [reader, writer] {
                task.await.expect("no panic");
            }
            scene.is_true().await;
        });
    });
}
