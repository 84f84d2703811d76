//! Where the server is, ways to it that are not a store's, and servers that a test starts for itself because it breaks them.
pub(crate) use crate::environment::{fresh_schema, now, open, rounds, with};
use crate::{
    network::{Store, eventually},
    signal,
};
use mongodb::{Client, Collection, bson::Document};
use stayput::testing::Proxy;
use std::{fs, net::SocketAddr, path::Path, process::Command};
use tempfile::TempDir;

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
        signal::send(&self.pid(), name);
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
