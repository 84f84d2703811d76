//! A near cache hears of what other clients change, and that it may have missed something.
use crate::{
    bench::{Add, Needs, Server, open, prefix, url, variable},
    pushes::{self, cache},
};
use stayput::testing::Proxy;

const REDIS: &str = "STAYPUT_TEST_REDIS";

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

async fn pushed(url: String) {
    pushes::what_others_change_is_seen(&cache(&url).await, &open(&url).await).await;
}

async fn behind_proxy() -> (Proxy, pushes::Cache) {
    let server = variable(REDIS).expect("checked before");
    let server = server.trim_start_matches("redis://").parse().expect("an address");
    let proxy = Proxy::before(server).await.expect("a proxy");
    let url = format!("redis://{}?timeout=400ms&connect=400ms&prefix={}", proxy.address(), prefix());
    let cache = cache(&url).await;
    (proxy, cache)
}

async fn lost() {
    let (proxy, cache) = behind_proxy().await;
    pushes::a_lost_connection_makes_everything_outdated(&proxy, &cache).await;
}

async fn silent() {
    let (proxy, cache) = behind_proxy().await;
    pushes::a_silent_connection_makes_everything_outdated(&proxy, &cache).await;
}

async fn restarted() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let url = server.url("timeout=1s");
    let (cache, other) = (cache(&url).await, open(&url).await);
    let server = std::cell::RefCell::new(&mut server);
    pushes::a_restart_is_survived(
        &cache,
        &other,
        async || server.borrow_mut().kill(),
        async || server.borrow_mut().restart().await,
    )
    .await;
}
