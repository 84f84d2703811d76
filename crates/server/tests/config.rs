//! Defaults < file < environment < flags, and what is wrong is told in one sentence with its place.
#[path = "support/live.rs"]
mod live;

use live::Binary;
use stayput_server::{
    cli::{Arguments, Command as Asked},
    config::{self, Config},
};
use std::{ffi::OsString, fs, process::Command};

fn read(arguments: &[&str], file: &str) -> Config {
    let arguments: Vec<OsString> = ["stayput", "serve"].iter().chain(arguments).map(OsString::from).collect();
    let read = config::read(&arguments, |path| {
        assert_eq!(path.to_str(), Some("stayput.toml"));
        Ok(file.to_owned())
    });
    match read {
        Ok((Arguments { command: Asked::Serve(config) }, _)) => *config,
        other => panic!("{other:?}"),
    }
}

/// The exit code and what was said.
fn refused(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_stayput"))
        .current_dir(folder.path()) // where the default store would be made
        .arg("serve")
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .expect("the binary");
    (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
}

#[test]
fn flags_win_over_the_file_and_the_file_over_defaults() {
    let file =
        "listen = ['127.0.0.1:1', 'unix:/x']\nbody-limit = '2MiB'\nbatch-limit = 7\nscope = 'file'\nstore = 'memory:'";
    let config = read(&["--config", "stayput.toml", "--scope", "flag"], file);
    assert_eq!(config.listen.iter().map(ToString::to_string).collect::<Vec<_>>(), ["127.0.0.1:1", "unix:/x"]);
    assert_eq!((config.limits.body_limit, config.limits.batch_limit), (2 * 1024 * 1024, 7));
    assert_eq!((config.place.scope.as_str(), config.place.store.reveal()), ("flag", "memory:"));
    assert_eq!(config.limits.requests, read(&[], "").limits.requests, "what the file leaves out is the default");
}

#[test]
fn the_environment_wins_over_the_file_and_flags_over_the_environment() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("stayput.toml");
    fs::write(&path, "store = 'memory:'\nlisten = '127.0.0.1:1'\nbatch-limit = 1\n").expect("written");
    let path = path.to_str().expect("UTF-8");
    let environment = [("STAYPUT_CONFIG", path), ("STAYPUT_LISTEN", "127.0.0.1:0"), ("STAYPUT_BATCH_LIMIT", "2")];
    let allowed = |arguments: &[&str]| {
        let binary = Binary::with(arguments, &environment);
        let key = r#"{"userId":"u","campaignKey":"c"}"#;
        let batch = |length: usize| format!(r#"{{"keys":[{}]}}"#, vec![key; length].join(","));
        (1..9).take_while(|length| binary.call("POST", "/v1/get", batch(*length)).status == 200).count()
    };
    assert_eq!(allowed(&[]), 2);
    assert_eq!(allowed(&["--batch-limit", "3"]), 3);
}

#[test]
fn what_is_wrong_in_a_file_is_told_with_its_line_and_what_is_allowed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("stayput.toml");
    for (text, line, told) in [
        ("store = 'memory:'\nlissen = 'x'\n", 2, "there is no option \"lissen\"; a file takes store, scope, listen"),
        ("\n\nbody-limit = 'much'", 3, "body-limit: a size such as 512, 64KiB or 1MiB is needed"),
        ("log-format = 'xml'", 1, "log-format: one of text, json is needed"),
        ("listen = ['127.0.0.1']", 1, "listen: host:port or unix:PATH is needed"),
        ("listen = []", 1, "listen: at least one value is needed"),
        ("store = ['memory:']", 1, "store: a text or a number is needed"),
        ("batch-limit = 0", 1, "batch-limit: a whole number from 1 to 1000000 is needed"),
        ("idle-time = 5", 1, "idle-time: a length of time"),
        ("[limits]\nbody-limit = 1", 1, "there is no option \"limits\""),
        ("config = 'other.toml'", 1, "there is no option \"config\""),
        ("a = 1\nstore = 'redis://:hush@x\n", 2, "this is not TOML"),
    ] {
        fs::write(&path, text).expect("written");
        let (code, said) = refused(&["--config", path.to_str().expect("UTF-8")], &[]);
        assert_eq!((code, said.lines().count()), (Some(2), 1), "{said}");
        assert!(said.contains(&format!("stayput.toml:{line}: {told}")), "{text}: {said}");
        assert!(!said.contains("hush"), "{said}");
    }
    let (code, said) = refused(&["--config", "/nowhere/stayput.toml"], &[]);
    assert_eq!((code, said.lines().count()), (Some(2), 1));
    assert!(said.contains("cannot read /nowhere/stayput.toml"), "{said}");
}

#[test]
fn what_does_not_go_together_is_told_before_anything_is_opened() {
    let store = ["--store", "stayput://127.0.0.1:1"];
    for (arguments, told) in [
        (["--body-memory", "1KiB"], "body-memory must be at least body-limit"),
        (["--head-limit", "1KiB"], "head-limit must be at least 8KiB"),
    ] {
        let (code, said) = refused(&[store, arguments].concat(), &[]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(told), "{said}");
    }
}

#[test]
fn a_wrong_variable_is_named() {
    let (code, said) = refused(&[], &[("STAYPUT_HEAD_TIME", "soon")]);
    assert_eq!(code, Some(2));
    assert!(said.contains("--head-time") && said.contains("(from the environment: STAYPUT_HEAD_TIME)"), "{said}");
}

#[test]
fn a_password_is_never_shown() {
    let secret = "stayput://me:hush@127.0.0.1:1";
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), format!("store = '{secret}'\nlisten = 'x'\n")).expect("written");
    let path = file.path().to_str().expect("UTF-8");
    for (arguments, environment) in [
        (vec!["--store", secret], vec![]),
        (vec![], vec![("STAYPUT_STORE", secret)]),
        (vec!["--config", path], vec![]),
        (vec![secret], vec![]),
        (vec!["--listen", secret], vec![]),
        (vec!["--help"], vec![("STAYPUT_STORE", secret)]),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let output = Command::new(env!("CARGO_BIN_EXE_stayput"))
            .current_dir(folder.path()) // where the default store would be made
            .arg("serve")
            .args(&arguments)
            .envs(environment)
            .output()
            .expect("the binary");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).expect("UTF-8");
        assert!(!said.is_empty() && !said.contains("hush"), "{arguments:?}: {said}");
    }
    let config = read(&["--store", secret], "");
    assert!(format!("{config:?}").contains("stayput://***@127.0.0.1:1"), "{config:?}");
}

#[test]
fn there_are_no_more_options_than_one_page_shows() {
    let options = stayput_server::docs::config().lines().filter(|line| line.starts_with("| `")).count();
    assert!((15..=40).contains(&options), "{options}");
}
