//! Of claims, those that change nothing are answered by the cache, and no others.
use super::scene::{Advanced, HOUR, Scene, goal, key, name, offer};
use stayput::{AssignmentStoreExt, ClaimId, ErrorKind, Offer, Outcome, testing::Plan};

#[tokio::test]
async fn an_offer_that_changes_nothing_is_not_sent() {
    let scene = Scene::lasting();
    let first = scene.cache.claim_one(&offer("u", "v", scene.clock.advanced())).await.expect("claim");
    let calls = scene.calls();
    for (variation, outcome) in [("v", Outcome::Unchanged), ("w", Outcome::Kept)] {
        let claimed = scene.cache.claim_one(&offer("u", variation, scene.clock.advanced())).await.expect("claim");
        assert_eq!((claimed.outcome, &claimed.held), (outcome, &first.held));
    }
    let by = first.held.as_ref().expect("held").by;
    let repeat = Offer { claim: by, ..offer("u", "v", scene.clock.advanced()) };
    assert_eq!(scene.cache.claim_one(&repeat).await.expect("claim"), first, "a repeat wins again");
    assert_eq!(scene.calls(), calls);
}

#[tokio::test]
async fn goals_are_always_sent() {
    let scene = Scene::lasting();
    let first = scene.cache.claim_one(&offer("u", "v", scene.clock.advanced())).await.expect("claim");
    let now = scene.clock.advanced();
    // Another process brings the goal that this one is about to bring.
    scene.other.claim_one(&goal("u", "g", now)).await.expect("claim");
    let late = scene.cache.claim_one(&goal("u", "g", now)).await.expect("claim");
    assert_eq!((late.outcome, late.new_goals), (Outcome::Unchanged, vec![]));
    let calls = scene.calls();
    // And one that is known: its answer is the same, but the next one's need not be.
    scene.cache.claim_one(&offer("u", "v", now).bringing([name("g")])).await.expect("claim");
    assert_eq!(scene.calls(), calls + 1);
    assert_ne!(late.held, first.held);
}

#[tokio::test]
async fn a_renewal_that_is_due_is_sent() {
    let scene = Scene::lasting();
    let lasting = |now| Offer { lasts: Some(10 * HOUR), ..offer("u", "v", now) };
    let first = scene.cache.claim_one(&lasting(scene.clock.advanced())).await.expect("claim");
    scene.clock.advance(4 * HOUR);
    let calls = scene.calls();
    assert_eq!(scene.cache.claim_one(&lasting(scene.clock.advanced())).await.expect("claim").held, first.held);
    assert_eq!(scene.calls(), calls, "more than half is left");
    scene.clock.advance(2 * HOUR);
    let renewed = scene.cache.claim_one(&lasting(scene.clock.advanced())).await.expect("claim").held;
    assert!(renewed.expect("held").expires_at > first.held.expect("held").expires_at);
    assert_eq!(scene.calls(), calls + 1);
}

#[tokio::test]
async fn a_replacement_of_somebody_unknown_is_sent() {
    let scene = Scene::lasting();
    scene.held("v").await;
    scene.read().await.expect("a read");
    scene.other.claim_one(&offer("u", "w", scene.clock.advanced()).replacing(name("v"), None)).await.expect("claim");
    // Whoever asks has read `w` elsewhere; here `v` is known still.
    let over = offer("u", "x", scene.clock.advanced()).replacing(name("w"), None);
    assert_eq!(scene.cache.claim_one(&over).await.expect("claim").outcome, Outcome::Replaced);
    assert_eq!(scene.known(), Some("x".into()));
}

#[tokio::test]
async fn what_a_lost_claim_may_have_changed_is_asked_for_again() {
    for replaces in [false, true] {
        let scene = Scene::lasting();
        scene.held("v").await;
        scene.read().await.expect("a read");
        let mut lost = goal("u", "g", scene.clock.advanced());
        if replaces {
            lost = lost.offering(name("w")).replacing(name("v"), None);
        }
        scene.faulty.next([Plan::apply_then_fail(ErrorKind::Timeout)]);
        assert_eq!(scene.cache.claim_one(&lost).await.expect_err("lost").kind(), ErrorKind::Timeout);
        assert_eq!(scene.known(), None);
        scene.fail(ErrorKind::Unavailable);
        // A variation that may have been replaced is not even told while the store fails.
        let told = scene.cache.look(&[key("u")]).await.map(|seen| seen[0].is_stale).ok();
        assert_eq!(told, (!replaces).then_some(true));
        scene.heal();
        assert_eq!(scene.read().await.expect("a read"), Some(if replaces { "w".into() } else { "v".into() }));
        assert_eq!(scene.revision(), Some(2));
    }
}

#[tokio::test]
async fn a_dropped_claim_is_asked_about_again() {
    let scene = Scene::lasting();
    scene.held("v").await;
    scene.read().await.expect("a read");
    scene.faulty.next([Plan::pass().answered_late(HOUR)]);
    let claim = tokio::spawn({
        let (cache, offer) = (scene.cache.clone(), goal("u", "g", scene.clock.advanced()));
        async move { cache.claim_one(&offer).await }
    });
    scene.settle().await;
    claim.abort();
    assert!(claim.await.expect_err("aborted").is_cancelled());
    assert_eq!(scene.known(), None);
    assert_eq!(scene.cache.get_one(&key("u")).await.expect("a read").expect("held").revision, 2);
}

#[tokio::test]
async fn a_claim_is_never_answered_by_known_absence() {
    let scene = Scene::new(|options| options.absent_for(HOUR));
    scene.cache.prefetch(&super::scene::user("u")).await.expect("prefetch");
    assert_eq!(scene.known(), Some("absent".into()));
    scene.held("first").await;
    let late = Offer { claim: ClaimId(1), ..offer("u", "late", scene.clock.advanced()) };
    let claimed = scene.cache.claim_one(&late).await.expect("claim");
    assert_eq!((claimed.outcome, scene.known()), (Outcome::Kept, Some("first".into())));
    let nobody = goal("nobody", "g", scene.clock.advanced());
    scene.cache.prefetch(nobody.key.user()).await.expect("prefetch");
    let calls = scene.calls();
    scene.cache.claim_one(&nobody).await.expect("claim");
    assert_eq!(scene.calls(), calls + 1);
}
