//! A server with a spool whose store is gone: claims are kept, and delivered when it is back.
#[path = "support/live.rs"]
mod live;

use live::{Answer, Binary};
use serde_json::{Value, json};
use std::{net::SocketAddr, path::Path, process::Command, time::Duration};

/// A store on a port of its own that can be stopped and started again.
fn store(folder: &Path, address: Option<SocketAddr>) -> Binary {
    let listen = address.map_or_else(|| "127.0.0.1:0".into(), |address| address.to_string());
    Binary::with(&["--store", &format!("file:{}", folder.display()), "--listen", &listen], &[])
}
fn put(server: &Binary, user: &str, body: &str) -> Answer {
    server.call("PUT", &format!("/v1/users/{user}/campaigns/c"), body)
}
fn eventually<T: PartialEq + std::fmt::Debug>(expected: &T, mut now: impl FnMut() -> T) {
    for _ in 0..6_000 {
        if now() == *expected {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it stayed {:?} and never became {expected:?}", now());
}
fn spool_of(server: &Binary) -> Value {
    server.call("GET", "/readyz", "").json()["spool"].clone()
}

#[test]
fn claims_are_spooled_while_the_store_is_gone_and_delivered_by_the_next_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, spool) = (folder.path().join("data"), folder.path().join("spool").display().to_string());
    let backend = store(&data, None);
    let address = backend.address;
    let url = format!("stayput://{address}?timeout=500ms");
    let arguments = ["--store", &url, "--spool", &spool, "--breaker-pause", "200ms"];
    let server = Binary::with(&arguments, &[]);
    assert_eq!(put(&server, "early", r#"{"variationName":"A"}"#).json()["outcome"], "created");
    drop(backend);

    let answer = put(&server, "u", r#"{"variationName":"A","goalIdentifier":"g"}"#);
    let held = json!({"userId": "u", "campaignKey": "c", "variationName": "A", "goalIdentifier": "g"});
    assert_eq!((answer.status, answer.json()), (200, json!({"outcome": "spooled", "newGoals": null, "held": held})));
    let batch = json!({"records": [{"userId": "v", "campaignKey": "c", "variationName": "A"}]}).to_string();
    assert_eq!(server.call("POST", "/v1/set", &batch).json()["results"][0]["outcome"], "spooled");
    assert_eq!(put(&server, "early", r#"{"variationName":"B"}"#).json()["outcome"], "spooled");
    assert_eq!(server.call("GET", "/v1/users/u/campaigns/c", "").status, 503, "a failed read is no absence");
    let ready = server.call("GET", "/readyz", "");
    assert_eq!(
        (ready.status, &ready.json()["status"], &ready.json()["spool"]["waiting"]),
        (200, &json!("spooling"), &json!(3))
    );
    eventually(&true, || {
        server.call("GET", "/v1/users/u/campaigns/c", "");
        let metrics = String::from_utf8(server.call("GET", "/metrics", "").body).expect("UTF-8");
        assert!(
            metrics.contains("\nstayput_spool_waiting 3\n") && metrics.contains("\nstayput_spool_claims_total 3\n")
        );
        metrics.contains("\nstayput_breaker{state=\"open\"} 1\n")
    });
    let shown = Command::new(env!("CARGO_BIN_EXE_stayput")).args(["spool", "--json", "--spool", &spool]).output();
    let shown: Value = serde_json::from_slice(&shown.expect("the binary").stdout).expect("JSON");
    assert_eq!(shown["spool"]["waiting"], 3, "beside a server that uses it");
    drop(server); // SIGKILL

    let _backend = store(&data, Some(address));
    let server = Binary::with(&arguments, &[]);
    eventually(&json!(0), || spool_of(&server)["waiting"].clone());
    let get =
        |user: &str| server.call("GET", &format!("/v1/users/{user}/campaigns/c"), "").json()["variationName"].clone();
    assert_eq!([get("u"), get("v"), get("early")], [json!("A"), json!("A"), json!("A")]);
    assert_eq!(put(&server, "u", r#"{"variationName":"A","goalIdentifier":"g"}"#).json()["newGoals"], json!([]));
    let metrics = String::from_utf8(server.call("GET", "/metrics", "").body).expect("UTF-8");
    assert!(metrics.contains("\nstayput_spool_replayed_total 3\n"), "{metrics}");
    assert!(metrics.contains("\nstayput_spool_lost_races_total 1\n"), "early was first elsewhere");
}

#[test]
fn a_full_spool_refuses_and_says_so_loudly() {
    let folder = tempfile::tempdir().expect("a folder");
    let backend = store(&folder.path().join("data"), None);
    let url = format!("stayput://{}?timeout=500ms", backend.address);
    let spool = folder.path().join("spool").display().to_string();
    let server = Binary::with(&["--store", &url, "--spool", &spool, "--spool-limit", "4KiB"], &[]);
    drop(backend);
    let refused = (0..100).map(|user| put(&server, &format!("u{user}"), r#"{"variationName":"A"}"#));
    let refused = refused.into_iter().find(|answer| answer.status != 200).expect("4 KiB are not much");
    assert_eq!((refused.status, refused.json()["error"]["kind"].as_str()), (503, Some("refused")));
    server.says("the spool is full");
    let metrics = String::from_utf8(server.call("GET", "/metrics", "").body).expect("UTF-8");
    assert!(metrics.contains("\nstayput_spool_refused_total 1\n"), "{metrics}");
}

#[test]
fn a_spool_that_is_not_there_is_not_made_by_looking() {
    let folder = tempfile::tempdir().expect("a folder");
    let none = folder.path().join("none");
    let shown = Command::new(env!("CARGO_BIN_EXE_stayput")).args(["spool", "--spool"]).arg(&none).output();
    let shown = shown.expect("the binary");
    assert_eq!((shown.status.code(), none.exists()), (Some(1), false));
    assert!(String::from_utf8_lossy(&shown.stderr).contains("there is no spool in"));
}
