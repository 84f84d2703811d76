//! What the rule becomes for decisions of FME: who makes way unasked, and which holdouts go.
use super::scene::{Scene, claim, document, goals_of, held, left, offer, put, told};
use crate::{
    Assignment, Claimed, Entry, Key, Kind, Name, Offer,
    Outcome::{Created, Joined, Kept, Replaced, Unchanged},
    Over,
};
use serde_json::json;

const NONE: &str = "none";
const ROLLOUT: &str = "rollout:1:2";
const BOTH: &str = "rollout:1:2+experiment:3:4";
const OTHERS: [&str; 4] =
    ["rollout:1:3", "rollout:1:20+experiment:3:4", "experiment:3:4", "rollout:1:3+experiment:3:4"];

pub(super) async fn fme_any_decision_replaces_none(s: Scene) {
    let key = key(&s);
    let none = claim(&s.one, &of(&key, NONE, &["notInHoldoutId:1", "isInHoldoutId:2"])).await;
    assert_eq!(told(&none), (Created, Some(NONE), vec!["notInHoldoutId:1", "isInHoldoutId:2"]), "none is a record too");
    let decided = claim(&s.one, &of(&key, ROLLOUT, &["notInHoldoutId:3"])).await;
    assert_eq!(told(&decided), (Replaced, Some(ROLLOUT), vec!["notInHoldoutId:3"]));
    assert_eq!(goals_of(left(&decided)), ["notInHoldoutId:1", "isInHoldoutId:2", "notInHoldoutId:3"]);
    assert_eq!(held(&s.other, &key).await, decided.held);
}

pub(super) async fn fme_none_never_replaces(s: Scene) {
    let key = key(&s);
    let extra = document(json!({"rolloutKey": "r"}));
    let decided = claim(&s.one, &Offer { extra, ..of(&key, ROLLOUT, &["isInHoldoutId:1"]) }).await;
    let over = Some(read(&decided));
    let none = Offer { over, extra: document(json!({"x": 1})), ..of(&key, NONE, &["isInHoldoutId:2"]) };
    let kept = claim(&s.one, &none).await;
    assert_eq!(told(&kept), (Kept, Some(ROLLOUT), vec!["isInHoldoutId:2"]), "its holdouts join, and nothing else");
    assert_eq!(goals_of(left(&kept)), ["isInHoldoutId:1", "isInHoldoutId:2"]);
    assert_eq!((left(&kept).by, &left(&kept).extra), (left(&decided).by, &left(&decided).extra));
}

pub(super) async fn fme_an_experiment_joins_its_rollout(s: Scene) {
    let key = key(&s);
    claim(&s.one, &of(&key, ROLLOUT, &["isInHoldoutId:1"])).await;
    let extended = claim(&s.one, &of(&key, BOTH, &[])).await;
    assert_eq!(told(&extended), (Replaced, Some(BOTH), vec![]));
    assert_eq!(goals_of(left(&extended)), ["isInHoldoutId:1"], "who has not read clears nothing");
    for rival in [ROLLOUT, "rollout:1:2+experiment:3:5", "experiment:3:4"] {
        assert_eq!(told(&claim(&s.one, &of(&key, rival, &[])).await), (Kept, Some(BOTH), vec![]), "{rival}");
    }
}

pub(super) async fn fme_every_other_decision_needs_over(s: Scene) {
    let key = key(&s);
    let decided = claim(&s.one, &of(&key, ROLLOUT, &[])).await;
    for other in OTHERS {
        assert_eq!(told(&claim(&s.one, &of(&key, other, &[])).await), (Kept, Some(ROLLOUT), vec![]), "{other}");
    }
    let over = Offer { over: Some(read(&decided)), ..of(&key, OTHERS[0], &["isInHoldoutId:1"]) };
    let replaced = claim(&s.one, &over).await;
    assert_eq!(told(&replaced), (Replaced, Some(OTHERS[0]), vec!["isInHoldoutId:1"]));
    let late = Offer { over: Some(read(&decided)), ..of(&key, OTHERS[1], &[]) };
    assert_eq!(told(&claim(&s.other, &late).await), (Kept, Some(OTHERS[0]), vec![]), "what it read is gone");
}

