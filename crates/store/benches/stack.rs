//! What the whole stack costs beside the backend alone: `STAYPUT_TEST_REDIS=… STAYPUT_TEST_POSTGRES=… cargo bench
//! --features stack,redis,postgres --bench stack`. Both take turns operation by operation, so that whatever else the
//! machine does falls on both; what counts is the median of the ratios.
use stayput::{
    AssignmentStore, AssignmentStoreExt, BoxFuture, ClaimId, Clock, Key, Kind, Name, Offer, ScanStore, Scope,
    StackOptions, SystemClock,
    layers::{NearCacheOptions, SpoolFolder, SpoolOptions},
    stack,
};
use std::{hint::black_box, sync::Arc, time::Duration};
use tokio::time::Instant;

const ROUNDS: usize = 60;
const EACH: u32 = 200;

#[tokio::main]
async fn main() {
    for name in ["STAYPUT_TEST_REDIS", "STAYPUT_TEST_POSTGRES"] {
        #[expect(clippy::disallowed_methods, reason = "servers/up says so in the environment")]
        match std::env::var(name) {
            Ok(url) => compare(&url).await,
            Err(_) => println!("{name} is not set"),
        }
    }
    compare("memory:").await;
    hit().await;
}

/// What the near cache answers through everything, as callers hold it.
async fn hit() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Arc::new(SpoolFolder::open(folder.path()).expect("a spool"));
    let options = StackOptions {
        spool: Some((disk, SpoolOptions::default())),
        near_cache: Some(NearCacheOptions::default().max_age(Duration::from_secs(86_400))),
        ..StackOptions::default()
    };
    let backend = stayput::open("memory:").await.expect("memory");
    let store = stack(backend.clone(), Arc::new(()), options).store;
    let key = |user| Key::new(&Scope::default(), Kind::Classic, &format!("user-{user}"), "campaign").expect("legal");
    let keys: Vec<Key> = (0..10_000).map(key).collect();
    for key in &keys {
        let offer = Offer::new(key.clone(), ClaimId::random().expect("random"), SystemClock.now())
            .offering(Name::variation("v").expect("legal"));
        store.claim_one(&offer).await.expect("claim");
    }
    store.get(&keys).await.expect("get");
    let mut times = Vec::new();
    for _ in 0..=ROUNDS {
        let began = Instant::now();
        for key in &keys {
            black_box(store.get_one(key).await.expect("get"));
        }
        times.push(began.elapsed().as_secs_f64() / keys.len() as f64 * 1e9);
    }
    times.sort_by(f64::total_cmp);
    println!("a hit through the whole stack, as Arc<dyn>: {:.0} ns", times[times.len() / 2]);
}

async fn compare(url: &str) {
    let bare = stayput::open(url).await.expect("a server");
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Arc::new(SpoolFolder::open(folder.path()).expect("a spool"));
    let options = StackOptions { spool: Some((disk, SpoolOptions::default())), ..StackOptions::default() };
    let stacked = stack(bare.clone(), Arc::new(()), options).store;
    let scope = Scope::new(&format!("bench-{}", ClaimId::random().expect("random"))).expect("legal");
    let key = Key::new(&scope, Kind::Classic, "user", "campaign").expect("legal");
    let offer = Offer::new(key.clone(), ClaimId::random().expect("random"), SystemClock.now())
        .offering(Name::variation("v").expect("legal"));
    bare.claim_one(&offer).await.expect("claim");
    println!("{}", url.split(':').next().unwrap_or_default());
    report("get", &bare, &stacked, |store| Box::pin(async { drop(store.get_one(&key).await.expect("get")) })).await;
    report("claim", &bare, &stacked, |store| Box::pin(async { drop(store.claim_one(&offer).await.expect("claim")) }))
        .await;
    bare.remove(std::slice::from_ref(&key)).await.expect("remove");
}

async fn report<'a>(
    what: &str,
    bare: &'a Arc<dyn ScanStore>,
    stacked: &'a Arc<dyn ScanStore>,
    work: impl Fn(&'a Arc<dyn ScanStore>) -> BoxFuture<'a, ()>,
) {
    let (mut ratios, mut times) = (Vec::new(), [Vec::new(), Vec::new()]);
    for round in 0..=ROUNDS {
        let mut spent = [Duration::ZERO; 2];
        for turn in 0..2 * EACH {
            // Who comes first changes.
            let side = (turn as usize + (turn as usize / 2) % 2) % 2;
            let began = Instant::now();
            work([bare, stacked][side]).await;
            spent[side] += began.elapsed();
        }
        if round > 0 {
            ratios.push(spent[1].as_secs_f64() / spent[0].as_secs_f64());
            times.iter_mut().zip(spent).for_each(|(times, spent)| times.push((spent / EACH).as_secs_f64() * 1e6));
        }
    }
    let median = |mut numbers: Vec<f64>| {
        numbers.sort_by(f64::total_cmp);
        numbers[numbers.len() / 2]
    };
    let [bare, stacked] = times.map(median);
    println!("  {what:<6} backend {bare:>8.2} µs   stack {stacked:>8.2} µs   ratio {:.3}", median(ratios));
}
