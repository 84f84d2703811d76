//! A master dies under load: nothing wrong is said, service comes back by itself, and what was lost is counted.
use crate::bench::{Add, Needs, Servers, eventually, key, name, offer, open, rounds};
use stayput::{AssignmentStoreExt, ErrorKind, Key, Page, ScanStore};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

const TIMEOUT: Duration = Duration::from_millis(500);
const GRACE: Duration = Duration::from_secs(2);

pub(crate) fn tests(add: Add<'_>) {
    add("a_master_of_a_cluster_is_killed", Needs::Program, || {
        Box::pin(master_dies("redis_cluster", "redis_cluster1", "KILL"))
    });
    add("a_master_of_a_cluster_is_stopped", Needs::Program, || {
        Box::pin(master_dies("redis_cluster", "redis_cluster1", "STOP"))
    });
    add("a_master_behind_sentinels_is_killed", Needs::Program, || {
        Box::pin(master_dies("redis_sentinel", "redis_master", "KILL"))
    });
    add("a_master_behind_sentinels_is_stopped", Needs::Program, || {
        Box::pin(master_dies("redis_sentinel", "redis_master", "STOP"))
    });
}

async fn master_dies(servers: &'static str, master: &'static str, signal: &'static str) {
    let bench = Servers::start(servers);
    let store = open(&bench.url("timeout=500ms&connect=250ms")).await;
    // Old enough to be on the replicas when the master dies: these must never be missing.
    let settled: Vec<Key> = (0..300).map(|i| key(&format!("settled-{i}"), "campaign")).collect();
    for settled in &settled {
        store.claim_one(&offer(settled.clone()).offering(name("v"))).await.expect("a claim");
    }
    sleep(Duration::from_secs(1)).await;
    let begun = store.scan(None, None, 50).await.expect("the first page of an export");

    let (stop, errors) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let (store, stop, errors) = (store.clone(), stop.clone(), errors.clone());
        writers.spawn(async move {
            let mut acknowledged = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let place = key(&format!("user-{writer}-{}", acknowledged.len()), "campaign");
                let offer = offer(place).offering(name("v")).bringing([name("goal")]);
                while !stop.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    let answer = store.claim_one(&offer).await;
                    assert!(begun.elapsed() < TIMEOUT + GRACE, "an answer after {:?}", begun.elapsed());
                    match answer {
                        Ok(claimed) => {
                            assert!(claimed.won() && claimed.new_goals.len() == 1, "{:?}", claimed.outcome);
                            acknowledged.push(offer);
                            break;
                        }
                        Err(error) => {
                            assert!(error.is_transient(), "{error}");
                            errors.fetch_add(1, Ordering::Relaxed);
                            sleep(Duration::from_millis(20)).await;
                        }
                    }
                }
            }
            acknowledged
        });
    }
    let reader = {
        let (store, stop, settled) = (store.clone(), stop.clone(), settled.clone());
        tokio::spawn(async move {
            for settled in settled.iter().cycle().take_while(|_| !stop.load(Ordering::Relaxed)) {
                match store.get_one(settled).await {
                    Ok(held) => assert!(held.is_some(), "absence for what is held"),
                    Err(error) => {
                        assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unavailable), "{error}")
                    }
                }
            }
        })
    };
    sleep(Duration::from_millis(500)).await;
    bench.signal(master, signal);
    let dead = Instant::now();
    sleep(Duration::from_millis(500)).await;
    eventually("service without a restart", async || all_answer(&store, &settled).await).await;
    let away = dead.elapsed();
    sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::Relaxed);
    let acknowledged: Vec<_> = writers.join_all().await.into_iter().flatten().collect();
    reader.await.expect("the reader saw nothing wrong");

    let mut lost = 0;
    for offer in &acknowledged {
        let held = store.get_one(&offer.key).await.expect("service is back");
        lost += usize::from(held.is_none());
        if let Some(held) = held {
            assert_eq!((held.by, held.goals.len()), (offer.claim, 1), "a different assignment than was acknowledged");
        }
    }
    println!(
        "{servers}, master {signal}: away {away:?}, {} errors; of {} acknowledged claims {lost} were lost, which the \
         promoted replica had not received",
        errors.load(Ordering::Relaxed),
        acknowledged.len()
    );
    assert!(errors.load(Ordering::Relaxed) > 0, "nobody noticed that a master died");
    assert!(lost * 20 < acknowledged.len(), "{lost} of {} lost: more than was under way", acknowledged.len());
    exported_and_erased(&store, begun, &settled).await;
    if signal == "STOP" {
        bench.signal(master, "CONT");
        for _ in 0..10 * rounds() {
            assert!(store.get(&settled).await.is_ok_and(|held| held.iter().all(Option::is_some)), "the old master");
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// The export goes on from where it was on the server that is gone; then somebody is erased.
async fn exported_and_erased(store: &Arc<dyn ScanStore>, begun: Page, settled: &[Key]) {
    let (mut exported, mut next) = (begun.entries, begun.next);
    while let Some(after) = next {
        let page = store.scan(None, Some(&after), 50).await.expect("service is back");
        exported.extend(page.entries);
        next = page.next;
    }
    let mut exported: Vec<&Key> = exported.iter().map(|entry| &entry.key).filter(|key| settled.contains(key)).collect();
    exported.sort();
    let mut expected: Vec<&Key> = settled.iter().collect();
    expected.sort();
    assert_eq!(exported, expected, "what was held from the first page to the last appears once");
    let nobody = key("nobody", "campaign");
    store.claim_one(&offer(nobody.clone()).offering(name("v"))).await.expect("service is back");
    assert_eq!(store.erase(nobody.user()).await.expect("service is back"), 1);
    assert_eq!(store.get_one(&nobody).await.expect("service is back"), None);
}

async fn all_answer(store: &Arc<dyn ScanStore>, keys: &[Key]) -> bool {
    store.get(keys).await.is_ok() && store.claim_one(&offer(key("probe", "campaign")).offering(name("v"))).await.is_ok()
}
