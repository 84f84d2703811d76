//! An outage of a real Redis, and of a real PostgreSQL, under claims from two servers that share a spool: nothing
//! acknowledged is lost, reads fail fast, and everything recovers without hands. One of the servers is killed in the
//! middle.
use behind::{Behind, Postgres};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use live::Binary;
use redis::Redis;
use stayput::{
    AssignmentStore, AssignmentStoreExt, ClaimId, Key, Kind, Name, Offer, Outcome, ScanStore, Scope, Timestamp,
};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

#[path = "support/behind.rs"]
mod behind;
#[path = "support/live.rs"]
mod live;
#[path = "support/redis.rs"]
mod redis;

/// How long the outage takes, and how many claims a second there are.
struct Drill {
    outage: Duration,
    rate: u64,
}
const SHORT: Drill = Drill { outage: Duration::from_secs(10), rate: 300 };
const LONG: Drill = Drill { outage: Duration::from_secs(60), rate: 2_000 };
/// Claims under way at once.
const WRITERS: u64 = 64;

fn main() {
    let trials = vec![
        trial("redis_killed_and_a_server_killed_meanwhile_lose_nothing_acknowledged", redis),
        trial("postgres_killed_and_a_server_killed_meanwhile_lose_nothing_acknowledged", Postgres::start),
    ];
    // One after the other: each wants the machine for itself.
    libtest_mimic::run(&Arguments { test_threads: Some(1), ..Arguments::from_args() }, trials).exit();
}

fn redis() -> Result<Redis, String> {
    if Redis::is_installed() { Ok(Redis::start()) } else { Err(redis::MISSING.into()) }
}

fn trial<S: Behind + 'static>(name: &str, start: fn() -> Result<S, String>) -> Trial {
    let drill = move || match start() {
        Err(missing) => Ok::<_, Failed>(Completion::ignored_with(missing)),
        Ok(store) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.expect("threads").block_on(is_killed(store, if long() { LONG } else { SHORT }));
            Ok(Completion::Completed)
        }
    };
    Trial::ignorable_test(name, drill)
}

#[derive(Default)]
struct Scene {
    acknowledged: Mutex<Vec<(Offer, Outcome)>>,
    refused: AtomicU64,
    over: AtomicBool,
    /// Whether the breakers are open by now.
    dark: AtomicBool,
    reads: Mutex<Vec<Duration>>,
}

async fn is_killed(mut behind: impl Behind, drill: Drill) {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = folder.path().join("spool");
    let mut servers = [0, 1].map(|_| Some(serve(&behind, &spool, None)));
    let addresses = servers.each_ref().map(|server| server.as_ref().expect("it runs").address);
    let scene = Arc::new(Scene::default());
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        let store = client(addresses[writer as usize % 2]).await;
        tasks.push(tokio::spawn(write(scene.clone(), store, writer, drill.rate)));
    }
    for address in addresses {
        tasks.push(tokio::spawn(read(scene.clone(), client(address).await)));
    }
    sleep(Duration::from_secs(2)).await;
    behind.kill();
    sleep(drill.outage / 4).await;
    scene.dark.store(true, Relaxed);
    sleep(drill.outage / 4).await;
    servers[1] = None; // SIGKILL
    sleep(drill.outage / 2).await;
    scene.dark.store(false, Relaxed);
    let most = waiting(&servers[0]);
    let began = Instant::now();
    behind.run();
    servers[1] = Some(serve(&behind, &spool, Some(addresses[1])));
    sleep(Duration::from_secs(2)).await;
    scene.over.store(true, Relaxed);
    for task in tasks {
        task.await.expect("no panic");
    }
    while waiting(&servers[0]) > 0 {
        assert!(began.elapsed() < Duration::from_secs(300), "it does not recover");
        sleep(Duration::from_millis(20)).await;
    }
    let recovered = began.elapsed();

    let acknowledged = scene.acknowledged.lock().expect("no panic").clone();
    let mut outcomes = BTreeMap::new();
    acknowledged.iter().for_each(|(_, outcome)| *outcomes.entry(outcome.name()).or_insert(0) += 1);
    let store = client(addresses[0]).await;
    for offers in acknowledged.chunks(500) {
        let keys: Vec<Key> = offers.iter().map(|(offer, _)| offer.key.clone()).collect();
        for ((offer, _), held) in offers.iter().zip(store.get(&keys).await.expect("get")) {
            let held = held.expect("what was acknowledged is held");
            assert_eq!((Some(&held.variation), held.by), (offer.variation.as_ref(), offer.claim));
            assert_eq!(
                held.goals.iter().map(|goal| goal.by).collect::<Vec<_>>(),
                [offer.claim],
                "its goal counts once"
            );
        }
    }
    let mut reads = std::mem::take(&mut *scene.reads.lock().expect("no panic"));
    reads.sort();
    let [median, p99] = [50, 99].map(|part| reads.get(reads.len() * part / 100).copied().unwrap_or_default());
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    println!(
        "{} acknowledged ({outcomes:?}), none lost; {} failed; {most} waited, delivered {recovered:?} after the store \
         was started; {} reads with the breaker open, half within {median:?}, p99 {p99:?}; \
         load {load}",
        acknowledged.len(),
        scene.refused.load(Relaxed),
        reads.len(),
    );
    assert!(outcomes.get("spooled").is_some_and(|spooled| *spooled > 100), "{outcomes:?}");
    assert!(most > 0 && !reads.is_empty());
    // A read that waited for the store would have waited for its timeout.
    assert!(p99 < Duration::from_secs(1), "with the breaker open reads fail at once, not after {p99:?}");
}

