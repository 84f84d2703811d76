//! Several processes on one spool: all append, one replays, and kill -9 loses nothing that was acknowledged.
use super::{
    Test,
    helper::{key, run_on},
};
use stayput::{
    AssignmentStoreExt,
    backends::{File, FileOptions},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Lines},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

pub(crate) const TESTS: &[Test] =
    &[("what_was_acknowledged_survives_kill_9_and_is_delivered_once_by_one_of_two", survives)];

/// This program as another process; killed when dropped.
struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(role: &str, spool: &Path, store: &Path, me: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child =
            command.args(["--as", role]).args([spool, store]).arg(me).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }
    fn line(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }
    /// SIGKILL; what it said before that, without a line cut in half.
    fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.lines.by_ref().map_while(Result::ok).filter(|line| line.ends_with('.')).collect()
    }
    /// What it says until it ends well.
    fn ended(mut self) -> Vec<String> {
        let lines = self.lines.by_ref().map_while(Result::ok).collect();
        assert!(self.child.wait().unwrap().success());
        lines
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn survives() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [spool, store] = folders.each_ref().map(tempfile::TempDir::path);
    let mut acknowledged = BTreeSet::new();
    for round in 0..rounds() {
        let mut both = [0, 1].map(|me| Process::start("spool-for-ever", spool, store, &format!("{round}-{me}")));
        // In the middle of the work, and each round at another moment of it.
        for _ in 0..20 + 37 * round % 100 {
            acknowledged.extend(both.iter_mut().map(Process::line));
        }
        both.into_iter().for_each(|process| acknowledged.extend(process.kill()));
    }
    // One is killed in the middle of delivering; then two deliver the rest.
    let mut killed = Process::start("replay", spool, store, "first");
    let mut told: Vec<String> = (0..20).map(|_| killed.line()).collect();
    told.extend(killed.kill());
    let two = ["second", "third"].map(|me| Process::start("replay", spool, store, me));
    let said = two.map(Process::ended);
    let delivered = said.iter().filter(|said| said.last().is_some_and(|line| line != "delivered 0")).count();
    assert!(delivered <= 1, "one of them replays as long as it lives");
    told.extend(said.into_iter().flatten().filter(|line| line.ends_with('.')));
    let mut counted = BTreeMap::new();
    told.iter().for_each(|user| *counted.entry(user).or_insert(0) += 1);
    assert!(counted.values().all(|count| *count == 1), "a goal is new once");
    run_on(async {
        let file = File::open(store, FileOptions::default()).unwrap();
        for user in &acknowledged {
            let held = file.get_one(&key(user.trim_end_matches('.'))).await.unwrap();
            assert!(held.is_some_and(|held| held.goals.len() == 1), "{user} was acknowledged and is lost");
        }
    });
    let untold = acknowledged.iter().filter(|user| !counted.contains_key(user)).count();
    println!("{} acknowledged in {} rounds, none lost; {untold} told to nobody", acknowledged.len(), rounds());
    assert!(untold <= 16, "at most the batch that was on its way when its process was killed");
}

/// Three, and ten times as many in a long run.
#[expect(clippy::disallowed_methods, reason = "tests read their own switches")]
fn rounds() -> usize {
    if std::env::var_os("STAYPUT_LONG").is_some() { 30 } else { 3 }
}
