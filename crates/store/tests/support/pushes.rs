//! What every store that pushes owes a near cache: it hears of what other clients change, and that it may have missed
//! something.
use stayput::{
    AssignmentStore, AssignmentStoreExt, Changes, ClaimId, Clock, Key, Kind, Name, Offer, ScanStore, Scope,
    SystemClock,
    layers::{NearCache, NearCacheOptions, Peek},
    testing::{Fault, Proxy},
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

/// Longer than any test.
const AGES: Duration = Duration::from_secs(86_400);

pub(crate) type Cache = NearCache<Arc<dyn ScanStore>>;

/// A cache that hears; ready when nothing can be missed any more.
pub(crate) async fn cache(url: &str) -> Cache {
    let (store, changes) = open_followed(url).await;
    let cache = NearCache::new(store, NearCacheOptions::default().max_age(AGES));
    cache.follow(changes.expect("it pushes"));
    eventually("a connection for changes", async || cache.stats().outdated > 0).await;
    cache
}
/// A busy machine may need several tries.
async fn open_followed(url: &str) -> (Arc<dyn ScanStore>, Option<Changes>) {
    let begun = Instant::now();
    loop {
        match stayput::open_followed(url).await {
            Ok(opened) => return opened,
            Err(error) => assert!(error.is_transient() && begun.elapsed() < Duration::from_secs(40), "{error}"),
        }
    }
}
/// What another process opens.
pub(crate) async fn open(url: &str) -> Arc<dyn ScanStore> {
    open_followed(url).await.0
}
/// Waits until `condition` holds; a server needs its time, and tests do not know how much.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < Duration::from_secs(40), "{what} has not come about in 40 s");
        sleep(Duration::from_millis(20)).await;
    }
}
pub(crate) fn user() -> Key {
    let user = format!("user-{}", ClaimId::random().expect("a random number"));
    Key::new(&Scope::default(), Kind::Classic, &user, "campaign").expect("legal")
}
pub(crate) fn offer(key: &Key) -> Offer {
    Offer::new(key.clone(), ClaimId::random().expect("a random number"), SystemClock.now())
}
pub(crate) fn first(key: &Key) -> Offer {
    offer(key).offering(variation("first"))
}
pub(crate) fn second(key: &Key) -> Offer {
    offer(key).offering(variation("second")).replacing(variation("first"), None)
}
pub(crate) fn variation(text: &str) -> Name {
    Name::variation(text).expect("legal")
}
pub(crate) fn known(cache: &Cache, key: &Key) -> Option<String> {
    match cache.peek(key) {
        Peek::Held(held) => Some(held.variation.to_string()),
        _ => None,
    }
}
/// Claims through `store`, and has `cache` know what is held once it has heard of that.
pub(crate) async fn hold(cache: &Cache, store: &impl AssignmentStore, offer: &Offer) {
    let before = cache.stats().invalidations;
    store.claim_one(offer).await.expect("claim");
    eventually("the push", async || cache.stats().invalidations > before).await;
    kept(cache, &offer.key).await;
}
/// Reads until it is kept.
pub(crate) async fn kept(cache: &Cache, key: &Key) {
    eventually("something known", async || {
        let read = cache.get_one(key).await;
        sleep(Duration::from_millis(50)).await;
        read.is_ok() && known(cache, key).is_some()
    })
    .await;
}

/// `other` is what another process has open.
pub(crate) async fn what_others_change_is_seen(cache: &Cache, other: &Arc<dyn ScanStore>) {
    let (key, another) = (user(), user());
    for key in [&key, &another] {
        hold(cache, other, &first(key)).await;
    }
    other.claim_one(&second(&key)).await.expect("claim");
    eventually("the push", async || known(cache, &key).is_none()).await;
    assert_eq!(cache.get_one(&key).await.expect("a read").expect("held").variation, variation("second"));
    assert_eq!(known(cache, &another), Some("first".into()), "nobody else is forgotten");
    // Goals, erasure and removal change something too; a claim that changes nothing does not.
    kept(cache, &key).await;
    let before = cache.stats().invalidations;
    other.claim_one(&offer(&key).offering(variation("second"))).await.expect("claim");
    other.claim_one(&offer(&another).bringing([Name::goal("goal").expect("legal")])).await.expect("claim");
    eventually("the push", async || known(cache, &another).is_none()).await;
    assert_eq!(known(cache, &key), Some("second".into()), "pushes come in order, and there was none");
    assert!(cache.stats().invalidations > before);
    other.erase(key.user()).await.expect("erase");
    eventually("the push", async || known(cache, &key).is_none()).await;
}

/// `cache` hears through `proxy`.
pub(crate) async fn a_lost_connection_makes_everything_outdated(proxy: &Proxy, cache: &Cache) {
    let key = user();
    hold(cache, cache, &first(&key)).await;
    let before = cache.stats().outdated;
    proxy.set(Fault::Reset);
    eventually("that it is told", async || cache.stats().outdated > before).await;
    assert_eq!(known(cache, &key), None);
    let seen = cache.look(std::slice::from_ref(&key)).await.expect("what was known").remove(0);
    assert!(seen.is_stale, "it is told while nobody can be asked, and marked");
    proxy.set(Fault::Pass);
    eventually("a new connection", async || cache.stats().outdated > before + 1).await;
    kept(cache, &key).await;
}

/// `cache` hears through `proxy`.
pub(crate) async fn a_silent_connection_makes_everything_outdated(proxy: &Proxy, cache: &Cache) {
    let key = user();
    hold(cache, cache, &first(&key)).await;
    proxy.set(Fault::HalfOpen);
    eventually("that it is told", async || known(cache, &key).is_none()).await;
}

/// A server that `stop` kills and `start` brings back with all that it held.
pub(crate) async fn a_restart_is_survived(
    cache: &Cache,
    other: &Arc<dyn ScanStore>,
    stop: impl AsyncFnOnce(),
    start: impl AsyncFnOnce(),
) {
    let key = user();
    hold(cache, cache, &first(&key)).await;
    let before = cache.stats().outdated;
    stop().await;
    eventually("that it is told", async || cache.stats().outdated > before).await;
    assert_eq!(known(cache, &key), None);
    start().await;
    eventually("a new connection", async || cache.stats().outdated > before + 1).await;
    kept(cache, &key).await;
    eventually("a way back", async || other.claim_one(&second(&key)).await.is_ok()).await;
    eventually("the push", async || known(cache, &key).is_none()).await;
}
