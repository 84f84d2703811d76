//! While the store fails, is silent, or is not there yet.
use crate::scene::{PATIENCE, flush, key, record, scene, scene_with, shown, until, variation};
use stayput::{
    AssignmentStoreExt, ErrorKind,
    connector::{Connector, OnError, Options},
    testing::Plan,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn who_was_seen_keeps_the_variation_however_old_that_is() {
    let scene = scene();
    scene.connector.set(record("ann", "Control", "a"));
    flush(&scene.connector);
    scene.store.always(Plan::fail(ErrorKind::Unavailable));
    scene.pass(3_600 * SECOND);
    assert_eq!(variation(&scene.connector, "ann"), "Control");
    assert_eq!(shown(&scene.connector, "ben"), "unknown");
    // What is set meanwhile joins with that.
    scene.connector.set(record("ann", "Control", "b"));
    assert_eq!(shown(&scene.connector, "ann")["goalIdentifier"], "a_vwo_b");
    scene.connector.set(record("ben", "Variation-1", ""));
    assert_eq!(variation(&scene.connector, "ben"), "Variation-1");
    let stats = scene.stats();
    assert_eq!((stats.stale, stats.unknown, stats.undelivered), (2, 1, 1));

    scene.store.always(Plan::pass());
    flush(&scene.connector);
    assert_eq!(shown(&scene.other(), "ann")["goalIdentifier"], "a_vwo_b");
    assert_eq!(variation(&scene.other(), "ben"), "Variation-1");
}

#[test]
fn nobody_waits_for_a_store_that_is_silent() {
    let scene = scene_with(Options { deadline: Duration::from_millis(50), ..Options::default() });
    scene.store.always(Plan::pass().delayed(3_600 * SECOND));
    let begun = Instant::now();
    for number in 0..2_000 {
        assert_eq!(shown(&scene.connector, &format!("user-{number}")), "unknown");
    }
    assert!(begun.elapsed() < PATIENCE, "2,000 deadlines are 100 s");
    assert_eq!(scene.stats().unknown, 2_000);
}

#[test]
fn once_a_silent_store_answers_it_is_asked_again() {
    let scene = scene_with(Options { deadline: Duration::from_millis(1), ..Options::default() });
    scene.store.always(Plan::pass().delayed(Duration::from_millis(200)));
    for _ in 0..10 {
        assert_eq!(shown(&scene.connector, "ann"), "unknown");
    }
    scene.store.always(Plan::pass());
    let mut number = 0;
    let end = Instant::now() + PATIENCE;
    while shown(&scene.connector, &format!("user-{number}")) == "unknown" {
        number += 1;
        assert!(Instant::now() < end, "asked again");
    }
}

#[test]
fn a_flush_that_fails_keeps_what_waits() {
    let scene = scene();
    scene.store.always(Plan::fail(ErrorKind::Unavailable));
    scene.connector.set(record("ann", "Control", ""));
    let flush_now = |limit| scene.connector.wait(scene.connector.flush(limit).unwrap()).unwrap();
    let error = flush_now(Duration::from_millis(50)).unwrap_err();
    assert_eq!((error.kind(), scene.stats().waiting), (ErrorKind::Timeout, 1));
    until("the store is left alone", || scene.stats().breaker_open);
    // Its pause never ends on this clock: only because of the flush it is asked.
    scene.store.always(Plan::pass());
    flush_now(PATIENCE).unwrap();
    assert_eq!((scene.stats().waiting, scene.stats().breaker_open), (0, false));
    assert!(scene.connector.wait(scene.store.get_one(&key("ann"))).unwrap().unwrap().is_some());
}

#[test]
fn a_store_that_is_not_there_yet_is_opened_later() {
    let folder = tempfile::tempdir().unwrap();
    let in_the_way = folder.path().join("in-the-way");
    std::fs::write(&in_the_way, "").unwrap();
    let errors = Arc::new(AtomicUsize::new(0));
    let told = errors.clone();
    let on_error = OnError::new(move |_| {
        told.fetch_add(1, Ordering::SeqCst);
    });
    let options = Options { on_error: Some(on_error), connect: Duration::from_millis(10), ..Options::default() };
    let connector = Connector::open(&format!("file:{}/store", in_the_way.display()), options).unwrap();
    assert_eq!(shown(&connector, "ann"), "unknown");
    connector.set(record("ann", "Control", ""));
    assert_eq!(variation(&connector, "ann"), "Control");
    until("the error is told", || errors.load(Ordering::SeqCst) > 0);

    std::fs::remove_file(&in_the_way).unwrap();
    flush(&connector);
    assert_eq!((variation(&connector, "ann"), connector.stats().waiting), ("Control".into(), 0));
}

#[test]
fn a_wrong_url_or_option_is_an_error_at_once() {
    for wrong in ["", "nothing", "file:", "nowhere://x", "memory:?wrong=1", "memory:x", "file:x?map=zero"] {
        let options = Options { connect: Duration::ZERO, ..Options::default() };
        assert_eq!(Connector::open(wrong, options).unwrap_err().kind(), ErrorKind::Invalid, "{wrong}");
    }
}
