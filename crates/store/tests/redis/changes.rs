//! A near cache hears of what other clients change, and that it may have missed something.
use crate::bench::{Add, Needs, Server, eventually, key, name, offer, open, prefix, url, variable};
use stayput::{
    AssignmentStoreExt, Key, Name, Offer, ScanStore,
    layers::{NearCache, NearCacheOptions, Peek},
    testing::{Fault, Proxy},
};
use std::{sync::Arc, time::Duration};

const REDIS: &str = "STAYPUT_TEST_REDIS";
/// Longer than any test.
const AGES: Duration = Duration::from_secs(86_400);

pub(crate) fn tests(add: Add<'_>) {
    add("what_others_change_is_seen_after_the_push", Needs::Server(REDIS), || {
        Box::pin(pushed(url(REDIS, &format!("prefix={}", prefix()))))
    });
    add("what_others_change_is_seen_after_the_push_with_tls", Needs::Server("STAYPUT_TEST_REDIS_TLS"), || {
        Box::pin(pushed(url("STAYPUT_TEST_REDIS_TLS", "")))
    });
    add(
        "what_others_change_is_seen_after_the_push_behind_sentinels",
        Needs::Server("STAYPUT_TEST_REDIS_SENTINEL"),
        || Box::pin(pushed(url("STAYPUT_TEST_REDIS_SENTINEL", &format!("prefix={}", prefix())))),
    );
    add("a_lost_connection_for_changes_makes_everything_outdated", Needs::Server(REDIS), || Box::pin(lost()));
    add("a_silent_connection_for_changes_makes_everything_outdated", Needs::Server(REDIS), || Box::pin(silent()));
    add("changes_are_followed_again_after_a_restart", Needs::Program, || Box::pin(restarted()));
    add("a_cluster_pushes_nothing_yet_and_says_so", Needs::Server("STAYPUT_TEST_REDIS_CLUSTER"), || {
        Box::pin(async {
            let (_, changes) = stayput::open_followed(&url("STAYPUT_TEST_REDIS_CLUSTER", "")).await.expect("a store");
            assert!(changes.is_none());
        })
    });
}

type Cache = NearCache<Arc<dyn ScanStore>>;

/// A cache that hears; ready when nothing can be missed any more.
async fn cache(url: &str) -> Cache {
    let (store, changes) = stayput::open_followed(url).await.unwrap_or_else(|error| panic!("{error}"));
    let cache = NearCache::new(store, NearCacheOptions::default().max_age(AGES));
    cache.follow(changes.expect("it pushes"));
    eventually("a connection for changes", async || cache.stats().outdated > 0).await;
    cache
}
fn user() -> Key {
    key(&format!("user-{}", stayput::ClaimId::random().expect("a random number")), "campaign")
}
fn first(key: &Key) -> Offer {
    offer(key.clone()).offering(variation("first"))
}
fn second(key: &Key) -> Offer {
    offer(key.clone()).offering(variation("second")).replacing(variation("first"), None)
}
fn variation(text: &str) -> Name {
    Name::variation(text).expect("legal")
}
fn known(cache: &Cache, key: &Key) -> Option<String> {
    match cache.peek(key) {
        Peek::Held(held) => Some(held.variation.to_string()),
        _ => None,
    }
}
/// Reads until it is kept: the push about what was written a moment ago may be on its way still.
async fn kept(cache: &Cache, key: &Key) {
    eventually("something known", async || {
        cache.get_one(key).await.expect("a read");
        tokio::time::sleep(Duration::from_millis(50)).await;
        known(cache, key).is_some()
    })
    .await;
}

async fn pushed(url: String) {
    let (cache, other) = (cache(&url).await, open(&url).await);
    let (key, another) = (user(), user());
    for key in [&key, &another] {
        other.claim_one(&first(key)).await.expect("claim");
        kept(&cache, key).await;
    }
    other.claim_one(&second(&key)).await.expect("claim");
    eventually("the push", async || known(&cache, &key).is_none()).await;
    assert_eq!(cache.get_one(&key).await.expect("a read").expect("held").variation, variation("second"));
    assert_eq!(known(&cache, &another), Some("first".into()), "nobody else is forgotten");
    // Goals, erasure and removal change something too; a claim that changes nothing does not.
    kept(&cache, &key).await;
    let before = cache.stats().invalidations;
    other.claim_one(&offer(key.clone()).offering(variation("second"))).await.expect("claim");
    other.claim_one(&offer(another.clone()).bringing([name("goal")])).await.expect("claim");
    eventually("the push", async || known(&cache, &another).is_none()).await;
    assert_eq!(known(&cache, &key), Some("second".into()), "pushes come in order, and there was none");
    assert!(cache.stats().invalidations > before);
    other.erase(key.user()).await.expect("erase");
    eventually("the push", async || known(&cache, &key).is_none()).await;
}

async fn behind_proxy() -> (Proxy, Cache) {
    let server = variable(REDIS).expect("checked before");
    let server = server.trim_start_matches("redis://").parse().expect("an address");
    let proxy = Proxy::before(server).await.expect("a proxy");
    let url = format!("redis://{}?timeout=400ms&connect=400ms&prefix={}", proxy.address(), prefix());
    let cache = cache(&url).await;
    (proxy, cache)
}

async fn lost() {
    let (proxy, cache) = behind_proxy().await;
    let key = user();
    cache.claim_one(&first(&key)).await.expect("claim");
    kept(&cache, &key).await;
    let before = cache.stats().outdated;
    proxy.set(Fault::Reset);
    eventually("that it is told", async || cache.stats().outdated > before).await;
    assert_eq!(known(&cache, &key), None);
    let seen = cache.look(std::slice::from_ref(&key)).await.expect("what was known").remove(0);
    assert!(seen.is_stale, "it is told while nobody can be asked, and marked");
    proxy.set(Fault::Pass);
    eventually("a new connection", async || cache.stats().outdated > before + 1).await;
    kept(&cache, &key).await;
}

async fn silent() {
    let (proxy, cache) = behind_proxy().await;
    let key = user();
    cache.claim_one(&first(&key)).await.expect("claim");
    kept(&cache, &key).await;
    proxy.set(Fault::HalfOpen);
    eventually("that it is told", async || known(&cache, &key).is_none()).await;
}

async fn restarted() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let url = server.url("timeout=1s");
    let cache = cache(&url).await;
    let key = user();
    cache.claim_one(&first(&key)).await.expect("claim");
    kept(&cache, &key).await;
    let before = cache.stats().outdated;
    server.kill();
    eventually("that it is told", async || cache.stats().outdated > before).await;
    assert_eq!(known(&cache, &key), None);
    server.restart().await;
    eventually("a new connection", async || cache.stats().outdated > before + 1).await;
    let other = open(&url).await;
    kept(&cache, &key).await;
    other.claim_one(&second(&key)).await.expect("claim");
    eventually("the push", async || known(&cache, &key).is_none()).await;
}
