//! While the store is well: who decides, what is seen at once, and that a hit asks nobody.
use crate::scene::{PATIENCE, fields, flush, record, scene, shown, until, variation};
use serde_json::json;
use stayput::{
    AssignmentStoreExt, ErrorKind, Outcome,
    testing::{Operation, Plan},
};
use std::{thread, time::Duration};

#[test]
fn what_is_set_is_shown_at_once_and_delivered() {
    let scene = scene();
    scene.store.plan(|call| match call.operation {
        Operation::Claim(_) => Plan::fail(ErrorKind::Unavailable),
        _ => Plan::pass(),
    });
    assert_eq!(shown(&scene.connector, "ann"), "absent");
    scene.connector.set(record("ann", "Control", "a"));
    scene.connector.set(record("ann", "Control", "b"));
    let expected = json!({
        "userId": "ann", "campaignKey": "checkout", "variationName": "Control", "goalIdentifier": "a_vwo_b"
    });
    assert_eq!(shown(&scene.connector, "ann"), expected);
    assert_eq!(variation(&scene.other(), "ann"), "absent", "not delivered yet");

    scene.store.always(Plan::pass());
    flush(&scene.connector);
    assert_eq!(shown(&scene.other(), "ann"), expected);
    assert_eq!((scene.stats().waiting, scene.stats().stored, scene.stats().lost), (0, 2, 0));
}

#[test]
fn a_hit_asks_nobody_and_another_process_is_seen_after_a_second() {
    let (scene, other) = {
        let scene = scene();
        let other = scene.other();
        (scene, other)
    };
    other.set(record("ann", "Control", ""));
    flush(&other);
    assert_eq!(variation(&scene.connector, "ann"), "Control");
    let calls = scene.store.calls();
    for _ in 0..100 {
        assert_eq!(variation(&scene.connector, "ann"), "Control");
    }
    assert_eq!(scene.store.calls(), calls);
    // All of the user was read, so that other campaigns are known to be absent.
    assert!(matches!(scene.connector.get("ann", "another"), stayput::connector::Answer::Absent));
    assert_eq!(scene.store.calls(), calls);

    other.set(record("ann", "Control", "bought"));
    flush(&other);
    scene.pass(Duration::from_secs(1));
    assert_eq!(shown(&scene.connector, "ann")["goalIdentifier"], "bought");
}

#[test]
fn a_set_replaces_what_its_writer_has_read_and_nothing_else() {
    let scene = scene();
    let other = scene.other();
    other.set(record("ann", "Deleted", ""));
    other.set(record("bob", "Control", ""));
    flush(&other);
    assert_eq!(variation(&scene.connector, "ann"), "Deleted");
    scene.connector.set(record("ann", "New", ""));
    scene.connector.set(record("bob", "New", "")); // nobody has read what bob holds
    flush(&scene.connector);
    scene.pass(Duration::from_secs(1));
    assert_eq!(
        (variation(&scene.connector, "ann"), variation(&scene.connector, "bob")),
        ("New".into(), "Control".into())
    );
    assert_eq!((scene.stats().replaced, scene.stats().kept), (1, 1));
}

#[test]
fn one_failed_read_never_flips_a_user() {
    let scene = scene();
    let other = scene.other();
    other.set(record("ann", "Control", ""));
    flush(&other);
    scene.store.plan(|call| match call.operation {
        Operation::User(_) | Operation::Get(_) => Plan::fail(ErrorKind::Unavailable),
        _ => Plan::pass(),
    });
    assert_eq!(shown(&scene.connector, "ann"), "unknown");
    // Another thread reads it well in between: that is not this thread's reading.
    scene.store.always(Plan::pass());
    thread::scope(|scope| scope.spawn(|| assert_eq!(variation(&scene.connector, "ann"), "Control")).join().unwrap());
    scene.connector.set(record("ann", "Variation-1", ""));
    flush(&scene.connector);
    scene.pass(Duration::from_secs(1));
    assert_eq!(variation(&scene.connector, "ann"), "Control");
}

