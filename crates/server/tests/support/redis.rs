//! A Redis of one test, which stops and kills it. Every answered write survives that, unless its options say otherwise.
#![allow(dead_code, reason = "each test target uses its part")]
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

pub(crate) const MISSING: &str = "redis-server is not installed";

pub(crate) struct Redis {
    folder: TempDir,
    pub(crate) address: SocketAddr,
    child: Option<Child>,
}

impl Redis {
    pub(crate) fn is_installed() -> bool {
        Command::new("redis-server").arg("--version").output().is_ok()
    }
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }
    pub(crate) fn with(options: &[&str]) -> Self {
        let mut redis = Self::new();
        redis.run(options);
        redis
    }
    /// A place for one that does not run yet.
    pub(crate) fn new() -> Self {
        // Free a moment ago, and below the range that the system hands out it would not be ours either.
        let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        Self { folder: tempfile::tempdir().expect("a folder"), address, child: None }
    }
    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }
    /// Starts it, where it was; of options that contradict, the last ones count.
    pub(crate) fn run(&mut self, options: &[&str]) {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--appendfsync", "always", "--port"]);
        command.arg(self.address.port().to_string()).arg("--dir").arg(self.folder.path()).args(options);
        self.child = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("redis-server"));
        for _ in 0..3_000 {
            if TcpStream::connect(self.address).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("redis-server does not listen");
    }
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("SIGKILL");
            child.wait().expect("it is gone");
        }
    }
}

/// Runs tests that need redis-server, and ends the process.
pub(crate) fn run(tests: &[(&str, fn())]) -> ! {
    let missing = !Redis::is_installed();
    let trial = |(name, test): &(&str, fn())| {
        let test = *test;
        Trial::ignorable_test(*name, move || match missing {
            true => Ok::<_, Failed>(Completion::ignored_with(MISSING)),
            false => {
                test();
                Ok(Completion::Completed)
            }
        })
    };
    libtest_mimic::run(&Arguments::from_args(), tests.iter().map(trial).collect()).exit()
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
