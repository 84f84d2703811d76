//! A server over a Redis that is killed again and again, with its near cache and its spool: neither memory nor descriptors
//! grow, and claims are never refused. `STAYPUT_LONG=1` makes it ten minutes.
use live::{Answer, Binary, eventually};
use redis::Redis;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};
use tokio::time::Instant;

#[path = "support/live.rs"]
mod live;
#[path = "support/redis.rs"]
mod redis;

const MEBIBYTE: usize = 1024 * 1024;
/// A bounded set, so that only leaks grow.
const USERS: u64 = 4_000;

fn main() {
    redis::run(&[("outages_leave_memory_and_descriptors_as_they_are", outages)]);
}

#[expect(clippy::disallowed_methods, reason = "the switch of all long tests")]
fn is_long() -> bool {
    std::env::var_os("STAYPUT_LONG").is_some()
}

#[derive(Default)]
struct Scene {
    over: AtomicBool,
    asked: AtomicU64,
    claimed: AtomicU64,
    spooled: AtomicU64,
    failed_reads: AtomicU64,
}

fn outages() {
    let cycles = if is_long() { 40 } else { 4 };
    let (up, down) = if is_long() { (10, 5) } else { (3, 2) };
    let (folder, mut redis) = (tempfile::tempdir().expect("a folder"), Redis::start());
    let spool = folder.path().join("spool").display().to_string();
    let url = format!("{}?timeout=500ms&connect=200ms", redis.url());
    let cached = ["--near-cache", "4MiB", "--breaker-pause", "200ms"];
    let server = Binary::with(&[&["--store", url.as_str(), "--spool", &spool][..], &cached[..]].concat(), &[]);
    let scene = Arc::new(Scene::default());
    let clients: Vec<_> = (0..4)
        .map(|client| {
            let (scene, address) = (scene.clone(), server.address);
            thread::spawn(move || ask(&scene, address, client))
        })
        .collect();
    let began = Instant::now();
    let mut seen = Vec::new();
    for _ in 0..cycles {
        thread::sleep(Duration::from_secs(up));
        redis.kill();
        thread::sleep(Duration::from_secs(down));
        redis.run(&[]);
        eventually("what waits is delivered", || {
            server.call("GET", "/readyz", "").json()["spool"]["waiting"].as_u64().is_some_and(|waiting| waiting < 100)
        });
        seen.push((server.memory("RssAnon"), server.descriptors()));
    }
    scene.over.store(true, Relaxed);
    for client in clients {
        client.join().expect("its answers were as they should be");
    }
    let count = |of: &AtomicU64| of.load(Relaxed);
    // The allocator keeps what a burst took for a while: the lowest of ten tells what is really kept.
    let lowest = |part: &[(usize, usize)]| {
        let of = |figure: fn(&(usize, usize)) -> usize| part.iter().map(figure).min().unwrap_or_default();
        (of(|seen| seen.0), of(|seen| seen.1))
    };
    let (settled, ended) = (lowest(&seen[cycles / 4..cycles / 2]), lowest(&seen[cycles - cycles / 4..]));
    println!(
        "{} requests in {:?} with {cycles} outages: {} claims, {} of them spooled, {} reads failed; {settled:?} in the \
         second quarter, {ended:?} in the last; MiB after each outage: {:?}",
        count(&scene.asked),
        began.elapsed(),
        count(&scene.claimed),
        count(&scene.spooled),
        count(&scene.failed_reads),
        seen.iter().map(|seen| seen.0 / MEBIBYTE).collect::<Vec<_>>(),
    );
    assert!(count(&scene.spooled) > 100 && count(&scene.failed_reads) > 0, "it saw the outages");
    assert!(ended.0 < settled.0 + 16 * MEBIBYTE, "memory grew from {} to {}", settled.0, ended.0);
    assert!(ended.1 < settled.1 + 16, "descriptors grew from {} to {}", settled.1, ended.1);
}

fn ask(scene: &Scene, address: SocketAddr, client: u64) {
    let mut round = client;
    while !scene.over.load(Relaxed) {
        round += 1;
        let user = format!("/v1/users/{}/campaigns/c", round.wrapping_mul(7_919) % USERS);
        let call = |method: &str, body: String| live::call(address, method, &user, body.as_bytes());
        match round % 4 {
            0 => {
                let goal = round / USERS % 8;
                let answer = call("PUT", format!(r#"{{"variationName":"A","goalIdentifier":"g{goal}"}}"#));
                // A claim whose time was up in the middle of the outage is told so; it may have been stored.
                assert!(matches!(answer.status, 200 | 504), "{answer:?}");
                scene.claimed.fetch_add(1, Relaxed);
                let spooled = answer.status == 200 && answer.json()["outcome"] == "spooled";
                scene.spooled.fetch_add(u64::from(spooled), Relaxed);
            }
            _ => {
                let answer: Answer = call("GET", String::new());
                assert!(matches!(answer.status, 200 | 404 | 503 | 504), "{answer:?}");
                scene.failed_reads.fetch_add(u64::from(answer.status > 500), Relaxed);
            }
        }
        scene.asked.fetch_add(1, Relaxed);
        thread::sleep(Duration::from_millis(1));
    }
}
