//! What operators see: metrics, request ids, and logs without a single user id.
#[path = "support/live.rs"]
mod live;

use live::{Answer, Binary};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Ids that nothing else contains.
const USER: &str = "zq-user-4711";
const ODD: &str = "zq%2Fodd%20user";

fn metrics(binary: &Binary) -> String {
    let answer = binary.call("GET", "/metrics", "");
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").is_some_and(|it| it.starts_with("application/openmetrics-text")));
    String::from_utf8(answer.body).expect("UTF-8")
}

/// Every route, right and wrong, with the ids wherever an id can be.
fn everything(binary: &Binary) -> Vec<Answer> {
    let mut answers = Vec::new();
    for user in [USER, ODD] {
        let place = format!("/v1/users/{user}/campaigns/c");
        let record = json!({"userId": user, "campaignKey": "c", "variationName": "A", "goalIdentifier": "g"});
        let no_variation = json!({"userId": user, "campaignKey": "c"});
        let set = json!({"records": [record, no_variation]}).to_string();
        let both = json!({"records": [record, record]}).to_string();
        let keys = json!({"keys": [{"userId": user, "campaignKey": "c"}]}).to_string();
        let wrong_key = json!([{"scope": "s", "kind": "classic", "userId": user, "campaignKey": ""}]).to_string();
        let wrong_line = format!("{record}\n{no_variation}\n{{\"userId\":\"{user}\"\n");
        for (method, target, body) in [
            ("PUT", &*place, r#"{"variationName":"A","goalIdentifier":"g"}"#),
            ("PUT", &place, r#"{"variationName":"B","over":"A"}"#),
            ("PUT", &place, r#"{"variationName":7}"#),
            ("PUT", &place, r#"{"userId":"zq-other"}"#),
            ("GET", &place, ""),
            ("GET", &format!("/v1/users/{user}/campaigns/none"), ""),
            ("GET", &format!("/v1/users/{user}/campaigns/%zz"), ""),
            ("GET", &format!("/v1/users/{user}/nothing"), ""),
            ("BREW", &place, ""),
            ("GET", &format!("/v1/users/{user}"), ""),
            ("POST", "/v1/set", &set),
            ("POST", "/v1/set", &both),
            ("POST", "/v1/get", &keys),
            ("POST", "/v1/get", user),
            ("POST", "/v1/store/get", &wrong_key),
            ("POST", "/v1/import", &wrong_line),
            ("GET", "/v1/export", ""),
            ("DELETE", &place, ""),
            ("DELETE", &format!("/v1/users/{user}"), ""),
            ("GET", &format!("/{user}"), ""),
        ] {
            answers.push(binary.call(method, target, body));
        }
    }
    answers
}

#[test]
fn metrics_are_the_documented_ones_and_count_what_happened() {
    let spool = tempfile::tempdir().expect("a folder");
    let binary = Binary::with(&["--store", "memory:", "--spool", &spool.path().display().to_string()], &[]);
    let claims = [
        r#"{"variationName":"A","goalIdentifier":"x"}"#,
        r#"{"variationName":"A","goalIdentifier":"x"}"#,
        r#"{"variationName":"A","goalIdentifier":"y_vwo_z"}"#,
        r#"{"variationName":"B"}"#,
        r#"{"variationName":"B","over":"A"}"#,
    ];
    for (user, claims) in [("u", &claims[..]), ("v", &claims[..4]), ("w", &claims[..3]), ("x", &claims[..1])] {
        for claim in claims {
            assert_eq!(binary.call("PUT", &format!("/v1/users/{user}/campaigns/c"), claim).status, 200);
        }
    }
    binary.call("GET", "/v1/users/u/campaigns/c", "");
    binary.call("GET", "/v1/users/nobody/campaigns/c", "");
    let text = metrics(&binary);
    let route = "route=\"/v1/users/{userId}/campaigns/{campaignKey}\"";
    for line in [
        "stayput_claims_total{outcome=\"created\"} 4",
        "stayput_claims_total{outcome=\"unchanged\"} 3",
        "stayput_claims_total{outcome=\"joined\"} 3",
        "stayput_claims_total{outcome=\"kept\"} 2",
        "stayput_claims_total{outcome=\"replaced\"} 1",
        "stayput_goals_new_total 10",
        "stayput_goals_dropped_total 0",
        &format!("stayput_http_requests_total{{{route},method=\"PUT\",status=\"200\"}} 13"),
        &format!("stayput_http_requests_total{{{route},method=\"GET\",status=\"200\"}} 1"),
        &format!("stayput_http_requests_total{{{route},method=\"GET\",status=\"404\"}} 1"),
        "stayput_store_seconds_count{store=\"memory\",operation=\"claim\",outcome=\"ok\"} 13",
        "stayput_http_requests_in_flight 1",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is not in {text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn every_documented_metric_is_told_and_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = folder.path().join("spool").display().to_string();
    let shadow = format!("file:{}", folder.path().join("old").display());
    let everything = ["--store", "memory:", "--shadow", &shadow, "--spool", &spool, "--near-cache", "1MiB"];
    let binary = Binary::with(&everything, &[]);
    binary.call("PUT", "/v1/users/u/campaigns/c", r#"{"variationName":"A","goalIdentifier":"x"}"#);
    let text = metrics(&binary);
    let page = stayput_server::docs::metrics();
    let documented: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).map(|it| {
        let (name, shape) = it.split_once(' ').expect("a type");
        if shape == "counter" { format!("{name}_total") } else { name.to_owned() }
    });
    let told: BTreeSet<String> = types.collect();
    // Memcached's are told where it is the store: `memcached.rs`.
    let here = documented.into_iter().filter(|name| !name.starts_with("stayput_memcached_"));
    assert_eq!(told, here.map(str::to_owned).collect());
}

#[test]
fn a_thousand_goals_and_more_are_counted_as_dropped() {
    let binary = Binary::serve("memory:");
    let goals: Vec<String> = (0..1_005).map(|goal| goal.to_string()).collect();
    let claim = json!({"variationName": "A", "goalIdentifier": goals.join("_vwo_")}).to_string();
    assert_eq!(binary.call("PUT", "/v1/users/u/campaigns/c", claim).json()["droppedGoals"], 5);
    let text = metrics(&binary);
    assert!(text.contains("\nstayput_goals_dropped_total 5\n"), "{text}");
}

#[test]
fn a_request_id_comes_back_and_a_wrong_one_is_replaced() {
    let binary = Binary::serve("memory:");
    let ask = |target: &str, id: &str| {
        let head = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{id}\r\n");
        live::raw(binary.address, head.as_bytes()).header("x-request-id").map(str::to_owned)
    };
    for target in ["/healthz", "/v1/users/u/campaigns/c", "/nothing", "/v1/users/%zz"] {
        assert_eq!(ask(target, "X-Request-Id: a.b-C_1\r\n").as_deref(), Some("a.b-C_1"), "{target}");
    }
    let (one, other) = (ask("/healthz", "X-Request-Id: a b\r\n"), ask("/v1/users/%zz", ""));
    assert!(one.as_ref().is_some_and(|id| id.len() == 16) && other.is_some() && one != other, "{one:?} {other:?}");
    assert_eq!(ask("/v1/users/u/campaigns/c", ""), None, "a plain read has none to pay for");
}

#[test]
fn no_user_id_is_in_a_log_a_label_or_an_error() {
    for (log, format) in [("info", "text"), ("debug", "text"), ("info", "json"), ("debug", "json")] {
        let binary = Binary::with(&["--store", "memory:", "--log", log, "--log-format", format], &[]);
        for answer in everything(&binary) {
            if answer.status >= 400 {
                let said = String::from_utf8_lossy(&answer.body).into_owned();
                assert!(!said.contains("zq"), "{said}");
            }
        }
        let text = metrics(&binary);
        assert!(!text.contains("zq"), "{text}");
        binary.signal("TERM");
        let (_, said) = binary.ended();
        assert!(!said.contains("zq"), "{said}");
        assert!(said.contains("stopping"), "{said}");
        assert!(log == "info" || said.contains("{campaignKey}"), "debug tells routes: {said}");
    }
}

#[test]
fn logs_are_json_on_request_and_carry_the_request_id() {
    let upstream = Binary::serve("memory:");
    let store = format!("stayput://{}", upstream.address);
    let binary = Binary::with(&["--store", &store, "--log-format", "json"], &[]);
    drop(upstream);
    let head = "GET /v1/users/zq/campaigns/c HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: find-me\r\n\r\n";
    assert_eq!(live::raw(binary.address, head.as_bytes()).status, 503);
    binary.says("find-me");
    let said = binary.told();
    let line = said.lines().find(|line| line.contains("find-me")).expect("a line");
    let line: Value = serde_json::from_str(line).expect("JSON");
    assert_eq!(
        (&line["level"], &line["request"], &line["kind"]),
        (&json!("WARN"), &json!("find-me"), &json!("unavailable"))
    );
    assert!(!said.contains("zq"), "{said}");
}
