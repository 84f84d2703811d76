//! The command line, run as people run it, on the store of a live server.
#[path = "support/live.rs"]
mod live;
#[path = "support/ran.rs"]
mod ran;

use live::Live;
use ran::{Ran, start, stayput};
use serde_json::json;
use std::fs;

fn run(store: &str, arguments: &[&str], input: &str) -> Ran {
    Ran::of(start(stayput(arguments).env("STAYPUT_STORE", store)), input)
}

#[test]
fn set_get_user_forget() {
    let live = Live::start();
    let on = |arguments: &[&str]| run(&live.store(), arguments, "");
    assert_eq!(on(&["get", "u", "c"]).code, Some(3));
    let set = on(&["set", "u", "c", "A", "--goal", "x", "--goal", "y", "--meta-data", r#"{"k":1}"#]);
    assert_eq!(set.code, Some(0), "{}", set.err);
    assert!(set.out.starts_with("outcome    created\nnew goals  x, y\nvariation  A\ngoals      x, y\n"), "{}", set.out);
    let record = json!({"userId": "u", "campaignKey": "c", "variationName": "A", "goalIdentifier": "x_vwo_y",
        "metaData": {"k": 1}});
    let kept = on(&["set", "u", "c", "B", "--json"]);
    assert_eq!(kept.json(), json!({"outcome": "kept", "newGoals": [], "held": record}));
    assert_eq!(on(&["get", "u", "c", "--json"]).json(), record);
    assert_eq!(live.call("GET", "/v1/users/u/campaigns/c", "").json(), record, "the same as over HTTP");
    assert_eq!(on(&["set", "u", "c", "B", "--over", "A", "--json"]).json()["outcome"], "replaced");
    assert!(on(&["get", "u", "c"]).out.contains("variation  B\n"));
    assert!(on(&["user", "u"]).out.lines().nth(1).is_some_and(|row| row.starts_with("c         B ")));
    assert_eq!(on(&["user", "u", "--json"]).json()["campaigns"][0]["variationName"], "B");
    assert_eq!(on(&["get", "u", "c", "--kind", "fme"]).code, Some(3));
    assert_eq!(on(&["get", "u", "c", "--scope", "other"]).code, Some(3));
    assert_eq!(on(&["forget", "u", "--json"]).json()["erased"], 1);
    assert_eq!(on(&["forget", "u"]).out, "erased 0 assignments of this user\n");
    let unknown = on(&["user", "u", "--json"]);
    assert_eq!((unknown.code, unknown.json()), (Some(3), json!({"userId": "u", "campaigns": []})));
}

#[test]
fn export_and_import_carry_everything_over() {
    let (one, two) = (Live::start(), Live::start());
    for user in 0..1_500 {
        let target = format!("/v1/users/{user}/campaigns/c?kind={}", ["fme", "classic"][user % 2]);
        one.call("PUT", &target, r#"{"variationName":"A","goalIdentifier":"x","metaData":[1]}"#);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("lines");
    let path = file.to_str().expect("UTF-8");
    let exported = run(&one.store(), &["export", path, "--json"], "");
    assert_eq!(exported.json(), json!({"exported": 1_500, "unreadable": 0}));
    let lines = fs::read_to_string(&file).expect("written");
    assert_eq!(lines, one.export());
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing partial is left");
    assert_eq!(run(&two.store(), &["import", path, "--json"], "").json()["created"], 1_500);
    assert_eq!(run(&two.store(), &["export"], "").out, lines);
    let changed = lines.replace(r#""variationName":"A""#, r#""variationName":"B""#);
    assert_eq!(run(&two.store(), &["import", "-", "--json"], &changed).json()["kept"], 1_500);
    assert_eq!(two.export(), lines);
    assert_eq!(run(&two.store(), &["import", "--overwrite", "--json"], &changed).json()["overwritten"], 1_500);
    assert_eq!(two.export(), changed);
}

#[test]
fn a_wrong_line_is_told_and_the_exit_code_is_1() {
    let live = Live::start();
    let lines = "{\"userId\":\"u\",\"campaignKey\":\"c\",\"variationName\":\"A\"}\n{}\n";
    let ran = run(&live.store(), &["import"], lines);
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.err.trim_end(), "line 2: variationName is missing");
    assert!(ran.out.contains("created      1\n") && ran.out.contains("failed       1\n"), "{}", ran.out);
}

#[test]
fn lines_of_one_key_are_imported_in_order_over_the_network_too() {
    let live = Live::start();
    let line = |user: usize, goal: &str| json!({"userId": user.to_string(), "campaignKey": "c", "variationName": "A", "goalIdentifier": goal});
    let lines: Vec<String> =
        (0..200).flat_map(|user| [line(user, "z"), line(user, "a")]).map(|it| it.to_string()).collect();
    let report = run(&live.store(), &["import", "--json"], &lines.join("\n")).json();
    assert_eq!((&report["created"], &report["joined"]), (&json!(200), &json!(200)));
    assert_eq!(live.export().lines().filter(|line| line.contains("z_vwo_a")).count(), 200);
}

#[test]
fn what_fails_is_one_sentence_and_its_exit_code() {
    let wrong: [(&str, &[&str], i32, &str); 10] = [
        ("memory:", &["get", "", "c"], 2, "userId must be 1 to 1024 bytes"),
        ("memory:", &["set", "u", "c", "A", "--meta-data", "{"], 2, "--meta-data is not JSON"),
        ("memory:", &["get", "u", "c", "--kind", "other"], 2, "classic or fme"),
        ("memory:", &["get", "u", "c", "--scope", ""], 2, "scope"),
        ("memory:", &["get", "u"], 2, "CAMPAIGN"),
        ("nothing:", &["get", "u", "c"], 2, "there is no store \"nothing:\"; this build has memory:"),
        ("stayput://127.0.0.1:1", &["get", "u", "c"], 1, "127.0.0.1:1 cannot be reached"),
        ("stayput://127.0.0.1:1", &["serve", "--listen", "127.0.0.1:0"], 1, "127.0.0.1:1 cannot be reached"),
        ("memory:", &["import", "/nowhere/lines"], 1, "cannot read /nowhere/lines"),
        ("memory:", &["export", "/nowhere/lines"], 1, "cannot write /nowhere/lines"),
    ];
    for (store, arguments, code, message) in wrong {
        let ran = run(store, arguments, "");
        assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{arguments:?} {}", ran.err);
        assert!(ran.err.contains(message), "{arguments:?} {}", ran.err);
        assert!(code == 2 || ran.err.lines().count() == 1, "{arguments:?} {}", ran.err);
    }
}

#[test]
fn a_terminal_does_not_obey_what_is_stored() {
    let live = Live::start();
    live.call("PUT", "/v1/users/u/campaigns/c", r#"{"variationName":"\u001b[2J\n"}"#);
    for arguments in [["get", "u", "c"].as_slice(), &["user", "u"]] {
        let ran = run(&live.store(), arguments, "");
        assert!(ran.out.contains("\\u{1b}[2J\\n") && !ran.out.contains('\u{1b}'), "{}", ran.out);
    }
}

#[test]
fn help_fits_80_columns_and_names_every_command() {
    let commands = ["serve", "get", "set", "user", "forget", "export", "import", "doctor", "bench"];
    let help = run("memory:", &["--help"], "");
    assert_eq!(help.code, Some(0));
    for command in commands {
        assert!(help.out.contains(&format!("\n  {command} ")), "{command}");
        let of_command = run("memory:", &[command, "--help"], "").out;
        assert!(of_command.contains("--store <URL>"), "{of_command}");
        let longest = of_command.lines().chain(help.out.lines()).map(|line| line.chars().count()).max();
        assert!(longest <= Some(80), "{of_command}");
    }
}
