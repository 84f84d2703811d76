//! Both stores have everything, nobody moves, and going back is possible.
use super::{Backend, backend, key, name, offer};
use futures_util::future::join_all;
use stayput::{
    AssignmentStore, AssignmentStoreExt, ErrorKind, Outcome, ScanStore, Scope,
    layers::Shadow,
    testing::{Operation, Plan},
};
use std::slice;

fn both() -> (Backend, Backend, Shadow<Backend, Backend>) {
    let (new, old) = (backend(), backend());
    (new.clone(), old.clone(), Shadow::new(new, old))
}

#[tokio::test]
async fn what_only_the_old_store_holds_is_answered_and_carried_over_with_its_claim_id() {
    let (new, old, store) = both();
    let first = offer("u", "old").bringing([name("g")]);
    let held = old.claim_one(&first).await.expect("claimed").held;
    assert_eq!(store.get_one(&key("u")).await.expect("read"), held);
    assert_eq!(new.get_one(&key("u")).await.expect("read"), held, "times, goals and claim id are the same");
    let late = store.claim_one(&offer("u", "new").bringing([name("g"), name("h")])).await.expect("claimed");
    assert_eq!((late.outcome, late.new_goals), (Outcome::Kept, vec![name("h")]));
    assert_eq!((store.stats().asked(), store.stats().carried()), (1, 1), "once");
}

#[tokio::test]
async fn a_claim_without_a_read_before_moves_nobody_either() {
    let (new, old, store) = both();
    old.claim_one(&offer("u", "old").bringing([name("g")])).await.expect("claimed");
    let claimed = store.claim_one(&offer("u", "new").bringing([name("g")])).await.expect("claimed");
    assert_eq!((claimed.outcome, claimed.new_goals), (Outcome::Kept, vec![]));
    for store in [new, old] {
        let held = store.get_one(&key("u")).await.expect("read").expect("held");
        assert_eq!((held.variation, held.goals.len()), (name("old"), 1));
    }
}

#[tokio::test]
async fn every_claim_is_in_both_so_that_a_team_can_go_back() {
    let (new, old, store) = both();
    let first = offer("u", "a");
    store.claim_one(&first).await.expect("claimed");
    store.claim_one(&offer("u", "b").bringing([name("g")])).await.expect("kept, its goal counts");
    store.claim_one(&offer("u", "c").replacing(name("a"), Some(first.claim))).await.expect("replaced");
    store.claim_one(&offer("nobody", "x")).await.expect("claimed");
    for user in ["u", "nobody"] {
        let (new, old) = (new.get_one(&key(user)).await.expect("read"), old.get_one(&key(user)).await.expect("read"));
        let told = |held: Option<stayput::Assignment>| held.map(|held| (held.variation, held.by, held.goals.len()));
        assert_eq!(told(new), told(old));
    }
    assert_eq!((store.stats().other_variations(), store.stats().mended(), store.stats().missed()), (0, 0, 0));
}

#[tokio::test]
async fn while_the_old_store_fails_who_has_moved_is_served_and_nobody_else_is_taken_for_new() {
    let (_, old, store) = both();
    old.claim_one(&offer("waits", "old")).await.expect("claimed");
    store.claim_one(&offer("moved", "a")).await.expect("claimed");
    old.always(Plan::fail(ErrorKind::Unavailable));
    assert!(store.get_one(&key("moved")).await.expect("read").is_some());
    store.claim_one(&offer("moved", "b").bringing([name("g")])).await.expect("the new store decides");
    assert_eq!(store.stats().missed(), 1);
    store.get_one(&key("waits")).await.expect_err("a failed read is no absence");
    store.claim_one(&offer("waits", "new")).await.expect_err("nor is it for a claim");
    old.always(Plan::pass());
    assert_eq!(store.claim_one(&offer("waits", "new")).await.expect("claimed").outcome, Outcome::Kept);
    store.claim_one(&offer("moved", "b")).await.expect("claimed");
    assert_eq!(store.stats().mended(), 1);
    let held = old.get_one(&key("moved")).await.expect("read").expect("held");
    assert_eq!((held.variation, held.goals.len()), (name("a"), 1), "the next claim gave it what it had missed");
}

