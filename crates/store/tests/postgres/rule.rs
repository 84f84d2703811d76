//! The rule, as this backend keeps it, against the one function that says it.
use super::{
    arbitrary,
    servers::{bare, fresh_schema, now, open, rounds, with},
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use stayput::{
    Assignment, AssignmentStoreExt, ClaimId, Entry, Imported, Key, Kind, Name, Offer, Outcome, Scope, Timestamp, User,
};
use std::time::Duration;

const HOUR: u64 = 3_600_000;

pub(crate) async fn random_offers_on_random_states_are_joined_by_the_rule(url: String) {
    joined_by_the_rule(url, 40).await;
}
pub(crate) async fn random_offers_behind_pgbouncer_are_joined_by_the_rule(url: String) {
    joined_by_the_rule(url, 20).await;
}

/// What a random moment stands for: an hour ago, an hour from now, or the last of all, so that no run depends on how
/// long it takes.
fn moment(from: Timestamp, at: Timestamp) -> Timestamp {
    match from.as_millis() {
        past if past < 10_000 => Timestamp::from_millis(at.as_millis() - HOUR + past),
        future if future <= 20_000 => Timestamp::from_millis(at.as_millis() + HOUR + future),
        _ => Timestamp::MAX,
    }
}

async fn joined_by_the_rule(url: String, batches: usize) {
    let store = open(&with(&url, "timeout=20s")).await;
    // One that has seen nothing begins a claim otherwise.
    let stranger = open(&with(&url, "timeout=20s")).await;
    let scope = Scope::new(&fresh_schema()).expect("legal");
    let mut runner = TestRunner::new(Config::default());
    let state = prop::option::of(arbitrary::assignment());
    let one = (state, arbitrary::offer(), any::<bool>());
    let batch = prop::collection::vec(one, 1..30);
    for round in 0..batches * rounds(25) {
        let batch = batch.new_tree(&mut runner).expect("a value").current();
        let begun = now();
        let mut asks = Vec::new();
        for (i, (held, offer, retried)) in batch.into_iter().enumerate() {
            // Odd keys of the generator, made distinct.
            let user = format!("{}/{round}-{i}", offer.key.user_id());
            let key = Key::new(&scope, offer.key.kind(), &user, offer.key.campaign()).expect("legal");
            let imported = offer.imported.map(|imported| Imported {
                changed_at: moment(imported.changed_at, begun),
                expires_at: imported.expires_at.map(|end| moment(end, begun)),
            });
            let lasts = offer.lasts.map(|lasts| lasts * 1_000); // up to 8,000 s: some less, some more than an hour
            let decided_at = moment(offer.decided_at, begun);
            let held = held.map(|held| Assignment {
                expires_at: held.expires_at.map(|end| moment(end, begun)),
                assigned_at: moment(held.assigned_at, begun),
                changed_at: moment(held.changed_at, begun),
                meta_data: held.meta_data.map(|of| stayput::MetaData { at: moment(of.at, begun), ..of }),
                by: if retried { offer.claim } else { held.by },
                ..held
            });
            asks.push((held, Offer { key, imported, lasts, decided_at, ..offer }));
        }
        let entry = |(held, offer): &(Option<Assignment>, Offer)| {
            held.clone().map(|assignment| Entry { key: offer.key.clone(), assignment })
        };
        let entries: Vec<Entry> = asks.iter().filter_map(entry).collect();
        store.put(&entries).await.expect("put");
        let offers: Vec<Offer> = asks.iter().map(|(_, offer)| offer.clone()).collect();
        let keys: Vec<Key> = offers.iter().map(|offer| offer.key.clone()).collect();
        let read: Vec<_> = asks.iter().map(|(held, _)| held.clone().filter(|held| held.is_live(begun))).collect();
        assert_eq!(store.get(&keys).await.expect("get"), read, "what was put");
        let claimant = if round % 3 == 0 { &stranger } else { &store };
        let answers = claimant.claim(&offers).await.expect("claim");
        let ended = now();
        let mut after = Vec::new();
        for ((held, offer), answer) in asks.iter().zip(&answers) {
            // What changed says when, by the server's clock, which is this machine's.
            let told = answer.held.as_ref().map(|held| held.changed_at);
            let at = told.filter(|at| (begun..=ended).contains(at)).unwrap_or(begun);
            let joined = offer.join(held.clone(), at);
            assert_eq!(*answer, joined.claimed, "{offer:#?} on {held:#?}");
            let stays = held.clone().filter(|held| held.is_live(at));
            after.push(if joined.changed { joined.claimed.held } else { stays });
        }
        assert_eq!(store.get(&keys).await.expect("get"), after, "what was answered is held");
        for (key, held) in keys.iter().zip(&after) {
            assert_eq!(store.get_one(key).await.expect("get"), *held, "one by one too");
        }
    }
}

pub(crate) async fn a_claim_that_changes_nothing_writes_nothing(url: String) {
    let store = open(&url).await;
    let scope = Scope::new(&fresh_schema()).expect("legal");
    let user = User::new(&scope, "u").expect("legal");
    let key = user.key(Kind::Classic, "c").expect("legal");
    let name = |name: &str| Name::variation(name).expect("legal");
    let offer = |claim| Offer::new(key.clone(), ClaimId(claim), now()).offering(name("v")).bringing([name("g")]);
    let lasting = Offer { lasts: Some(Duration::from_secs(600)), ..offer(1) };
    store.claim_one(&lasting).await.expect("claim");
    let bare = bare(&url).await;
    // Where the row is, who wrote it, and who locked it: a lock is a write too.
    let version = async || {
        let sql =
            "SELECT ctid::text || ' ' || xmin::text || ' ' || xmax::text FROM stayput_assignments WHERE scope = $1";
        bare.query_one(sql, &[&scope.as_str()]).await.expect("a row").get::<_, String>(0)
    };
    let before = version().await;
    for claim in [1, 2, 1, 3] {
        let rival = offer(claim).offering(name("w"));
        store.claim_one(&Offer { lasts: Some(Duration::from_secs(600)), ..offer(claim) }).await.expect("claim");
        assert_eq!(store.claim_one(&rival).await.expect("claim").outcome, Outcome::Kept);
        store.get_one(&key).await.expect("get");
    }
    assert_eq!(version().await, before);
    store.claim_one(&offer(4).bringing([name("h")])).await.expect("claim");
    assert_ne!(version().await, before, "this test sees writes");
}
