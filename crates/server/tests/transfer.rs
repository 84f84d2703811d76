//! Export and import: the same lines come back, wrong ones are told, and memory stays bounded.
#[path = "support/live.rs"]
mod live;

use live::{Binary, Live};
use serde_json::{Value, json};
use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    net::{Shutdown, TcpStream},
};

/// Lines that use everything a line can say.
fn lines() -> String {
    let mut lines = vec![
        json!({"userId": "a/b", "campaignKey": "é🦀", "variationName": "A", "goalIdentifier": "z_vwo_a", "more": [1.5, null],
            "metaData": {"k": {"deep": true}}, "assignedAt": "2024-02-29T23:59:59.999Z",
            "changedAt": "2025-01-01T00:00:00.001Z", "expiresAt": "2999-01-01T00:00:00.000Z"}),
        json!({"userId": "a/b", "featureKey": "é🦀", "variationName": "B", "kind": "fme",
            "assignedAt": "1970-01-01T00:00:00.000Z", "changedAt": "1970-01-01T00:00:00.000Z"}),
    ];
    for user in 0..1_200 {
        lines.push(json!({"userId": format!("u{user:05}"), "campaignKey": "c", "variationName": "A",
            "assignedAt": "2026-01-01T00:00:00.000Z", "changedAt": "2026-01-02T00:00:00.000Z"}));
    }
    lines.iter().rev().map(|line| format!("{line}\n")).collect()
}

fn imported(live: &Live, query: &str, lines: &str) -> Value {
    let answer = live.call("POST", &format!("/v1/import{query}"), lines);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[test]
fn export_import_export_gives_the_same_lines() {
    let (one, two) = (Live::start(), Live::start());
    assert_eq!(imported(&one, "", &lines())["created"], 1_202);
    let export = one.export();
    assert_eq!(export.lines().count(), 1_202);
    assert_eq!(imported(&two, "", &export)["created"], 1_202);
    assert_eq!(two.export(), export);
    let again = imported(&two, "", &export);
    assert_eq!((&again["unchanged"], &again["failed"]), (&json!(1_202), &json!(0)));
    assert_eq!(two.export(), export, "importing again changes nothing");
    for line in lines().lines() {
        let same = |it: &str| serde_json::from_str::<Value>(it).ok() == serde_json::from_str(line).ok();
        assert!(export.lines().any(same), "{line}");
    }
}

#[test]
fn an_import_claims_unless_it_overwrites() {
    let live = Live::start();
    live.call("PUT", "/v1/users/u/campaigns/c", r#"{"variationName":"held","goalIdentifier":"x"}"#);
    let line = r#"{"userId":"u","campaignKey":"c","variationName":"imported","goalIdentifier":"y"}"#;
    assert_eq!(imported(&live, "", line)["kept"], 1);
    let read = || live.call("GET", "/v1/users/u/campaigns/c", "").json();
    assert_eq!((&read()["variationName"], &read()["goalIdentifier"]), (&json!("held"), &json!("x_vwo_y")));
    assert_eq!(imported(&live, "?overwrite=true", line)["overwritten"], 1);
    assert_eq!((&read()["variationName"], &read()["goalIdentifier"]), (&json!("imported"), &json!("y")));
}

#[test]
fn a_wrong_line_is_told_by_number_and_the_rest_goes_on() {
    let live = Live::start();
    let good = |user: &str| format!(r#"{{"userId":"{user}","campaignKey":"c","variationName":"A"}}"#);
    let expired = r#"{"userId":"old","campaignKey":"c","variationName":"A","expiresAt":"2020-01-01T00:00:00Z"}"#;
    let endless = "x".repeat(5 * 1024 * 1024);
    let lines = [
        &*good("1"),
        "",
        "{",
        "[]",
        r#"{"userId":"2","campaignKey":"c"}"#,
        &endless,
        expired,
        " \r",
        &good("1"),
        &good(""),
    ];
    let report = imported(&live, "", &lines.join("\n"));
    let counts = ["lines", "created", "joined", "kept", "unchanged", "overwritten", "failed"].map(|name| &report[name]);
    assert_eq!(counts, [8, 1, 0, 0, 2, 0, 5], "{report}");
    let errors = report["errors"].as_array().expect("a list");
    let told: Vec<_> = errors.iter().map(|it| (it["line"].as_u64(), it["error"]["field"].as_str())).collect();
    let expected = [(3, "line"), (4, "line"), (5, "variationName"), (6, "line"), (10, "userId")];
    assert_eq!(told, expected.map(|(line, field)| (Some(line), Some(field))));
    assert_eq!(live.export().lines().count(), 1);
}

#[test]
fn lines_of_one_key_are_taken_in_order() {
    let live = Live::start();
    let line = |goal: &str| json!({"userId": "u", "campaignKey": "c", "variationName": "A", "goalIdentifier": goal});
    let report = imported(&live, "", &format!("{}\n{}\n{}\n", line("z"), line("a"), line("z")));
    assert_eq!(["created", "joined", "unchanged"].map(|name| &report[name]), [1, 1, 1], "{report}");
    assert_eq!(live.call("GET", "/v1/users/u/campaigns/c", "").json()["goalIdentifier"], "z_vwo_a");
}

#[test]
fn an_import_that_breaks_off_is_an_error() {
    let live = Live::start();
    let mut stream = TcpStream::connect(live.address).expect("a server");
    stream.write_all(b"POST /v1/import HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{}\n").expect("sent");
    stream.shutdown(Shutdown::Write).expect("shut down");
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).expect("an end");
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_hundred_thousand_lines_need_no_more_memory_than_a_few() {
    let binary = Binary::serve("memory:");
    let (mut lines, filler) = (String::new(), "f".repeat(300));
    // Expired, so that the store itself does not grow.
    let times = r#""changedAt":"2020-01-01T00:00:00Z","expiresAt":"2020-01-02T00:00:00Z""#;
    for user in 0..100_000 {
        let _ =
            writeln!(lines, r#"{{"userId":"{user}","campaignKey":"c","variationName":"A","f":"{filler}",{times}}}"#);
    }
    assert_eq!(binary.call("POST", "/v1/import", lines.lines().next().unwrap_or_default()).status, 200);
    let before = peak(&binary);
    let report = binary.call("POST", "/v1/import", &lines).json();
    assert_eq!((&report["lines"], &report["unchanged"]), (&json!(100_000), &json!(100_000)));
    let grown = peak(&binary) - before;
    assert!(grown < lines.len() / 4, "{} bytes of lines took {grown} bytes of memory", lines.len());
}

/// The most memory that it ever had, in bytes.
fn peak(binary: &Binary) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", binary.child.id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}
