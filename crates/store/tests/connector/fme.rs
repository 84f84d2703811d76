//! The face for SDKs of FME: decisions stay, holdouts join, and what nobody has read is not replaced.
use crate::scene::{PATIENCE, Scene, fields, flush, scene};
use serde_json::{Value, json};
use stayput::{
    ErrorKind, Outcome,
    connector::{Answer, Connector},
    testing::{Operation, Plan},
};
use std::time::Duration;

#[test]
fn a_decision_is_shown_at_once_and_stays() {
    let scene = scene();
    assert_eq!(found(&scene.connector, "ann"), json!("absent"));
    let decided = json!({
        "userId": "ann", "featureKey": "flag", "featureId": 1, "rolloutId": 2, "rolloutKey": "r", "rolloutVariationId": 3,
    });
    scene.connector.fme().set(fields(decided.clone()));
    assert_eq!(found(&scene.connector, "ann"), decided);
    scene.connector.fme().set(fields(json!({"userId": "ann", "featureKey": "flag", "notInHoldoutId": [7]})));
    flush(&scene.connector);
    let mut expected = decided;
    expected["notInHoldoutId"] = json!([7]);
    assert_eq!(found(&scene.other(), "ann"), expected, "an offer without a decision only brings its holdouts");
    let classic = scene.connector.get("ann", "flag");
    assert!(matches!(classic, Answer::Absent), "a campaign of the same key is another thing");
}

#[test]
fn what_was_read_may_be_replaced_by_who_waits_and_by_who_goes_on() {
    for waits in [false, true] {
        let scene = scene();
        let read = |connector: &Connector| match waits {
            true => shown(&connector.fme().get("flag", "ann")),
            false => found(connector, "ann"),
        };
        set(&scene, rollout(1));
        flush(&scene.connector);
        let other = scene.other();
        other.fme().set(fields(rollout(2)));
        flush(&other);
        assert_eq!(read(&other)["rolloutVariationId"], 1, "nobody had read it");
        other.fme().set(fields(rollout(2)));
        flush(&other);
        assert_eq!(read(&other)["rolloutVariationId"], 2);
        other.fme().set(fields(rollout(3)));
        other.fme().set(fields(rollout(4)));
        flush(&other);
        assert_eq!(found(&scene.other(), "ann")["rolloutVariationId"], 3, "one reading, one replacement");
    }
}

#[test]
fn after_a_read_that_failed_nothing_is_replaced_for_a_while() {
    let scene = scene();
    set(&scene, rollout(1));
    flush(&scene.connector);
    let other = scene.other();
    scene.store.plan(|call| match call.operation {
        Operation::Claim(_) => Plan::pass(),
        _ => Plan::fail(ErrorKind::Unavailable),
    });
    assert_eq!(found(&other, "ann"), json!("unknown"));
    scene.store.always(Plan::pass());
    assert_eq!(found(&other, "ann")["rolloutVariationId"], 1, "another task");
    other.fme().set(fields(rollout(2)));
    flush(&other);
    assert_eq!(found(&scene.other(), "ann")["rolloutVariationId"], 1, "it may be the task whose read failed");
    scene.pass(Duration::from_secs(10));
    assert_eq!(found(&other, "ann")["rolloutVariationId"], 1);
    other.fme().set(fields(rollout(2)));
    flush(&other);
    assert_eq!(found(&scene.other(), "ann")["rolloutVariationId"], 2);
}

#[test]
fn what_is_set_again_and_again_asks_nobody() {
    let scene = scene();
    let whole = json!({
        "userId": "ann", "featureKey": "flag", "rolloutId": 2, "rolloutKey": "r", "rolloutVariationId": 1,
        "notInHoldoutId": [7, 8],
    });
    scene.connector.fme().set(fields(whole.clone()));
    flush(&scene.connector);
    let calls = scene.store.calls();
    for _ in 0..100 {
        assert_eq!(found(&scene.connector, "ann"), whole);
        scene.connector.fme().set(fields(whole.clone()));
        scene.connector.wait(scene.connector.fme().claim(fields(whole.clone())).unwrap()).unwrap().unwrap();
    }
    assert_eq!(scene.store.calls(), calls);
}

#[test]
fn a_claim_tells_what_is_held_and_a_wrong_record_is_refused() {
    let scene = scene();
    let claim = |data: Value| {
        let told = scene.connector.fme().claim(fields(data))?;
        scene.connector.wait(told).unwrap()
    };
    let told = claim(rollout(1)).unwrap();
    assert_eq!(
        (told.outcome, told.held.as_ref().map(|held| held.variation.to_string())),
        (Outcome::Created, Some("rollout:2:1".into()))
    );
    assert_eq!(claim(rollout(2)).unwrap().outcome, Outcome::Kept);
    let wrong = claim(json!({"userId": "ann", "featureKey": "flag", "rolloutId": 2})).unwrap_err();
    assert_eq!((wrong.kind(), wrong.field()), (ErrorKind::Invalid, Some("rolloutVariationId")));
    scene.connector.fme().set(fields(json!({"userId": "ann"})));
    assert_eq!(scene.stats().invalid, 1);
    scene.connector.close();
    assert!(scene.connector.fme().find("flag", "ann").is_err());
}

fn set(scene: &Scene, data: Value) {
    scene.connector.fme().set(fields(data));
}
fn rollout(variation: u64) -> Value {
    json!({"userId": "ann", "featureKey": "flag", "rolloutId": 2, "rolloutKey": "r", "rolloutVariationId": variation})
}
/// What `find` gives.
fn found(connector: &Connector, user: &str) -> Value {
    let answer = connector.fme().find("flag", user).unwrap();
    let answer = async { tokio::time::timeout(PATIENCE, answer).await.unwrap() };
    shown(&connector.wait(answer).unwrap())
}
fn shown(answer: &Answer) -> Value {
    match answer {
        Answer::Held(found) => serde_json::to_value(found).unwrap(),
        Answer::Absent => json!("absent"),
        Answer::Unknown => json!("unknown"),
    }
}
