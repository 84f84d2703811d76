//! Random parts of records: few values, so that they meet, and some that are odd.
use proptest::{collection::vec, option, prelude::*};
use stayput::{
    Assignment, ClaimId, Document, Goal, Imported, Key, Kind, MetaData, Name, Offer, Over, Scope, Timestamp,
};
use std::time::Duration;

const SCOPES: &[&str] = &["default", "default2", "d", "é"];
const USERS: &[&str] = &["u", "u1", "U", "u\u{1}", "é", "e\u{301}"];
/// The first three mean something as variations of FME, most of the others as its goals.
const FIELDS: &[&str] = &["é", "featureId", "rolloutId", "experimentId"];
const NAMES: &[&str] = &[
    "none",
    "rollout:1:1",
    "rollout:1:1+experiment:2:1",
    "isInHoldoutId:1",
    "notInHoldoutId:1",
    "holdoutGroupId:1",
    "isInHoldoutId:2",
    "n7",
];
const CAMPAIGNS: &[&str] = &["a", "b", "\u{1}", "ü"];

pub(crate) fn scope() -> impl Strategy<Value = Scope> {
    prop::sample::select(SCOPES).prop_map(|name| Scope::new(name).expect("legal"))
}
/// One of few.
pub(crate) fn key() -> impl Strategy<Value = Key> {
    let (user, campaign) = (prop::sample::select(USERS), prop::sample::select(CAMPAIGNS));
    (scope(), kind(), user, campaign)
        .prop_map(|(s, kind, user, campaign)| Key::new(&s, kind, user, campaign).expect("legal"))
}
pub(crate) fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Classic), Just(Kind::Fme)]
}
pub(crate) fn claim_id() -> impl Strategy<Value = ClaimId> {
    prop_oneof![4 => 0..6u64, 1 => any::<u64>()].prop_map(ClaimId)
}
pub(crate) fn name(max: u8) -> impl Strategy<Value = Name> {
    (0..max).prop_map(|i| Name::goal(NAMES[usize::from(i)]).expect("legal"))
}
pub(crate) fn document() -> impl Strategy<Value = Document> {
    (0..4u8).prop_map(|i| {
        Document::new("metaData", &serde_json::json!({ "é": i, FIELDS[usize::from(i)]: i })).expect("legal")
    })
}
/// Some moments around the one that tests begin at, and the last of all.
pub(crate) fn moment() -> impl Strategy<Value = Timestamp> {
    prop_oneof![9 => 0..20_000u64, 1 => Just(u64::MAX)].prop_map(Timestamp::from_millis)
}

pub(crate) fn offer() -> impl Strategy<Value = Offer> {
    let over = (name(3), option::of(claim_id())).prop_map(|(variation, by)| Over { variation, by });
    let imported =
        (moment(), option::of(moment())).prop_map(|(changed_at, expires_at)| Imported { changed_at, expires_at });
    let lasts = (1..8_000u64).prop_map(Duration::from_millis);
    (
        (key(), claim_id(), option::weighted(0.9, name(3)), vec(name(8), 0..4), option::of(document())),
        (option::of(document()), option::of(over), moment(), option::of(lasts), option::weighted(0.2, imported)),
        prop_oneof![9 => Just(0), 1 => 0..3u32],
    )
        .prop_map(
            |((key, claim, variation, goals, meta_data), (extra, over, decided_at, lasts, imported), epoch)| Offer {
                key,
                claim,
                variation,
                goals,
                meta_data,
                extra,
                over,
                decided_at,
                lasts,
                imported,
                epoch,
            },
        )
}

pub(crate) fn assignment() -> impl Strategy<Value = Assignment> {
    let goals = vec((name(8), claim_id()).prop_map(|(name, by)| Goal { name, by }), 0..6);
    let meta_data = (document(), moment()).prop_map(|(document, at)| MetaData { document, at });
    (
        (name(3), claim_id(), option::of(name(3)), goals, option::of(meta_data), option::of(document())),
        (moment(), moment(), option::of(moment()), 1..9u64, prop_oneof![9 => Just(0), 1 => 0..3u32]),
    )
        .prop_map(|((variation, by, replaced, goals, meta_data, extra), times)| {
            let (assigned_at, changed_at, expires_at, revision, epoch) = times;
            let goals = goals.into_iter().collect();
            let unknown = Default::default();
            Assignment {
                variation,
                by,
                replaced,
                goals,
                meta_data,
                extra,
                assigned_at,
                changed_at,
                expires_at,
                revision,
                epoch,
                unknown,
            }
        })
}
