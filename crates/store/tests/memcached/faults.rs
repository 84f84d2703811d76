//! A node behind a proxy that fails, or under signals.
use super::{
    network::{self, Offers, Writers, eventually},
    servers::{Servers, open, proxied, rounds, with},
};
use stayput::{AssignmentStoreExt, testing::Fault};
use std::time::Duration;
use tokio::time::sleep;

/// What is kept when nobody uses it.
const CONNECTIONS: usize = 16;

pub(crate) async fn one_cut_before_the_write_is_bridged(url: String) {
    let (proxy, store) = proxied(&url).await;
    network::one_cut_is_bridged(&proxy, &store, Fault::CutBefore).await;
}
pub(crate) async fn one_cut_after_the_write_is_bridged(url: String) {
    let (proxy, store) = proxied(&url).await;
    network::one_cut_is_bridged(&proxy, &store, Fault::CutAfter).await;
}
pub(crate) async fn cuts_before_the_write(url: String) {
    survives(&url, Fault::CutBefore).await;
}
pub(crate) async fn cuts_after_the_write(url: String) {
    survives(&url, Fault::CutAfter).await;
}
pub(crate) async fn resets(url: String) {
    survives(&url, Fault::Reset).await;
}
pub(crate) async fn half_open_connections(url: String) {
    survives(&url, Fault::HalfOpen).await;
}
pub(crate) async fn a_pause_of_the_network(url: String) {
    survives(&url, Fault::Pause).await;
}
pub(crate) async fn a_delay_beyond_the_deadline(url: String) {
    survives(&url, Fault::Delay(Duration::from_secs(5))).await;
}
pub(crate) async fn connections_that_fell_silent(url: String) {
    let (proxy, store) = proxied(&url).await;
    network::silence_is_found_out(&proxy, &store, CONNECTIONS).await;
}
pub(crate) async fn a_stopped_server_is_an_error_in_time(_: String) {
    let servers = Servers::start();
    let store = open(&with(&servers.url(), "timeout=1s&connect=500ms")).await;
    let all = |name: &str| (1..=3).for_each(|node| servers.signal(node, name));
    network::a_stopped_server_is_an_error_in_time(&store, all).await;
}
/// They come back empty; what is claimed then is held again, on the connections that there were.
pub(crate) async fn killed_nodes_are_found_again(_: String) {
    let servers = Servers::start();
    let store = open(&with(&servers.url(), "timeout=1s&connect=500ms")).await;
    let before = Offers::new().of("before");
    store.claim_one(&before).await.expect("claim");
    let writers = Writers::start(&store);
    sleep(Duration::from_millis(300)).await;
    servers.kill().await;
    assert!(store.get_one(&before.key).await.is_err(), "a failed read is not absence");
    servers.restart();
    eventually("recovery", async || store.get_one(&before.key).await.is_ok()).await;
    let after = Writers::start(&store);
    sleep(Duration::from_millis(300)).await;
    let (_, failures) = writers.finish().await;
    assert!(failures > 0, "the kills did not touch a claim");
    let (written, _) = after.finish().await;
    assert_eq!(network::held(&store, &written).await, written.len(), "lost without a reason");
}

async fn survives(url: &str, fault: Fault) {
    let (proxy, store) = proxied(url).await;
    for _ in 0..rounds(10) {
        network::survives(&proxy, &store, fault, CONNECTIONS).await;
    }
}
