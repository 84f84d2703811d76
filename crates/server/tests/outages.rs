//! What callers of a server see of each operation while its store fails, what is kept then, and what is lost: the rows of
//! docs/outages.md that no test of a backend or a layer proves. Against a real Redis, and a real process that is killed.
use live::{Answer, Binary, eventually};
use redis::Redis;
use serde_json::json;
use stayput::testing::{Fault, Proxy};
use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    time::Duration,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

#[path = "support/live.rs"]
mod live;
#[path = "support/redis.rs"]
mod redis;

fn main() {
    let tests: [(&str, fn()); 8] = [
        ("a_backend_that_refuses_fails_every_operation_and_changes_nothing", refuses),
        ("a_backend_that_hangs_fails_every_operation_in_time", hangs),
        ("a_backend_that_answers_slowly_is_waited_for", slow),
        ("a_backend_that_lost_its_data_says_absent_and_the_next_claim_wins", loses),
        ("a_backend_without_room_serves_reads_and_erasures", full),
        ("an_open_breaker_answers_every_operation_at_once", breaker),
        ("an_erasure_that_was_answered_survives_kill_9", erased_and_killed),
        ("an_export_that_a_killed_server_did_not_end_is_seen_to_be_broken", export_cut_off),
    ];
    redis::run(&tests);
}

