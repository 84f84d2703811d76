//! A server with a spool that starts while its Redis is down: it keeps claims, and delivers them once Redis is there.
use live::{Answer, Binary, eventually};
use redis::Redis;
use serde_json::json;
use std::process::Command;

#[path = "support/live.rs"]
mod live;
#[path = "support/redis.rs"]
mod redis;

fn main() {
    let tests: [(&str, fn()); 5] = [
        ("claims_are_kept_from_the_start_and_delivered_when_the_store_comes", claims_are_kept),
        ("a_server_behind_another_that_is_down_starts_too", another_server),
        ("without_a_spool_a_store_that_is_down_ends_it_with_one_sentence", without_a_spool),
        ("what_a_spool_cannot_mend_ends_it_all_the_same", wrong_ones),
        ("a_password_that_turns_out_wrong_is_told_and_loses_nothing", late_password),
    ];
    redis::run(&tests);
}

fn claims_are_kept() {
    let (folder, mut redis) = (tempfile::tempdir().expect("a folder"), Redis::new());
    let spool = folder.path().join("spool").display().to_string();
    redis.run(&[]);
    redis.kill();
    let server = serve(&url(&redis), &spool);
    server.says("the store cannot be reached; claims are spooled until it can");
    let first = put(&server, "u", r#"{"variationName":"A","goalIdentifier":"g"}"#);
    assert_eq!((first.status, &first.json()["outcome"]), (200, &json!("spooled")));
    assert_eq!(put(&server, "u", r#"{"variationName":"B"}"#).json()["held"]["variationName"], "A");
    assert_eq!(get(&server, "u").status, 503, "a failed read is no absence");
    let ready = server.call("GET", "/readyz", "");
    assert_eq!(ready.status, 503, "a store that was never seen may be the wrong one");
    assert!(ready.json()["error"]["message"].as_str().is_some_and(|why| why.contains("cannot be reached")));
    let doctor = Command::new(env!("CARGO_BIN_EXE_stayput"))
        .args(["doctor", "--json", "--store", &url(&redis), "--spool", &spool])
        .output();
    let doctor = String::from_utf8(doctor.expect("the binary").stdout).expect("UTF-8");
    assert!(doctor.contains("2 claims wait"), "{doctor}");

    redis.run(&[]);
    eventually("it is ready", || server.call("GET", "/readyz", "").status == 200);
    eventually("claims are delivered", || server.call("GET", "/readyz", "").json()["spool"]["waiting"] == 0);
    let held = get(&server, "u").json();
    assert_eq!((&held["variationName"], &held["goalIdentifier"]), (&json!("A"), &json!("g")));
    assert_eq!(put(&server, "v", r#"{"variationName":"A"}"#).json()["outcome"], "created");
    redis.kill();
    assert_eq!(put(&server, "w", r#"{"variationName":"A"}"#).json()["outcome"], "spooled");
    let ready = server.call("GET", "/readyz", "");
    assert_eq!((ready.status, &ready.json()["status"]), (200, &json!("spooling")), "it has been seen by now");
}

fn another_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = format!("file:{}", folder.path().join("data").display());
    let backend = Binary::serve(&data);
    let address = backend.address;
    drop(backend);
    let spool = folder.path().join("spool").display().to_string();
    let server = serve(&format!("stayput://{address}?timeout=500ms"), &spool);
    assert_eq!(put(&server, "u", r#"{"variationName":"A"}"#).json()["outcome"], "spooled");
    assert_eq!(server.call("GET", "/readyz", "").status, 503);
    let _backend = Binary::with(&["--store", &data, "--listen", &address.to_string()], &[]);
    eventually("it is delivered", || get(&server, "u").status == 200);
    assert_eq!(server.call("GET", "/readyz", "").status, 200);
}

fn without_a_spool() {
    let redis = Redis::new();
    let (code, told) = ends(&["--store", &url(&redis)]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("cannot be reached") && told.contains("check that the store runs"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

fn wrong_ones() {
    let (folder, mut redis) = (tempfile::tempdir().expect("a folder"), Redis::new());
    let spool = folder.path().join("spool").display().to_string();
    redis.run(&["--requirepass", "right"]);
    let wrong = format!("redis://:wrong@{}?connect=5s", redis.address);
    let (code, told) = ends(&["--store", &wrong, "--spool", &spool]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("did not accept the user or the password"), "{told}");
    let (code, told) = ends(&["--store", "redis:nowhere", "--spool", &spool]);
    assert_eq!(code, Some(2), "a URL that nothing can mend is wrong usage: {told}");
    assert!(told.contains("redis://host:6379/0"), "{told}");
}

fn late_password() {
    let (folder, mut redis) = (tempfile::tempdir().expect("a folder"), Redis::new());
    let spool = folder.path().join("spool").display().to_string();
    let server = serve(&url(&redis), &spool);
    assert_eq!(put(&server, "u", r#"{"variationName":"A"}"#).json()["outcome"], "spooled");
    redis.run(&["--requirepass", "right"]);
    server.says("the store still cannot be used: redis: the server did not accept the user or the password");
    eventually("readiness says it", || {
        let ready = server.call("GET", "/readyz", "");
        ready.status == 503 && String::from_utf8_lossy(&ready.body).contains("did not accept the user or the password")
    });
    redis.kill();
    redis.run(&[]);
    eventually("it is delivered", || get(&server, "u").status == 200);
}

fn serve(store: &str, spool: &str) -> Binary {
    Binary::with(&["--store", store, "--spool", spool, "--breaker-pause", "200ms"], &[])
}
fn put(server: &Binary, user: &str, body: &str) -> Answer {
    server.call("PUT", &format!("/v1/users/{user}/campaigns/c"), body)
}
fn get(server: &Binary, user: &str) -> Answer {
    server.call("GET", &format!("/v1/users/{user}/campaigns/c"), "")
}
/// Exit code and what it said, of a server that is not to stay.
fn ends(arguments: &[&str]) -> (Option<i32>, String) {
    let mut serve = Command::new(env!("CARGO_BIN_EXE_stayput"));
    let ended = serve.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments).output().expect("the binary");
    (ended.status.code(), String::from_utf8(ended.stderr).expect("UTF-8"))
}

/// Where it is, for clients with little patience.
fn url(redis: &Redis) -> String {
    format!("{}?timeout=1s&connect=1s", redis.url())
}
