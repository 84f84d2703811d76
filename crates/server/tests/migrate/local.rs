//! Between folders of this machine.
use super::tool::{Folder, lines, memory};
use serde_json::json;
use std::{fmt::Write as _, fs, io::Write as _};

pub(crate) fn twice_changes_nothing(_: &[String]) {
    let folder = Folder::new();
    let from = folder.filled("from", &lines(5_000));
    let to = folder.store("to");
    let ran = folder.migrate(&[&from, &to, "--verify"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(ran.counts(["found", "created", "failed", "verified", "differing"]), [5_000, 5_000, 0, 5_000, 0]);
    let export = folder.export(&from);
    assert!(folder.export(&to) == export, "the same lines");
    let again = folder.migrate(&[&from, &to]);
    assert_eq!(again.counts(["found", "created", "joined", "unchanged"]), [5_000, 0, 0, 5_000]);
    assert!(folder.export(&to) == export, "it changed nothing");
    assert_eq!(folder.states(), Vec::<std::path::PathBuf>::new(), "a migration that is done leaves nothing behind");
}

pub(crate) fn what_the_target_holds_stays(_: &[String]) {
    let folder = Folder::new();
    let line = |user: &str, variation: &str, goal: &str| {
        let line = json!({"userId": user, "campaignKey": "c", "variationName": variation, "goalIdentifier": goal});
        format!("{line}\n")
    };
    let from = folder.filled("from", &(line("secret-1", "A", "g") + &line("secret-2", "A", "g")));
    let to = folder.filled("to", &(line("secret-1", "B", "h") + &line("secret-2", "A", "h")));
    let ran = folder.migrate(&[&from, &to]);
    assert_eq!((ran.code, ran.counts(["created", "joined", "kept"])), (Some(0), [0, 1, 1]), "{}", ran.err);
    assert!(ran.err.contains("campaign \"c\": the target keeps \"B\", not \"A\""), "{}", ran.err);
    assert!(!ran.err.contains("secret"), "no user: {}", ran.err);
    let held = folder.run(&["get", "secret-1", "c", "--store", &to, "--json"]).json();
    assert_eq!((&held["variationName"], &held["goalIdentifier"]), (&json!("B"), &json!("h_vwo_g")));
    let shown = folder.migrate(&[&from, &to, "--show-users"]);
    assert!(shown.err.contains("user \"secret-1\" in campaign \"c\""), "{}", shown.err);
    assert_eq!(shown.counts(["joined", "kept", "unchanged"]), [0, 1, 1]);
}

pub(crate) fn a_rehearsal_writes_nothing(_: &[String]) {
    let folder = Folder::new();
    let from = folder.filled("from", &lines(3_000));
    let to = folder.filled("to", &lines(1_000).replace("Control", "Other"));
    let before = folder.export(&to);
    let rehearsed = folder.migrate(&[&from, &to, "--dry-run"]);
    assert!(folder.export(&to) == before, "nothing was written");
    assert_eq!(folder.states(), Vec::<std::path::PathBuf>::new());
    let moved = folder.migrate(&[&from, &to]);
    let counts = ["found", "created", "joined", "kept", "unchanged", "failed"];
    assert_eq!(rehearsed.counts(counts), moved.counts(counts));
    assert_eq!(moved.counts(["created", "kept"]), [2_000, 334]);
}

pub(crate) fn verify_finds_what_is_missing(_: &[String]) {
    let folder = Folder::new();
    let from = folder.filled("from", &lines(2_500));
    let to = folder.store("to");
    let state = folder.path("state.json");
    let state = state.to_str().expect("UTF-8");
    // A state that says that everything was moved already: only the second half is true.
    let half: String = lines(2_500).lines().skip(1_000).map(|line| format!("{line}\n")).collect();
    folder.filled("to", &half);
    let report = json!({"found": 2500, "created": 2500, "joined": 0, "kept": 0, "unchanged": 0, "failed": 0, "others": 0,
        "verified": 0, "differing": 0});
    let kept = json!({"from": from, "to": to, "scope": null, "keyTemplate": null, "pass": "verify", "position": null,
        "report": report});
    fs::write(state, kept.to_string()).expect("written");
    let ran = folder.migrate(&[&from, &to, "--verify", "--state", state]);
    assert_eq!((ran.code, ran.counts(["verified", "differing"])), (Some(1), [2_500, 1_000]), "{}", ran.err);
    assert_eq!(ran.err.matches("the target lacks it, or a part of it").count(), 1_000);
}

pub(crate) fn killed_in_the_middle(_: &[String]) {
    let folder = Folder::new();
    let from = folder.filled("from", &lines(40_000));
    let export = folder.export(&from);
    for round in 0..20 {
        let to = folder.store(&format!("to{round}"));
        if !folder.killed_on_the_way(&[&from, &to]) {
            continue; // it was too quick
        }
        let ran = folder.migrate(&[&from, &to, "--verify"]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.err.contains("going on behind "), "{}", ran.err);
        assert_eq!((ran.json()["resumed"].as_bool(), ran.counts(["found", "differing"])), (Some(true), [40_000, 0]));
        assert!(ran.counts(["created"]) >= [4_000], "what was done before counts");
        assert!(folder.export(&to) == export, "the same lines");
        assert_eq!(folder.states(), Vec::<std::path::PathBuf>::new());
        return;
    }
    panic!("it was never caught in the middle");
}

pub(crate) fn memory_is_flat(_: &[String]) {
    let peak = |count: usize| {
        let folder = Folder::new();
        let mut child = folder.start(&["migrate", "ndjson:-", "memory:"]);
        let mut input = child.stdin.take().expect("piped");
        let (mut text, filler) = (String::new(), "f".repeat(300));
        for user in 0..count {
            // Expired, so that the target itself does not grow.
            let times = r#""changedAt":"2020-01-01T00:00:00Z","expiresAt":"2020-01-02T00:00:00Z""#;
            let _ =
                writeln!(text, r#"{{"userId":"{user}","campaignKey":"c","variationName":"A","f":"{filler}",{times}}}"#);
        }
        input.write_all(text.as_bytes()).expect("it reads");
        let peak = memory(&child, "VmHWM");
        drop(input);
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success() && peak > 0, "{output:?}");
        (peak, text.len() as u64)
    };
    let ((few, _), (many, bytes)) = (peak(10_000), peak(200_000));
    let grown = many.saturating_sub(few);
    assert!(grown < bytes / 4, "{bytes} bytes of lines took {grown} bytes of memory");
}

pub(crate) fn wrong_usage(_: &[String]) {
    let folder = Folder::new();
    let other = folder.write("other.json", r#"{"from":"x"}"#);
    let wrong: [(&[&str], i32, &str); 8] = [
        (&["memory:", "memory:"], 2, "FROM and TO are the same store"),
        (&["nothing:", "memory:"], 2, "there is no store \"nothing:\""),
        (&["ndjson:/nowhere", "memory:"], 1, "/nowhere"),
        (&["memory:", "file:x", "--key-template", "{user}"], 2, "--key-template is for a Redis"),
        (&["memory:", "file:x", "--key-template", "{campaign}"], 2, "a template must name {user}"),
        (&["memory:", "file:x", "--state", &other], 1, "delete it to begin anew"),
        (&["csv:other.json", "memory:"], 1, "the first row must name userId"),
        (&["memory:"], 2, "<TO>"),
    ];
    for (arguments, code, message) in wrong {
        let ran = folder.run(&[&["migrate"], arguments].concat());
        assert_eq!(ran.code, Some(code), "{arguments:?} {}", ran.err);
        assert!(ran.err.contains(message), "{arguments:?} {}", ran.err);
    }
    let help = folder.run(&["migrate", "--help"]).out;
    assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
}