#[test]
fn a_claim_tells_what_is_held_and_what_is_new_once() {
    let scene = scene();
    let claim = |goals: &str| {
        let answer = scene.connector.claim(record("ann", "Control", goals)).unwrap();
        scene.connector.wait(answer).unwrap().unwrap()
    };
    let first = claim("a");
    assert_eq!((first.outcome, first.new_goals.len()), (Outcome::Created, 1));
    let second = claim("a_vwo_b");
    let new: Vec<&str> = second.new_goals.iter().map(|goal| goal.as_str()).collect();
    assert_eq!((second.outcome, new), (Outcome::Joined, vec!["b"]));

    scene.store.always(Plan::fail(ErrorKind::Timeout));
    let late = scene.connector.claim(record("ann", "Control", "c")).unwrap();
    assert_eq!(scene.connector.wait(late).unwrap().unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(shown(&scene.connector, "ann")["goalIdentifier"], "a_vwo_b_vwo_c");
    scene.store.always(Plan::pass());
    flush(&scene.connector);
    assert_eq!(shown(&scene.other(), "ann")["goalIdentifier"], "a_vwo_b_vwo_c");
}

#[test]
fn no_goal_is_lost_among_threads_and_processes() {
    const THREADS: usize = 4;
    let scene = scene();
    let other = scene.other();
    thread::scope(|scope| {
        for number in 0..THREADS {
            let connector = if number % 2 == 0 { &scene.connector } else { &other };
            scope.spawn(move || {
                for user in 0..50 {
                    let user = format!("user-{user}");
                    let _ = connector.get(&user, "checkout");
                    connector.set(record(&user, "Control", &format!("goal-{number}")));
                }
            });
        }
    });
    flush(&scene.connector);
    flush(&other);
    scene.pass(Duration::from_secs(1));
    for user in 0..50 {
        let goals = shown(&scene.connector, &format!("user-{user}"))["goalIdentifier"].as_str().unwrap().to_owned();
        let mut goals: Vec<&str> = goals.split("_vwo_").collect();
        goals.sort_unstable();
        assert_eq!(goals, ["goal-0", "goal-1", "goal-2", "goal-3"]);
    }
}

#[test]
fn a_prefetched_user_is_a_hit() {
    let scene = scene();
    let other = scene.other();
    other.set(record("ann", "Control", ""));
    flush(&other);
    scene.connector.wait(scene.connector.prefetch("ann", &[]).unwrap()).unwrap().unwrap();
    let calls = scene.store.calls();
    assert_eq!(variation(&scene.connector, "ann"), "Control");
    assert_eq!((scene.store.calls(), scene.stats().hits), (calls, 1));
}

#[test]
fn a_lost_answer_is_asked_for_again_and_counts_once() {
    let scene = scene();
    let mut answers = 0;
    scene.store.plan(move |call| match call.operation {
        Operation::Claim(_) if answers < 2 => {
            answers += 1;
            Plan::apply_then_fail(ErrorKind::Timeout)
        }
        _ => Plan::pass(),
    });
    scene.connector.set(record("ann", "Control", "a"));
    flush(&scene.connector);
    let stats = scene.stats();
    assert_eq!((stats.stored, stats.kept, stats.retried), (1, 0, 2));
}

#[test]
fn closed_it_knows_nothing_and_keeps_nothing() {
    let scene = scene();
    scene.connector.set(record("ann", "Control", ""));
    flush(&scene.connector);
    scene.connector.close();
    scene.pass(Duration::from_secs(1));
    assert_eq!(shown(&scene.connector, "ben"), "unknown");
    scene.connector.set(record("ben", "Control", ""));
    assert_eq!(scene.stats().lost, 1);
    assert!(scene.connector.flush(PATIENCE).is_err() && scene.connector.spawn(async {}).is_err());
    until("the runtime lets go of the store", || {
        scene.connector.wait(scene.store.get_one(&crate::scene::key("ann"))).is_ok()
    });
    scene.connector.set(fields(json!({"userId": 1}))); // still no panic
}
