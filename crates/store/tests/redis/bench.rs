//! The servers that `servers/up` started, and those that a test starts for itself because it breaks them.
use crate::signal;
use stayput::{ClaimId, Key, Kind, Name, Offer, ScanStore, Scope, Timestamp};
use std::{
    future::Future,
    net::{SocketAddr, TcpListener},
    path::Path,
    pin::Pin,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

pub(crate) type Test = fn() -> Pin<Box<dyn Future<Output = ()>>>;
pub(crate) type Add<'a> = &'a mut dyn FnMut(&str, Needs, Test);

/// What must be there for a test to make sense.
#[derive(Clone, Copy)]
pub(crate) enum Needs {
    /// A server of the bench: the variable that names it.
    Server(&'static str),
    /// The program, for servers of the test's own.
    Program,
}

impl Needs {
    pub(crate) fn missing(self) -> Option<String> {
        match self {
            Self::Server(name) => variable(name).is_none().then(|| format!("{name} is not set: see servers/up")),
            Self::Program => {
                let found = Command::new("redis-server").arg("--version").output();
                found.is_err().then(|| "redis-server is not installed".to_owned())
            }
        }
    }
}

/// A URL of the bench, with options added.
pub(crate) fn url(name: &str, options: &str) -> String {
    let url = variable(name).expect("checked before the test");
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}{options}")
}

#[expect(clippy::disallowed_methods, reason = "tests read their own switches")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// More of everything in a long run.
pub(crate) fn rounds() -> u32 {
    if variable("STAYPUT_LONG").is_some() { 20 } else { 1 }
}

/// A prefix that no other test and no other run has.
pub(crate) fn prefix() -> String {
    format!("stayput:{}:", ClaimId::random().expect("a random number"))
}

pub(crate) async fn open(url: &str) -> Arc<dyn ScanStore> {
    stayput::open(url).await.unwrap_or_else(|error| panic!("{error}"))
}

/// The client library itself, to look behind the store.
pub(crate) async fn raw(name: &str) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(variable(name).expect("checked before")).expect("a URL");
    let patient = redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(20)));
    client.get_multiplexed_async_connection_with_config(&patient).await.expect("a connection")
}

pub(crate) async fn time(raw: &mut redis::aio::MultiplexedConnection) -> u64 {
    let (seconds, micros): (u64, u64) = redis::cmd("TIME").query_async(raw).await.expect("the time");
    seconds * 1_000 + micros / 1_000
}

pub(crate) fn key(user: &str, campaign: &str) -> Key {
    Key::new(&Scope::default(), Kind::Classic, user, campaign).expect("a legal key")
}
pub(crate) fn name(name: &str) -> Name {
    Name::goal(name).expect("a legal name")
}
pub(crate) fn offer(key: Key) -> Offer {
    Offer::new(key, ClaimId::random().expect("a random number"), Timestamp::from_millis(1))
}

/// Waits until `condition` holds; a server needs its time, and tests do not know how much.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < Duration::from_secs(40), "{what} has not come about in 40 s");
        sleep(Duration::from_millis(20)).await;
    }
}

/// A server of one test, which may kill it.
pub(crate) struct Server {
    child: Child,
    folder: TempDir,
    pub(crate) address: SocketAddr,
    options: &'static [&'static str],
}

impl Server {
    pub(crate) async fn start(options: &'static [&'static str]) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("its number");
        drop(free);
        let folder = tempfile::tempdir().expect("a folder");
        let child = Self::spawn(folder.path(), address, options);
        let server = Self { child, folder, address, options };
        server.answers().await;
        server
    }
    fn spawn(folder: &Path, address: SocketAddr, options: &[&str]) -> Child {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--port"]).arg(address.port().to_string());
        command.args(options).current_dir(folder).stdout(Stdio::null()).spawn().expect("redis-server")
    }
    async fn answers(&self) {
        let client = redis::Client::open(format!("redis://{}", self.address)).expect("a URL");
        eventually("an answer of the server", async || client.get_multiplexed_async_connection().await.is_ok()).await;
    }
    pub(crate) fn url(&self, options: &str) -> String {
        format!("redis://{}?{options}", self.address)
    }
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("kill -9");
        self.child.wait().expect("its end");
    }
    pub(crate) async fn restart(&mut self) {
        self.child = Self::spawn(self.folder.path(), self.address, self.options);
        self.answers().await;
    }
    /// Sets an option while it runs.
    pub(crate) async fn config(&self, option: &str, value: &str) {
        let client = redis::Client::open(format!("redis://{}", self.address)).expect("a URL");
        let long = Some(Duration::from_secs(20));
        let patient = redis::AsyncConnectionConfig::new().set_response_timeout(long).set_connection_timeout(long);
        let mut raw = client.get_multiplexed_async_connection_with_config(&patient).await.expect("a connection");
        let set = redis::cmd("CONFIG").arg("SET").arg(option).arg(value).query_async::<()>(&mut raw).await;
        set.expect("an option that can be set");
    }
    /// Sends a signal that `kill` knows by this name.
    pub(crate) fn signal(&self, name: &str) {
        signal::send(&self.child.id().to_string(), name);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Several servers of one test, as `servers/up` makes them.
pub(crate) struct Servers {
    folder: TempDir,
    name: &'static str,
}

impl Servers {
    pub(crate) fn start(name: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let up = Command::new(script("up")).arg(folder.path()).arg(name).output().expect("servers/up");
        assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
        Self { folder, name }
    }
    pub(crate) fn url(&self, options: &str) -> String {
        let show = format!(". \"$1/env\" && printf %s \"$STAYPUT_TEST_{}\"", self.name.to_uppercase());
        let shown = Command::new("bash").args(["-c", &show, "bash"]).arg(self.folder.path()).output().expect("bash");
        let url = String::from_utf8(shown.stdout).expect("a URL");
        format!("{url}{}{options}", if url.contains('?') { '&' } else { '?' })
    }
    pub(crate) fn signal(&self, server: &str, name: &str) {
        let pid = std::fs::read_to_string(self.folder.path().join(format!("{server}.pid"))).expect("a pid");
        signal::send(pid.trim(), name);
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        let _ = Command::new(script("down")).arg(self.folder.path()).status();
    }
}

fn script(name: &str) -> String {
    format!("{}/../../servers/{name}", env!("CARGO_MANIFEST_DIR"))
}
