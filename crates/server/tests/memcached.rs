//! A server on Memcached says in its metrics what Memcached loses.
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use live::{Binary, eventually};
use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};

#[path = "support/live.rs"]
mod live;

const EVICTED: &str = "stayput_memcached_evicted_total";
const UNREAD: &str = "stayput_memcached_evicted_unread_total";
const RESTARTS: &str = "stayput_memcached_restarts_total";

fn main() {
    let test = || match Command::new("memcached").arg("--version").output() {
        Err(_) => Ok::<_, Failed>(Completion::ignored_with("memcached is not installed")),
        Ok(_) => {
            what_is_lost_is_told();
            Ok(Completion::Completed)
        }
    };
    let name = "evictions_and_restarts_are_told_by_the_metrics";
    libtest_mimic::run(&Arguments::from_args(), vec![Trial::ignorable_test(name, test)]).exit();
}

fn what_is_lost_is_told() {
    let mut node = Node::start();
    let server = Binary::serve(&format!("memcached://{}?evictable=accepted&timeout=20s", node.address));
    assert_eq!([EVICTED, UNREAD, RESTARTS].map(|name| told(&server, name)), [Some(0); 3]);
    // 16 MB in 2 MB; half of it is read, and nobody reads the other half.
    let filler = "f".repeat(8_000);
    for user in 0..2_000 {
        let claim = format!(r#"{{"variationName":"A","metaData":{{"f":"{filler}"}}}}"#);
        let place = format!("/v1/users/u{user}/campaigns/c");
        assert_eq!(server.call("PUT", &place, claim).status, 200);
        if user % 2 == 0 {
            assert_eq!(server.call("GET", &place, "").status, 200);
        }
    }
    eventually("evictions", || told(&server, EVICTED) > Some(500));
    let [evicted, unread] = [EVICTED, UNREAD].map(|name| told(&server, name).unwrap_or_default());
    assert!(unread > 0 && unread < evicted, "{unread} of {evicted} were never read");
    assert_eq!(server.call("GET", "/v1/users/u0/campaigns/c", "").status, 404, "it was there, and is gone");
    assert_eq!(told(&server, RESTARTS), Some(0));
    node.restart();
    eventually("the restart", || told(&server, RESTARTS) == Some(1));
    assert!(told(&server, EVICTED) >= Some(evicted), "a counter never falls");
    let other = Binary::serve("memory:");
    assert_eq!(told(&other, EVICTED), None, "nothing is said of Memcached where there is none");
}

/// What the metric `name` says, if it is there.
fn told(server: &Binary, name: &str) -> Option<u64> {
    let text = String::from_utf8(server.call("GET", "/metrics", "").body).expect("UTF-8");
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

/// A node with little memory.
struct Node {
    address: SocketAddr,
    child: Child,
}

impl Node {
    fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("its number");
        drop(free);
        Self { address, child: Self::spawn(address) }
    }
    fn spawn(address: SocketAddr) -> Child {
        let mut command = Command::new("memcached");
        command.args(["-u", "nobody", "-l", "127.0.0.1", "-U", "0", "-m", "2", "-p"]).arg(address.port().to_string());
        let child = command.stdout(Stdio::null()).spawn().expect("memcached");
        eventually("a node", || TcpStream::connect(address).is_ok());
        child
    }
    /// kill -9, and another in its place.
    fn restart(&mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("it is gone");
        self.child = Self::spawn(self.address);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
