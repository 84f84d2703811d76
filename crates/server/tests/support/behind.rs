//! Stores of a test alone, that are killed and come back with all that they had answered.
use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
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

/// A Redis of this test alone, where every answered write survives SIGKILL.
pub(crate) struct Redis {
    folder: TempDir,
    address: SocketAddr,
    child: Option<Child>,
}

impl Redis {
    pub(crate) fn start() -> Result<Self, String> {
        if Command::new("redis-server").arg("--version").output().is_err() {
            return Err("redis-server is not installed".into());
        }
        // Free a moment ago, and below the range that the system hands out it would not be ours either.
        let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        let mut redis = Self { folder: tempfile::tempdir().expect("a folder"), address, child: None };
        redis.run();
        Ok(redis)
    }
}

impl Behind for Redis {
    fn url(&self) -> String {
        format!("redis://{}?timeout=500ms&connect=200ms", self.address)
    }
    fn run(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--appendfsync", "always", "--port"]);
        command.arg(self.address.port().to_string()).arg("--dir").arg(self.folder.path());
        self.child = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("redis-server"));
        for _ in 0..3_000 {
            if TcpStream::connect(self.address).is_ok() {
                return;
            }
            sleep(Duration::from_millis(10));
        }
        panic!("redis-server does not listen");
    }
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("SIGKILL");
            child.wait().expect("it is gone");
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
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
