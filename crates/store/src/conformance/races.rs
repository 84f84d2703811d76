//! Clause 3: a claim is atomic per key, across every client of the backend.
use super::scene::{Scene, Store, claim, entry, goals_of, left, name, put, told};
use crate::{Claimed, Key, Kind, Offer, Outcome};
use std::{
    collections::{BTreeMap, BTreeSet},
    panic::resume_unwind,
};

const WRITERS: usize = 16;

pub(super) async fn contract_3_of_concurrent_claims_one_wins(s: Scene) {
    let offers = (0..WRITERS).map(|i| s.offer("u", &format!("v{i}"), &["a", "b", &format!("own {i}")]));
    let claimed = claim_at_once(&s, offers).await;
    one_wins(&claimed, Outcome::Created);
    assert_eq!(times_new(&claimed, "a") + times_new(&claimed, "b"), 2, "each goal is new to one");
    for (i, claimed) in claimed.iter().enumerate() {
        assert_eq!(claimed.new_goals.last(), Some(&name(&format!("own {i}"))), "and nobody lost his own");
    }
    // Goals are never answered from a cache, which may not have heard of what the other client did last.
    let after = claim(&s.one, &s.goals("u", &["last"])).await;
    assert_eq!((left(&after).goals.len(), left(&after).revision), (3 + WRITERS, 1 + WRITERS as u64));
}

pub(super) async fn contract_3_of_concurrent_replacements_one_wins(s: Scene) {
    let first = entry(s.key("u"), "v", &["g"]);
    put(&s.one, std::slice::from_ref(&first)).await;
    let over = |i: usize| (!i.is_multiple_of(3)).then_some(first.assignment.by);
    let offers = (0..WRITERS).map(|i| s.offer("u", &format!("w{i}"), &["g", "h"]).replacing(name("v"), over(i)));
    let claimed = claim_at_once(&s, offers).await;
    one_wins(&claimed, Outcome::Replaced);
    assert_eq!((times_new(&claimed, "g"), times_new(&claimed, "h")), (0, 1));
}

pub(super) async fn contract_3_concurrent_goals_are_all_kept(s: Scene) {
    claim(&s.one, &s.offer("u", "v", &[])).await;
    let offers = (0..WRITERS).map(|i| s.goals("u", &[&format!("g{i}"), "shared"]));
    let claimed = claim_at_once(&s, offers).await;
    assert_eq!(times_new(&claimed, "shared"), 1);
    let after = claim(&s.one, &s.goals("u", &["last"])).await;
    let held: BTreeSet<_> = goals_of(left(&after)).into_iter().map(String::from).collect();
    let expected = (0..WRITERS).map(|i| format!("g{i}")).chain(["shared".into(), "last".into()]);
    assert_eq!(held, expected.collect());
    assert_eq!(left(&after).revision, 2 + WRITERS as u64);
}

pub(super) async fn contract_3_concurrent_repeats_are_one_claim(s: Scene) {
    let offer = s.offer("u", "v", &["a", "b"]);
    let claimed = claim_at_once(&s, (0..WRITERS).map(|_| offer.clone())).await;
    for claimed in &claimed {
        assert_eq!(told(claimed), (Outcome::Created, Some("v"), vec!["a", "b"]), "everybody is told the same");
        assert_eq!(left(claimed).revision, 1);
    }
}

/// 32 writers race two variations and eight goals over 200 keys, in batches that overlap in every order.
pub(super) async fn contract_3_concurrent_batches_agree(s: Scene) {
    let keys: Vec<Key> = (0..200).map(|i| s.user(&format!("u{}", i / 2)).key(kind(i), "c").expect("legal")).collect();
    let writers = (0..32).map(|writer: usize| {
        let mut keys = keys.clone();
        keys.rotate_left(writer * 5 % 200);
        if writer % 2 == 1 {
            keys.reverse();
        }
        let variation = ["red", "blue"][writer / 2 % 2];
        let goals = [writer, writer * 3 + 1].map(|goal| format!("g{}", goal % 8));
        let offer = |key: &Key| super::scene::offer(key.clone(), variation, &goals.each_ref().map(|goal| &**goal));
        let offers: Vec<Offer> = keys.iter().map(offer).collect();
        let client = client(&s, writer);
        async move {
            let mut answers = Vec::new();
            for batch in offers.chunks(8) {
                let claimed = client.claim(batch).await.expect("claim");
                answers.extend(batch.iter().map(|offer| offer.key.clone()).zip(claimed));
            }
            answers
        }
    });
    let mut answers: BTreeMap<Key, Vec<Claimed>> = BTreeMap::new();
    for (key, claimed) in at_once(writers).await.into_iter().flatten() {
        answers.entry(key).or_default().push(claimed);
    }
    for (key, claimed) in &answers {
        assert_eq!(claimed.len(), 32, "{key:?}");
        let held: BTreeSet<&str> = claimed.iter().map(|claimed| left(claimed).variation.as_str()).collect();
        assert_eq!(held.len(), 1, "everybody is told the same variation: {key:?}");
        assert_eq!(claimed.iter().filter(|claimed| claimed.won()).count(), 1, "one wins {key:?}");
        for goal in 0..8 {
            assert_eq!(times_new(claimed, &format!("g{goal}")), 1, "goal {goal} of {key:?}");
        }
    }
}

fn one_wins(claimed: &[Claimed], outcome: Outcome) {
    let outcomes: Vec<&str> = claimed.iter().map(|claimed| claimed.outcome.name()).collect();
    let won: Vec<&Claimed> = claimed.iter().filter(|claimed| claimed.won()).collect();
    assert_eq!((won.len(), won.first().map(|won| won.outcome)), (1, Some(outcome)), "{outcomes:?}");
    for told in claimed {
        assert_eq!((left(told).by, &left(told).variation), (left(won[0]).by, &left(won[0]).variation));
    }
}

fn times_new(claimed: &[Claimed], goal: &str) -> usize {
    claimed.iter().flat_map(|claimed| &claimed.new_goals).filter(|new| new.as_str() == goal).count()
}

fn client(s: &Scene, i: usize) -> Store {
    if i.is_multiple_of(2) { s.one.clone() } else { s.other.clone() }
}
fn kind(i: usize) -> Kind {
    if i.is_multiple_of(2) { Kind::Classic } else { Kind::Fme }
}

async fn claim_at_once(s: &Scene, offers: impl Iterator<Item = Offer>) -> Vec<Claimed> {
    at_once(offers.enumerate().map(|(i, offer)| {
        let client = client(s, i);
        async move { claim(&client, &offer).await }
    }))
    .await
}

/// Runs each in a task of its own: on a runtime with several threads they truly meet.
async fn at_once<T: Send + 'static>(work: impl Iterator<Item = impl Future<Output = T> + Send + 'static>) -> Vec<T> {
    let tasks: Vec<_> = work.map(tokio::spawn).collect();
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.unwrap_or_else(|error| resume_unwind(error.into_panic())));
    }
    done
}
