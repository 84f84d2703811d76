//! Where the server is, ways to it that are not a store's, and servers that a test starts for itself because it breaks them.
use crate::network::{Store, eventually};
use mongodb::{Client, Collection, bson::Document};
use stayput::{ClaimId, Clock, SystemClock, Timestamp, testing::Proxy};
use std::{fs, net::SocketAddr, path::Path, process::Command};
use tempfile::TempDir;

/// Where `servers/up` started it.
pub(crate) fn url() -> Result<String, String> {
    let name = "STAYPUT_TEST_MONGODB";
    variable(name).ok_or_else(|| format!("{name} is not set: servers/up starts the server and says where it is"))
}

#[expect(clippy::disallowed_methods, reason = "tests read their own switches")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// 1, and more in `./test --long`.
pub(crate) fn rounds(long: usize) -> usize {
    if variable("STAYPUT_LONG").is_some() { long } else { 1 }
}

pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

pub(crate) fn with(url: &str, options: &str) -> String {
    format!("{url}?{options}")
}

/// A name that no other test has, for a scope or a collection.
pub(crate) fn fresh_schema() -> String {
    format!("stayput_test_{}", ClaimId::random().expect("random"))
}

pub(crate) async fn open(url: &str) -> Store {
    stayput::open(url).await.unwrap_or_else(|error| panic!("{error}"))
}

/// The collection as the client library itself sees it.
pub(crate) async fn bare(url: &str, collection: &str) -> Collection<Document> {
    let client = Client::with_uri_str(url).await.expect("a URL");
    client.default_database().expect("a database").collection(collection)
}

/// A proxy before the server of `url`, and a store behind it with at most four connections.
pub(crate) async fn proxied(url: &str, timeout: &str) -> (Proxy, Store) {
    let (host, database) = url.trim_start_matches("mongodb://").split_once('/').expect("a database");
    let proxy = Proxy::before(host.parse::<SocketAddr>().expect("an address")).await.expect("a proxy");
    let options = format!("timeout={timeout}&connect=500ms&pool=4");
    let store = open(&with(&format!("mongodb://{}/{database}", proxy.address()), &options)).await;
    (proxy, store)
}

/// A server of one test.
pub(crate) struct Server(TempDir);

impl Server {
    pub(crate) fn start() -> Self {
        let server = Self(tempfile::tempdir().expect("a folder"));
        server.up();
        server
    }
    /// Starts it, again with the port and the data that it had.
    pub(crate) fn up(&self) {
        let up = Command::new(script("up")).arg(self.0.path()).arg("mongodb").output().expect("servers/up");
        assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
    }
    pub(crate) fn url(&self) -> String {
        let env = fs::read_to_string(self.0.path().join("env")).expect("it says where it is");
        let url = env.lines().find_map(|line| line.strip_prefix("export STAYPUT_TEST_MONGODB="));
        url.expect("it was started").to_owned()
    }
    pub(crate) fn signal(&self, name: &str) {
        assert!(Command::new("kill").args(["-s", name, &self.pid()]).status().expect("kill").success());
    }
    /// kill -9, and gone.
    pub(crate) async fn kill(&self) {
        let folder = Path::new("/proc").join(self.pid()).join("cwd");
        self.signal("KILL");
        eventually("its end", async || !folder.exists()).await;
    }
    fn pid(&self) -> String {
        fs::read_to_string(self.0.path().join("mongodb.pid")).expect("a pid").trim().to_owned()
    }
}

impl Drop for Server {
    /// Also when the test fails: nothing is left running.
    fn drop(&mut self) {
        let _ = Command::new(script("down")).arg(self.0.path()).status();
    }
}

fn script(name: &str) -> String {
    format!("{}/../../servers/{name}", env!("CARGO_MANIFEST_DIR"))
}
