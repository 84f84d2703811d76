//! The four clauses of [`Offer::join`](crate::Offer::join), and what holds across them.
use super::scene::{
    Scene, claim, document, goals_of, held, hours_ago, is_recent, left, name, put, remove, told, variation,
};
use crate::{
    Assignment, ClaimId, Claimed, Offer,
    Outcome::{Created, Joined, Kept, Replaced, Unchanged},
    Timestamp,
};
use serde_json::json;

pub(super) async fn rule_1_nothing_held_is_created(s: Scene) {
    let (meta_data, extra) = (document(json!({"plan": "gold"})), document(json!({"source": "web"})));
    let decided_at = hours_ago(30);
    let offer = Offer { meta_data, extra, decided_at, ..s.offer("u", "v", &["b", "a"]) };
    let created = claim(&s.one, &offer).await;
    assert_eq!(told(&created), (Created, Some("v"), vec!["b", "a"]));
    assert!(created.won() && created.dropped_goals == 0);
    let now_held = left(&created);
    assert_eq!(goals_of(now_held), ["b", "a"]);
    assert!(now_held.goals.iter().all(|goal| goal.by == offer.claim), "goals remember their claim");
    assert_eq!((now_held.by, &now_held.replaced), (offer.claim, &None));
    assert_eq!((now_held.revision, now_held.epoch), (1, 0));
    assert_eq!((now_held.assigned_at, is_recent(now_held.changed_at)), (decided_at, true));
    let carried = now_held.meta_data.clone().map(|meta_data| (meta_data.document, meta_data.at));
    assert_eq!(carried, offer.meta_data.clone().map(|document| (document, decided_at)));
    assert_eq!(now_held.extra, offer.extra);
    assert_eq!(held(&s.other, &offer.key).await, created.held, "what was told is what is held");
}

pub(super) async fn rule_1_what_expired_counts_as_nothing(s: Scene) {
    let mut old = s.ending("u", "old", &["g"], hours_ago(2));
    (old.assignment.revision, old.assignment.replaced) = (7, Some(name("older")));
    old.assignment.extra = document(json!({"source": "old"}));
    put(&s.one, &[old]).await;
    let created = claim(&s.other, &s.offer("u", "new", &["g"])).await;
    assert_eq!(told(&created), (Created, Some("new"), vec!["g"]));
    let now_held = left(&created);
    assert_eq!((now_held.revision, &now_held.replaced, &now_held.extra), (1, &None, &None));
    assert_eq!(goals_of(now_held), ["g"]);
}

pub(super) async fn rule_1_goals_alone_never_create(s: Scene) {
    put(&s.one, &[s.ending("expired", "v", &[], hours_ago(2))]).await;
    for user in ["nobody", "expired"] {
        let offer = s.goals(user, &["g"]);
        let nobody = claim(&s.one, &offer).await;
        assert_eq!(told(&nobody), (Unchanged, None, vec![]), "{user}");
        assert_eq!(held(&s.other, &offer.key).await, None, "{user}");
    }
}

pub(super) async fn rule_1_over_does_not_keep_from_creating(s: Scene) {
    let offer = s.offer("u", "v", &[]).replacing(name("gone"), Some(ClaimId(9)));
    let created = claim(&s.one, &offer).await;
    assert_eq!(told(&created), (Created, Some("v"), vec![]));
    assert_eq!(left(&created).replaced, None);
}

pub(super) async fn rule_2_the_same_variation_unites_goals_in_order(s: Scene) {
    let first = s.offer("u", "v", &["z", "b"]);
    claim(&s.one, &first).await;
    claim(&s.other, &s.goals("u", &["y"])).await;
    let joined = claim(&s.one, &s.offer("u", "v", &["a", "b"]).replacing(name("v"), None)).await;
    assert_eq!(told(&joined), (Joined, Some("v"), vec!["a"]));
    assert_eq!(goals_of(left(&joined)), ["z", "b", "y", "a"], "in order of first arrival");
    assert_eq!((left(&joined).by, &left(&joined).replaced), (first.claim, &None));
    assert!(!joined.won());
}

