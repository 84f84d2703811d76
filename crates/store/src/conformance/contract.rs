//! The clauses of [`AssignmentStore`](crate::AssignmentStore), and its plain operations.
use super::scene::{
    Scene, claim, document, goals_of, held, hours_ago, in_hours, left, name, put, remove, told, variation,
};
use crate::{
    Assignment, BoxFuture, ClaimId, Entry, ErrorKind, Goal, Key, MetaData, Offer,
    Outcome::{Created, Joined, Kept, Replaced, Unchanged},
    Result, Timestamp,
};
use serde_json::json;
use std::{future::poll_fn, task::Poll};

pub(super) async fn contract_1_reads_are_answered_in_order(s: Scene) {
    put(&s.other, &[s.entry("a", "1", &[]), s.entry("b", "2", &[]), s.entry("c", "3", &[])]).await;
    held(&s.one, &s.key("b")).await; // warm for a cache, while the others stay cold
    let keys = ["c", "b", "none", "a", "b", "c"].map(|user| s.key(user));
    let got = s.one.get(&keys).await.expect("get");
    let got: Vec<_> = got.iter().map(variation).collect();
    assert_eq!(got, [Some("3"), Some("2"), None, Some("1"), Some("2"), Some("3")]);
}

pub(super) async fn contract_1_claims_are_answered_in_order(s: Scene) {
    claim(&s.one, &s.offer("b", "2", &[])).await; // warm, between cold ones
    let offers = [s.offer("c", "3", &["g"]), s.offer("b", "x", &[]), s.goals("d", &["g"]), s.offer("a", "1", &[])];
    let claimed = s.one.claim(&offers).await.expect("claim");
    let expected = [
        (Created, Some("3"), vec!["g"]),
        (Kept, Some("2"), vec![]),
        (Unchanged, None, vec![]),
        (Created, Some("1"), vec![]),
    ];
    assert_eq!(claimed.iter().map(told).collect::<Vec<_>>(), expected);
    for (claimed, offer) in claimed.iter().zip(&offers) {
        assert_eq!(held(&s.other, &offer.key).await, claimed.held);
    }
}

pub(super) async fn contract_1_nothing_asked_nothing_answered(s: Scene) {
    assert_eq!(s.one.get(&[]).await.expect("get"), []);
    assert_eq!(s.one.claim(&[]).await.expect("claim"), []);
    s.one.put(&[]).await.expect("put");
    s.one.remove(&[]).await.expect("remove");
}

pub(super) async fn contract_1_big_batches_are_answered_whole(s: Scene) {
    const MANY: usize = 300;
    let user = |i: usize| format!("u{}", i * 7 % MANY); // not in key order
    let entries: Vec<Entry> = (0..MANY).map(|i| s.entry(&user(i), &format!("v{i}"), &[])).collect();
    let keys: Vec<Key> = entries.iter().map(|entry| entry.key.clone()).collect();
    let (before, after) = entries.split_at(MANY / 3);
    put(&s.one, before).await;
    let offers: Vec<Offer> = (0..MANY).map(|i| s.offer(&user(i), &format!("v{i}"), &["g"])).collect();
    let claimed = s.other.claim(&offers).await.expect("claim");
    assert_eq!(claimed.len(), MANY);
    for (i, claimed) in claimed.iter().enumerate() {
        let outcome = if i < MANY / 3 { Joined } else { Created };
        assert_eq!(told(claimed), (outcome, Some(&*format!("v{i}")), vec!["g"]));
    }
    let got = s.other.get(&keys).await.expect("get");
    assert!(got == claimed.into_iter().map(|claimed| claimed.held).collect::<Vec<_>>(), "what was told is held");
    put(&s.other, after).await;
    remove(&s.other, &keys[..MANY / 3]).await;
    let expected: Vec<_> = (0..MANY).map(|i| entries.get(i).filter(|_| i >= MANY / 3)).collect();
    let got = s.other.get(&keys).await.expect("get");
    assert!(got.iter().map(Option::as_ref).eq(expected.iter().map(|entry| entry.map(|entry| &entry.assignment))));
}