pub(super) async fn fme_who_has_read_clears_the_holdouts_that_a_user_is_in(s: Scene) {
    let key = key(&s);
    let first = of(&key, ROLLOUT, &["isInHoldoutId:1", "notInHoldoutId:2", "holdoutGroupId:3", "isInHoldoutId:4"]);
    let decided = claim(&s.one, &first).await;
    let blind = claim(&s.one, &of(&key, ROLLOUT, &["notInHoldoutId:5"])).await;
    assert_eq!((told(&blind).0, goals_of(left(&blind)).len()), (Joined, 5), "who has not read clears nothing");
    let clearing = Offer { over: Some(read(&decided)), ..of(&key, ROLLOUT, &["isInHoldoutId:4", "notInHoldoutId:6"]) };
    let cleared = claim(&s.one, &clearing).await;
    let left_over = ["notInHoldoutId:2", "isInHoldoutId:4", "notInHoldoutId:5", "notInHoldoutId:6"];
    assert_eq!((told(&cleared).0, goals_of(left(&cleared))), (Replaced, left_over.to_vec()));
    assert_eq!(left(&cleared).assigned_at, left(&decided).assigned_at, "the decision is the same");
    let since = claim(&s.one, &of(&key, NONE, &["isInHoldoutId:7"])).await;
    let late = claim(&s.one, &clearing).await;
    assert_eq!(late.held, since.held, "a late repeat does not clear what came since");
}

pub(super) async fn fme_a_repeated_decision_writes_nothing(s: Scene) {
    let key = key(&s);
    let extra = document(json!({"featureId": 1}));
    let decided = claim(&s.one, &Offer { extra: extra.clone(), ..of(&key, BOTH, &["notInHoldoutId:1"]) }).await;
    let (over, goals) = (Some(read(&decided)), &["notInHoldoutId:1"]);
    let again = [
        (Unchanged, Offer { over, extra, ..of(&key, BOTH, goals) }),
        (Unchanged, of(&key, BOTH, goals)),
        (Kept, of(&key, NONE, goals)),
        (Kept, of(&key, ROLLOUT, &[])),
    ];
    for (outcome, offer) in again {
        let same = claim(&s.other, &offer).await;
        assert_eq!(told(&same), (outcome, Some(BOTH), vec![]));
        assert_eq!(same.held, decided.held, "not a byte has changed");
    }
}

pub(super) async fn fme_records_are_kept_whole(s: Scene) {
    let key = key(&s);
    let with = |identity, extra| Offer { extra: document(extra), ..of(&key, identity, &[]) };
    let extra_of = |claimed: &Claimed| left(claimed).extra.as_ref().map(|extra| extra.to_value());
    claim(&s.one, &with(ROLLOUT, json!({"rolloutId": 1, "rolloutKey": "r"}))).await;
    let completed = claim(&s.one, &with(ROLLOUT, json!({"rolloutId": 1, "rolloutKey": "other", "featureId": 9}))).await;
    assert_eq!(extra_of(&completed), Some(json!({"rolloutId": 1, "rolloutKey": "r", "featureId": 9})));
    let both = json!({"rolloutId": 1, "experimentId": 3});
    let extended = claim(&s.one, &with(BOTH, both)).await;
    let expected = json!({"rolloutId": 1, "experimentId": 3, "featureId": 9});
    assert_eq!(extra_of(&extended), Some(expected), "what is of the feature outlives the decision, and nothing else");
    assert_eq!(left(&extended).revision, 3);
}

pub(super) async fn fme_of_concurrent_decisions_one_wins_and_no_holdout_is_lost(s: Scene) {
    let key = key(&s);
    let none = of(&key, NONE, &[]);
    let assignment = none.join(None, none.decided_at).claimed.held.expect("none creates");
    put(&s.one, &[Entry { key: key.clone(), assignment }]).await;
    let claims = (0..16).map(|i| {
        let (client, holdout) = (if i % 2 == 0 { &s.one } else { &s.other }.clone(), format!("notInHoldoutId:{i}"));
        let identity = if i % 4 == 3 { NONE.to_owned() } else { format!("rollout:{i}:1") };
        let offer = of(&key, &identity, &[&holdout]);
        tokio::spawn(async move { claim(&client, &offer).await })
    });
    let mut won = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        let claimed = claim.await.expect("a claim");
        won.extend(claimed.won().then(|| left(&claimed).by));
    }
    let last = claim(&s.one, &of(&key, NONE, &["notInHoldoutId:16"])).await;
    assert_eq!((won.len(), won.first()), (1, Some(&left(&last).by)));
    assert_eq!(goals_of(left(&last)).len(), 17);
}

fn key(s: &Scene) -> Key {
    s.user("u").key(Kind::Fme, "feature").expect("a legal feature key")
}
fn of(key: &Key, identity: &str, holdouts: &[&str]) -> Offer {
    offer(key.clone(), identity, holdouts)
}
/// Names what a claim has left, as one does who has read it.
fn read(claimed: &Claimed) -> Over {
    let Assignment { variation, by, .. } = left(claimed);
    let variation: Name = variation.clone();
    Over { variation, by: Some(*by) }
}
