//! A server behind a proxy that fails, or under signals.
use super::{
    network::{self, Writers},
    servers::{Server, open, proxied, rounds, with},
};
use stayput::testing::Fault;
use std::time::Duration;
use tokio::time::sleep;

/// Four for operations, and those with which the library watches the server.
const CONNECTIONS: usize = 4 + 2;

pub(crate) async fn one_cut_before_the_write_is_bridged(url: String) {
    let (proxy, store) = proxied(&url, "10s").await;
    network::one_cut_is_bridged(&proxy, &store, Fault::CutBefore).await;
}
pub(crate) async fn one_cut_after_the_write_is_bridged(url: String) {
    let (proxy, store) = proxied(&url, "10s").await;
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
    let (proxy, store) = proxied(&url, "1s").await;
    network::silence_is_found_out(&proxy, &store, CONNECTIONS).await;
}
pub(crate) async fn a_stopped_server_is_an_error_in_time(_: String) {
    let server = Server::start();
    let store = open(&with(&server.url(), "timeout=1s&connect=500ms")).await;
    network::a_stopped_server_is_an_error_in_time(&store, |name| server.signal(name)).await;
}
pub(crate) async fn a_killed_server_loses_nothing_and_is_found_again(_: String) {
    let server = Server::start();
    let url = server.url();
    let store = open(&with(&url, "timeout=1s&connect=500ms")).await;
    let writers = Writers::start(&store);
    for _ in 0..2 * rounds(5) {
        sleep(Duration::from_millis(500)).await;
        server.kill().await;
        server.up();
        assert_eq!(server.url(), url, "the same port");
    }
    sleep(Duration::from_secs(1)).await;
    let (written, failures) = writers.finish().await;
    println!("{} claims were acknowledged, {failures} attempts failed", written.len());
    assert!(failures > 0, "the kills did not touch a claim");
    assert_eq!(network::held(&store, &written).await, written.len(), "acknowledged and lost");
}

async fn survives(url: &str, fault: Fault) {
    let (proxy, store) = proxied(url, "1s").await;
    for _ in 0..rounds(10) {
        network::survives(&proxy, &store, fault, CONNECTIONS).await;
    }
}
