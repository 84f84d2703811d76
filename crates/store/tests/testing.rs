//! The tools that other tests rely on do what they say.
use stayput::{
    AssignmentStore, AssignmentStoreExt, ClaimId, Clock, ErrorKind, Key, Kind, Name, Offer, ScanStore, Scope,
    Timestamp,
    backends::Memory,
    testing::{Faulty, ManualClock, Operation, Plan},
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

fn offer() -> Offer {
    let key = Key::new(&Scope::default(), Kind::Classic, "u", "c").expect("legal");
    Offer::new(key, ClaimId(1), Timestamp::default()).offering(Name::variation("v").expect("legal"))
}

#[test]
fn a_manual_clock_shows_what_it_is_set_to() {
    let clock = ManualClock::new(Timestamp::from_millis(5));
    clock.advance(Duration::from_millis(37));
    assert_eq!(clock.now().as_millis(), 42);
    clock.set(Timestamp::from_millis(7));
    assert_eq!(clock.now().as_millis(), 7);
    clock.advance(Duration::MAX);
    assert_eq!(clock.now(), Timestamp::MAX);
}

#[test]
fn what_is_claimed_expires_by_the_clock_of_the_store() {
    let clock = Arc::new(ManualClock::default());
    let store = Memory::new(clock.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let offer = Offer { lasts: Some(Duration::from_millis(10)), ..offer() };
        store.claim_one(&offer).await.expect("claim");
        for (now, live) in [(9, true), (10, false)] {
            clock.set(Timestamp::from_millis(now));
            assert_eq!(store.get_one(&offer.key).await.expect("get").is_some(), live, "at {now} ms");
        }
    });
}

#[tokio::test]
async fn a_planned_failure_applies_or_not_as_planned() {
    let (store, offer) = (Faulty::new(Memory::default()), offer());
    store.next([Plan::fail(ErrorKind::Unavailable), Plan::apply_then_fail(ErrorKind::Timeout)]);
    for (kind, applied) in [(ErrorKind::Unavailable, false), (ErrorKind::Timeout, true)] {
        assert_eq!(store.claim_one(&offer).await.expect_err("planned").kind(), kind);
        assert_eq!(store.inner().get_one(&offer.key).await.expect("get").is_some(), applied);
    }
    assert!(store.claim_one(&offer).await.expect("what follows is forwarded").won());
    assert_eq!(store.calls(), 3);
}

#[tokio::test]
async fn a_script_sees_what_every_call_asks_for() {
    let (store, offer) = (Faulty::new(Memory::default()), offer());
    let (seen, mut calls) = tokio::sync::mpsc::unbounded_channel();
    store.plan(move |call| {
        let name = match call.operation {
            Operation::Get(keys) => format!("get {}", keys.len()),
            Operation::Claim(offers) => format!("claim {}", offers.len()),
            Operation::Put(entries) => format!("put {}", entries.len()),
            Operation::Remove(keys) => format!("remove {}", keys.len()),
            Operation::Flush => "flush".into(),
            Operation::User(user) => format!("user {}", user.id()),
            Operation::Erase(user) => format!("erase {}", user.id()),
            Operation::Scan => "scan".into(),
        };
        seen.send((call.number, name)).expect("the test listens");
        Plan::fail(ErrorKind::Refused)
    });
    let refused = [
        store.get(&[]).await.err(),
        store.claim(std::slice::from_ref(&offer)).await.err(),
        store.put(&[]).await.err(),
        store.remove(std::slice::from_ref(&offer.key)).await.err(),
        store.flush().await.err(),
        store.user(offer.key.user()).await.err(),
        store.erase(offer.key.user()).await.err(),
        store.scan(None, None, 1).await.err(),
    ];
    assert!(refused.iter().all(|error| error.as_ref().is_some_and(|error| error.kind() == ErrorKind::Refused)));
    let names = ["get 0", "claim 1", "put 0", "remove 1", "flush", "user u", "erase u", "scan"];
    for (number, name) in names.into_iter().enumerate() {
        assert_eq!(calls.recv().await, Some((number as u64, name.into())));
    }
}

#[tokio::test(start_paused = true)]
async fn delays_pass_in_paused_time_before_and_after_the_call() {
    let store = Arc::new(Faulty::new(Memory::default()));
    let offer = offer();
    let second = Duration::from_secs(1);
    store.always(Plan::pass().delayed(second).answered_late(3 * second));
    let began = Instant::now();
    let claim = tokio::spawn({
        let (store, offer) = (store.clone(), offer.clone());
        async move { store.claim_one(&offer).await }
    });
    for (wait, applied) in [(second / 2, false), (second, true)] {
        tokio::time::sleep(wait).await;
        assert_eq!(store.inner().get_one(&offer.key).await.expect("get").is_some(), applied);
    }
    assert!(!claim.is_finished(), "the answer is late");
    claim.await.expect("joined").expect("claimed");
    assert_eq!(began.elapsed(), 4 * second);
}
