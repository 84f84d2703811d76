//! The promises of the rule to decisions of FME under random schedules, and the records that its SDKs say them in.
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};
use stayput::{
    Assignment, ClaimId, Dialect, Goals, Key, Kind, Line, Name, Offer, Outcome, Over, Record, Scope, Timestamp,
};

const IDENTITIES: &[&str] = &[
    "none",
    "rollout:1:1",
    "rollout:1:2",
    "rollout:1:1+experiment:2:1",
    "rollout:1:1+experiment:2:2",
    "rollout:1:2+experiment:2:1",
    "experiment:2:1",
];
const HOLDOUTS: &[&str] = &["isInHoldoutId:1", "isInHoldoutId:2", "notInHoldoutId:1", "notInHoldoutId:2"];

/// What one writer sets.
#[derive(Clone, Debug)]
struct Wish {
    identity: &'static str,
    holdouts: Vec<&'static str>,
    fields: u8,
    /// Which of the states so far it has read, if any: the last one, or an older one.
    read: Option<usize>,
    /// Which of the offers before it is sent once more instead.
    late: Option<usize>,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000 * rounds(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decisions_and_holdouts_stay_unless_somebody_has_read_them(wishes in vec(wish(), 1..20)) {
        let (mut states, mut sent): (Vec<Assignment>, Vec<Offer>) = (Vec::new(), Vec::new());
        for (i, wish) in wishes.iter().enumerate() {
            let late = wish.late.filter(|_| !sent.is_empty()).map(|late| sent[late % sent.len()].clone());
            let offer = late.unwrap_or_else(|| wish.offer(i as u64 + 1, &states));
            sent.push(offer.clone());
            let before = states.last().cloned();
            let joined = offer.join(before.clone(), at(i));
            let after = joined.claimed.held.clone().expect("every record of FME leaves something");
            let again = offer.join(Some(after.clone()), at(i + 1));
            prop_assert_eq!((&again.claimed, again.changed), (&joined.claimed, false), "a repeat gets the same answer");
            prop_assert_eq!(joined.changed, Some(&after) != before.as_ref(), "what changed is said to have changed");
            for holdout in &offer.goals {
                prop_assert!(names(&after.goals).contains(holdout), "{} did not join", holdout);
            }
            if let Some(before) = before {
                let over = offer.over.as_ref();
                let has_read = over.is_some_and(|over| over.variation == before.variation && over.by == Some(before.by));
                let is_decision = offer.variation.as_deref() != Some("none");
                holdouts_stay(&before, &after, has_read && is_decision)?;
                if after.variation != before.variation {
                    prop_assert!(is_decision, "a decision was lost to an offer without one");
                    let adds = after.variation.starts_with(&format!("{}+experiment:", &*before.variation));
                    let unasked = &*before.variation == "none" || adds;
                    prop_assert!(has_read || unasked, "{} replaced {}", after.variation, before.variation);
                    prop_assert_eq!(joined.claimed.outcome, Outcome::Replaced);
                }
                prop_assert_eq!(after.revision - before.revision, u64::from(joined.changed));
            }
            states.push(after);
        }
    }

    #[test]
    fn of_rivals_who_read_the_same_one_wins(
        first in select(IDENTITIES),
        rivals in vec((select(&IDENTITIES[1..]), select(HOLDOUTS)), 2..8),
    ) {
        let begun = offer(1, first, &["isInHoldoutId:9"]).join(None, at(0)).claimed.held.expect("created");
        let over = Over { variation: begun.variation.clone(), by: Some(begun.by) };
        let (mut held, mut winners) = (begun, Vec::new());
        for (i, (identity, holdout)) in rivals.iter().enumerate() {
            let claim = i as u64 + 2;
            let rival = Offer { over: Some(over.clone()), ..offer(claim, identity, &[holdout]) };
            let claimed = rival.join(Some(held), at(i)).claimed;
            held = claimed.held.expect("held");
            winners.extend((held.by == ClaimId(claim)).then_some((claim, *identity)));
        }
        // Who adds an experiment to what the winner decided comes after it, and does not take its place.
        let adds = |(one, two): (&(u64, &str), &(u64, &str))| two.1.starts_with(&format!("{}+", one.1));
        prop_assert!(!winners.is_empty());
        prop_assert!(winners.iter().zip(winners.iter().skip(1)).all(adds), "{:?}", winners);
        prop_assert!(names(&held.goals).iter().all(|goal| &**goal != "isInHoldoutId:9"), "the winner had read it");
    }
}

fn holdouts_stay(before: &Assignment, after: &Assignment, may_clear: bool) -> Result<(), TestCaseError> {
    for goal in &before.goals {
        let stays = after.goals.iter().any(|left| left == goal);
        prop_assert!(stays || may_clear && goal.name.starts_with("isIn"), "{} vanished", goal.name);
    }
    Ok(())
}

#[test]
fn what_an_sdk_set_is_what_it_gets() {
    let whole = json!({
        "userId": "u", "featureKey": "f", "featureId": 7, "rolloutId": 1, "rolloutKey": "r", "rolloutVariationId": 2,
        "experimentId": 3, "experimentKey": "e", "experimentVariationId": 4, "isInHoldoutId": [5, "six"],
        "notInHoldoutId": [8, 9], "holdoutGroupId": [10], "later": {"x": [1]},
    });
    assert_eq!(shown(whole.clone()), whole);
    assert_eq!(parsed(whole).variation.as_deref(), Some("rollout:1:2+experiment:3:4"));
    let none = json!({"userId": "u", "featureKey": "f", "notInHoldoutId": [8]});
    assert_eq!(shown(none.clone()), none);
    assert_eq!(parsed(none).variation.as_deref(), Some("none"));
    let of_python = json!({
        "userId": "u", "featureKey": "f", "rolloutId": null, "rolloutKey": null, "rolloutVariationId": null,
        "experimentId": null, "experimentKey": null, "experimentVariationId": null, "isInHoldoutId": null,
        "notInHoldoutId": [],
    });
    assert_eq!(shown(of_python), json!({"userId": "u", "featureKey": "f"}), "null is absent");
}

#[test]
fn an_identity_is_spelled_by_ids() {
    let identity = |fields: Value| parsed(fields).variation.map(|name| name.to_string());
    let is = |fields, expected: &str| assert_eq!(identity(fields).as_deref(), Some(expected));
    is(json!({"rolloutId": 1, "rolloutVariationId": 2}), "rollout:1:2");
    is(json!({"rolloutId": "1", "rolloutVariationId": "2", "rolloutKey": "r"}), "rollout:1:2");
    is(json!({"rolloutKey": "a+b:c é", "rolloutVariationId": 2}), "rollout:a%2Bb%3Ac%20%C3%A9:2");
    is(json!({"experimentId": 3, "experimentVariationId": 4}), "experiment:3:4");
    is(json!({"rolloutKey": "r", "experimentId": 3, "experimentVariationId": 4}), "experiment:3:4");
    is(json!({"variationName": "by hand"}), "by hand");
    is(json!({"variationName": "rollout:1:2", "rolloutId": 1, "rolloutVariationId": 2}), "rollout:1:2");
}

#[test]
fn a_wrong_record_names_its_field() {
    let wrong = [
        (json!({"rolloutId": 1}), "rolloutVariationId"),
        (json!({"rolloutVariationId": 1}), "rolloutId"),
        (json!({"rolloutId": 1, "rolloutVariationId": 2, "experimentId": 3}), "experimentVariationId"),
        (json!({"rolloutId": 1.5, "rolloutVariationId": 2}), "rolloutId"),
        (json!({"rolloutId": [], "rolloutVariationId": 2}), "rolloutId"),
        (json!({"rolloutId": "x".repeat(300), "rolloutVariationId": 2}), "rolloutId"),
        (json!({"isInHoldoutId": [null]}), "isInHoldoutId"),
        (json!({"notInHoldoutId": ["x".repeat(300)]}), "notInHoldoutId"),
        (json!({"variationName": "x", "rolloutId": 1, "rolloutVariationId": 2}), "variationName"),
        (json!({"featureKey": "one", "campaignKey": "other"}), "featureKey"),
        (json!({"featureKey": 1}), "featureKey"),
    ];
    for (record, field) in wrong {
        let error = Record::parse_as(Kind::Fme, fields(record.clone())).expect_err("wrong");
        assert_eq!(error.field(), Some(field), "{record}: {error}");
    }
    let other = parsed(json!({"featureKey": "other"})).must_match(&key()).expect_err("another feature");
    assert_eq!(other.field(), Some("featureKey"));
    let missing = parsed(json!({"userId": "u"})).key(&Scope::default(), Kind::Fme).expect_err("no feature");
    assert_eq!(missing.message(), "featureKey is missing");
}

#[test]
fn an_exported_line_is_imported_as_it_was() {
    let record = json!({
        "userId": "u", "featureKey": "f", "kind": "fme", "rolloutId": 1, "rolloutVariationId": 2, "isInHoldoutId": [5],
        "assignedAt": "1970-01-01T00:00:00.001Z", "changedAt": "1970-01-01T00:00:01.500Z",
    });
    let offer = Line::parse(fields(record.clone())).expect("a line");
    let offer = offer.offer(&Scope::default(), ClaimId(1), at(9)).expect("an offer");
    assert_eq!((offer.key.kind(), offer.key.campaign()), (Kind::Fme, "f"));
    let held = offer.join(None, at(9)).claimed.held.expect("created");
    assert_eq!(serde_json::to_value(Line::shown(&offer.key, &held)).expect("JSON"), record);
}

impl Wish {
    fn offer(&self, claim: u64, states: &[Assignment]) -> Offer {
        let read = self.read.filter(|_| !states.is_empty()).map(|read| &states[states.len() - 1 - read % states.len()]);
        let fields: Map<String, Value> =
            (0..3).filter(|bit| self.fields >> bit & 1 == 1).map(|bit| (format!("field{bit}"), json!(claim))).collect();
        Offer {
            over: read.map(|read| Over { variation: read.variation.clone(), by: Some(read.by) }),
            extra: Some(stayput::Document::new("extra", &Value::Object(fields)).expect("legal")),
            ..offer(claim, self.identity, &self.holdouts)
        }
    }
}

fn wish() -> impl Strategy<Value = Wish> {
    let holdouts = prop::sample::subsequence(HOLDOUTS, 0..=3);
    // Mostly the last state is read, or nothing.
    let read = prop::option::of(prop_oneof![3 => Just(0), 1 => 0..5_usize]);
    let late = prop::option::weighted(0.2, 0..20_usize);
    (select(IDENTITIES), holdouts, 0..8_u8, read, late).prop_map(|(identity, holdouts, fields, read, late)| Wish {
        identity,
        holdouts,
        fields,
        read,
        late,
    })
}

fn parsed(record: Value) -> Record {
    Record::parse_as(Kind::Fme, fields(record)).expect("a record")
}
/// What is shown of `record` once it is held.
fn shown(record: Value) -> Value {
    let offer = parsed(record).offer(key(), ClaimId(1), at(0));
    let held = offer.join(None, at(0)).claimed.held.expect("created");
    serde_json::to_value(Record::shown(&offer.key, &held, Dialect::Documented)).expect("JSON")
}
fn fields(value: Value) -> Map<String, Value> {
    let Value::Object(fields) = value else { panic!("an object") };
    fields
}
fn offer(claim: u64, identity: &str, holdouts: &[&str]) -> Offer {
    let holdouts = holdouts.iter().map(|holdout| Name::goal(holdout).expect("legal"));
    Offer::new(key(), ClaimId(claim), at(0)).offering(Name::variation(identity).expect("legal")).bringing(holdouts)
}
fn key() -> Key {
    Key::new(&Scope::default(), Kind::Fme, "u", "f").expect("legal")
}
fn names(goals: &Goals) -> Vec<Name> {
    goals.iter().map(|goal| goal.name.clone()).collect()
}
fn at(millis: usize) -> Timestamp {
    Timestamp::from_millis(millis as u64)
}
/// More schedules in a long run.
#[expect(clippy::disallowed_methods, reason = "tests read their own switches")]
fn rounds() -> u32 {
    if std::env::var("STAYPUT_LONG").is_ok() { 50 } else { 1 }
}
