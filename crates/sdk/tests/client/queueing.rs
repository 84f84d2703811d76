//! The queue of tracking calls: bounded, patient, and nothing that a decision waits for.
use super::{
    collector::Collector,
    scene::{client, plain, quick, settings},
};
use stayput_sdk::Queueing;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::net::TcpListener;

#[test]
fn repeats_come_when_the_official_sdk_makes_them() {
    assert_eq!(Queueing::default().delays, [1, 2, 4, 8, 16].map(Duration::from_secs));
}

#[tokio::test]
async fn a_call_that_fails_is_repeated_as_it_was() {
    let (collector, failures) = (Collector::start().await, AtomicU32::new(0));
    collector.script(move |_| match failures.fetch_add(1, Ordering::SeqCst) {
        0..=2 => (503, String::new()),
        _ => (200, String::new()),
    });
    let drawn = AtomicU32::new(0);
    let launcher =
        client(&settings("B", ""), &collector).random(move || f64::from(drawn.fetch_add(1, Ordering::SeqCst)));
    let client = launcher.start().await.unwrap();
    client.activate("ab", "u", &plain()).await.unwrap();
    let calls = collector.first(4).await;
    assert!(calls.iter().all(|call| call.target == calls[0].target), "{calls:?}");
    client.flush_events().await.unwrap();
    assert_eq!((client.stats().calls_sent, client.stats().calls_repeated), (1, 3));
}

#[tokio::test]
async fn a_call_that_never_succeeds_is_dropped_and_counted() {
    let collector = Collector::start().await;
    collector.script(|_| (500, String::new()));
    let client = client(&settings("B", ""), &collector).start().await.unwrap();
    client.activate("ab", "u", &plain()).await.unwrap();
    assert_eq!(collector.first(6).await.len(), 6, "once, and five repeats");
    client.flush_events().await.unwrap();
    assert_eq!((client.stats().calls_given_up, client.stats().calls_sent), (1, 0));
    assert_eq!(collector.received().len(), 6);
}

#[tokio::test]
async fn a_collector_that_never_answers_fills_the_queue_and_delays_nobody() {
    // Connections are accepted by the system, and then nothing happens.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let launcher = stayput_sdk::launch(settings("B", "")).endpoint(&format!("http://{}", silent.local_addr().unwrap()));
    let client = launcher.queueing(Queueing { calls: 100, ..quick() }).start().await.unwrap();
    let decide = async {
        for user in 0..1_000 {
            assert!(client.activate("ab", &format!("u{user}"), &plain()).await.unwrap().is_some());
        }
    };
    // No call of the collector is over by then: its time is ten seconds.
    tokio::time::timeout(Duration::from_secs(9), decide).await.unwrap();
    assert_eq!(client.stats().calls_dropped, 900);
    assert!(client.shutdown(Duration::from_millis(20)).await >= 92, "what is lost is told");
}

#[tokio::test]
async fn the_queue_is_bounded_by_bytes_too() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let launcher = stayput_sdk::launch(settings("B", "")).endpoint(&format!("http://{}", silent.local_addr().unwrap()));
    let client = launcher.queueing(Queueing { bytes: 10_000, ..quick() }).start().await.unwrap();
    let options = stayput_sdk::Options::default().user_agent(&"x".repeat(1_000));
    for user in 0..10 {
        client.activate("ab", &format!("u{user}"), &options).await.unwrap();
    }
    assert!((5..9).contains(&client.stats().calls_dropped), "{:?}", client.stats());
}

#[tokio::test]
async fn shutting_down_sends_what_waits() {
    let collector = Collector::start().await;
    let client = client(&settings("B", ""), &collector).start().await.unwrap();
    for user in 0..500 {
        client.activate("ab", &format!("u{user}"), &plain()).await.unwrap();
    }
    assert_eq!(client.shutdown(Duration::from_secs(30)).await, 0);
    assert_eq!(collector.received().len(), 500);
}

#[tokio::test]
async fn a_client_that_is_dropped_sends_what_waits_in_the_background() {
    let collector = Collector::start().await;
    let client = client(&settings("B", ""), &collector).start().await.unwrap();
    for user in 0..20 {
        client.activate("ab", &format!("u{user}"), &plain()).await.unwrap();
    }
    drop(client);
    assert_eq!(collector.first(20).await.len(), 20);
}

#[tokio::test]
async fn whoever_opts_out_is_told_nothing_and_sends_nothing() {
    let (collector, store) = (Collector::start().await, super::scene::store());
    collector.script(|_| (500, String::new()));
    let client = client(&settings("B", ""), &collector).store(store.clone()).start().await.unwrap();
    client.activate("ab", "u", &plain()).await.unwrap();
    assert!(client.set_opt_out());
    let (read, sent) = (store.calls(), Arc::new(collector.received().len()));
    assert_eq!(client.activate("ab", "u", &plain()).await.unwrap(), None);
    assert!(!client.is_feature_enabled("feature", "u", &plain()).await.unwrap());
    assert_eq!(client.track("ab", "u", "g", &plain()).await.unwrap(), None);
    assert!(client.flush_events().await.is_err());
    assert!(client.get_and_update_settings_file(None).await.is_err());
    assert_eq!(store.calls(), read);
    assert!(collector.received().len() <= *sent + 1, "at most what was under way");
}
