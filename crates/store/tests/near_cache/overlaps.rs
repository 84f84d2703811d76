//! Answers that overlap with something else never undo it.
use super::scene::{Advanced, HOUR, Scene, goal, key, name, offer, slow_gets, user};
use stayput::{AssignmentStore, AssignmentStoreExt, ClaimId, Entry, ErrorKind, ScanStore};
use std::time::Duration;

const LATE: Duration = Duration::from_secs(5);

#[tokio::test(start_paused = true)]
async fn a_read_does_not_undo_a_claim_that_was_answered_since() {
    let scene = Scene::lasting();
    scene.held("v").await;
    let read = scene.slow_read(LATE).await;
    scene.cache.claim_one(&goal("u", "g", scene.clock.advanced())).await.expect("claim");
    assert_eq!(scene.revision(), Some(2));
    assert_eq!(read.await.expect("no panic").expect("a read"), Some("v".into()));
    assert_eq!(scene.revision(), Some(2), "what was read before the claim is older");
}

#[tokio::test(start_paused = true)]
async fn absence_that_was_read_before_a_claim_is_not_believed() {
    let scene = Scene::lasting();
    let read = scene.slow_read(LATE).await;
    scene.cache.claim_one(&offer("u", "v", scene.clock.advanced())).await.expect("claim");
    assert_eq!(read.await.expect("no panic").expect("a read"), None);
    assert_ne!(scene.known(), Some("absent".into()));
    assert_eq!(scene.read().await.expect("a read"), Some("v".into()));
}

#[tokio::test(start_paused = true)]
async fn a_read_does_not_bring_back_what_was_removed_put_erased_or_changed_by_others_since() {
    for change in ["remove", "put", "erase", "forget", "outdate"] {
        let scene = Scene::lasting();
        let held = scene.held("v").await.held.expect("held");
        let read = scene.slow_read(LATE).await;
        let pinned = stayput::Assignment { variation: super::scene::name("pinned"), by: ClaimId(7), ..held };
        let entry = Entry { key: key("u"), assignment: pinned };
        match change {
            "remove" => scene.cache.remove(&[key("u")]).await.expect("remove"),
            "put" => scene.cache.put(&[entry]).await.expect("put"),
            "erase" => assert_eq!(scene.cache.erase(&user("u")).await.expect("erase"), 1),
            "forget" => {
                scene.other.put(&[entry]).await.expect("put");
                scene.cache.forget(&user("u"));
            }
            _ => {
                scene.other.put(&[entry]).await.expect("put");
                scene.cache.outdate();
            }
        }
        assert_eq!(read.await.expect("no panic").expect("a read"), Some("v".into()), "it was so when it was asked");
        assert_eq!(scene.known(), None, "{change}");
        let now = matches!(change, "put" | "forget" | "outdate").then(|| "pinned".into());
        assert_eq!(scene.read().await.expect("a read"), now, "{change}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_after_a_change_does_not_join_a_read_from_before() {
    for change in ["claim", "forget", "outdate"] {
        let scene = Scene::lasting();
        scene.held("v").await;
        let before = scene.slow_read(LATE).await;
        match change {
            // Another one's answer comes in between, so that this one is not known either.
            "claim" => {
                scene.cache.claim_one(&goal("u", "g", scene.clock.advanced())).await.expect("claim");
                scene.cache.remove(&[key("u")]).await.expect("remove");
            }
            "forget" => {
                scene.other.remove(&[key("u")]).await.expect("remove");
                scene.cache.forget(&user("u"));
            }
            _ => {
                scene.other.remove(&[key("u")]).await.expect("remove");
                scene.cache.outdate();
            }
        }
        assert_eq!(scene.read().await.expect("a read"), None, "{change}");
        assert!(!before.is_finished(), "it did not have to wait");
        before.await.expect("no panic").expect("a read");
    }
}

#[tokio::test(start_paused = true)]
async fn of_overlapping_answers_with_one_claim_the_higher_revision_stays() {
    let scene = Scene::lasting();
    scene.held("v").await;
    let first = scene.slow_claim(goal("u", "a", scene.clock.advanced()), LATE).await;
    let second = scene.slow_claim(goal("u", "b", scene.clock.advanced()), LATE / 2).await;
    assert_eq!(second.await.expect("no panic").expect("claim").held.expect("held").revision, 3);
    assert_eq!(scene.revision(), Some(3));
    assert_eq!(first.await.expect("no panic").expect("claim").held.expect("held").revision, 2);
    assert_eq!(scene.revision(), Some(3), "the first answer arrived last");
}

#[tokio::test(start_paused = true)]
async fn of_overlapping_answers_with_different_claims_none_is_believed() {
    let scene = Scene::lasting();
    scene.held("v").await;
    let read = scene.slow_read(LATE).await;
    let by_others = scene.other.get_one(&key("u")).await.expect("get").expect("held");
    let over = offer("u", "w", scene.clock.advanced()).replacing(by_others.variation.clone(), None);
    scene.cache.claim_one(&over).await.expect("claim");
    assert_eq!(scene.known(), Some("w".into()));
    read.await.expect("no panic").expect("a read");
    assert_eq!(scene.known(), None, "which one came last?");
    assert_eq!(scene.read().await.expect("a read"), Some("w".into()));
}

#[tokio::test(start_paused = true)]
async fn what_was_read_is_as_old_as_its_question() {
    let scene = Scene::new(|options| options.max_age(2 * HOUR));
    scene.held("v").await;
    let read = scene.slow_read(LATE).await;
    scene.clock.advance(HOUR);
    read.await.expect("no panic").expect("a read");
    scene.clock.advance(HOUR - Duration::from_millis(1));
    assert_eq!(scene.known(), Some("v".into()));
    scene.clock.advance(Duration::from_millis(1));
    assert_eq!(scene.known(), None);
}

#[tokio::test(start_paused = true)]
async fn a_whole_record_that_was_read_before_a_claim_does_not_make_it_absent() {
    let scene = Scene::new(|options| options.absent_for(HOUR));
    scene.faulty.plan(slow_gets(LATE));
    let prefetch = tokio::spawn({
        let cache = scene.cache.clone();
        async move { cache.prefetch(&user("u")).await }
    });
    scene.settle().await;
    scene.cache.claim_one(&offer("u", "v", scene.clock.advanced())).await.expect("claim");
    prefetch.await.expect("no panic").expect("prefetch");
    assert_ne!(scene.known(), Some("absent".into()));
    assert_eq!(scene.read().await.expect("a read"), Some("v".into()));
}

#[tokio::test(start_paused = true)]
async fn what_ones_own_claim_has_replaced_is_not_told_again_although_another_claim_failed_meanwhile() {
    let scene = Scene::new(|options| options.max_stale(HOUR));
    scene.held("v").await;
    assert_eq!(scene.read().await.expect("a read"), Some("v".into()));
    let over = offer("u", "w", scene.clock.advanced()).replacing(name("v"), None);
    let replacement = scene.slow_claim(over, LATE).await;
    scene.fail(ErrorKind::Unavailable);
    scene.cache.claim_one(&goal("u", "g", scene.clock.advanced())).await.expect_err("the store fails");
    let told = replacement.await.expect("no panic").expect("it was asked before");
    assert_eq!(told.held.expect("held").variation, name("w"));
    assert_eq!(scene.known(), None, "it is in doubt");
    assert_eq!(scene.read().await.expect("the last that was said"), Some("w".into()));
}
