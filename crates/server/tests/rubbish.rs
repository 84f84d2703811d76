//! Everything that is wrong with a request: it is told what, nothing is stored, and the server lives on.
#[path = "support/live.rs"]
mod live;

use live::{Answer, Binary, Live};
use serde_json::json;

const PLACE: &str = "/v1/users/u/campaigns/c";

/// Sends `requests` (method, target, body) and expects 400 `invalid` about the field, and nothing stored.
fn refused(requests: &[(&str, &str, &[u8], &str)]) {
    let live = Live::start();
    for (method, target, body, field) in requests {
        let answer = live.call(method, target, body);
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        assert_eq!(answer.error(), (400, "invalid".into(), (*field).into()), "{method} {target} {shown}");
    }
    assert_eq!(live.export(), "", "nothing is stored");
}

#[test]
fn wrong_bodies_are_refused_by_field() {
    let nested = ["{\"metaData\":".as_bytes(), &[b'['; 100_000]].concat();
    let closed =
        [b"{\"variationName\":\"A\",\"metaData\":".as_slice(), &[b'['; 100_000], &[b']'; 100_000], b"}"].concat();
    let long = format!(r#"{{"variationName":"{}"}}"#, "v".repeat(257));
    let large = format!(r#"{{"variationName":"A","metaData":"{}"}}"#, "m".repeat(16 * 1024));
    let put = |body: &'static str, field: &'static str| ("PUT", PLACE, body.as_bytes(), field);
    refused(&[
        put("", "body"),
        put("{", "body"),
        put("[]", "body"),
        put("null", "body"),
        put("\"A\"", "body"),
        put("{\"variationName\":\"\\ud800\"}", "body"),
        put("{\"variationName\":\"A\"} {}", "body"),
        ("PUT", PLACE, b"{\"variationName\":\"\xff\"}", "body"),
        ("PUT", PLACE, &nested, "body"),
        ("PUT", PLACE, &closed, "body"),
        put("{}", "variationName"),
        put(r#"{"variation":"A"}"#, "variationName"),
        put(r#"{"variationName":null}"#, "variationName"),
        put(r#"{"variationName":""}"#, "variationName"),
        put(r#"{"variationName":7}"#, "variationName"),
        put(r#"{"variationName":["A"]}"#, "variationName"),
        put(r#"{"variationName":"A\u0000"}"#, "variationName"),
        ("PUT", PLACE, long.as_bytes(), "variationName"),
        put(r#"{"variationName":"A","goalIdentifier":["x"]}"#, "goalIdentifier"),
        put(r#"{"variationName":"A","goalIdentifier":"x\u0000"}"#, "goalIdentifier"),
        put(r#"{"variationName":"A","metaData":{"a\u0000":1}}"#, "metaData"),
        ("PUT", PLACE, large.as_bytes(), "metaData"),
        put(r#"{"variationName":"A","userId":"other"}"#, "userId"),
        put(r#"{"variationName":"A","userId":7}"#, "userId"),
        put(r#"{"variationName":"A","campaignKey":"other"}"#, "campaignKey"),
        put(r#"{"variationName":"A","over":7}"#, "over"),
        put(r#"{"variationName":"A","over":""}"#, "over"),
        put(r#"{"variationName":"A","overBy":"ab"}"#, "overBy"),
        put(r#"{"variationName":"A","over":"B","overBy":"no"}"#, "overBy"),
        put(r#"{"variationName":"A","claimId":"no"}"#, "claimId"),
        put(r#"{"variationName":"A","claimId":""}"#, "claimId"),
        put(r#"{"variationName":"A","assignedAt":"2026-01-01T00:00:00Z"}"#, "assignedAt"),
    ]);
}

#[test]
fn wrong_addresses_are_refused_by_field() {
    let body = br#"{"variationName":"A"}"#.as_slice();
    let (long_user, long_campaign) = ("u".repeat(1_025), "c".repeat(257));
    let user = format!("/v1/users/{long_user}/campaigns/c");
    let campaign = format!("/v1/users/u/campaigns/{long_campaign}");
    for method in ["PUT", "GET", "DELETE"] {
        refused(&[
            (method, "/v1/users//campaigns/c", body, "userId"),
            (method, "/v1/users/u/campaigns/", body, "campaignKey"),
            (method, "/v1/users/%00/campaigns/c", body, "userId"),
            (method, "/v1/users/u/campaigns/%00", body, "campaignKey"),
            (method, "/v1/users/%FF/campaigns/c", body, "userId"),
            (method, "/v1/users/u/campaigns/%C3%28", body, "campaignKey"),
            (method, "/v1/users/%/campaigns/c", body, "userId"),
            (method, "/v1/users/%zz/campaigns/c", body, "userId"),
            (method, "/v1/users/u/campaigns/c%2", body, "campaignKey"),
            (method, &user, body, "userId"),
            (method, &campaign, body, "campaignKey"),
            (method, "/v1/users/u/campaigns/c?scope=", body, "scope"),
            (method, "/v1/users/u/campaigns/c?scope=%FF", body, "scope"),
            (method, "/v1/users/u/campaigns/c?kind=other", body, "kind"),
            (method, "/v1/users/u/campaigns/c?sope=a", body, "sope"),
            (method, "/v1/users/u/campaigns/c?scope=a&scope=b", body, "scope"),
        ]);
    }
    refused(&[
        ("GET", "/v1/users/", b"", "userId"),
        ("GET", "/v1/users/%00", b"", "userId"),
        ("DELETE", "/v1/users/u?kind=fme", b"", "kind"),
        ("GET", "/v1/export?overwrite=true", b"", "overwrite"),
        ("POST", "/v1/import?overwrite=yes", b"", "overwrite"),
        ("POST", "/v1/import?kind=fme", b"", "kind"),
        ("GET", "/healthz?x", b"", "x"),
    ]);
}

#[test]
fn a_batch_that_is_wrong_anywhere_stores_nothing() {
    let good = r#"{"userId":"good","campaignKey":"c","variationName":"A"}"#;
    let with = |other: &str| format!(r#"{{"records":[{good},{other}]}}"#);
    let many = |name: &str, of: &str| format!(r#"{{"{name}":[{}]}}"#, vec![of; 1_001].join(","));
    let (dup, no_user, wrong, none) =
        (with(good), with(r#"{"campaignKey":"c","variationName":"A"}"#), with("7"), with("{}"));
    let (sets, gets) = (many("records", good), many("keys", r#"{"userId":"u","campaignKey":"c"}"#));
    refused(&[
        ("POST", "/v1/set", dup.as_bytes(), "records"),
        ("POST", "/v1/set", no_user.as_bytes(), "records[1].userId"),
        ("POST", "/v1/set", wrong.as_bytes(), "records[1]"),
        ("POST", "/v1/set", none.as_bytes(), "records[1].variationName"),
        ("POST", "/v1/set", sets.as_bytes(), "records"),
        ("POST", "/v1/set", b"{}", "records"),
        ("POST", "/v1/set", br#"{"records":{}}"#, "records"),
        ("POST", "/v1/set", br#"{"records":[],"extra":1}"#, "extra"),
        ("POST", "/v1/get", b"[]", "body"),
        ("POST", "/v1/get", b"{}", "keys"),
        ("POST", "/v1/get", gets.as_bytes(), "keys"),
        ("POST", "/v1/get", br#"{"keys":[null]}"#, "keys[0]"),
        ("POST", "/v1/get", br#"{"keys":[{"userId":"u"}]}"#, "keys[0].campaignKey"),
        ("POST", "/v1/get", br#"{"keys":[{"userId":7,"campaignKey":"c"}]}"#, "keys[0].userId"),
        ("POST", "/v1/get", br#"{"keys":[{"userId":"","campaignKey":"c"}]}"#, "keys[0].userId"),
    ]);
}

#[test]
fn what_the_internal_routes_cannot_read_is_refused() {
    for method in ["get", "claim", "put", "remove", "flush", "user", "erase", "scan"] {
        let target = format!("/v1/store/{method}");
        refused(&[
            ("POST", &target, b"", "body"),
            ("POST", &target, br#"[{"scope":"s","userId":"","campaignKey":"c"}]"#, "body"),
            ("POST", &target, br#"{"scope":"s","userId":7}"#, "body"),
        ]);
    }
}

#[test]
fn unknown_routes_and_methods_are_told_apart_from_absence() {
    let live = Live::start();
    let not_found = (404, "not_found".to_owned(), String::new());
    for target in
        ["/", "/v1", "/v1/users", "/v2/users/u", "/v1/users/u/campaigns", "/v1/users/u/campaigns/c/x", "//healthz"]
    {
        assert_eq!(live.call("GET", target, "").error(), not_found, "{target}");
    }
    let allowed = [
        ("POST", PLACE, "GET, HEAD, PUT, DELETE"),
        ("PUT", "/v1/users/u", "GET, HEAD, DELETE"),
        ("GET", "/v1/get", "POST"),
        ("PUT", "/v1/set", "POST"),
        ("POST", "/v1/export", "GET, HEAD"),
        ("GET", "/v1/import", "POST"),
        ("BREW", "/healthz", "GET, HEAD"),
        ("GET", "/v1/store/get", "POST"),
    ];
    for (method, target, allow) in allowed {
        let answer = live.call(method, target, "");
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{method} {target}");
        assert_eq!(answer.error().1, "method_not_allowed");
    }
}

#[test]
fn the_binary_outlives_rubbish() {
    let binary = Binary::serve("memory:");
    let nine_mebibytes = vec![b'x'; 9 * 1024 * 1024];
    let too_large: Answer = binary.call("PUT", PLACE, &nine_mebibytes);
    assert_eq!(too_large.error(), (413, "too_large".into(), "body".into()));
    let chunk =
        b"PUT /v1/users/u/campaigns/c HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunked = [chunk.as_slice(), b"900000\r\n", &nine_mebibytes, b"\r\n0\r\n\r\n"].concat();
    assert_eq!(live::raw(binary.address, &chunked).status, 413);
    let brackets = [br#"{"variationName":"A","metaData":"#.as_slice(), &vec![b'['; 100_000]].concat();
    assert_eq!(binary.call("PUT", PLACE, &brackets).error(), (400, "invalid".into(), "body".into()));
    for line in ["GARBAGE\r\n\r\n", "GET\r\n\r\n", "GET /v1/users/\u{7f} HTTP/1.1\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"] {
        assert_eq!(live::raw(binary.address, line.as_bytes()).status, 400, "{line:?}");
    }
    let invalid = b"GET /v1/users/\xff/campaigns/c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_eq!(live::raw(binary.address, invalid).status, 400);
    assert_eq!(binary.call("GET", "/v1/export", "").body, b"", "nothing is stored");
    assert_eq!(binary.call("PUT", PLACE, json!({"variationName": "A"}).to_string()).status, 200, "it is alive");
}
