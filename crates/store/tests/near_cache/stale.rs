//! While the store fails, what it said before has to do, and is marked.
use super::scene::{Advanced, HOUR, Scene, key, name, offer, user};
use stayput::{AssignmentStore, AssignmentStoreExt, ErrorKind, ScanStore, testing::Plan};

fn scene() -> Scene {
    Scene::new(|options| options.max_age(HOUR).max_stale(5 * HOUR))
}

#[tokio::test]
async fn what_is_too_old_is_told_and_marked_while_the_store_fails() {
    for kind in [ErrorKind::Unavailable, ErrorKind::Timeout] {
        let scene = scene();
        scene.held("v").await;
        scene.read().await.expect("a read");
        scene.clock.advance(2 * HOUR);
        scene.fail(kind);
        let seen = scene.cache.look(&[key("u")]).await.expect("what was known").remove(0);
        assert_eq!((seen.held.expect("held").variation, seen.is_stale), (name("v"), true));
        assert_eq!(scene.read().await.expect("what was known"), Some("v".into()));
        assert_eq!(scene.known(), None, "who may not wait is not told what is too old");
        assert_eq!(scene.cache.stats().stale, 2);
        scene.heal();
        let seen = scene.cache.look(&[key("u")]).await.expect("a read").remove(0);
        assert!(!seen.is_stale);
    }
}

#[tokio::test]
async fn nothing_is_told_beyond_max_stale() {
    let scene = scene();
    scene.held("v").await;
    scene.read().await.expect("a read");
    scene.fail(ErrorKind::Unavailable);
    scene.clock.advance(5 * HOUR);
    assert_eq!(scene.read().await.expect("just in time"), Some("v".into()));
    scene.clock.advance(std::time::Duration::from_millis(1));
    assert_eq!(scene.read().await.expect_err("too old").kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn an_unknown_key_fails_as_the_store_does_and_is_never_absent() {
    let scene = Scene::new(|options| options.max_age(HOUR).absent_for(HOUR));
    scene.held("v").await;
    scene.read().await.expect("a read");
    scene.cache.prefetch(&user("nobody")).await.expect("prefetch");
    scene.clock.advance(HOUR);
    scene.fail(ErrorKind::Unavailable);
    for unknown in ["nobody", "somebody"] {
        let answer = scene.cache.get(&[key("u"), key(unknown)]).await;
        assert_eq!(answer.expect_err("not all is known").kind(), ErrorKind::Unavailable);
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_store_for_good_is_not_hidden() {
    for kind in [ErrorKind::Corrupt, ErrorKind::Refused, ErrorKind::Invalid] {
        let scene = scene();
        scene.held("v").await;
        scene.read().await.expect("a read");
        scene.clock.advance(2 * HOUR);
        scene.fail(kind);
        assert_eq!(scene.read().await.expect_err("told").kind(), kind);
    }
}

#[tokio::test]
async fn what_has_expired_or_was_forgotten_is_not_told_even_then() {
    let scene = scene();
    let ends = stayput::Offer { lasts: Some(HOUR), ..offer("u", "v", scene.clock.advanced()) };
    scene.cache.claim_one(&ends).await.expect("claim");
    scene.clock.advance(HOUR);
    scene.fail(ErrorKind::Unavailable);
    scene.read().await.expect_err("it has expired");
    let scene = self::scene();
    scene.held("v").await;
    scene.read().await.expect("a read");
    scene.cache.forget(&user("u"));
    scene.fail(ErrorKind::Unavailable);
    scene.read().await.expect_err("it is known to have changed");
}

#[tokio::test]
async fn what_is_outdated_is_asked_for_again_and_told_only_while_the_store_fails() {
    let scene = scene();
    scene.held("v").await;
    scene.read().await.expect("a read");
    scene.cache.outdate();
    assert_eq!(scene.known(), None);
    scene.fail(ErrorKind::Unavailable);
    assert_eq!(scene.read().await.expect("what was known"), Some("v".into()));
    scene.heal();
    let calls = scene.calls();
    scene.read().await.expect("a read");
    assert_eq!((scene.calls(), scene.known()), (calls + 1, Some("v".into())));
}

#[tokio::test]
async fn without_max_stale_reads_fail_as_the_store_does() {
    let scene = Scene::new(|options| options.max_age(HOUR).max_stale(std::time::Duration::ZERO));
    scene.held("v").await;
    scene.read().await.expect("a read");
    scene.clock.advance(HOUR);
    scene.fail(ErrorKind::Unavailable);
    scene.read().await.expect_err("the store fails");
    scene.heal();
    scene.read().await.expect("a read");
    scene.cache.outdate();
    assert_eq!(scene.cache.stats().users, 0, "what nobody may be told is not kept");
}

#[tokio::test]
async fn claims_fail_as_the_store_does() {
    let scene = scene();
    scene.held("v").await;
    scene.read().await.expect("a read");
    scene.clock.advance(2 * HOUR);
    scene.faulty.always(Plan::fail(ErrorKind::Unavailable));
    let offer = offer("u", "v", scene.clock.advanced());
    assert_eq!(scene.cache.claim_one(&offer).await.expect_err("fails").kind(), ErrorKind::Unavailable);
    assert_eq!(scene.read().await.expect("still known"), Some("v".into()));
}

#[tokio::test]
async fn what_was_pushed_just_before_an_outage_does_not_take_away_the_last_answer() {
    let scene = scene();
    scene.held("v").await;
    scene.read().await.expect("a read");
    scene.cache.hear(&stayput::Change::User(user("u")));
    assert_eq!(scene.known(), None, "the next one asks");
    scene.fail(ErrorKind::Unavailable);
    assert_eq!(scene.read().await.expect("what was known"), Some("v".into()));
}

#[tokio::test(start_paused = true)]
async fn what_the_store_pushes_about_a_claim_before_it_answers_does_not_take_the_answer_away() {
    let scene = scene();
    let mine = offer("u", "v", scene.clock.advanced());
    let claim = scene.slow_claim(mine, std::time::Duration::from_secs(5)).await;
    scene.cache.hear(&stayput::Change::User(user("u")));
    claim.await.expect("no panic").expect("claim");
    assert_eq!(scene.known(), None, "it may have been somebody else's change");
    scene.fail(ErrorKind::Unavailable);
    assert_eq!(scene.read().await.expect("what was answered"), Some("v".into()));
}

#[tokio::test]
async fn a_stale_cache_neither_exports_nor_survives_an_erasure() {
    let scene = scene();
    let first = scene.held("v").await.held.expect("held");
    scene.read().await.expect("a read");
    let now = scene.clock.advanced();
    let over = offer("u", "w", now).replacing(name("v"), Some(first.by));
    scene.other.claim_one(&over).await.expect("a replacement elsewhere");
    assert_eq!(scene.read().await.expect("a read"), Some("v".into()), "it has not heard of it");
    let page = scene.cache.scan(None, None, 10).await.expect("a page");
    assert_eq!(page.entries[0].assignment.variation, name("w"), "an export shows what is held");
    assert_eq!(scene.cache.erase(&user("u")).await.expect("an erasure"), 1);
    assert_eq!(scene.read().await.expect("a read"), None);
    assert_eq!(scene.known(), None);
}
