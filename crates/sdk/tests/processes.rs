//! Two processes with different settings on one store: everybody sees one variation, from the first call on.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#[path = "client/scene.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the other tests")]
mod scene;
mod collector {
    pub(crate) struct Collector {
        pub(crate) url: String,
    }
}

use libtest_mimic::{Arguments, Trial};
use scene::{plain, settings};
use std::{
    collections::HashMap,
    env,
    io::{self, BufRead, BufReader, Write},
    process::{Command, ExitCode, Stdio},
};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().collect();
    if let [_, role, url, all_in] = arguments.as_slice()
        && role == "activate"
    {
        activate(url, all_in);
        return ExitCode::SUCCESS;
    }
    let promise = "two_processes_with_different_settings_agree_about_every_new_user";
    let race = Trial::test(promise, || {
        race();
        Ok(())
    });
    libtest_mimic::run(&Arguments::from_args(), vec![race]).exit_code()
}

/// What one process does: says that it is ready, waits for a line, and says what each user sees.
fn activate(url: &str, all_in: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = runtime.block_on(stayput::open(url)).unwrap();
    let launcher = stayput_sdk::launch(settings(all_in, "")).store(store).development_mode(true);
    let client = launcher.start_blocking().unwrap();
    println!("ready");
    io::stdin().read_line(&mut String::new()).unwrap();
    let mut out = io::stdout().lock();
    for user in 0..users() {
        let seen = client.activate("ab", &format!("u{user}"), &plain()).unwrap().unwrap();
        writeln!(out, "{seen}").unwrap();
    }
}

fn users() -> usize {
    scene::trials(300, 5_000)
}

fn race() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file:{}", folder.path().display());
    let mut processes: Vec<_> = ["Control", "B"]
        .into_iter()
        .map(|all_in| {
            let mut command = Command::new(env::current_exe().unwrap());
            let command = command.args(["activate", &url, all_in]).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut process = command.spawn().unwrap();
            let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
            assert_eq!(lines.next().unwrap().unwrap(), "ready");
            (process, lines)
        })
        .collect();
    for (process, _) in &mut processes {
        process.stdin.take().unwrap().write_all(b"go\n").unwrap();
    }
    let seen: Vec<Vec<String>> = processes
        .into_iter()
        .map(|(mut process, lines)| {
            let seen = lines.map(Result::unwrap).collect();
            assert!(process.wait().unwrap().success());
            seen
        })
        .collect();
    assert_eq!(seen[0].len(), users());
    let two = seen[0].iter().zip(&seen[1]).filter(|(one, other)| one != other).count();
    assert_eq!(two, 0, "so many users saw two variations");
    let mut shares = HashMap::new();
    seen[0].iter().for_each(|seen| *shares.entry(seen.clone()).or_insert(0) += 1);
    println!("{shares:?}");
    assert_eq!(shares.len(), 2, "both won sometimes, or this was no race");
}
