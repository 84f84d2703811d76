//! A near cache over a spool: what was spooled is a guess, which never hides what the store said.
use super::{Backend, backend, key, name, offer};
use stayput::{
    AssignmentStoreExt, ErrorKind, Outcome, Stack, StackOptions,
    layers::{NearCacheOptions, Peek, SpoolOptions},
    testing::{ForgetfulDisk, Operation, Plan},
};
use std::{sync::Arc, time::Duration};

const HOUR: Duration = Duration::from_secs(3_600);

fn process(backend: &Backend) -> Stack {
    let spool: (Arc<dyn stayput::layers::SpoolDisk>, _) = (Arc::new(ForgetfulDisk::default()), SpoolOptions::default());
    let near_cache = NearCacheOptions::default().max_age(HOUR).max_stale(HOUR);
    let options = StackOptions { spool: Some(spool), near_cache: Some(near_cache), ..StackOptions::default() };
    stayput::stack(backend.clone(), Arc::new(()), options)
}

async fn delivered(process: &Stack) {
    let spool = process.spool.clone().expect("a spool");
    while spool.stats().expect("stats").waiting > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn goals_that_wait_are_seen_by_whoever_brought_them_while_the_store_is_away() {
    let backend = backend();
    let process = process(&backend);
    process.store.claim_one(&offer("u", "A")).await.expect("claim");
    backend.always(Plan::fail(ErrorKind::Unavailable));
    let goal = offer("u", "A").bringing([name("g")]);
    let claimed = process.store.claim_one(&goal).await.expect("spooled");
    assert_eq!(claimed.outcome, Outcome::Spooled);
    let held = process.store.get_one(&key("u")).await.expect("the best guess").expect("held");
    assert!(held.goals.iter().any(|held| held.name == name("g")), "{held:?}");
    backend.always(Plan::pass());
    delivered(&process).await;
    let held = process.store.get_one(&key("u")).await.expect("a read").expect("held");
    assert_eq!((held.variation, held.goals.len()), (name("A"), 1));
}

#[tokio::test(start_paused = true)]
async fn a_variation_that_waits_does_not_hide_the_holder() {
    let backend = backend();
    let process = process(&backend);
    process.store.claim_one(&offer("u", "A")).await.expect("claim");
    backend.always(Plan::fail(ErrorKind::Unavailable));
    let claimed = process.store.claim_one(&offer("u", "B").bringing([name("g")])).await.expect("spooled");
    assert_eq!((claimed.outcome, claimed.held.expect("held").variation), (Outcome::Spooled, name("A")));
    let held = process.store.get_one(&key("u")).await.expect("the best guess").expect("held");
    assert_eq!(held.variation, name("A"));
}

#[tokio::test(start_paused = true)]
async fn a_guess_that_lost_is_forgotten_with_the_outage() {
    let backend = backend();
    let process = process(&backend);
    backend.always(Plan::fail(ErrorKind::Unavailable));
    let claimed = process.store.claim_one(&offer("u", "B")).await.expect("spooled");
    assert_eq!((claimed.outcome, claimed.held.expect("a guess").variation), (Outcome::Spooled, name("B")));
    let cache = process.near_cache.as_ref().expect("a near cache");
    assert_eq!(cache.peek(&key("u")), Peek::Unknown, "who may not wait is not told a guess");
    // Another process was first, on the store's side of the outage.
    backend.inner().claim_one(&offer("u", "A")).await.expect("claim");
    backend.always(Plan::pass());
    delivered(&process).await;
    let held = process.store.get_one(&key("u")).await.expect("a read").expect("held");
    assert_eq!(held.variation, name("A"));
}

#[tokio::test(start_paused = true)]
async fn no_claim_is_answered_from_what_only_waits() {
    let backend = backend();
    let process = process(&backend);
    backend.always(Plan::fail(ErrorKind::Unavailable));
    let waits = offer("u", "B");
    assert_eq!(process.store.claim_one(&waits).await.expect("spooled").outcome, Outcome::Spooled);
    // Reads are answered again, claims not yet: what is read is joined with what waits.
    backend.plan(|call| match call.operation {
        Operation::Get(_) => Plan::pass(),
        _ => Plan::fail(ErrorKind::Unavailable),
    });
    let held = process.store.get_one(&key("u")).await.expect("a read").expect("what waits");
    assert!(held.is_guess() && held.variation == name("B"), "{held:?}");
    for offer in [waits, offer("u", "B"), offer("u", "C")] {
        let claimed = process.store.claim_one(&offer).await.expect("spooled");
        assert_eq!(claimed.outcome, Outcome::Spooled, "the store has not said so");
    }
}
