//! How long and how much is kept.
use super::scene::{Advanced, HOUR, Scene, dynamic, key, name, offer, user};
use stayput::{
    AssignmentStore, AssignmentStoreExt, Clock, Offer, Timestamp,
    layers::{NearCache, NearCacheOptions, Peek},
};
use std::{sync::Arc, time::Duration};

#[tokio::test]
async fn what_is_known_is_not_asked_for_again_until_it_is_too_old() {
    let scene = Scene::new(|options| options.max_age(HOUR));
    scene.held("v").await;
    assert_eq!(scene.read().await.expect("a read"), Some("v".into()));
    scene.other.claim_one(&offer("u", "w", scene.clock.now()).replacing(name("v"), None)).await.expect("claim");
    scene.clock.advance(HOUR - Duration::from_millis(1));
    assert_eq!((scene.read().await.expect("a read"), scene.calls()), (Some("v".into()), 1));
    scene.clock.advance(Duration::from_millis(1));
    assert_eq!((scene.read().await.expect("a read"), scene.calls()), (Some("w".into()), 2));
}

#[tokio::test]
async fn a_clock_that_went_back_makes_nothing_younger() {
    let scene = Scene::new(|options| options.max_age(HOUR));
    scene.held("v").await;
    scene.read().await.expect("a read");
    scene.clock.set(stayput::Timestamp::from_millis(scene.clock.now().as_millis() - 1));
    assert_eq!(scene.known(), None, "it was read in the future");
}

#[tokio::test]
async fn what_expires_is_not_told_afterwards() {
    let scene = Scene::lasting();
    let offer = Offer { lasts: Some(HOUR), ..offer("u", "v", scene.clock.advanced()) };
    scene.cache.claim_one(&offer).await.expect("claim");
    assert_eq!(scene.known(), Some("v".into()));
    scene.clock.advance(HOUR);
    assert_eq!((scene.known(), scene.read().await.expect("a read")), (None, None));
}

/// What is cheap to read is as late as the cache says that it may be.
#[derive(Debug)]
struct Lagging(Arc<dyn Clock>);

impl Clock for Lagging {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
    fn recent(&self) -> Timestamp {
        Timestamp::from_millis(self.0.now().as_millis() - 99)
    }
}

#[tokio::test]
async fn a_clock_that_is_read_in_a_cheap_way_makes_nothing_last_longer() {
    let scene = Scene::lasting();
    let lagging = Arc::new(Lagging(scene.clock.clone()));
    let kept = |max_age| {
        NearCache::new(scene.faulty.clone(), NearCacheOptions::default().max_age(max_age).clock(lagging.clone()))
    };
    let known = |cache: &NearCache<_>| matches!(cache.peek(&key("u")), Peek::Held(_));
    let (lasting, aging) = (kept(100 * HOUR), kept(Duration::from_millis(150)));
    let offer = Offer { lasts: Some(HOUR), ..offer("u", "v", scene.clock.advanced()) };
    lasting.claim_one(&offer).await.expect("claim");
    aging.get_one(&key("u")).await.expect("a read");
    scene.clock.advance(Duration::from_millis(50));
    assert!(known(&aging), "asked for 149 ms ago, by a clock that was 99 ms late");
    scene.clock.advance(Duration::from_millis(1));
    assert!(!known(&aging), "it may be too old");
    scene.clock.advance(HOUR - Duration::from_millis(52));
    assert!(known(&lasting), "it has a millisecond left");
    scene.clock.advance(Duration::from_millis(1));
    assert!(!known(&lasting), "it has expired");
}

#[tokio::test]
async fn absence_is_told_only_of_whole_records_and_not_for_long() {
    let scene = Scene::new(|options| options.absent_for(HOUR));
    assert_eq!(scene.read().await.expect("a read"), None);
    assert_eq!(scene.known(), None, "one key was read, not the whole record");
    scene.cache.prefetch(&user("u")).await.expect("prefetch");
    let calls = scene.calls();
    assert_eq!((scene.known(), scene.read().await.expect("a read")), (Some("absent".into()), None));
    scene.cache.prefetch(&user("u")).await.expect("prefetch");
    assert_eq!(scene.calls(), calls, "all that was known");
    scene.clock.advance(HOUR);
    assert_eq!(scene.known(), None);
    scene.cache.prefetch(&user("u")).await.expect("prefetch");
    assert_eq!(scene.known(), Some("absent".into()));
    scene.cache.forget(&user("u"));
    assert_eq!(scene.known(), None);
    scene.cache.prefetch(&user("u")).await.expect("prefetch");
    scene.cache.outdate();
    assert_eq!(scene.known(), None);
}