/// Every operation of the table, and two more ways to read.
const OPERATIONS: [(&str, &str, &str); 8] = [
    ("GET", "/v1/users/held/campaigns/c", ""),
    ("GET", "/v1/users/held", ""),
    ("PUT", "/v1/users/held/campaigns/c", r#"{"variationName":"A","goalIdentifier":"late"}"#),
    ("PUT", "/v1/users/fresh/campaigns/c", r#"{"variationName":"A"}"#),
    ("DELETE", "/v1/users/gone/campaigns/c", ""),
    ("DELETE", "/v1/users/gone", ""),
    ("GET", "/v1/export", ""),
    ("POST", "/v1/import", "{\"userId\":\"new\",\"campaignKey\":\"c\",\"variationName\":\"A\"}\n"),
];

fn refuses() {
    let scene = Scene::new(Redis::with(&[]), &[]);
    scene.proxy.set(Fault::Reset);
    scene.all_fail(&[503], &["unavailable"]);
    scene.spools();
    scene.proxy.set(Fault::Pass);
    scene.recovers();
}

fn hangs() {
    let scene = Scene::new(Redis::with(&[]), &[]);
    scene.proxy.set(Fault::HalfOpen);
    // A connection that cannot be made is unavailable, one that falls silent a timeout.
    scene.all_fail(&[503, 504], &["unavailable", "timeout"]);
    scene.spools();
    scene.proxy.set(Fault::Pass);
    scene.recovers();
}

fn slow() {
    let scene = Scene::with(Redis::with(&[]), "timeout=30s&connect=30s", &[]);
    scene.proxy.set(Fault::Delay(Duration::from_millis(30)));
    for (method, target, body) in OPERATIONS {
        let answer = scene.server.call(method, target, body);
        assert!(matches!(answer.status, 200 | 204), "{method} {target}: {answer:?}");
    }
    assert_eq!(scene.goals("held"), "g_vwo_late");
}

fn loses() {
    let mut scene = Scene::new(Redis::with(&["--appendonly", "no"]), &[]);
    scene.redis.kill();
    scene.redis.run(&["--appendonly", "no"]);
    scene.eventually("it is back", |server| server.call("GET", "/readyz", "").status == 200);
    let get = scene.server.call("GET", "/v1/users/held/campaigns/c", "");
    assert_eq!((get.status, get.error().1.as_str()), (404, "absent"));
    assert_eq!(scene.server.call("GET", "/v1/export", "").body, b"");
    assert_eq!(scene.server.call("DELETE", "/v1/users/held", "").json()["erased"], 0);
    let claim = scene.server.call("PUT", "/v1/users/held/campaigns/c", r#"{"variationName":"B","goalIdentifier":"g"}"#);
    let told = claim.json();
    assert_eq!((&told["outcome"], &told["newGoals"]), (&json!("created"), &json!(["g"])), "flipped, and counted again");
}

fn full() {
    let scene = Scene::new(Redis::with(&["--maxmemory-policy", "noeviction"]), &[]);
    configure(&scene.redis, "maxmemory", "1");
    for (method, target, body) in OPERATIONS {
        let answer = scene.server.call(method, target, body);
        match method {
            "PUT" => assert_eq!((answer.status, answer.error().1.as_str()), (503, "unavailable"), "{target}"),
            "POST" => assert!(!told(&answer, "claimed", 1), "{answer:?}"),
            _ => assert!(matches!(answer.status, 200 | 204), "{method} {target}: {answer:?}"),
        }
    }
    assert_eq!(scene.server.call("GET", "/v1/users/gone", "").json()["campaigns"], json!([]), "erased all the same");
    scene.spools();
    configure(&scene.redis, "maxmemory", "0");
    scene.recovers();
}

fn breaker() {
    let scene = Scene::with(
        Redis::with(&[]),
        "timeout=20s&connect=20s",
        &["--breaker-failures", "1", "--breaker-pause", "1h", "--store-time", "200ms"],
    );
    scene.proxy.set(Fault::Pause);
    assert_eq!(scene.server.call("GET", "/v1/users/held/campaigns/c", "").status, 504);
    for (method, target, body) in OPERATIONS {
        let answer = scene.server.call(method, target, body);
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(text.contains("times in a row"), "{method} {target}: {answer:?}");
        assert!(answer.status == 503 || target == "/v1/import", "{method} {target}: {answer:?}");
    }
}

fn erased_and_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = format!("file:{}", folder.path().display());
    for round in 0..5 {
        let server = Binary::serve(&store);
        let user = format!("/v1/users/u{round}");
        assert_eq!(server.call("PUT", &format!("{user}/campaigns/c"), r#"{"variationName":"A"}"#).status, 200);
        assert_eq!(server.call("DELETE", &user, "").json()["erased"], 1);
        drop(server); // SIGKILL
        let server = Binary::serve(&store);
        assert_eq!(server.call("GET", &user, "").json()["campaigns"], json!([]));
    }
}

fn export_cut_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Binary::serve(&format!("file:{}", folder.path().display()));
    let pad = "x".repeat(2_000);
    let lines: String = (0..10_000)
        .map(|user| {
            format!("{{\"userId\":\"{user}\",\"campaignKey\":\"c\",\"variationName\":\"A\",\"metaData\":\"{pad}\"}}\n")
        })
        .collect();
    assert_eq!(server.call("POST", "/v1/import", lines).status, 200);
    let mut stream = TcpStream::connect(server.address).expect("a server");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    stream.write_all(b"GET /v1/export HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut begun = vec![0; 4_096];
    stream.read_exact(&mut begun).expect("the first lines");
    drop(server); // SIGKILL, while it waits for this reader
    let mut rest = Vec::new();
    let read = stream.read_to_end(&mut rest);
    assert!(begun.starts_with(b"HTTP/1.1 200"));
    // 20 MB do not fit between the two; without its last chunk no client takes the answer for whole.
    assert!(rest.len() < 15_000_000, "the reader was not waited for");
    assert!(read.is_err() || !rest.ends_with(b"0\r\n\r\n"), "a part of an export looks like all of it");
}

/// A server without a spool and one with it, before the same Redis, through a network that fails on demand.
struct Scene {
    server: Binary,
    spooling: Binary,
    proxy: Proxy,
    redis: Redis,
    _folder: TempDir,
    _runtime: Runtime,
}

impl Scene {
    fn new(redis: Redis, arguments: &[&str]) -> Self {
        Self::with(redis, "timeout=300ms&connect=300ms", arguments)
    }
    fn with(redis: Redis, options: &str, arguments: &[&str]) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
        let proxy = runtime.block_on(Proxy::before(redis.address)).expect("a proxy");
        let folder = tempfile::tempdir().expect("a folder");
        // What is waited out is short; on a busy machine a server may not start within it, and then tries again.
        let url = format!("redis://{}?{options}", proxy.address());
        let spool = folder.path().join("spool").display().to_string();
        let patient = ["--store", &url, "--breaker-failures", "1000000", "--breaker-pause", "100ms"];
        let arguments: Vec<&str> = match arguments {
            [] => patient.to_vec(),
            other => [&["--store", &url], other].concat(),
        };
        started(&url);
        let server = Binary::with(&arguments, &[]);
        let spooling = Binary::with(&[&arguments[..], &["--spool", &spool]].concat(), &[]);
        let scene = Self { server, spooling, proxy, redis, _folder: folder, _runtime: runtime };
        for user in ["held", "gone"] {
            let target = format!("/v1/users/{user}/campaigns/c");
            let body = r#"{"variationName":"A","goalIdentifier":"g"}"#;
            scene.eventually("it claims", |server| server.call("PUT", &target, body).status == 200);
        }
        scene
    }

    /// Nothing but errors of these statuses and kinds; never absence.
    fn all_fail(&self, statuses: &[u16], kinds: &[&str]) {
        for (method, target, body) in OPERATIONS {
            let answer = self.server.call(method, target, body);
            if target == "/v1/import" {
                assert!(!told(&answer, "claimed", 1), "{answer:?}");
                continue;
            }
            assert!(statuses.contains(&answer.status), "{method} {target}: {answer:?}");
            assert!(kinds.contains(&answer.error().1.as_str()), "{method} {target}: {answer:?}");
        }
    }
    /// The other server keeps claims; it can neither read nor erase, and says so.
    fn spools(&self) {
        let put = |user: &str, goal: &str| {
            let body = format!(r#"{{"variationName":"B","goalIdentifier":"{goal}"}}"#);
            self.spooling.call("PUT", &format!("/v1/users/{user}/campaigns/c"), body).json()["outcome"].clone()
        };
        assert_eq!((put("held", "kept"), put("erased", "kept")), (json!("spooled"), json!("spooled")));
        let waiting = || self.spooling.call("GET", "/readyz", "").json()["spool"]["waiting"].clone();
        assert_eq!(waiting(), 2);
        let erased = self.spooling.call("DELETE", "/v1/users/erased", "");
        assert!(matches!(erased.status, 200 | 503 | 504), "{erased:?}");
        assert_eq!(waiting(), 1, "what waits here is erased, whatever the store says");
    }
    /// What was held is held, what was spooled arrives, and nothing else happened.
    fn recovers(&self) {
        self.eventually("it reads", |server| server.call("GET", "/v1/users/held/campaigns/c", "").status == 200);
        self.eventually("the spool is delivered", |_| self.goals("held").contains("kept"));
        let held = self.server.call("GET", "/v1/users/held/campaigns/c", "").json();
        assert_eq!(held["variationName"], "A", "whoever came first stays");
        assert_eq!(self.server.call("GET", "/v1/users/erased/campaigns/c", "").status, 404);
        let export = String::from_utf8(self.server.call("GET", "/v1/export", "").body).expect("UTF-8");
        assert!(export.contains("\"userId\":\"held\""), "{export}");
        let erased = self.server.call("DELETE", "/v1/users/gone", "");
        assert_eq!(erased.status, 200, "a repeat does what failed");
        assert_eq!(self.server.call("GET", "/v1/users/gone", "").json()["campaigns"], json!([]));
    }
    fn goals(&self, user: &str) -> String {
        let held = self.server.call("GET", &format!("/v1/users/{user}/campaigns/c"), "");
        held.json()["goalIdentifier"].as_str().unwrap_or_default().to_owned()
    }
    fn eventually(&self, what: &str, mut now: impl FnMut(&Binary) -> bool) {
        eventually(what, || now(&self.server));
    }
}

/// A number of an import's answer.
fn told(answer: &Answer, field: &str, number: u64) -> bool {
    answer.status == 200 && String::from_utf8_lossy(&answer.body).contains(&format!("\"{field}\":{number}"))
}

/// Waits until a server can be opened at `url` at all.
fn started(url: &str) {
    eventually("the store can be opened", || {
        let get = Command::new(env!("CARGO_BIN_EXE_stayput")).args(["get", "nobody", "c", "--store", url]).output();
        get.expect("the binary").status.code() == Some(3)
    });
}

fn configure(redis: &Redis, option: &str, value: &str) {
    let mut stream = TcpStream::connect(redis.address).expect("redis-server");
    write!(stream, "CONFIG SET {option} {value}\r\n").expect("it reads");
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"+OK\r\n");
}
