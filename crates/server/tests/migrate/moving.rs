//! A server with `--shadow`: from one store to another while it serves, and back.
use super::{
    live::Binary,
    tool::{Folder, lines, sorted},
};
use serde_json::json;

pub(crate) fn a_server_moves_and_can_go_back(_: &[String]) {
    let folder = Folder::new();
    let (old, new) = (folder.filled("old", &lines(2_000)), folder.store("new"));
    let export = folder.export(&old);
    let server = Binary::with(&["--store", &new, "--shadow", &old], &[]);
    let read = |server: &Binary, user: usize| {
        let kind = if user.is_multiple_of(7) { "?kind=fme" } else { "" };
        server.call("GET", &format!("/v1/users/u{user:07}/campaigns/c{}{kind}", user % 3), "")
    };
    let before: Vec<_> = (0..100).map(|user| read(&server, user).json()).collect();
    for (user, held) in before.iter().enumerate() {
        let variation = ["Control", "Variation-1", "ü"][user / 3 % 3];
        assert_eq!(held["variationName"], variation);
    }
    let claim = r#"{"variationName":"rival","goalIdentifier":"late"}"#;
    let kept = server.call("PUT", "/v1/users/u0000101/campaigns/c2", claim).json();
    assert_eq!((&kept["outcome"], &kept["newGoals"]), (&json!("kept"), &json!(["late"])));
    assert_eq!(server.call("PUT", "/v1/users/nobody/campaigns/c", claim).json()["outcome"], "created");
    let metrics = String::from_utf8(server.call("GET", "/metrics", "").body).expect("UTF-8");
    for line in [
        "stayput_shadow_asked_total 103", // and once for the probe at the start
        "stayput_shadow_carried_total 101",
        "stayput_shadow_differences_total{what=\"variation\"} 0",
        "stayput_shadow_differences_total{what=\"part\"} 0",
        "stayput_shadow_missed_total 0",
    ] {
        assert!(metrics.lines().any(|it| it == line), "{line} in {metrics}");
    }
    // The rest, while it serves.
    let moved = folder.migrate(&[&old, &new, "--verify"]);
    let counts = moved.counts(["found", "created", "unchanged", "kept", "differing"]);
    assert_eq!((moved.code, counts), (Some(0), [2_001, 1_899, 102, 0, 0]), "{}", moved.err);
    drop(server);
    // Without the old store nothing has changed, and neither has it without the new one.
    let (there, back) = (Binary::serve(&new), Binary::serve(&old));
    for server in [&there, &back] {
        assert_eq!((0..100).map(|user| read(server, user).json()).collect::<Vec<_>>(), before);
        let held = server.call("GET", "/v1/users/nobody/campaigns/c", "").json();
        assert_eq!((&held["variationName"], &held["goalIdentifier"]), (&json!("rival"), &json!("late")));
    }
    drop((there, back));
    let unchanged = |text: &str| -> Vec<String> {
        let mine = |line: &&&str| !line.contains("\"nobody\"") && !line.contains("\"u0000101\"");
        sorted(text).iter().filter(mine).map(|line| (*line).to_owned()).collect()
    };
    assert!(unchanged(&folder.export(&new)) == unchanged(&export), "every other line is as it was");
}