#[tokio::test]
async fn where_both_differ_the_new_one_is_right_and_it_is_counted() {
    let (new, old, store) = both();
    new.claim_one(&offer("u", "new")).await.expect("claimed");
    old.claim_one(&offer("u", "old")).await.expect("claimed");
    let claimed = store.claim_one(&offer("u", "old")).await.expect("claimed");
    assert_eq!((claimed.outcome, claimed.held.map(|held| held.variation)), (Outcome::Kept, Some(name("new"))));
    assert_eq!(store.stats().other_variations(), 1);
}

#[tokio::test]
async fn what_is_forgotten_does_not_come_back() {
    let (_, old, store) = both();
    old.claim_one(&offer("u", "old")).await.expect("claimed");
    store.remove(slice::from_ref(&key("u"))).await.expect("removed");
    assert_eq!(store.get_one(&key("u")).await.expect("read"), None);
    old.claim_one(&offer("u", "old")).await.expect("claimed");
    assert_eq!(store.erase(key("u").user()).await.expect("erased"), 1);
    assert_eq!(store.get_one(&key("u")).await.expect("read"), None);
    old.claim_one(&offer("u", "old")).await.expect("claimed");
    old.plan(|call| match call.operation {
        Operation::Erase(_) => Plan::fail(ErrorKind::Unavailable),
        _ => Plan::pass(),
    });
    store.erase(key("u").user()).await.expect_err("half an erasure is none");
}

#[tokio::test]
async fn a_scan_tells_what_either_holds_once() {
    let (new, old, store) = both();
    for i in 0..30 {
        let holder = if i % 3 == 0 { &new } else { &old };
        holder.claim_one(&offer(&format!("u{i:02}"), "v")).await.expect("claimed");
        if i % 3 == 1 {
            store.get_one(&key(&format!("u{i:02}"))).await.expect("carried over");
        }
    }
    let (mut users, mut after) = (Vec::new(), None);
    loop {
        let page = store.scan(Some(&Scope::default()), after.as_ref(), 4).await.expect("a page");
        users.extend(page.entries.iter().map(|entry| entry.key.user_id().to_owned()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    users.sort();
    assert_eq!(users, (0..30).map(|i| format!("u{i:02}")).collect::<Vec<_>>());
    assert_eq!(old.user(key("u00").user()).await.expect("read").len(), 0, "a scan carries one way only");
    assert_eq!(store.user(key("u00").user()).await.expect("read").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_servers_that_move_together_each_goal_is_new_to_one() {
    let (new, old) = (backend(), backend());
    for round in 0..50 {
        let user = format!("u{round}");
        if round % 2 == 0 {
            old.claim_one(&offer(&user, "old").bringing([name("before")])).await.expect("claimed");
        }
        let claims = (0..8).map(|i| {
            let store = Shadow::new(new.clone(), old.clone());
            let offer = offer(&user, &format!("v{i}")).bringing([name("before"), name("g"), name(&format!("own{i}"))]);
            tokio::spawn(async move { store.claim_one(&offer).await.expect("claimed") })
        });
        let claimed: Vec<_> = join_all(claims).await.into_iter().map(|claimed| claimed.expect("no panic")).collect();
        let new_to = |goal: &str| claimed.iter().filter(|it| it.new_goals.contains(&name(goal))).count();
        assert_eq!((new_to("g"), new_to("before")), (1, round % 2));
        assert!((0..8).all(|i| new_to(&format!("own{i}")) == 1));
        assert!(
            claimed
                .iter()
                .all(|it| it.held.as_ref().map(|it| &it.variation) == claimed[0].held.as_ref().map(|it| &it.variation))
        );
    }
}
