//! Claims of a crowd share calls of the script, and nobody notices.
use crate::bench::{Add, Needs, key, name, offer, open, prefix, raw, rounds, url};
use redis::AsyncTypedCommands;
use stayput::{AssignmentStoreExt, Claimed, Document, ErrorKind, Offer, Result, ScanStore};
use std::sync::Arc;
use tokio::task::JoinSet;

const REDIS: &str = "STAYPUT_TEST_REDIS";
const USERS: usize = 100;

pub(crate) fn tests(add: Add<'_>) {
    add("claims_of_a_crowd_are_answered_as_each_alone", Needs::Server(REDIS), || Box::pin(crowd()));
    add("a_claim_of_a_crowd_that_fails_fails_alone", Needs::Server(REDIS), || Box::pin(damaged()));
}

async fn crowd() {
    let alone = open("memory:").await;
    for _ in 0..3 * rounds() {
        let store = open(&url(REDIS, &format!("timeout=20s&prefix={}", prefix()))).await;
        for turn in 0..4 {
            let offers: Vec<Offer> = (0..USERS).map(|user| varied(user, turn)).collect();
            for (offer, claimed) in offers.iter().zip(at_once(&store, &offers).await) {
                let expected = alone.claim_one(offer).await.expect("memory does not fail");
                let claimed = claimed.unwrap_or_else(|error| panic!("{error}: {offer:?}"));
                assert_eq!(telling(&claimed), telling(&expected), "{offer:?}");
                // What an earlier epoch left is not held for this one, and stays.
                if claimed.held.is_some() {
                    assert_eq!(store.get_one(&offer.key).await.expect("a read"), claimed.held, "{offer:?}");
                }
            }
        }
        for user in 0..USERS {
            alone.erase(varied(user, 0).key.user()).await.expect("memory does not fail");
        }
    }
}

async fn damaged() {
    let prefix = prefix();
    let (store, mut raw) = (open(&url(REDIS, &format!("timeout=20s&prefix={prefix}"))).await, raw(REDIS).await);
    let broken = varied(7, 0).key;
    store.claim_one(&offer(broken.clone()).offering(name("first"))).await.expect("a claim");
    let hashes = raw.keys(format!("{prefix}*u*")).await.expect("keys");
    let [hash] = hashes.as_slice() else { panic!("one user is one hash, not {hashes:?}") };
    raw.set(hash, "no hash").await.expect("something else in its place");
    let offers: Vec<Offer> = (0..USERS).map(|user| varied(user, 1)).collect();
    for (offer, claimed) in offers.iter().zip(at_once(&store, &offers).await) {
        match claimed {
            Err(error) => assert!(offer.key == broken && error.kind() == ErrorKind::Corrupt, "{error}: {offer:?}"),
            Ok(claimed) => {
                assert!(offer.key != broken, "{offer:?} is {claimed:?}");
                assert_eq!(store.get_one(&offer.key).await.expect("a read"), claimed.held, "{offer:?}");
            }
        }
    }
}

async fn at_once(store: &Arc<dyn ScanStore>, offers: &[Offer]) -> Vec<Result<Claimed>> {
    let mut claims = JoinSet::new();
    for (place, offer) in offers.iter().cloned().enumerate() {
        let store = store.clone();
        claims.spawn(async move { (place, store.claim_one(&offer).await) });
    }
    let mut answers = claims.join_all().await;
    answers.sort_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Usual and unusual offers side by side: what is decided at a glance stands before and behind what is not.
fn varied(user: usize, turn: usize) -> Offer {
    let mut offer = offer(key(&format!("user-{user}"), "campaign"));
    if !(user + turn).is_multiple_of(5) {
        offer = offer.offering(name(if turn == 0 { "first" } else { "second" }));
    }
    if !(user + turn).is_multiple_of(3) {
        offer =
            offer.bringing((0..1 + (user + turn) % 17 / 15).map(|i| name(&format!("goal-{}", turn * i + user % 4))));
    }
    if (user + 2 * turn).is_multiple_of(11) {
        offer.meta_data = Document::new("metaData", &serde_json::json!({ "a": 1 })).ok();
    }
    if user.is_multiple_of(13) {
        offer.epoch = turn as u32;
    }
    offer
}

/// All but the times, which are each store's own.
fn telling(claimed: &Claimed) -> Claimed {
    let mut claimed = claimed.clone();
    if let Some(held) = &mut claimed.held {
        held.changed_at = held.assigned_at;
    }
    claimed
}
