//! What cannot be stored is refused and counted, what there is no room for is too, and 100,000 users have room.
use crate::scene::{fields, flush, record, scene, scene_with, shown, variation};
use serde_json::{Value, json};
use stayput::{
    ErrorKind,
    connector::{Answer, Options},
    testing::{Operation, Plan},
};

#[test]
fn ids_and_records_that_cannot_be_stored_are_counted_and_change_nothing() {
    let scene = scene();
    let long = "x".repeat(10 * 1_024);
    for user in ["", "nul\0", &long] {
        assert!(matches!(scene.connector.get(user, "checkout"), Answer::Absent));
        scene.connector.set(record(user, "Control", ""));
    }
    let wrong = [
        json!({}),
        json!({"userId": 1, "campaignKey": "checkout", "variationName": "Control"}),
        json!({"userId": "ann", "variationName": "Control"}),
        json!({"userId": "ann", "campaignKey": "checkout", "variationName": ["Control"]}),
        json!({"userId": "ann", "campaignKey": "checkout", "variationName": "Control", "goalIdentifier": {"a": 1}}),
        json!({"userId": "ann", "campaignKey": "checkout", "variationName": "Control", "metaData": long.repeat(2)}),
        json!({"userId": "ann", "campaignKey": "checkout", "variationName": "Control", "assignedAt": "now"}),
    ];
    let count = wrong.len() as u64;
    wrong.into_iter().for_each(|wrong| scene.connector.set(fields(wrong)));
    assert_eq!((scene.stats().invalid, scene.stats().waiting, scene.stats().sets), (6 + count, 0, 0));
    assert_eq!(shown(&scene.connector, "ann"), "absent");
}

#[test]
fn one_record_that_the_store_can_never_take_does_not_keep_others_waiting() {
    let scene = scene();
    scene.store.plan(|call| match call.operation {
        Operation::Claim(offers) if offers.iter().any(|offer| offer.key.user_id() == "bad") => {
            Plan::fail(ErrorKind::Corrupt)
        }
        Operation::Claim(offers) if offers.iter().any(|offer| offer.key.user_id() == "refused") => {
            Plan::fail(ErrorKind::Refused)
        }
        _ => Plan::pass(),
    });
    for user in ["refused", "bad", "good"] {
        scene.connector.set(record(user, "Control", ""));
    }
    crate::scene::until("the others are through", || scene.stats().waiting == 1);
    assert_eq!((scene.stats().lost, scene.stats().stored), (1, 1));
    scene.store.always(Plan::pass());
    flush(&scene.connector);
    assert_eq!(variation(&scene.other(), "refused"), "Control");
}

#[test]
fn what_there_is_no_room_for_is_lost_and_counted() {
    let scene = scene_with(Options { waiting: 10_000, ..Options::default() });
    scene.store.always(Plan::fail(ErrorKind::Unavailable));
    for user in 0..100 {
        scene.connector.set(record(&format!("user-{user}"), "Control", ""));
    }
    let stats = scene.stats();
    assert!((10..20).contains(&stats.waiting), "{stats:?}");
    assert_eq!((stats.waiting + stats.lost, stats.sets), (100, 100));
    assert!(stats.waiting_bytes <= 10_000);
    scene.store.always(Plan::pass());
    flush(&scene.connector);
    assert_eq!((scene.stats().waiting_bytes, scene.stats().stored), (0, stats.waiting));
}

#[test]
fn a_hundred_thousand_users_have_room_by_default() {
    let scene = scene();
    for number in 0..100_000 {
        scene.connector.set(record(&format!("user-{number:032}"), "Variation-1", "goal-1_vwo_goal-2"));
    }
    flush(&scene.connector);
    let stats = scene.stats();
    assert_eq!((stats.users, stats.evictions, stats.lost), (100_000, 0, 0));
}

#[test]
fn only_what_is_held_for_that_very_user_and_campaign_is_shown() {
    let scene = scene();
    scene.connector.set(fields(json!({
        "userId": "ann", "campaignKey": "checkout", "variationName": "Control", "metaData": {"__proto__": {"x": 1}},
        "__proto__": {"polluted": true}, "constructor": 1
    })));
    flush(&scene.connector);
    let shown: Value = shown(&scene.connector, "ann");
    assert_eq!((&shown["userId"], &shown["campaignKey"]), (&json!("ann"), &json!("checkout")));
    assert_eq!(shown["__proto__"], json!({"polluted": true}), "kept whole: a binding knows what its language minds");
    for (user, campaign) in [("Ann", "checkout"), ("ann", "Checkout"), ("ann ", "checkout"), ("checkout", "ann")] {
        assert!(scene.connector.get(user, campaign).held().is_none());
    }
}

#[test]
fn numbers_are_told_as_text_too() {
    let scene = scene();
    scene.connector.set(record("ann", "Control", ""));
    let _ = shown(&scene.connector, "ann");
    flush(&scene.connector);
    let text = scene.stats().text();
    assert!(text.contains("stayput_connector_sets_total 1\n"), "{text}");
    assert!(text.contains("stayput_connector_settled_total{outcome=\"stored\"} 1\n"), "{text}");
}