#[tokio::test]
async fn absence_is_not_told_unless_it_was_asked_for() {
    let scene = Scene::lasting();
    scene.held("v").await;
    let other = user("u").key(stayput::Kind::Fme, "c").expect("legal");
    scene.cache.prefetch(&user("u")).await.expect("prefetch");
    assert_eq!(scene.known(), Some("v".into()));
    assert_eq!(scene.cache.peek(&other), Peek::Unknown);
}

#[tokio::test]
async fn a_key_that_was_removed_is_unknown_and_no_longer_absent() {
    let scene = Scene::new(|options| options.absent_for(HOUR));
    scene.held("v").await;
    let other = user("u").key(stayput::Kind::Fme, "c").expect("legal");
    scene.cache.prefetch(&user("u")).await.expect("prefetch");
    assert_eq!(scene.cache.peek(&other), Peek::Absent);
    scene.cache.remove(&[key("u")]).await.expect("remove");
    assert_eq!((scene.known(), scene.cache.peek(&other)), (None, Peek::Unknown));
}

#[tokio::test]
async fn answers_are_copies() {
    let scene = Scene::lasting();
    scene.held("v").await;
    let mut answer = dynamic(&scene).get_one(&key("u")).await.expect("a read").expect("held");
    answer.variation = name("mine");
    answer.goals.bring(&[name("mine")], stayput::ClaimId(1));
    let again = scene.cache.get_one(&key("u")).await.expect("a read").expect("held");
    assert_eq!((again.variation.as_str(), again.goals.len(), scene.calls()), ("v", 0, 1));
}

#[tokio::test]
async fn it_takes_no_more_room_than_it_was_given() {
    const BYTES: u64 = 256 << 10;
    let scene = Scene::new(|options| options.bytes(BYTES));
    let mut most = 0;
    for number in 0..3_000 {
        let goals = (0..number % 40).map(|goal| name(&format!("a goal with a name, number {goal}")));
        let offer = offer(&format!("user {number}"), "v", scene.clock.advanced()).bringing(goals);
        scene.cache.claim_one(&offer).await.expect("claim");
        most = most.max(scene.cache.stats().bytes);
    }
    let stats = scene.cache.stats();
    assert!(most <= BYTES, "{most} bytes");
    assert!(most > BYTES / 4, "{most} bytes: the room is used");
    assert!(stats.users > 50 && stats.evictions > 2_000 && stats.users + stats.evictions >= 3_000, "{stats:?}");
}

#[tokio::test]
async fn what_does_not_fit_is_read_each_time_and_never_told_wrong() {
    let scene = Scene::new(|options| options.bytes(1));
    scene.held("v").await;
    for calls in 1..4 {
        assert_eq!((scene.read().await.expect("a read"), scene.calls()), (Some("v".into()), calls));
    }
}

#[tokio::test]
async fn clones_share_what_they_know_and_nothing_is_asked_twice() {
    let scene = Scene::lasting();
    scene.held("v").await;
    scene.read().await.expect("a read");
    let clone = scene.cache.clone();
    assert!(matches!(clone.peek(&key("u")), Peek::Held(_)));
    // Another cache over the same store knows nothing.
    let another = NearCache::new(scene.faulty.clone(), NearCacheOptions::default());
    assert_eq!(another.peek(&key("u")), Peek::Unknown);
    let both: Vec<Arc<dyn AssignmentStore>> = vec![Arc::new(clone), Arc::new(another)];
    assert_eq!(both.len(), 2);
}

#[tokio::test]
async fn what_it_does_is_counted() {
    let scene = Scene::lasting();
    scene.held("v").await;
    scene.read().await.expect("a read");
    scene.read().await.expect("a read");
    scene.known();
    scene.cache.claim_one(&offer("u", "v", scene.clock.now())).await.expect("claim");
    scene.cache.forget(&user("u"));
    scene.cache.outdate();
    let stats = scene.cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.reads, stats.stale), (3, 1, 1, 0));
    assert_eq!((stats.invalidations, stats.outdated, stats.users, stats.bytes), (1, 1, 0, 0));
}