pub(super) async fn contract_2_absence_is_none_and_not_remembered(s: Scene) {
    assert_eq!(held(&s.one, &s.key("u")).await, None);
    claim(&s.other, &s.offer("u", "v", &[])).await;
    assert_eq!(variation(&held(&s.one, &s.key("u")).await), Some("v"));
}

pub(super) async fn contract_2_expired_is_absent(s: Scene) {
    put(&s.one, &[s.ending("gone", "v", &[], hours_ago(2)), s.ending("here", "v", &[], in_hours(2))]).await;
    for client in [&s.one, &s.other] {
        let got = client.get(&[s.key("gone"), s.key("here")]).await.expect("get");
        assert_eq!(got.iter().map(variation).collect::<Vec<_>>(), [None, Some("v")]);
    }
}

pub(super) async fn contract_4_a_repeat_gets_the_same_answer(s: Scene) {
    let first = s.offer("u", "v", &["a"]);
    let offers = [
        (first.clone(), Created),
        (s.offer("u", "v", &["a", "b"]), Joined),
        (s.offer("u", "x", &["c"]).replacing(name("v"), Some(first.claim)), Replaced),
        (s.offer("u", "v", &["c", "d"]), Kept),
        (s.offer("u", "x", &["d"]), Unchanged),
        (s.goals("u", &["e"]), Joined),
        (s.goals("nobody", &["e"]), Unchanged),
    ];
    for (offer, outcome) in offers {
        let answer = claim(&s.one, &offer).await;
        assert_eq!(answer.outcome, outcome);
        assert_eq!(claim(&s.other, &offer).await, answer, "elsewhere");
        assert_eq!(claim(&s.one, &offer).await, answer, "here");
    }
}

pub(super) async fn contract_5_a_key_twice_is_invalid_and_nothing_is_applied(s: Scene) {
    let held_before = claim(&s.one, &s.offer("u", "v", &["g"])).await.held; // a cache could answer for this one
    let before: Result<Vec<_>> = s.one.get(&[s.key("u"), s.key("new")]).await;
    assert_eq!(before.expect("get"), [held_before, None]);
    let offers = [s.offer("new", "v", &[]), s.offer("u", "v", &["h"]), s.offer("u", "v", &[])];
    is_invalid(s.one.claim(&offers).await);
    is_invalid(s.one.put(&[s.entry("new", "x", &[]), s.entry("u", "x", &[]), s.entry("u", "y", &[])]).await);
    is_invalid(s.one.remove(&[s.key("u"), s.key("new"), s.key("u")]).await);
    for client in [&s.one, &s.other] {
        let got = client.get(&[s.key("u"), s.key("new"), s.key("u")]).await.expect("reads may name a key twice");
        assert_eq!(got.iter().map(variation).collect::<Vec<_>>(), [Some("v"), None, Some("v")]);
        assert_eq!(got[0].as_ref().map(goals_of), Some(vec!["g"]));
    }
}

pub(super) async fn contract_6_a_dropped_call_harms_nothing(s: Scene) {
    for polls in 0..4 {
        let offer = s.offer(&format!("claimed {polls}"), "v", &["g"]);
        let offers = std::slice::from_ref(&offer);
        drop_after(polls, s.one.claim(offers)).await;
        drop_after(polls, s.one.claim(offers)).await;
        let claimed = claim(&s.one, &offer).await;
        assert_eq!(told(&claimed), (Created, Some("v"), vec!["g"]), "applied or not, a repeat tells the same");
        assert_eq!(claim(&s.other, &offer).await, claimed);

        let (old, new) = (s.entry(&format!("put {polls}"), "old", &[]), s.entry(&format!("put {polls}"), "new", &[]));
        put(&s.one, std::slice::from_ref(&old)).await;
        drop_after(polls, s.one.put(std::slice::from_ref(&new))).await;
        let held_now = held(&s.other, &old.key).await;
        assert!(held_now == Some(old.assignment) || held_now == Some(new.assignment), "one or the other");

        let entry = s.entry(&format!("removed {polls}"), "v", &[]);
        put(&s.one, std::slice::from_ref(&entry)).await;
        drop_after(polls, s.one.get(std::slice::from_ref(&entry.key))).await;
        drop_after(polls, s.one.remove(std::slice::from_ref(&entry.key))).await;
        let held_now = held(&s.other, &entry.key).await;
        assert!(held_now.is_none() || held_now == Some(entry.assignment), "all or nothing");
    }
}

