//! Stores of a test alone, that are killed and come back with all that they had answered.
use super::redis::Redis;
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};
use tempfile::TempDir;

pub(crate) trait Behind {
    fn url(&self) -> String;
    /// SIGKILL.
    fn kill(&mut self);
    /// Starts it again, where it was.
    fn run(&mut self);
}

impl Behind for Redis {
    fn url(&self) -> String {
        format!("redis://{}?timeout=500ms&connect=200ms", self.address)
    }
    fn run(&mut self) {
        Redis::run(self, &[]);
    }
    fn kill(&mut self) {
        Redis::kill(self);
    }
}

/// A PostgreSQL of this test alone, as `servers/up` makes it.
pub(crate) struct Postgres {
    folder: TempDir,
    url: String,
}

impl Postgres {
    pub(crate) fn start() -> Result<Self, String> {
        let mut postgres = Self { folder: tempfile::tempdir().expect("a folder"), url: String::new() };
        postgres.run();
        let env = fs::read_to_string(postgres.folder.path().join("env")).expect("it says where it is");
        let url = env.lines().find_map(|line| line.strip_prefix("export STAYPUT_TEST_POSTGRES="));
        let url = url.ok_or("PostgreSQL is not installed")?;
        postgres.url = url.replace('\\', ""); // bash may quote
        Ok(postgres)
    }
    fn script(&self, name: &str, server: &[&str]) -> bool {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../servers").join(name);
        let mut command = Command::new(script);
        command.arg(self.folder.path()).args(server).stdout(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

impl Behind for Postgres {
    fn url(&self) -> String {
        format!("{}?timeout=500ms&connect=500ms", self.url)
    }
    fn run(&mut self) {
        assert!(self.script("up", &["postgres"]), "PostgreSQL does not start");
    }
    /// The first of its processes; the others notice.
    fn kill(&mut self) {
        let pid = fs::read_to_string(self.folder.path().join("postgres.pid")).expect("a pid");
        let killed = Command::new("kill").args(["-s", "KILL", pid.trim()]).status();
        assert!(killed.is_ok_and(|status| status.success()));
        // Its folder is gone from there although nobody has buried it.
        while Path::new("/proc").join(pid.trim()).join("cwd").exists() {
            sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Postgres {
    /// Also when the test fails: nothing is left running.
    fn drop(&mut self) {
        self.script("down", &[]);
    }
}
