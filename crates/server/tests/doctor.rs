//! `stayput doctor` and `stayput bench`, run as people run them.
#[path = "support/live.rs"]
mod live;
#[path = "support/ran.rs"]
mod ran;
#[path = "support/spoil.rs"]
mod spoil;

use live::{Binary, Live};
use ran::{Ran, start, stayput};
use serde_json::Value;
use spoil::spoil;
use std::{fs, path::Path};

/// Findings that are not well, as area and what to do.
fn wrong(ran: &Ran) -> Vec<(String, String)> {
    let findings = ran.json()["findings"].as_array().cloned().unwrap_or_default();
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let wrong = findings.iter().filter(|finding| finding["level"] == "wrong");
    wrong.map(|finding| (text(finding, "area"), text(finding, "advice"))).collect()
}

fn run(arguments: &[&str]) -> Ran {
    Ran::of(start(&mut stayput(arguments)), "")
}

fn filled(folder: &Path) -> String {
    let store = format!("file:{}", folder.join("data").display());
    for user in ["ashley", "bob", "cleo"] {
        assert_eq!(run(&["set", user, "checkout", "A", "--store", &store]).code, Some(0));
    }
    assert_eq!(
        run(&["set", "ashley", "banner", "A", "--kind", "fme", "--scope", "other", "--store", &store]).code,
        Some(0)
    );
    store
}

#[test]
fn a_healthy_store_is_told_and_counted_without_users() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = filled(folder.path());
    let told = run(&["doctor", "--store", &store]);
    assert_eq!(told.code, Some(0), "{} {}", told.out, told.err);
    for area in ["configuration", "store", "disk", "limits", "versions", "data"] {
        assert!(told.out.lines().any(|line| line.starts_with("ok ") && line.contains(area)), "{area}: {}", told.out);
    }
    assert!(!told.out.contains("ashley"), "{}", told.out);
    let report = run(&["doctor", "--store", &store, "--json"]).json();
    assert_eq!(report["data"]["assignments"], 4);
    let campaigns = report["data"]["campaigns"].as_array().expect("a list");
    assert_eq!(
        campaigns[0],
        serde_json::json!({"scope": "default", "kind": "classic", "campaign": "checkout", "assignments": 3})
    );
    assert_eq!(campaigns[1]["scope"], "other");
    let (oldest, newest) = (&report["data"]["oldest"], &report["data"]["newest"]);
    assert!(oldest.as_str() <= newest.as_str() && oldest.as_str().is_some_and(|time| time.ends_with('Z')), "{report}");
    assert_eq!(run(&["doctor", "--store", &store, "--limit", "1", "--json"]).json()["data"]["unreadable"], 0);
}

#[test]
fn a_running_server_is_looked_at_too_beside_it_and_through_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = filled(folder.path());
    let binary = Binary::serve(&store);
    let through = run(&["doctor", "--store", &format!("stayput://{}", binary.address), "--json"]);
    assert_eq!((through.code, &through.json()["data"]["assignments"]), (Some(0), &4.into()), "{}", through.out);
    assert_eq!(run(&["doctor", "--store", &store]).code, Some(0));
    let refused = run(&["doctor", "--store", &store, "--compact"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("in use: stop the server"), "{}", refused.err);
}

#[test]
fn a_damaged_value_is_told_by_the_hash_of_its_key_and_by_its_user_only_when_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = filled(folder.path());
    spoil(&folder.path().join("data/data.mdb"), b"ashley\0ccheckout");
    let told = run(&["doctor", "--store", &store, "--json"]);
    assert_eq!(told.code, Some(1), "{}", told.out);
    let (area, advice) = &wrong(&told)[0];
    assert_eq!(area, "data");
    assert!(advice.contains("stayput forget"), "{advice}");
    let damaged = &told.json()["data"]["damaged"][0];
    assert_eq!((damaged["key"].as_str().map(str::len), &damaged["campaign"]), (Some(16), &"checkout".into()));
    assert!(!told.out.contains("ashley"), "{}", told.out);
    let asked = run(&["doctor", "--store", &store, "--json", "--show-users"]).json();
    assert_eq!(asked["data"]["damaged"][0]["userId"], "ashley");
    assert!(run(&["doctor", "--store", &store]).out.contains("wrong  data"));
    // The advice is good.
    assert_eq!(run(&["forget", "ashley", "--store", &store]).code, Some(0));
    assert_eq!(run(&["doctor", "--store", &store]).code, Some(0));
}