pub(super) async fn put_stores_every_field(s: Scene) {
    let goals = [("first", u64::MAX), ("second", (1 << 53) + 1), ("third", 0)];
    let goals = goals.map(|(goal, by)| Goal { name: name(goal), by: ClaimId(by) });
    let full = Assignment {
        variation: name("v"),
        by: ClaimId(u64::MAX - 1),
        replaced: Some(name("before")),
        goals: goals.into_iter().collect(),
        meta_data: document(json!({"b": [1.5, null], "a": "é"})).map(|document| {
            MetaData { document, at: Timestamp::from_millis(1) } // not the time of anything else
        }),
        extra: document(json!({"source": "web"})),
        assigned_at: Timestamp::default(),
        changed_at: hours_ago(9_000),
        expires_at: Some(Timestamp::MAX),
        revision: 1 << 40,
        epoch: u32::MAX,
        unknown: Default::default(),
    };
    let full = Entry { key: s.key("full"), assignment: full };
    let entries = [s.entry("bare", "v", &[]), full];
    put(&s.one, &entries).await;
    for client in [&s.one, &s.other] {
        let got = client.get(&[s.key("full"), s.key("bare")]).await.expect("get");
        assert_eq!(got, [Some(entries[1].assignment.clone()), Some(entries[0].assignment.clone())]);
    }
}

pub(super) async fn put_overrides_whatever_was_there(s: Scene) {
    for goals in [&["g"][..], &["g", "h"], &["i"]] {
        claim(&s.one, &s.offer("u", "1", goals)).await;
    }
    let pinned = s.entry("u", "2", &[]);
    put(&s.one, std::slice::from_ref(&pinned)).await;
    assert_eq!(held(&s.one, &s.key("u")).await.as_ref(), Some(&pinned.assignment), "though its revision is lower");
    let kept = claim(&s.other, &s.offer("u", "1", &["g"])).await;
    assert_eq!(told(&kept), (Kept, Some("2"), vec!["g"]));
    put(&s.other, &[s.ending("u", "3", &[], hours_ago(2))]).await;
    assert_eq!(held(&s.other, &s.key("u")).await, None, "what was put has expired");
    put(&s.other, std::slice::from_ref(&pinned)).await;
    assert_eq!(held(&s.other, &s.key("u")).await, Some(pinned.assignment));
}

pub(super) async fn remove_forgets_and_may_be_repeated(s: Scene) {
    put(&s.one, &[s.entry("a", "1", &[]), s.entry("b", "2", &[]), s.entry("c", "3", &[])]).await;
    held(&s.one, &s.key("a")).await;
    for _ in 0..2 {
        remove(&s.one, &[s.key("c"), s.key("none"), s.key("a")]).await;
        let got = s.one.get(&["a", "b", "c"].map(|user| s.key(user))).await.expect("get");
        assert_eq!(got.iter().map(variation).collect::<Vec<_>>(), [None, Some("2"), None]);
    }
    assert_eq!(held(&s.other, &s.key("a")).await, None);
}

pub(super) async fn flush_succeeds_and_keeps_everything(s: Scene) {
    s.one.flush().await.expect("flush, with nothing to do perhaps");
    let claimed = claim(&s.one, &s.offer("u", "v", &["g"])).await;
    s.one.flush().await.expect("flush");
    s.other.flush().await.expect("flush");
    assert_eq!(held(&s.other, &s.key("u")).await.as_ref(), Some(left(&claimed)));
}

fn is_invalid<T>(answer: Result<T>) {
    match answer {
        Ok(_) => panic!("a batch of writes that names a key twice was accepted"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Invalid, "{error}"),
    }
}

/// Lets `call` begin, and perhaps end, but no longer than `polls` turns.
async fn drop_after<T>(polls: usize, mut call: BoxFuture<'_, Result<T>>) {
    for _ in 0..polls {
        let ready = poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready())).await;
        if ready {
            break;
        }
        tokio::task::yield_now().await;
    }
}
