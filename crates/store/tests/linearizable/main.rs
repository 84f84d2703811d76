//! Is there always one order of what concurrent clients asked that explains every answer? Over `file:`, and over Redis
//! behind networks that fail and under kill -9.
use bench::{Needs, Server, eventually, prefix, rounds};
use crowd::{Crowd, Sum, record};
use dice::Dice;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use stayput::{
    ScanStore,
    testing::{Fault, Proxy},
};
use std::{future::Future, pin::Pin, sync::Arc};
use tokio::time::sleep;

#[path = "../redis/bench.rs"]
#[allow(dead_code, reason = "the bench of the Redis tests has more")]
mod bench;
#[path = "../faults/bent.rs"]
#[allow(dead_code, reason = "only some of the faults that can be planted are noticed here")]
mod bent;
mod checker;
mod crowd;
#[path = "../simulation/dice.rs"]
#[allow(dead_code, reason = "these tests take real time")]
mod dice;
#[path = "../faults/list.rs"]
mod list;
mod model;
mod planted;
#[path = "../support/signal.rs"]
mod signal;

type Test = fn() -> Pin<Box<dyn Future<Output = ()>>>;

/// Whoever claims the same few keys meets rivals.
const CROWD: Crowd = Crowd { clients: 8, keys: 3, operations: 12, patience: 20 };

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    let runtime = Arc::new(runtime.expect("a runtime"));
    let tests: [(&str, Option<Needs>, Test); 6] = [
        ("checker::planted_violations_are_found", None, || Box::pin(planted::histories())),
        ("checker::what_failed_may_come_late_or_never", None, || Box::pin(planted::open())),
        ("checker::faults_planted_in_a_store_are_found", None, || Box::pin(planted::stores())),
        ("file::two_opened_stores_answer_as_one", None, || Box::pin(file())),
        ("redis::two_clients_answer_as_one_while_networks_fail", Some(Needs::Program), || Box::pin(networks_fail())),
        ("redis::two_clients_answer_as_one_through_kill_9", Some(Needs::Program), || Box::pin(killed())),
    ];
    let trial = |(name, needs, test): (&str, Option<Needs>, Test)| {
        let runtime = runtime.clone();
        Trial::ignorable_test(name, move || match needs.and_then(Needs::missing) {
            Some(reason) => Ok::<_, Failed>(Completion::ignored_with(reason)),
            None => {
                runtime.block_on(test());
                Ok(Completion::Completed)
            }
        })
    };
    let trials = tests.into_iter().map(trial).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

async fn file() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("file:{}", folder.path().display());
    let stores = [bench::open(&url).await, bench::open(&url).await];
    let mut sum = Sum::default();
    for seed in 0..40 * u64::from(rounds()) {
        let histories = record(&stores, CROWD, seed).await;
        sum += histories.check(seed, false).unwrap_or_else(|why| panic!("{why}"));
    }
    println!("file: {sum:?}");
    assert_eq!(sum.open, 0, "nothing failed");
}

/// Each client has a network of its own, so that one is cut off while the other goes on.
async fn networks_fail() {
    let server = Server::start(&[]).await;
    let prefix = prefix();
    let (mut proxies, mut stores) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let proxy = Proxy::before(server.address).await.expect("a proxy");
        let url = format!("redis://{}?timeout=300ms&connect=300ms&prefix={prefix}", proxy.address());
        stores.push(patiently(&url).await);
        proxies.push(proxy);
    }
    let mut sum = Sum::default();
    for seed in 0..12 * u64::from(rounds()) {
        let recorded = record(&stores, CROWD, seed);
        tokio::pin!(recorded);
        let trouble = trouble(&proxies, seed);
        tokio::pin!(trouble);
        let histories = tokio::select! {
            histories = &mut recorded => histories,
            never = &mut trouble => match never {},
        };
        proxies.iter().for_each(|proxy| proxy.set(Fault::Pass));
        sum += histories.check(seed, true).unwrap_or_else(|why| panic!("{why}"));
    }
    println!("redis, networks fail: {sum:?}");
    assert!(sum.open > 0, "nothing failed, so that nothing was tested");
}

/// One fault after another, now here, now there, for as long as anybody asks.
async fn trouble(proxies: &[Proxy], seed: u64) -> std::convert::Infallible {
    let dice = Dice::new(seed);
    loop {
        let proxy = &proxies[dice.below(proxies.len() as u64) as usize];
        let late = Fault::Delay(dice.millis(400));
        let fault = dice.of(&[
            Fault::CutBefore,
            Fault::CutAfter,
            Fault::CutAfter,
            Fault::Reset,
            Fault::HalfOpen,
            Fault::Pause,
            late,
        ]);
        if matches!(fault, Fault::CutBefore | Fault::CutAfter) && dice.percent(70) {
            proxy.once(fault); // the client bridges it
        } else {
            proxy.set(fault);
        }
        sleep(dice.millis(60)).await;
        proxy.set(Fault::Pass);
        sleep(dice.millis(20)).await;
    }
}

async fn killed() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let url = server.url(&format!("timeout=300ms&connect=200ms&prefix={}", prefix()));
    let stores = [patiently(&url).await, patiently(&url).await];
    let mut sum = Sum::default();
    for seed in 0..4 * u64::from(rounds()) {
        let crowd = Crowd { patience: 120, ..CROWD };
        let (recorded, stopping) = (tokio::spawn(crowd_of(stores.clone(), crowd, seed)), Dice::new(seed));
        sleep(stopping.millis(10)).await;
        server.kill();
        sleep(stopping.millis(300)).await;
        server.restart().await;
        let histories = recorded.await.expect("no client panicked");
        sum += histories.check(seed, true).unwrap_or_else(|why| panic!("{why}"));
        for store in &stores {
            eventually("recovery", async || store.get(&[bench::key("nobody", "campaign")]).await.is_ok()).await;
        }
    }
    println!("redis, killed: {sum:?}");
    assert!(sum.open > 0, "nobody noticed the kill, so that nothing was tested");
}

async fn crowd_of(stores: [Arc<dyn ScanStore>; 2], crowd: Crowd, seed: u64) -> crowd::Histories {
    record(&stores, crowd, seed).await
}

/// On a busy machine, opening with a short time-out may take several tries.
async fn patiently(url: &str) -> Arc<dyn ScanStore> {
    for _ in 0..50 {
        if let Ok(store) = stayput::open(url).await {
            return store;
        }
    }
    bench::open(url).await
}
