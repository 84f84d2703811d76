//! Closed, open, one probe.
use super::{Backend, backend, key, offer};
use stayput::{
    AssignmentStore, AssignmentStoreExt, ErrorKind, Timestamp,
    layers::{Breaker, BreakerOptions, BreakerState, Timeout},
    testing::{ManualClock, Plan},
};
use std::{sync::Arc, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

fn breaker(backend: &Backend) -> (Breaker<Backend>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000_000)));
    let options = BreakerOptions { failures: 3, pause: SECOND, patience: SECOND, clock: clock.clone() };
    (Breaker::new(backend.clone(), options), clock)
}
async fn fails(store: &Breaker<Backend>, times: usize) {
    for _ in 0..times {
        store.get_one(&key("u")).await.expect_err("down");
    }
}

#[tokio::test]
async fn it_opens_after_failures_in_a_row_and_then_asks_nothing() {
    let backend = backend();
    let (store, _) = breaker(&backend);
    backend.always(Plan::fail(ErrorKind::Timeout));
    fails(&store, 2).await;
    assert_eq!(store.gate().state(), BreakerState::Closed);
    fails(&store, 1).await;
    assert_eq!((store.gate().state(), store.gate().opened()), (BreakerState::Open, 1));
    let error = store.claim_one(&offer("u", "v")).await.expect_err("open");
    assert_eq!((error.kind(), backend.calls()), (ErrorKind::Unavailable, 3), "{error}");
    assert!(error.message().contains("planned to fail"), "it tells what the store said: {error}");
}

#[tokio::test]
async fn an_answer_in_between_begins_the_count_anew() {
    let backend = backend();
    let (store, _) = breaker(&backend);
    for _ in 0..5 {
        backend.next([Plan::fail(ErrorKind::Unavailable), Plan::fail(ErrorKind::Timeout)]);
        fails(&store, 2).await;
        store.get_one(&key("u")).await.expect("an answer");
    }
    assert_eq!(store.gate().state(), BreakerState::Closed);
}

#[tokio::test]
async fn what_is_wrong_with_the_request_or_the_record_never_opens_it() {
    let backend = backend();
    let (store, _) = breaker(&backend);
    for kind in [ErrorKind::Invalid, ErrorKind::Corrupt, ErrorKind::Refused] {
        backend.always(Plan::fail(kind));
        fails(&store, 10).await;
        assert_eq!(store.gate().state(), BreakerState::Closed, "{kind:?}");
    }
}

#[tokio::test]
async fn after_the_pause_one_probe_decides() {
    let backend = backend();
    let (store, clock) = breaker(&backend);
    backend.always(Plan::fail(ErrorKind::Unavailable));
    fails(&store, 3).await;
    clock.advance(SECOND - Duration::from_millis(1));
    fails(&store, 1).await;
    assert_eq!(backend.calls(), 3, "not yet");
    clock.advance(Duration::from_millis(1));
    fails(&store, 2).await;
    assert_eq!(backend.calls(), 4, "one probe, and the pause begins anew");
    clock.advance(SECOND);
    backend.always(Plan::pass());
    store.get_one(&key("u")).await.expect("the probe is answered");
    assert_eq!((store.gate().state(), store.gate().opened()), (BreakerState::Closed, 1));
    backend.always(Plan::fail(ErrorKind::Unavailable));
    fails(&store, 2).await;
    assert_eq!(store.gate().state(), BreakerState::Closed, "the count has begun anew");
}

#[tokio::test(start_paused = true)]
async fn while_a_probe_is_on_its_way_nobody_else_asks_and_a_dropped_probe_makes_room() {
    let backend = backend();
    let (store, clock) = breaker(&backend);
    backend.always(Plan::fail(ErrorKind::Unavailable));
    fails(&store, 3).await;
    clock.advance(SECOND);
    backend.always(Plan::pass().delayed(SECOND));
    let asked = key("u");
    {
        let mut probe = Box::pin(store.get_one(&asked));
        assert!(futures_util::poll!(&mut probe).is_pending());
        assert_eq!(store.gate().state(), BreakerState::Probing);
        fails(&store, 3).await;
        assert_eq!(backend.calls(), 4);
    }
    assert_eq!(store.gate().state(), BreakerState::Open);
    store.get_one(&asked).await.expect("the next one probes at once");
    assert_eq!(store.gate().state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_opens_it_by_its_timeouts_and_by_callers_who_give_up() {
    let hanging = backend();
    hanging.always(Plan::pass().delayed(100 * SECOND));
    let options = BreakerOptions { failures: 3, ..BreakerOptions::default() };
    let store = Breaker::new(Timeout::new(hanging.clone(), SECOND), options);
    for _ in 0..4 {
        store.get_one(&key("u")).await.expect_err("hangs");
    }
    assert_eq!((store.gate().state(), hanging.calls()), (BreakerState::Open, 3));

    let (store, clock) = breaker(&hanging);
    let asked = key("u");
    for _ in 0..3 {
        let mut call = Box::pin(store.get_one(&asked));
        assert!(futures_util::poll!(&mut call).is_pending());
    }
    assert_eq!(store.gate().state(), BreakerState::Closed, "who gives up at once says nothing");
    for _ in 0..3 {
        let mut call = Box::pin(store.get_one(&asked));
        assert!(futures_util::poll!(&mut call).is_pending());
        clock.advance(SECOND);
    }
    assert_eq!(store.gate().state(), BreakerState::Open);
}

#[tokio::test]
async fn a_clock_that_is_set_back_costs_one_pause_and_no_more() {
    let backend = backend();
    let (store, clock) = breaker(&backend);
    backend.always(Plan::fail(ErrorKind::Unavailable));
    fails(&store, 3).await;
    backend.always(Plan::pass());
    clock.set(Timestamp::from_millis(0));
    fails(&store, 1).await;
    clock.advance(SECOND);
    store.get_one(&key("u")).await.expect("asked again");
}

#[tokio::test]
async fn what_asks_nothing_of_the_store_is_no_sign_of_life() {
    let backend = backend();
    let (store, clock) = breaker(&backend);
    backend.always(Plan::fail(ErrorKind::Unavailable));
    fails(&store, 3).await;
    backend.always(Plan::pass());
    clock.advance(SECOND);
    store.get(&[]).await.expect("nothing asked, nothing answered");
    store.claim(&[]).await.expect("nothing asked, nothing answered");
    store.flush().await.expect("nothing to flush");
    assert_eq!(store.gate().state(), BreakerState::Open);
}
