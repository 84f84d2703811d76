//! Signals for servers of tests.
use std::{fs, process::Command, thread, time::Duration};
use tokio::time::Instant;

/// Sends it. After `STOP` no thread of the process runs any more, which is not so yet when `kill` has returned.
pub(crate) fn send(pid: &str, name: &str) {
    assert!(Command::new("kill").args(["-s", name, pid]).status().expect("kill").success());
    let begun = Instant::now();
    while name == "STOP" && runs(pid) {
        assert!(begun.elapsed() < Duration::from_secs(60), "{pid} does not stop");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Whether any thread of it is not stopped.
fn runs(pid: &str) -> bool {
    let stat = |task: fs::DirEntry| fs::read_to_string(task.path().join("stat")).unwrap_or_default();
    let mut tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it is there").flatten().map(stat);
    // The state stands behind the name, which may hold anything.
    tasks.any(|stat| stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('T')))
}
