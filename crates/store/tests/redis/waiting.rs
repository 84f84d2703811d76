//! A connector whose threads drive the reads that they wait for.
use crate::bench::{Add, Needs, prefix, variable};
use serde_json::{Map, Value, json};
use stayput::{
    connector::{Answer, Connector, Options},
    testing::{Fault, Proxy},
};
use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};
use tokio::{task::block_in_place, time::Instant};

const REDIS: &str = "STAYPUT_TEST_REDIS";
const PATIENCE: Duration = Duration::from_secs(60);
/// Two for what happens in the background, one for whoever waits.
const CONNECTIONS: usize = 3;

pub(crate) fn tests(add: Add<'_>) {
    add("threads_that_wait_at_once_all_get_their_answers", Needs::Server(REDIS), || Box::pin(together()));
    add("what_a_thread_no_longer_waits_for_is_read_nevertheless", Needs::Server(REDIS), || Box::pin(given_up()));
    add("a_way_that_broke_is_mended_by_the_next_who_asks", Needs::Server(REDIS), || Box::pin(mended()));
}

async fn together() {
    let (_proxy, url) = behind_proxy().await;
    let connector = filled(&url, 1_600);
    let found = AtomicUsize::new(0);
    on_threads(8, |thread| {
        for number in (0..1_600).map(|step| (step * 7 + thread * 200) % 1_600) {
            found.fetch_add(usize::from(is_held(&connector, number)), Ordering::Relaxed);
        }
    });
    assert_eq!(found.into_inner(), 8 * 1_600);
}

async fn given_up() {
    let (proxy, url) = behind_proxy().await;
    drop(filled(&url, 4));
    let options = Options { deadline: Duration::from_millis(50), ..Options::default() };
    let connector = opened(&proxy, &url, options).await;
    for number in 0..2 {
        proxy.set(Fault::Pause);
        on_threads(2, |_| assert!(matches!(connector.get(&user(number), "checkout"), Answer::Unknown)));
        proxy.set(Fault::Pass);
        // Nobody asks any more. What is kept may be outdated by then, if the server pushes only from now on.
        until("the answer is kept", || connector.stats().users == number as u64 + 1).await;
    }
}

async fn mended() {
    let (proxy, url) = behind_proxy().await;
    drop(filled(&url, 4));
    let connector = opened(&proxy, &url, Options { deadline: PATIENCE, ..Options::default() }).await;
    for number in 0..4 {
        proxy.set(Fault::Reset);
        until("all connections are gone", || proxy.open() == 0).await;
        proxy.set(Fault::Pass);
        let held = AtomicBool::new(false);
        let ask = || on_threads(1, |_| held.store(is_held(&connector, number), Ordering::SeqCst));
        until("it is asked again", || {
            ask();
            held.load(Ordering::SeqCst)
        })
        .await;
    }
}

async fn behind_proxy() -> (Proxy, String) {
    let server = variable(REDIS).expect("checked before");
    let server = server.trim_start_matches("redis://").parse().expect("an address");
    let proxy = Proxy::before(server).await.expect("a proxy");
    let url = format!("redis://{}?prefix={}", proxy.address(), prefix());
    (proxy, url)
}

/// One that holds users, and has seen none of them.
fn filled(url: &str, users: usize) -> Connector {
    let patient = || Options { deadline: PATIENCE, connect: PATIENCE, ..Options::default() };
    on_threads(1, |_| {
        let writer = Connector::open(url, patient()).expect("opened");
        (0..users).for_each(|number| writer.set(record(number)));
        writer.wait(writer.flush(PATIENCE).expect("open")).expect("open").expect("delivered");
    });
    block_in_place(|| Connector::open(url, patient()).expect("opened"))
}

/// A connector that has all its connections.
async fn opened(proxy: &Proxy, url: &str, options: Options) -> Connector {
    until("nobody is connected", || proxy.open() == 0).await;
    let connector = block_in_place(|| Connector::open(url, Options { connect: PATIENCE, ..options }).expect("opened"));
    until("all connections are there", || proxy.open() >= CONNECTIONS).await;
    connector
}

/// On threads of their own, as an SDK's are: these here run tasks.
fn on_threads(count: usize, work: impl Fn(usize) + Sync) {
    let work = &work;
    block_in_place(|| thread::scope(|scope| (0..count).for_each(|number| drop(scope.spawn(move || work(number))))));
}

fn is_held(connector: &Connector, number: usize) -> bool {
    connector.get(&user(number), "checkout").held().is_some()
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn user(number: usize) -> String {
    format!("user-{number}")
}

fn record(number: usize) -> Map<String, Value> {
    let record = json!({"userId": user(number), "campaignKey": "checkout", "variationName": "Control"});
    record.as_object().cloned().unwrap_or_default()
}
