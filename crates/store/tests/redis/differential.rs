//! Redis gives the answers of the rule, and keeps its bytes, whatever is held and offered: by its script, and for FME by
//! swapping.
use crate::bench::{Add, Needs, key, open, prefix, raw, rounds, time, url};
use proptest::{
    collection::vec,
    option,
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use redis::{AsyncTypedCommands, aio::MultiplexedConnection};
use serde_json::json;
use stayput::{
    Assignment, AssignmentStoreExt, ClaimId, Document, ErrorKind, Goal, Imported, Key, Kind, MetaData, Name, Offer,
    Over, ScanStore, Timestamp, codec, limits,
};
use std::{sync::Arc, time::Duration};

const REDIS: &str = "STAYPUT_TEST_REDIS";

pub(crate) fn tests(add: Add<'_>) {
    add("the_script_joins_as_the_rule_does", Needs::Server(REDIS), || Box::pin(joins(Kind::Classic, false)));
    add("the_script_leaves_alone_what_the_codec_cannot_read", Needs::Server(REDIS), || {
        Box::pin(joins(Kind::Classic, true))
    });
    add("decisions_of_fme_join_as_the_rule_says", Needs::Server(REDIS), || Box::pin(joins(Kind::Fme, false)));
    add("decisions_of_fme_that_cannot_be_read_are_left_alone", Needs::Server(REDIS), || {
        Box::pin(joins(Kind::Fme, true))
    });
}

async fn joins(kind: Kind, damage: bool) {
    let mut world = World::new(kind).await;
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let (mut changed, mut unreadable, mut absent) = (0, 0, 0);
    for case in 0..1_600 * rounds() {
        let base = time(&mut world.raw).await;
        let (mut held, mut offer) = (held(base), offer(base)).new_tree(&mut runner).expect("a case").current();
        // Chance makes nearly all of them unusual, and the usual ones have a way of their own.
        if case % 2 == 0 {
            held = held.map(|(held, _)| (usual(held), Vec::new()));
            offer = usually(offer);
        }
        if kind == Kind::Fme {
            held = held.map(|(held, unknown)| (decided(held), unknown));
            offer = deciding(offer);
        }
        let mut bytes = held.map(|(held, unknown)| [codec::encode(&held), unknown].concat());
        if damage {
            let hits = vec((any::<prop::sample::Index>(), any::<u8>()), 1..3);
            let (hits, cut) = (hits, option::weighted(0.3, any::<prop::sample::Index>()))
                .new_tree(&mut runner)
                .expect("damage")
                .current();
            if let Some(bytes) = &mut bytes {
                for (place, value) in hits {
                    *place.get_mut(bytes) = value;
                }
                if let Some(cut) = cut {
                    bytes.truncate(cut.index(bytes.len()));
                }
            }
        }
        world.hold(bytes.as_deref()).await;
        let before = time(&mut world.raw).await;
        let answer = world.store.claim_one(&offer).await;
        let after = time(&mut world.raw).await;
        let stored = world.held().await;
        let assignment = match bytes.as_deref().map(|bytes| codec::decode("test", bytes)).transpose() {
            Ok(assignment) => assignment,
            Err(_) => {
                unreadable += 1;
                let error = answer.expect_err("what the codec cannot read is no answer");
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
                assert_eq!(stored, bytes, "it is left alone");
                continue;
            }
        };
        let answer = answer.unwrap_or_else(|error| panic!("{error}: {offer:?} onto {assignment:?}"));
        // The server joined at some moment between the two; nearly always there is one only.
        let fits = (before..=after).any(|now| {
            let joined = offer.join(assignment.clone(), Timestamp::from_millis(now));
            let expected = if joined.changed { joined.claimed.held.as_ref().map(codec::encode) } else { bytes.clone() };
            let fits = joined.claimed == answer && expected == stored;
            changed += u32::from(fits && joined.changed);
            absent += u32::from(fits && joined.claimed.held.is_none());
            fits
        });
        let expected = offer.join(assignment.clone(), Timestamp::from_millis(before));
        assert!(
            fits,
            "{offer:?}\nonto {assignment:?}\nis {answer:?}\nnot {expected:?}\nat {before}..{after}: {stored:?}"
        );
    }
    assert!(changed > 100 && absent > 5, "only {changed} changes and {absent} absences were seen");
    assert!(unreadable > 100 || !damage, "only {unreadable} values were unreadable");
}

/// One key, seen from both sides.
struct World {
    store: Arc<dyn ScanStore>,
    raw: MultiplexedConnection,
    hash: String,
    field: &'static str,
}

impl World {
    async fn new(kind: Kind) -> Self {
        let prefix = prefix();
        let store = open(&url(REDIS, &format!("timeout=20s&prefix={prefix}"))).await;
        let first = Offer::new(place(), ClaimId(1), Timestamp::default()).offering(name("first"));
        store.claim_one(&first).await.expect("a claim");
        let mut raw = raw(REDIS).await;
        let hashes = raw.keys(format!("{prefix}*u*")).await.expect("keys");
        let [hash] = hashes.as_slice() else { panic!("one user is one hash, not {hashes:?}") };
        let field = if kind == Kind::Fme { "fcampaign" } else { "ccampaign" };
        Self { store, hash: hash.clone(), raw, field }
    }
    async fn hold(&mut self, bytes: Option<&[u8]>) {
        self.raw.del(&self.hash).await.expect("deleted");
        if let Some(bytes) = bytes {
            self.raw.hset(&self.hash, self.field, bytes).await.expect("stored");
        }
    }
    async fn held(&mut self) -> Option<Vec<u8>> {
        redis::cmd("HGET").arg(&self.hash).arg(self.field).query_async(&mut self.raw).await.expect("read")
    }
}

fn place() -> stayput::Key {
    key("user", "campaign")
}

fn held(base: u64) -> impl Strategy<Value = Option<(Assignment, Vec<u8>)>> {
    let goals = prop_oneof![
        9 => vec((names(), claims()), 0..4),
        1 => (995..1_003_usize).prop_map(|many| (0..many).map(|i| (name(&i.to_string()), ClaimId(7))).collect()),
    ];
    let meta = option::of((documents(), moments(base)));
    let times = (moments(base), moments(base), option::weighted(0.6, moments(base)));
    let numbers = (prop::sample::select(vec![1, 254, 255, 256, 1 << 53, u64::MAX - 1, u64::MAX]), 0..3_u32);
    let unknown = prop_oneof![3 => Just(vec![]), 1 => Just(vec![12, 2, 8, 9, 200, 0])];
    let unknown = (unknown, any::<bool>()).prop_map(|(bytes, long)| match long {
        true => [bytes, vec![99, 0x82, 0x01], vec![7; 130]].concat(),
        false => bytes,
    });
    let parts = (names(), claims(), option::of(names()), goals, meta, option::of(documents()), times, numbers, unknown);
    let held = parts.prop_map(|(variation, by, replaced, goals, meta, extra, times, numbers, unknown)| {
        let mut seen = std::collections::HashSet::new();
        let goals: Vec<Goal> = goals
            .into_iter()
            .filter(|(name, _)| seen.insert(name.clone()))
            .map(|(name, by)| Goal { name, by })
            .collect();
        let held = Assignment {
            variation,
            by,
            replaced,
            goals: goals.into(),
            meta_data: meta.map(|(document, at)| MetaData { document, at }),
            extra,
            assigned_at: times.0,
            changed_at: times.1,
            expires_at: times.2,
            revision: numbers.0,
            epoch: numbers.1,
            unknown: Default::default(),
        };
        (held, unknown)
    });
    option::weighted(0.85, held)
}

fn offer(base: u64) -> impl Strategy<Value = Offer> {
    let goals = prop_oneof![
        9 => vec(names(), 0..4),
        1 => (0..2_500_usize).prop_map(|many| (0..many).map(|i| name(&(i % 1_300).to_string())).collect()),
    ];
    let over = option::weighted(0.4, (names(), option::of(claims())));
    let lasts = option::weighted(
        0.5,
        prop::sample::select(vec![
            Duration::ZERO,
            Duration::from_nanos(1),
            Duration::from_micros(2_001),
            Duration::from_millis(3),
            Duration::from_millis(20),
            Duration::from_secs(3),
            Duration::from_secs(86_400),
            Duration::MAX,
        ]),
    );
    let imported = option::weighted(0.2, (moments(base), option::of(moments(base))));
    let documents = (option::of(documents()), option::of(documents()));
    let parts =
        (claims(), option::weighted(0.8, names()), goals, documents, over, moments(base), lasts, imported, 0..3_u32);
    parts.prop_map(|(claim, variation, goals, (meta_data, extra), over, decided_at, lasts, imported, epoch)| Offer {
        variation,
        goals,
        meta_data,
        extra,
        over: over.map(|(variation, by)| Over { variation, by }),
        lasts,
        imported: imported.map(|(changed_at, expires_at)| Imported { changed_at, expires_at }),
        epoch: epoch.saturating_sub(1),
        ..Offer::new(place(), claim, decided_at)
    })
}

fn usual(held: Assignment) -> Assignment {
    Assignment { replaced: None, meta_data: None, extra: None, epoch: 0, ..held }
}
fn usually(mut offer: Offer) -> Offer {
    offer.goals.truncate(1);
    Offer { over: None, meta_data: None, imported: None, epoch: 0, ..offer }
}

/// The same, with names that mean something to FME.
fn decided(held: Assignment) -> Assignment {
    let goals: Vec<Goal> = held.goals.iter().map(|goal| Goal { name: holdout(&goal.name), by: goal.by }).collect();
    let (variation, replaced) = (decision(&held.variation), held.replaced.as_ref().map(decision));
    Assignment { variation, replaced, goals: goals.into(), ..held }
}
fn deciding(offer: Offer) -> Offer {
    Offer {
        key: Key::new(offer.key.scope(), Kind::Fme, "user", "campaign").expect("a legal key"),
        variation: offer.variation.as_ref().map(decision),
        goals: offer.goals.iter().map(holdout).collect(),
        over: offer.over.map(|over| Over { variation: decision(&over.variation), ..over }),
        ..offer
    }
}
fn decision(of: &Name) -> Name {
    match of.as_str() {
        "a" => name("none"),
        "b" => name("rollout:1:1"),
        "a\u{1}b" => name("rollout:1:1+experiment:2:1"),
        _ => of.clone(),
    }
}
fn holdout(of: &Name) -> Name {
    match of.as_str() {
        "a" => name("isInHoldoutId:1"),
        "b" => name("notInHoldoutId:1"),
        "a\u{1}b" => name("isInHoldoutId:2"),
        _ => of.clone(),
    }
}

/// Some that are neighbours as numbers of Lua, which has only 53 bits.
fn claims() -> impl Strategy<Value = ClaimId> {
    prop::sample::select(vec![1, (1 << 53) + 1, 1 << 53, u64::MAX, u64::MAX - 1]).prop_map(ClaimId)
}
fn names() -> impl Strategy<Value = Name> {
    prop::sample::select(vec!["a", "b", "ä€😀", "a\u{1}b", &LONG]).prop_map(name)
}
static LONG: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| "x".repeat(limits::NAME));

fn documents() -> impl Strategy<Value = Document> {
    let values = vec![json!({}), json!({"a": [1, "ü", null]}), json!("x".repeat(300)), json!("y".repeat(16_000))];
    prop::sample::select(values).prop_map(|value| Document::new("metaData", &value).expect("a legal document"))
}
/// Around the present most of all: there an expiry is decided by a millisecond.
fn moments(base: u64) -> impl Strategy<Value = Timestamp> {
    let moments = prop_oneof![
        4 => (base - 3)..(base + 6),
        2 => (base - 5_000)..(base + 5_000),
        1 => Just(base + 43_200_000),
        1 => Just(Timestamp::MAX.as_millis()),
        1 => Just(0),
    ];
    moments.prop_map(Timestamp::from_millis)
}
fn name(text: &str) -> Name {
    Name::goal(text).expect("a legal name")
}
