//! What the tests of this target share.
use stayput::{
    Assignment, AssignmentStoreExt, ClaimId, Clock, Entry, Key, Kind, Name, Offer, Scope, Timestamp,
    backends::{File, FileOptions},
};
use std::{
    io::{BufRead, BufReader, Lines},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// A named test.
pub(crate) type Test = (&'static str, fn());

/// Whether to repeat more often what could go wrong rarely.
#[expect(clippy::disallowed_methods, reason = "the one switch of the long tests")]
pub(crate) fn long() -> bool {
    std::env::var_os("STAYPUT_LONG").is_some()
}

/// Runs `work` on a runtime of its own.
pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_time().build().unwrap().block_on(work)
}

pub(crate) fn open(path: &Path) -> File {
    File::open(path, FileOptions::default()).unwrap()
}

pub(crate) fn key(user: &str, campaign: &str) -> Key {
    Key::new(&Scope::default(), Kind::Classic, user, campaign).unwrap()
}
pub(crate) fn name(text: &str) -> Name {
    Name::variation(text).unwrap()
}
pub(crate) fn offer(key: &Key, variation: &str) -> Offer {
    Offer::new(key.clone(), ClaimId::random().unwrap(), Timestamp::from_millis(1)).offering(name(variation))
}
pub(crate) fn entry(key: &Key, variation: &str) -> Entry {
    let held = offer(key, variation).join(None, Timestamp::from_millis(1)).claimed.held;
    Entry { key: key.clone(), assignment: held.unwrap() }
}
pub(crate) async fn held(store: &File, key: &Key) -> Option<Assignment> {
    store.get_one(key).await.unwrap()
}

/// A clock that stands still until it is set.
#[derive(Debug, Default)]
pub(crate) struct Hand(pub(crate) AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}
impl Hand {
    pub(crate) fn at(millis: u64) -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(millis)))
    }
}

/// This program as another process; killed when dropped.
pub(crate) struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts `role` of [`helper`](super::helper).
    pub(crate) fn start(role: &str, path: &Path, more: &[&str]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--as", role]).arg(path).args(more).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }
    /// The next line that it prints; `None` once it has ended.
    pub(crate) fn line(&mut self) -> Option<String> {
        self.lines.next().and_then(Result::ok)
    }
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap(); // SIGKILL
    }
    /// What it still prints, once it has ended well.
    pub(crate) fn rest(mut self) -> Vec<String> {
        let lines = self.lines.by_ref().map_while(Result::ok).collect();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "the other process ended with {status}");
        lines
    }
    /// What it printed; `None` if a signal killed it.
    pub(crate) fn unless_killed(mut self) -> Option<Vec<String>> {
        let lines = self.lines.by_ref().map_while(Result::ok).collect();
        let status = self.child.wait().unwrap();
        assert!(status.success() || status.signal().is_some(), "the other process ended with {status}");
        status.success().then_some(lines)
    }
    /// What it printed before it was killed, without a line cut in half.
    pub(crate) fn leftovers(mut self) -> Vec<String> {
        let lines = self.lines.by_ref().map_while(Result::ok).filter(|line| line.ends_with('.')).collect();
        self.child.wait().unwrap();
        lines
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Longer than anything here should take.
pub(crate) const LONG: Duration = Duration::from_secs(60);
