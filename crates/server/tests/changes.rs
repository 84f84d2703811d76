//! What changes is told to clients that keep copies: `GET /v1/changes`, and near caches on both sides.
#[path = "support/live.rs"]
mod live;

use live::{Binary, Live};
use stayput::{
    AssignmentStoreExt, ClaimId, Clock, Key, Kind, Name, Offer, ScanStore, Scope, SystemClock,
    layers::{NearCache, NearCacheOptions, Peek},
};
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};
use tokio::time::{Instant, sleep};

type Cache = NearCache<Arc<dyn ScanStore>>;

fn key(user: &str) -> Key {
    Key::new(&Scope::default(), Kind::Classic, user, "c").expect("legal")
}
fn offer(user: &str, variation: &str) -> Offer {
    Offer::new(key(user), ClaimId::random().expect("random"), SystemClock.now()).offering(name(variation))
}
fn name(text: &str) -> Name {
    Name::variation(text).expect("legal")
}
fn known(cache: &Cache, user: &str) -> Option<String> {
    match cache.peek(&key(user)) {
        Peek::Held(held) => Some(held.variation.to_string()),
        _ => None,
    }
}

async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(40), "{what} has not come about in 40 s");
        sleep(Duration::from_millis(10)).await;
    }
}

async fn cache(store: &str) -> Cache {
    let (store, changes) = stayput::open_followed(store).await.expect("a store");
    let cache = NearCache::new(store, NearCacheOptions::default().max_age(Duration::from_secs(86_400)));
    cache.follow(changes.expect("it pushes"));
    eventually("a connection for changes", || cache.stats().outdated > 0).await;
    cache
}

#[test]
fn each_change_is_a_line_and_silence_is_one_too() {
    let live = Live::start();
    let mut listener = TcpStream::connect(live.address).expect("a connection");
    listener.set_read_timeout(Some(Duration::from_secs(40))).expect("a limit");
    listener.write_all(b"GET /v1/changes HTTP/1.1\r\nhost: h\r\n\r\n").expect("sent");
    let mut lines = BufReader::new(listener).lines().map(|line| line.expect("UTF-8"));
    assert_eq!(lines.next().as_deref(), Some("HTTP/1.1 200 OK"));
    let mut next = |wanted: &str| {
        // Between them stand the sizes of the chunks.
        assert!(lines.by_ref().take(100).any(|line| line == wanted), "no line {wanted:?}");
    };
    next("");
    live.call("PUT", "/v1/users/u%2F1/campaigns/c", r#"{"variationName":"A"}"#);
    next(r#"{"scope":"default","userId":"u/1"}"#);
    live.call("DELETE", "/v1/users/gone?scope=other", "");
    next(r#"{"scope":"other","userId":"gone"}"#);
    next("");
}

#[test]
fn changes_take_no_parameters_and_no_other_method() {
    let live = Live::start();
    assert_eq!(live.call("GET", "/v1/changes?scope=s", "").status, 400);
    assert_eq!(live.call("POST", "/v1/changes", "").status, 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_client_changes_is_seen_by_a_cache_at_once() {
    let live = Live::start();
    let (cache, other) = (cache(&live.store()).await, stayput::open(&live.store()).await.expect("a store"));
    other.claim_one(&offer("u", "first")).await.expect("claimed");
    other.claim_one(&offer("another", "first")).await.expect("claimed");
    // What was told about the claims comes before or after the read; then it is read once more.
    let begun = Instant::now();
    while known(&cache, "u").is_none() || known(&cache, "another").is_none() {
        assert!(begun.elapsed() < Duration::from_secs(40), "nothing is kept");
        cache.get_one(&key("u")).await.expect("read");
        cache.get_one(&key("another")).await.expect("read");
        sleep(Duration::from_millis(50)).await;
    }
    other.claim_one(&offer("u", "second").replacing(name("first"), None)).await.expect("claimed");
    eventually("the change", || known(&cache, "u").is_none()).await;
    assert_eq!(cache.get_one(&key("u")).await.expect("read").expect("held").variation, name("second"));
    assert_eq!(known(&cache, "another"), Some("first".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_makes_everything_outdated() {
    let mut server = Binary::serve("memory:");
    let cache = cache(&format!("stayput://{}", server.address)).await;
    cache.claim_one(&offer("u", "v")).await.expect("claimed");
    let before = cache.stats().outdated;
    server.child.kill().expect("kill -9");
    eventually("that it is told", || cache.stats().outdated > before).await;
    assert_eq!(known(&cache, "u"), None);
    let seen = cache.look(&[key("u")]).await;
    // The claim's own news may have come before: then nothing is known at all.
    assert!(seen.is_err() || seen.is_ok_and(|seen| seen[0].is_stale));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_near_cache_hears_of_the_one_behind_it() {
    let behind = Live::start();
    let store = behind.store();
    let front = Binary::with(&["--store", &store, "--near-cache", "16MiB", "--max-age", "1day"], &[]);
    let read = || front.call("GET", "/v1/users/u/campaigns/c", "");
    let metric = |name: &str| {
        let metrics = String::from_utf8(front.call("GET", "/metrics", "").body).expect("UTF-8");
        let line = metrics.lines().find(|line| line.starts_with(name)).map(str::to_owned);
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
    };
    eventually("a connection for changes", || metric("stayput_near_cache_outdated_total") > Some(0.0)).await;
    let change = |body: &str| assert_eq!(behind.call("PUT", "/v1/users/u/campaigns/c", body).status, 200);
    change(r#"{"variationName":"A"}"#);
    let hits = r#"stayput_near_cache_answers_total{answer="hit"}"#;
    eventually("a hit", || read().status == 200 && metric(hits) > Some(0.0)).await;
    assert!(metric("stayput_near_cache_bytes") > Some(0.0) && metric("stayput_near_cache_users") > Some(0.0));
    change(r#"{"variationName":"B","over":"A"}"#);
    let shows = |wanted: &str| String::from_utf8(read().body).is_ok_and(|body| body.contains(wanted));
    eventually("the change", || shows(r#""variationName":"B""#)).await;
    assert!(metric("stayput_near_cache_invalidations_total") > Some(0.0));
}

#[test]
fn without_the_option_nothing_is_kept() {
    let server = Binary::serve("memory:");
    let metrics = String::from_utf8(server.call("GET", "/metrics", "").body).expect("UTF-8");
    assert!(!metrics.contains("near_cache"));
}
