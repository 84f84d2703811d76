//! Models of the hand-over: what threads can do to each other between claiming, spooling, delivering and erasing.
use super::{
    Spool, SpoolOptions,
    replay::{Step, deliver},
};
use crate::{
    Assignment, AssignmentStore, AssignmentStoreExt, BoxFuture, ClaimId, Claimed, Entry, Error, ErrorKind, Key, Kind,
    Name, Offer, Outcome, Result, Scope, Timestamp, sync::Mutex, testing::ForgetfulDisk,
};
use shuttle::{
    check_pct, check_random,
    future::{block_on, yield_now},
    rand::{Rng, thread_rng},
    thread,
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};

/// A store whose claims fail at random, before or after they are applied, until it is mended.
#[derive(Debug, Default)]
struct Store {
    held: Mutex<BTreeMap<Key, Assignment>>,
    mended: AtomicBool,
}

impl AssignmentStore for Shared {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        Box::pin(async move {
            yield_now().await;
            let held = self.0.held.lock().expect("no panic");
            Ok(keys.iter().map(|key| held.get(key).cloned()).collect())
        })
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        Box::pin(async move {
            yield_now().await;
            let failed = || Err(Error::new(ErrorKind::Timeout, "model", "no answer"));
            let fate = if self.0.mended.load(SeqCst) { 3 } else { thread_rng().gen_range(0..4) };
            if fate == 0 {
                return failed();
            }
            let claims = offers.iter().map(|offer| {
                let mut held = self.0.held.lock().expect("no panic");
                let joined = offer.join(held.get(&offer.key).cloned(), Timestamp::default());
                held.extend(joined.claimed.held.clone().map(|held| (offer.key.clone(), held)));
                joined.claimed
            });
            let claims = claims.collect();
            yield_now().await;
            if fate == 1 { failed() } else { Ok(claims) }
        })
    }
    fn put<'a>(&'a self, _: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            yield_now().await;
            keys.iter().for_each(|key| drop(self.0.held.lock().expect("no panic").remove(key)));
            Ok(())
        })
    }
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

/// The store, as each of two processes has it.
#[derive(Clone, Debug)]
struct Shared(Arc<Store>);

/// Two processes on one disk, and how many goals they were told are new.
struct Scene {
    store: Shared,
    spools: [Arc<Spool<Shared>>; 2],
    new: Arc<AtomicUsize>,
}

impl Scene {
    fn new() -> Self {
        let (store, disk, new) = (Shared(Arc::default()), ForgetfulDisk::default(), Arc::new(AtomicUsize::new(0)));
        let spool = |_| {
            let counted = new.clone();
            let on_settled = move |_: &Offer, result: Result<&Claimed, &Error>| {
                counted.fetch_add(result.expect("storable").new_goals.len(), SeqCst);
            };
            let options = SpoolOptions { on_settled: Some(Arc::new(on_settled)), ..SpoolOptions::default() };
            Arc::new(Spool::new(store.clone(), Arc::new(disk.clone()), options).0)
        };
        let spools = [0, 1].map(spool);
        Self { store, spools, new }
    }
    /// Delivers `times` batches, or attempts to.
    fn delivers(&self, process: usize, times: usize) -> thread::JoinHandle<()> {
        let (store, spool) = (self.store.clone(), self.spools[process].clone());
        thread::spawn(move || {
            for _ in 0..times {
                block_on(deliver(&store, &spool.queue())).expect("a disk");
            }
        })
    }
    /// Until nothing waits.
    fn settle(&self) {
        self.store.0.mended.store(true, SeqCst);
        while !matches!(block_on(deliver(&self.store, &self.spools[0].queue())).expect("a disk"), Step::Idle) {}
    }
}

fn key() -> Key {
    Key::new(&Scope::default(), Kind::Classic, "u", "c").expect("legal")
}
fn offer(claim: u64, variation: &str) -> Offer {
    let name = |name| Name::variation(name).expect("legal");
    Offer::new(key(), ClaimId(claim), Timestamp::default()).offering(name(variation)).bringing([name("g")])
}

#[test]
fn model_of_claims_and_deliveries_the_first_stays_and_its_goal_counts_once() {
    let model = || {
        let scene = Scene::new();
        let writer = thread::spawn({
            let (spools, new) = (scene.spools.clone(), scene.new.clone());
            move || {
                for (claim, variation) in [(1, "first"), (2, "second"), (3, "third")] {
                    // One after the other, now through this process and now through that.
                    let claimed = block_on(spools[claim as usize % 2].claim_one(&offer(claim, variation)));
                    let claimed = claimed.expect("answered or spooled");
                    if claimed.outcome != Outcome::Spooled {
                        new.fetch_add(claimed.new_goals.len(), SeqCst);
                    }
                    let held = block_on(spools[0].get_one(&key())).expect("reads do not fail here");
                    let held = held.expect("what was acknowledged is seen, by every process");
                    assert_eq!((held.variation.as_str(), held.by), ("first", ClaimId(1)));
                }
            }
        });
        let deliveries = [scene.delivers(0, 2), scene.delivers(1, 2)];
        writer.join().expect("no panic");
        deliveries.into_iter().for_each(|delivery| delivery.join().expect("no panic"));
        scene.settle();
        let held = block_on(scene.store.get_one(&key())).expect("get").expect("delivered");
        let goals: Vec<ClaimId> = held.goals.iter().map(|goal| goal.by).collect();
        assert_eq!((held.by, goals, scene.new.load(SeqCst)), (ClaimId(1), vec![ClaimId(1)], 1));
    };
    check_random(model, 1_000);
}

#[test]
fn model_of_an_erasure_nothing_that_waited_comes_back() {
    let model = || {
        let scene = Scene::new();
        scene.spools.iter().for_each(|spool| {
            block_on(spool.queue().keep(&[&offer(1, "v")])).expect("kept");
        });
        let deliveries = [scene.delivers(0, 2), scene.delivers(1, 1)];
        let spool = scene.spools[1].clone();
        let erasure = thread::spawn(move || block_on(spool.remove(&[key()])).expect("removed"));
        erasure.join().expect("no panic");
        deliveries.into_iter().for_each(|delivery| delivery.join().expect("no panic"));
        scene.settle();
        assert_eq!(block_on(scene.store.get_one(&key())).expect("get"), None);
    };
    check_pct(model, 1_000, 3);
}