pub(super) async fn rule_2_newer_meta_data_replaces_older(s: Scene) {
    let at = |decided_at, version: u64, goal| {
        let meta_data = document(json!({ "version": version }));
        Offer { meta_data, decided_at: Timestamp::from_millis(decided_at), ..s.offer("u", "v", &[goal]) }
    };
    claim(&s.one, &at(50, 1, "a")).await;
    let newer = claim(&s.other, &at(60, 2, "b")).await;
    assert_eq!(meta_data(&newer), (r#"{"version":2}"#.to_owned(), 60));
    let late = claim(&s.one, &at(55, 3, "c")).await;
    assert_eq!(meta_data(&late), (r#"{"version":2}"#.to_owned(), 60), "a late offer brings nothing old back");
    let without = claim(&s.other, &Offer { meta_data: None, ..at(70, 0, "d") }).await;
    assert_eq!(meta_data(&without), (r#"{"version":2}"#.to_owned(), 60), "an offer without any takes none away");
    assert_eq!(left(&without).assigned_at, Timestamp::from_millis(50), "the variation was decided once");
}

pub(super) async fn rule_2_extra_changes_only_with_the_variation(s: Scene) {
    let with = |extra, goal| Offer { extra, ..s.offer("u", "v", &[goal]) };
    claim(&s.one, &with(document(json!({"source": "first"})), "a")).await;
    let second = claim(&s.other, &with(document(json!({"source": "second"})), "b")).await;
    let without = claim(&s.other, &with(None, "c")).await;
    for claimed in [second, without] {
        assert_eq!(left(&claimed).extra, document(json!({"source": "first"})));
    }
}

pub(super) async fn rule_2_nothing_new_writes_nothing(s: Scene) {
    let meta_data = document(json!([1, 2]));
    let first = Offer { meta_data, decided_at: hours_ago(3), ..s.offer("u", "v", &["g"]) };
    let created = claim(&s.one, &first).await;
    let again = [
        Offer { meta_data: first.meta_data.clone(), ..s.offer("u", "v", &["g"]) },
        Offer { extra: document(json!({"x": 1})), ..s.offer("u", "v", &[]) },
        s.goals("u", &["g"]),
        s.offer("u", "another", &["g"]),
    ];
    for offer in again {
        let same = claim(&s.other, &offer).await;
        let outcome = if offer.variation == Some(name("another")) { Kept } else { Unchanged };
        assert_eq!(told(&same), (outcome, Some("v"), vec![]));
        assert_eq!(same.held, created.held, "not a byte has changed");
    }
}

pub(super) async fn rule_2_goals_without_a_variation_join(s: Scene) {
    let first = s.offer("u", "v", &["a"]);
    claim(&s.one, &first).await;
    let joined = claim(&s.other, &s.goals("u", &["a", "b"])).await;
    assert_eq!(told(&joined), (Joined, Some("v"), vec!["b"]));
    assert_eq!(goals_of(left(&joined)), ["a", "b"]);
    assert_eq!(left(&joined).by, first.claim);
}

pub(super) async fn rule_3_over_replaces_and_goals_stay(s: Scene) {
    claim(&s.one, &s.offer("u", "void", &["a"])).await;
    let winner = Offer { decided_at: hours_ago(5), ..s.offer("u", "x", &["b"]).replacing(name("void"), None) };
    let replaced = claim(&s.one, &winner).await;
    assert_eq!(told(&replaced), (Replaced, Some("x"), vec!["b"]));
    assert!(replaced.won());
    let now_held = left(&replaced);
    assert_eq!(goals_of(now_held), ["a", "b"]);
    assert_eq!((now_held.by, now_held.replaced.as_deref()), (winner.claim, Some("void")));
    assert_eq!((now_held.revision, now_held.assigned_at), (2, winner.decided_at));
    let late = claim(&s.other, &s.offer("u", "y", &[]).replacing(name("void"), None)).await;
    assert_eq!(told(&late), (Kept, Some("x"), vec![]), "what it names is gone");
    assert_eq!(late.held, replaced.held);
}

pub(super) async fn rule_3_meta_data_and_extra_come_with_the_variation(s: Scene) {
    let first = s.offer("u", "a", &[]);
    let (meta_data, extra) = (document(json!("first")), document(json!({"source": "first"})));
    claim(&s.one, &Offer { meta_data, extra, decided_at: Timestamp::from_millis(60), ..first }).await;
    let bare = s.offer("u", "b", &[]).replacing(name("a"), None);
    let replaced = claim(&s.one, &bare).await;
    assert_eq!(meta_data_of(left(&replaced)), Some((r#""first""#.to_owned(), 60)), "kept for want of another");
    assert_eq!(left(&replaced).extra, None, "it belonged to the variation that went");
    let full = s.offer("u", "c", &[]).replacing(name("b"), None);
    let (meta_data, extra) = (document(json!("older")), document(json!({"source": "third"})));
    let replaced = claim(&s.one, &Offer { meta_data, extra, decided_at: Timestamp::from_millis(55), ..full }).await;
    assert_eq!(meta_data_of(left(&replaced)), Some((r#""older""#.to_owned(), 55)), "of the new variation, however old");
    assert_eq!(left(&replaced).extra, document(json!({"source": "third"})));
}

pub(super) async fn rule_3_over_may_name_who_put_it_there(s: Scene) {
    let first = s.offer("u", "v", &[]);
    claim(&s.one, &first).await;
    let wrong = claim(&s.other, &s.offer("u", "x", &[]).replacing(name("v"), Some(ClaimId(!first.claim.0)))).await;
    assert_eq!(told(&wrong), (Kept, Some("v"), vec![]));
    let right = claim(&s.other, &s.offer("u", "x", &[]).replacing(name("v"), Some(first.claim))).await;
    assert_eq!(told(&right), (Replaced, Some("x"), vec![]));
    let unnamed = claim(&s.other, &s.offer("u", "y", &[]).replacing(name("v"), Some(left(&right).by))).await;
    assert_eq!(told(&unnamed), (Kept, Some("x"), vec![]), "the claim alone is not enough");
}

pub(super) async fn rule_3_replacements_may_follow_each_other(s: Scene) {
    let mut before = claim(&s.one, &s.offer("u", "v0", &[])).await;
    for (i, client) in [&s.one, &s.other, &s.one, &s.other].into_iter().enumerate() {
        let over = left(&before).variation.clone();
        let offer = s.offer("u", &format!("v{}", i + 1), &[&format!("g{i}")]).replacing(over.clone(), None);
        let replaced = claim(client, &offer).await;
        assert_eq!((replaced.outcome, &left(&replaced).replaced), (Replaced, &Some(over)));
        assert_eq!(left(&replaced).revision, left(&before).revision + 1);
        before = replaced;
    }
    assert_eq!(goals_of(left(&before)), ["g0", "g1", "g2", "g3"]);
}

pub(super) async fn rule_4_another_variation_stays_and_goals_join(s: Scene) {
    let first = s.offer("u", "first", &["a"]);
    claim(&s.one, &first).await;
    let kept = claim(&s.other, &s.offer("u", "second", &["b", "a"])).await;
    assert_eq!(told(&kept), (Kept, Some("first"), vec!["b"]));
    assert_eq!((goals_of(left(&kept)), left(&kept).by), (vec!["a", "b"], first.claim));
    let wrong = claim(&s.other, &s.offer("u", "second", &[]).replacing(name("third"), None)).await;
    assert_eq!(told(&wrong), (Kept, Some("first"), vec![]), "`over` names somebody else");
}

pub(super) async fn rule_4_nothing_but_goals_comes_from_the_loser(s: Scene) {
    let (meta_data, extra) = (document(json!("winner")), document(json!({"source": "winner"})));
    let first = Offer { meta_data, extra, decided_at: hours_ago(2), ..s.offer("u", "first", &[]) };
    let created = claim(&s.one, &first).await;
    let (meta_data, extra) = (document(json!("loser")), document(json!({"source": "loser"})));
    let kept = claim(&s.other, &Offer { meta_data, extra, ..s.offer("u", "second", &["g"]) }).await;
    assert_eq!(told(&kept), (Kept, Some("first"), vec!["g"]));
    let (before, after) = (left(&created), left(&kept));
    assert_eq!((&after.meta_data, &after.extra), (&before.meta_data, &before.extra));
    assert_eq!((after.assigned_at, &after.replaced), (before.assigned_at, &None));
}

pub(super) async fn rule_each_change_raises_the_revision_by_one(s: Scene) {
    let steps = [
        (s.offer("u", "v", &["a"]), 1),
        (s.offer("u", "v", &["b", "c"]), 2),
        (s.offer("u", "v", &["c"]), 2),
        (Offer { meta_data: document(json!(1)), ..s.offer("u", "v", &["c"]) }, 3),
        (s.offer("u", "x", &["d"]), 4),
        (s.offer("u", "x", &["e"]).replacing(name("v"), None), 5),
        (s.goals("u", &["f"]), 6),
        (s.goals("u", &["f"]), 6),
    ];
    for (i, (offer, revision)) in steps.into_iter().enumerate() {
        let client = if i.is_multiple_of(2) { &s.one } else { &s.other };
        assert_eq!(left(&claim(client, &offer).await).revision, revision, "after step {i}");
    }
}

pub(super) async fn rule_a_new_life_begins_at_revision_one(s: Scene) {
    for goal in ["a", "b"] {
        claim(&s.one, &s.offer("u", "v", &[goal])).await;
    }
    claim(&s.one, &s.offer("u", "x", &[]).replacing(name("v"), None)).await;
    remove(&s.one, &[s.key("u")]).await;
    let again = claim(&s.one, &s.offer("u", "y", &["a"])).await;
    assert_eq!(told(&again), (Created, Some("y"), vec!["a"]));
    assert_eq!((left(&again).revision, &left(&again).replaced), (1, &None));
}

pub(super) async fn rule_lower_epochs_do_not_count(s: Scene) {
    let of_epoch = |epoch, offer: Offer| Offer { epoch, ..offer };
    claim(&s.one, &of_epoch(1, s.offer("u", "v", &["old"]))).await;
    claim(&s.one, &of_epoch(1, s.goals("u", &["older"]))).await;
    let reset = claim(&s.one, &of_epoch(2, s.offer("u", "x", &["old"]))).await;
    assert_eq!(told(&reset), (Created, Some("x"), vec!["old"]));
    let now_held = left(&reset);
    assert_eq!((goals_of(now_held), now_held.revision, now_held.epoch), (vec!["old"], 1, 2));
    let late = of_epoch(1, s.offer("u", "v", &["g"]).replacing(name("x"), None));
    let late = claim(&s.other, &late).await;
    assert_eq!(told(&late), (Kept, Some("x"), vec![]));
    assert_eq!(late.held, reset.held, "dropped whole");
    assert_eq!(variation(&held(&s.other, &s.key("u")).await), Some("x"));
}

fn meta_data(claimed: &Claimed) -> (String, u64) {
    meta_data_of(left(claimed)).expect("metaData is held")
}
fn meta_data_of(held: &Assignment) -> Option<(String, u64)> {
    held.meta_data.as_ref().map(|held| (held.document.as_str().to_owned(), held.at.as_millis()))
}
