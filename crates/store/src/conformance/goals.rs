//! Goals only grow, and each is new to exactly one claim.
use super::scene::{Scene, claim, goals_of, held, hours_ago, left, put, remove, told};
use crate::{Outcome::Created, Outcome::Joined, Outcome::Unchanged, limits};

pub(super) async fn rule_each_goal_is_new_to_one_claim(s: Scene) {
    claim(&s.one, &s.offer("u", "v", &[])).await; // known to a cache, without the goal that comes next
    let first = s.offer("u", "v", &["g"]);
    assert_eq!(told(&claim(&s.other, &first).await), (Joined, Some("v"), vec!["g"]));
    assert_eq!(told(&claim(&s.one, &s.offer("u", "v", &["g"])).await), (Unchanged, Some("v"), vec![]));
    claim(&s.one, &s.goals("u", &["h"])).await;
    let repeated = claim(&s.one, &first).await;
    assert_eq!(told(&repeated), (Joined, Some("v"), vec!["g"]), "once new to a claim, new to its every repeat");
    remove(&s.other, &[s.key("u")]).await; // unseen by a cache, which must not say that "g" is held
    assert_eq!(told(&claim(&s.one, &s.offer("u", "v", &["g"])).await), (Created, Some("v"), vec!["g"]));
}

pub(super) async fn rule_a_goal_offered_twice_counts_once(s: Scene) {
    let created = claim(&s.one, &s.offer("u", "v", &["a", "b", "a"])).await;
    assert_eq!(told(&created), (Created, Some("v"), vec!["a", "b"]));
    assert_eq!(goals_of(left(&created)), ["a", "b"]);
    let joined = claim(&s.other, &s.goals("u", &["c", "b", "c", "c"])).await;
    assert_eq!(told(&joined), (Joined, Some("v"), vec!["c"]));
    assert_eq!(goals_of(left(&joined)), ["a", "b", "c"]);
}

pub(super) async fn rule_goals_end_at_the_limit_and_are_counted(s: Scene) {
    let all: Vec<String> = (0..limits::GOALS + 5).map(|i| format!("g{i}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let almost = claim(&s.one, &s.offer("u", "v", &all[..limits::GOALS - 1])).await;
    assert_eq!((almost.new_goals.len(), almost.dropped_goals), (limits::GOALS - 1, 0));
    let offer = s.offer("u", "v", &all[limits::GOALS - 3..]);
    for _ in 0..2 {
        let full = claim(&s.other, &offer).await;
        assert_eq!(told(&full), (Joined, Some("v"), vec![all[limits::GOALS - 1]]), "the last one that finds room");
        assert_eq!((goals_of(left(&full)), full.dropped_goals), (all[..limits::GOALS].to_vec(), 5));
    }
    let more = claim(&s.other, &s.goals("u", &["more", all[7]])).await;
    assert_eq!((told(&more), more.dropped_goals), ((Unchanged, Some("v"), vec![]), 1));
    let at_once = claim(&s.one, &s.offer("at once", "v", &all)).await;
    assert_eq!((at_once.new_goals.len(), at_once.dropped_goals), (limits::GOALS, 5));
    assert_eq!(held(&s.other, &s.key("at once")).await, at_once.held);
}

pub(super) async fn rule_goals_are_new_again_after_expiry_and_removal(s: Scene) {
    put(&s.one, &[s.ending("expired", "v", &["g", "h"], hours_ago(1))]).await;
    put(&s.one, &[s.entry("removed", "v", &["g", "h"])]).await;
    remove(&s.one, &[s.key("removed")]).await;
    for user in ["expired", "removed"] {
        let again = claim(&s.other, &s.offer(user, "v", &["g"])).await;
        assert_eq!(told(&again), (Created, Some("v"), vec!["g"]), "{user}");
        assert_eq!(goals_of(left(&again)), ["g"], "{user}");
    }
}
