//! What `file:` costs. Rival in the same run: the same keys and values in LMDB by hand.
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use heed::{CommitOrAbort, Database, Env, EnvOpenOptions, types::Bytes};
use stayput::{
    AssignmentStore, AssignmentStoreExt, ClaimId, Entry, Key, Kind, Name, Offer, ScanStore, Scope, Timestamp,
    backends::{File, FileOptions},
    codec,
};
use std::{
    hint::black_box,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{runtime::Runtime, time::Instant};

criterion_group!(benches, reads, writes);
criterion_main!(benches);

const USERS: u64 = 100_000;

fn reads(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let (runtime, store) = filled(&folder.path().join("data"));
    let (env, bare) = bare(&folder.path().join("bare"));
    let keys: Vec<Key> = (0..USERS).map(|user| key(user * 7_919 % USERS, 0)).collect();
    let encoded: Vec<Vec<u8>> = keys.iter().map(codec::encode_key).collect();
    let mut group = c.benchmark_group("file");
    let mut turn = 0;
    let mut next = || {
        turn = (turn + 1) % keys.len();
        turn
    };
    group.bench_function("get, bare LMDB", |b| {
        b.iter(|| {
            let txn = env.read_txn().expect("a transaction");
            black_box(bare.get(&txn, &encoded[next()]).expect("read").expect("held").to_vec())
        })
    });
    group.bench_function("get", |b| b.iter(|| runtime.block_on(store.get_one(&keys[next()])).expect("read")));
    group.bench_function("user of two campaigns", |b| {
        b.iter(|| runtime.block_on(store.user(keys[next()].user())).expect("read"))
    });
    group.bench_function("claim that changes nothing", |b| {
        b.iter(|| {
            let offer = offer(keys[next()].clone());
            runtime.block_on(store.claim_one(&offer)).expect("claimed")
        })
    });
}

fn writes(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let (runtime, store) = filled(folder.path());
    let (store, newest) = (Arc::new(store), Arc::new(AtomicU64::new(USERS)));
    let mut group = c.benchmark_group("file, durable first claims");
    group.sample_size(10).measurement_time(Duration::from_secs(5)).throughput(Throughput::Elements(1));
    for writers in [1, 64] {
        group.bench_function(BenchmarkId::new("writers", writers), |b| {
            b.iter_custom(|claims| {
                runtime.block_on(async {
                    let started = Instant::now();
                    let tasks = (0..writers).map(|writer| {
                        let (store, newest) = (store.clone(), newest.clone());
                        let mine = claims / writers + u64::from(writer < claims % writers);
                        tokio::spawn(async move {
                            for _ in 0..mine {
                                let key = key(newest.fetch_add(1, Ordering::Relaxed), 0);
                                store.claim_one(&offer(key)).await.expect("claimed");
                            }
                        })
                    });
                    for task in tasks.collect::<Vec<_>>() {
                        task.await.expect("no panic");
                    }
                    started.elapsed()
                })
            })
        });
    }
}

fn filled(path: &Path) -> (Runtime, File) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build().expect("threads");
    let store = File::open(path, FileOptions::default()).expect("a store");
    runtime.block_on(store.put(&entries())).expect("stored");
    (runtime, store)
}

fn bare(path: &Path) -> (Env, Database<'static, Bytes, Bytes>) {
    std::fs::create_dir_all(path).expect("a folder");
    #[expect(unsafe_code, reason = "LMDB maps a file")]
    // SAFETY: the folder is this process's alone.
    let env = unsafe { EnvOpenOptions::new().map_size(8 << 30).max_dbs(1).open(path) }.expect("LMDB");
    let txn = env.write_txn().expect("a transaction");
    let created = env.create_databases_and_commit(txn, |opener, txn| -> heed::Result<CommitOrAbort<_, ()>> {
        Ok(CommitOrAbort::Commit(opener.create_database::<Bytes, Bytes>(txn, Some("entries"))?))
    });
    let CommitOrAbort::Commit(entries) = created.expect("a database") else { panic!("nobody aborts") };
    let mut txn = env.write_txn().expect("a transaction");
    for entry in self::entries() {
        let (key, value) = (codec::encode_key(&entry.key), codec::encode(&entry.assignment));
        entries.put(&mut txn, &key, &value).expect("put");
    }
    txn.commit().expect("committed");
    (env, entries)
}

fn entries() -> Vec<Entry> {
    let mut keys: Vec<Key> = (0..USERS).flat_map(|user| [key(user, 0), key(user, 1)]).collect();
    keys.sort();
    let entry = |key: Key| {
        let held = offer(key.clone()).join(None, now()).claimed.held.expect("an offer of a variation is held");
        Entry { key, assignment: held }
    };
    keys.into_iter().map(entry).collect()
}
fn offer(key: Key) -> Offer {
    Offer::new(key, ClaimId(1), now()).offering(Name::variation("Variation-1").expect("a legal name"))
}
fn key(user: u64, campaign: u64) -> Key {
    let (user, campaign) = (format!("user-{user}"), format!("campaign-{campaign}"));
    Key::new(&Scope::default(), Kind::Classic, &user, &campaign).expect("a legal key")
}
fn now() -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000)
}