async fn write(scene: Arc<Scene>, store: Arc<dyn ScanStore>, writer: u64, rate: u64) {
    let mut turns = interval(Duration::from_secs(1) * WRITERS as u32 / rate as u32);
    turns.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for number in 0.. {
        turns.tick().await;
        if scene.over.load(Relaxed) {
            return;
        }
        let key = Key::new(&Scope::default(), Kind::Classic, &format!("{writer}-{number}"), "c").expect("legal");
        let name = |name| Name::variation(name).expect("legal");
        let claim = ClaimId::random().expect("random");
        let offer = Offer::new(key, claim, Timestamp::from_millis(1)).offering(name("v")).bringing([name("g")]);
        match store.claim_one(&offer).await {
            Ok(claimed) => scene.acknowledged.lock().expect("no panic").push((offer, claimed.outcome)),
            Err(_) => drop(scene.refused.fetch_add(1, Relaxed)),
        }
    }
}

async fn read(scene: Arc<Scene>, store: Arc<dyn ScanStore>) {
    let key = Key::new(&Scope::default(), Kind::Classic, "nobody", "c").expect("legal");
    while !scene.over.load(Relaxed) {
        let (began, dark) = (Instant::now(), scene.dark.load(Relaxed));
        let answer = store.get_one(&key).await;
        // A probe waits for the store, and a server that was killed does not answer at all.
        if dark && answer.is_err_and(|error| error.message().contains("times in a row")) {
            scene.reads.lock().expect("no panic").push(began.elapsed());
        }
        sleep(Duration::from_millis(5)).await;
    }
}

fn serve(behind: &impl Behind, spool: &Path, address: Option<SocketAddr>) -> Binary {
    let listen = address.map_or_else(|| "127.0.0.1:0".into(), |address| address.to_string());
    let url = behind.url();
    let spool = spool.display().to_string();
    Binary::with(&["--store", &url, "--spool", &spool, "--listen", &listen, "--breaker-pause", "500ms"], &[])
}
async fn client(server: SocketAddr) -> Arc<dyn ScanStore> {
    stayput::open(&format!("stayput://{server}?timeout=20s")).await.expect("a store")
}
fn waiting(server: &Option<Binary>) -> u64 {
    let told = server.as_ref().expect("it runs").call("GET", "/metrics", "").body;
    let told = String::from_utf8(told).expect("UTF-8");
    let line = told.lines().find_map(|line| line.strip_prefix("stayput_spool_waiting "));
    line.and_then(|number| number.parse().ok()).expect("a number")
}

#[expect(clippy::disallowed_methods, reason = "tests read their own switches")]
fn long() -> bool {
    std::env::var_os("STAYPUT_LONG").is_some()
}
