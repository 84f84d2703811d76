//! Where the nodes are, and nodes that a test starts for itself because it breaks them.
pub(crate) use crate::environment::{fresh_schema, now, open, rounds, with};
use crate::{
    network::{Store, eventually},
    signal,
};
use stayput::testing::Proxy;
use std::{fs, net::SocketAddr, path::Path, process::Command};
use tempfile::TempDir;

/// The nodes of `url`.
pub(crate) fn nodes(url: &str) -> Vec<SocketAddr> {
    let (nodes, _) = url.trim_start_matches("memcached://").split_once('?').expect("options");
    nodes.split(',').map(|node| node.parse().expect("an address")).collect()
}

/// A proxy before the first node of `url`, and a store behind it that knows no other.
pub(crate) async fn proxied(url: &str) -> (Proxy, Store) {
    let node = *nodes(url).first().expect("a node");
    let proxy = Proxy::before(node).await.expect("a proxy");
    let store = open(&format!("memcached://{}?evictable=accepted&timeout=1s&connect=500ms", proxy.address())).await;
    (proxy, store)
}

/// Three nodes of one test.
pub(crate) struct Servers(TempDir);

impl Servers {
    pub(crate) fn start() -> Self {
        let servers = Self(tempfile::tempdir().expect("a folder"));
        servers.up();
        servers
    }
    fn up(&self) {
        let up = Command::new(script("up")).arg(self.0.path()).arg("memcached").output().expect("servers/up");
        assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
    }
    pub(crate) fn url(&self) -> String {
        let env = fs::read_to_string(self.0.path().join("env")).expect("it says where they are");
        let url = env.lines().find_map(|line| line.strip_prefix("export STAYPUT_TEST_MEMCACHED="));
        url.expect("they were started").replace('\\', "")
    }
    /// Signals the node with this number, from 1 on.
    pub(crate) fn signal(&self, node: usize, name: &str) {
        signal::send(&self.pid(node), name);
    }
    /// kill -9 to all of them, and gone.
    pub(crate) async fn kill(&self) {
        for node in 1..=3 {
            let folder = Path::new("/proc").join(self.pid(node)).join("cwd");
            self.signal(node, "KILL");
            eventually("its end", async || !folder.exists()).await;
        }
    }
    /// Starts them again where they were.
    pub(crate) fn restart(&self) {
        self.up();
    }
    fn pid(&self, node: usize) -> String {
        let file = self.0.path().join(format!("memcached{node}.pid"));
        fs::read_to_string(file).expect("a pid").trim().to_owned()
    }
}

impl Drop for Servers {
    /// Also when the test fails: nothing is left running.
    fn drop(&mut self) {
        let _ = Command::new(script("down")).arg(self.0.path()).status();
    }
}

fn script(name: &str) -> String {
    format!("{}/../../servers/{name}", env!("CARGO_MANIFEST_DIR"))
}
