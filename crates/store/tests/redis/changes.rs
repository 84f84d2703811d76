//! A near cache hears of what other clients change, and that it may have missed something.
use crate::{
    bench::{Add, Needs, Server, Servers, prefix, url, variable},
    pushes::{self, cache, eventually, open},
};
use stayput::{AssignmentStore, AssignmentStoreExt, Key, ScanStore, testing::Proxy};
use std::{sync::Arc, time::Duration};

const REDIS: &str = "STAYPUT_TEST_REDIS";
const CLUSTER: &str = "STAYPUT_TEST_REDIS_CLUSTER";

pub(crate) fn tests(add: Add<'_>) {
    add("what_others_change_is_seen_after_the_push", Needs::Server(REDIS), || {
        Box::pin(pushed(url(REDIS, &format!("timeout=10s&connect=5s&prefix={}", prefix()))))
    });
    add("what_others_change_is_seen_after_the_push_with_tls", Needs::Server("STAYPUT_TEST_REDIS_TLS"), || {
        Box::pin(pushed(url("STAYPUT_TEST_REDIS_TLS", "timeout=10s&connect=5s")))
    });
    add(
        "what_others_change_is_seen_after_the_push_behind_sentinels",
        Needs::Server("STAYPUT_TEST_REDIS_SENTINEL"),
        || Box::pin(pushed(url("STAYPUT_TEST_REDIS_SENTINEL", &format!("timeout=10s&connect=5s&prefix={}", prefix())))),
    );
    add("a_lost_connection_for_changes_makes_everything_outdated", Needs::Server(REDIS), || Box::pin(lost()));
    add("a_silent_connection_for_changes_makes_everything_outdated", Needs::Server(REDIS), || Box::pin(silent()));
    add("changes_are_followed_again_after_a_restart", Needs::Program, || Box::pin(restarted()));
    add("what_others_change_is_seen_after_the_push_of_any_master", Needs::Server(CLUSTER), || {
        Box::pin(pushed_by_all(url(CLUSTER, &format!("timeout=10s&connect=5s&prefix={}", prefix()))))
    });
    add("what_others_change_is_seen_after_the_push_of_a_cluster_behind_tls", Needs::Program, || {
        Box::pin(pushed_behind_tls("redis_cluster_tls"))
    });
    add("what_others_change_is_seen_after_the_push_of_sentinels_behind_tls", Needs::Program, || {
        Box::pin(pushed_behind_tls("redis_sentinel_tls"))
    });
    add("changes_are_followed_again_when_a_master_was_killed", Needs::Program, || Box::pin(master_lost("KILL")));
    add("changes_are_followed_again_when_a_master_was_stopped", Needs::Program, || Box::pin(master_lost("STOP")));
    add("changes_are_followed_again_when_masters_change_by_hand", Needs::Program, || Box::pin(handed_over()));
}

async fn pushed(url: String) {
    pushes::what_others_change_is_seen(&cache(&url).await, &open(&url).await).await;
}

/// Enough users that each of three masters holds some.
async fn pushed_by_all(url: String) {
    let (cache, other) = (cache(&url).await, open(&url).await);
    all_masters_push(&cache, &other).await;
    pushes::what_others_change_is_seen(&cache, &other).await;
}

/// Servers of the test's own.
async fn pushed_behind_tls(servers: &'static str) {
    let servers = Servers::start(servers);
    pushed_by_all(servers.url("timeout=10s&connect=5s")).await;
}

async fn all_masters_push(cache: &pushes::Cache, other: &Arc<dyn ScanStore>) {
    let users: Vec<Key> = (0..30).map(|_| pushes::user()).collect();
    for user in &users {
        other.claim_one(&pushes::first(user)).await.expect("claim");
    }
    eventually("something known of each", async || {
        let read = cache.get(&users).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        read.is_ok() && users.iter().all(|user| pushes::known(cache, user).is_some())
    })
    .await;
    for user in &users {
        other.claim_one(&pushes::second(user)).await.expect("claim");
    }
    eventually("a push for each", async || users.iter().all(|user| pushes::known(cache, user).is_none())).await;
}

/// A cluster of the test's own, of which one master is lost.
async fn master_lost(signal: &'static str) {
    let servers = Servers::start("redis_cluster");
    let url = servers.url("timeout=3s&connect=3s");
    let (cache, other) = (cache(&url).await, open(&url).await);
    all_masters_push(&cache, &other).await;
    let before = cache.stats().outdated;
    servers.signal("redis_cluster1", signal);
    eventually("that it is told", async || cache.stats().outdated > before).await;
    eventually("new connections", async || cache.stats().outdated > before + 1).await;
    eventually("a way back", async || {
        let probes: Vec<_> = (0..30).map(|_| pushes::first(&pushes::user())).collect();
        other.claim(&probes).await.is_ok()
    })
    .await;
    all_masters_push(&cache, &other).await;
    if signal == "STOP" {
        servers.signal("redis_cluster1", "CONT");
        all_masters_push(&cache, &other).await;
    }
}

/// A replica takes over from a master that lives on, and no connection is lost.
async fn handed_over() {
    let servers = Servers::start("redis_cluster");
    let url = servers.url("timeout=3s&connect=3s");
    let (cache, other) = (cache(&url).await, open(&url).await);
    all_masters_push(&cache, &other).await;
    let before = cache.stats().outdated;
    let hosts = url.trim_start_matches("redis+cluster://").split(['?', ',']).next().expect("a host").to_owned();
    let raw = redis::Client::open(format!("redis://{hosts}"))
        .expect("a URL")
        .get_multiplexed_async_connection()
        .await
        .expect("a connection");
    let slots = || {
        let mut raw = raw.clone();
        async move { redis::cmd("CLUSTER").arg("SLOTS").query_async::<redis::Value>(&mut raw).await.expect("slots") }
    };
    eventually("a replica", async || second_of_first_range(&slots().await).is_some()).await;
    let port = second_of_first_range(&slots().await).expect("a port");
    let replica = redis::Client::open(format!("redis://127.0.0.1:{port}")).expect("a URL");
    let mut replica = replica.get_multiplexed_async_connection().await.expect("a connection");
    redis::cmd("CLUSTER").arg("FAILOVER").query_async::<()>(&mut replica).await.expect("it takes over");
    eventually("that it is told", async || cache.stats().outdated > before).await;
    eventually("new connections", async || cache.stats().outdated > before + 1).await;
    all_masters_push(&cache, &other).await;
}

/// The port of the first replica of the first slots.
fn second_of_first_range(slots: &redis::Value) -> Option<i64> {
    let redis::Value::Array(ranges) = slots else { return None };
    let redis::Value::Array(range) = ranges.first()? else { return None };
    let redis::Value::Array(replica) = range.get(3)? else { return None };
    match replica.get(1)? {
        redis::Value::Int(port) => Some(*port),
        _ => None,
    }
}

async fn behind_proxy() -> (Proxy, pushes::Cache) {
    let server = variable(REDIS).expect("checked before");
    let server = server.trim_start_matches("redis://").parse().expect("an address");
    let proxy = Proxy::before(server).await.expect("a proxy");
    let url = format!("redis://{}?timeout=5s&connect=5s&prefix={}", proxy.address(), prefix());
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
    let url = server.url("timeout=5s&connect=5s");
    let (cache, other) = (cache(&url).await, open(&url).await);
    let server = tokio::sync::Mutex::new(&mut server);
    pushes::a_restart_is_survived(
        &cache,
        &other,
        async || server.lock().await.kill(),
        async || server.lock().await.restart().await,
    )
    .await;
}