#[test]
fn a_spool_is_told_with_its_dead_letters_and_none_is_made_by_looking() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = filled(folder.path());
    let spool = folder.path().join("spool");
    let doctor = |spool: &Path| run(&["doctor", "--store", &store, "--json", "--spool", &spool.to_string_lossy()]);
    let says = |ran: &Ran| {
        let findings = ran.json()["findings"].as_array().cloned().unwrap_or_default();
        let spool = findings.into_iter().filter(|finding| finding["area"] == "spool");
        spool.map(|finding| format!("{}: {}", finding["level"], finding["says"])).collect::<Vec<_>>().join("; ")
    };
    assert!(says(&doctor(&spool)).contains("is made when a server starts with it"));
    assert!(!spool.exists());
    // Held by ashley is what no claim can join: what waits for her becomes a dead letter.
    let data = format!("file:{}", folder.path().join("behind").display());
    assert_eq!(run(&["set", "ashley", "checkout", "A", "--store", &data]).code, Some(0));
    let backend = Binary::serve(&data);
    let (address, behind) = (backend.address, format!("stayput://{}?timeout=500ms", backend.address));
    let path = spool.to_string_lossy().into_owned();
    let server = Binary::with(&["--store", &behind, "--spool", &path, "--breaker-pause", "200ms"], &[]);
    drop(backend);
    assert_eq!(says(&doctor(&spool)).split(',').next(), Some("\"ok\": \"nothing waits"));
    let put = |user: &str| {
        let body = r#"{"variationName":"B","goalIdentifier":"g"}"#;
        server.call("PUT", &format!("/v1/users/{user}/campaigns/checkout"), body).json()["outcome"].clone()
    };
    assert_eq!((put("ashley"), put("bob")), ("spooled".into(), "spooled".into()));
    let waiting = doctor(&spool);
    assert!(says(&waiting).contains("\"note\": \"2 claims wait, the oldest "), "{}", says(&waiting));
    assert_eq!(waiting.code, Some(0), "{}", waiting.out);
    spoil(&folder.path().join("behind/data.mdb"), b"ashley\0ccheckout");
    let _backend = Binary::with(&["--store", &data, "--listen", &address.to_string()], &[]);
    let mut told = doctor(&spool);
    for _ in 0..600 {
        if says(&told).contains("nothing waits") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
        told = doctor(&spool);
    }
    assert!(says(&told).contains("\"wrong\": \"1 dead letters"), "{}", says(&told));
    assert_eq!(told.code, Some(1), "{}", told.out);
    // The server's configuration names it, too.
    let told = Ran::of(start(stayput(&["doctor", "--store", &store]).env("STAYPUT_SPOOL", &spool)), "");
    assert!(told.out.contains("stayput spool"), "{}", told.out);
}

#[test]
fn a_missing_store_is_not_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nothing");
    let told = run(&["doctor", "--store", &format!("file:{}", path.display()), "--json"]);
    assert_eq!(told.code, Some(1));
    assert!(wrong(&told)[0].1.contains("--store file:PATH"), "{}", told.out);
    assert!(!path.exists());
    let far = run(&["doctor", "--store", "stayput://127.0.0.1:1", "--json"]);
    assert_eq!((far.code, wrong(&far)[0].0.as_str()), (Some(1), "store"), "{}", far.out);
}

#[test]
fn another_programs_folder_is_told_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data.mdb");
    fs::write(&data, "not ours").expect("written");
    let store = format!("file:{}", folder.path().display());
    let told = run(&["doctor", "--store", &store, "--json"]);
    assert_eq!((told.code, wrong(&told)[0].0.as_str()), (Some(1), "store"), "{}", told.out);
    assert_eq!(run(&["doctor", "--store", &store, "--compact"]).code, Some(1));
    assert_eq!(fs::read(&data).expect("there"), b"not ours");
}

#[test]
fn a_configuration_that_cannot_be_used_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = filled(folder.path());
    let mut doctor = stayput(&["doctor", "--store", &store, "--json"]);
    let told = Ran::of(start(doctor.env("STAYPUT_LISTEN", "nowhere")), "");
    assert_eq!(told.code, Some(1));
    assert!(told.out.contains("docs/config.md"));
}

#[test]
fn compaction_keeps_every_line_of_the_export() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = filled(folder.path());
    let lines: String = (0..5_000)
        .map(|user| format!("{{\"userId\":\"{user}\",\"campaignKey\":\"c\",\"variationName\":\"A\"}}\n"))
        .collect();
    let file = folder.path().join("lines");
    fs::write(&file, lines).expect("written");
    assert_eq!(run(&["import", &file.to_string_lossy(), "--store", &store]).code, Some(0));
    for user in ["1", "2", "3"] {
        assert_eq!(run(&["forget", user, "--store", &store]).code, Some(0));
    }
    let export = || run(&["export", "--store", &store]).out;
    let before = export();
    let told = run(&["doctor", "--compact", "--store", &store]);
    assert_eq!(told.code, Some(0), "{}", told.err);
    assert!(told.out.contains(" won, ") && told.out.contains(" left"), "{}", told.out);
    assert_eq!((export(), before.lines().count()), (before, 5_000));
    assert_eq!(run(&["doctor", "--compact", "--store", "memory:"]).code, Some(2));
}

#[test]
fn bench_measures_a_store_and_the_wire() {
    let live = Live::start();
    let http = live.address.to_string();
    let common = ["--seconds", "1", "--users", "500", "--connections", "4", "--claims", "20", "--prefill", "--json"];
    for place in [["--store", "memory:"], ["--store", &live.store()], ["--http", &http]] {
        let ran = run(&[["bench"].as_slice(), &place, &common].concat());
        assert_eq!(ran.code, Some(0), "{place:?} {}", ran.err);
        let told = ran.json();
        let number = |kind: &str, name: &str| told[kind][name].as_f64().unwrap_or_default();
        assert!(number("get", "requests") > 0.0 && number("claim", "requests") > 0.0, "{told}");
        assert_eq!(number("all", "requests"), number("get", "requests") + number("claim", "requests"));
        assert!(number("all", "p50") > 0.0 && number("all", "p50") <= number("all", "p99"), "{told}");
    }
    assert_eq!(live.export().lines().count(), 500);
    let table = run(&["bench", "--http", &http, "--seconds", "1", "--users", "5"]);
    assert!(table.out.lines().any(|line| line.starts_with("claim ")), "{}", table.out);
    let nobody = run(&["bench", "--http", "127.0.0.1:1", "--seconds", "1"]);
    assert_eq!(nobody.code, Some(1));
    assert!(nobody.err.contains("http://127.0.0.1:1 cannot be measured"), "{}", nobody.err);
}
