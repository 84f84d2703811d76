//! `file:` against LMDB without anything around it.
use crate::{
    Options, Result,
    rounds::{Compared, Comparison, Target},
};
use bare::Bare;
use stayput::{
    AssignmentStore, AssignmentStoreExt, ClaimId, Entry, Key, Kind, Name, Offer, Scope, Timestamp,
    backends::{File, FileOptions},
    codec,
};
use stayput_server::bench::{Http, Population, Spread};
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

mod bare;

const READS: &str = "get from the folder, uniform keys";
const WRITES: &str = "64 writers, durable first claims";
/// Tasks that claim at once.
const WRITERS: u64 = 64;
/// How many gets between two looks at the time.
const BETWEEN: usize = 1_000;
/// Keys are made beforehand, more than any cache holds.
const PREPARED: usize = 200_000;

/// A filled folder.
pub(crate) struct Folder;

impl Folder {
    /// Puts `entries` into a store at `path`, in the order of keys.
    pub(crate) fn fill(path: &Path, mut entries: Vec<Entry>) -> Result<()> {
        entries.sort_by(|one, other| one.key.cmp(&other.key));
        let store = File::open(path, FileOptions::default())?;
        Ok(runtime()?.block_on(async { store.put(&entries).await })?)
    }
}

/// What a first claim leaves behind.
pub(crate) fn held(user: &str, campaign: &str) -> Result<Entry> {
    let key = Key::new(&Scope::default(), Kind::Classic, user, campaign)?;
    let held = offer(&key)?.join(None, Timestamp::from_millis(1_700_000_000_000)).claimed.held;
    Ok(Entry { key, assignment: held.ok_or("an offer of a variation is held")? })
}

pub(crate) fn compare(options: &Options) -> Result<Vec<Compared>> {
    if !options.wants(READS) && !options.wants(WRITES) {
        return Ok(Vec::new());
    }
    let folder = tempfile::tempdir()?;
    let entries =
        (0..options.records).map(|user| held(&Population::id(user), Http::CAMPAIGN)).collect::<Result<Vec<_>>>()?;
    let bare = Arc::new(Bare::open(&folder.path().join("bare"))?);
    let mut pairs: Vec<_> =
        entries.iter().map(|entry| (codec::encode_key(&entry.key), codec::encode(&entry.assignment))).collect();
    pairs.sort();
    bare.fill(&pairs)?;
    drop(pairs);
    Folder::fill(&folder.path().join("data"), entries)?;
    let store = Arc::new(File::open(folder.path().join("data"), FileOptions::default())?);
    let runtime = runtime()?;
    let mut population = Population::new(options.records, Spread::Uniform, 7);
    let keys = (0..PREPARED).map(|_| key(population.draw())).collect::<Result<Vec<_>>>()?;
    let bytes: Vec<_> = keys.iter().map(codec::encode_key).collect();
    let mut results = Vec::new();
    let reads = Comparison { name: READS, unit: "µs", rival: "bare LMDB", target: Some(Target::AtMost(1.5)) };
    results.extend(reads.run(
        options,
        || Ok(runtime.block_on(gets(&store, &keys, options.time()))?.into()),
        || Ok(bare_gets(&bare, &bytes, options.time())?.into()),
    )?);
    let next = Arc::new(AtomicU64::new(1 << 40));
    let unit = "thousand/s";
    let writes = Comparison { name: WRITES, unit, rival: "bare LMDB", target: Some(Target::AtLeast(0.7)) };
    results.extend(writes.run(
        options,
        || Ok(runtime.block_on(claims(&store, &next, options.time()))?.into()),
        || Ok(runtime.block_on(bare::writes(&bare, &next, WRITERS, options.time()))?.into()),
    )?);
    Ok(results)
}

/// Microseconds of one get.
async fn gets(store: &File, keys: &[Key], time: Duration) -> Result<f64> {
    let (started, mut done) = (Instant::now(), 0);
    loop {
        for key in keys.iter().cycle().skip(done % PREPARED).take(BETWEEN) {
            black_box(store.get_one(key).await?.ok_or("not there")?);
        }
        done += BETWEEN;
        if started.elapsed() >= time {
            return Ok(started.elapsed().as_secs_f64() * 1e6 / done as f64);
        }
    }
}

fn bare_gets(bare: &Bare, keys: &[Vec<u8>], time: Duration) -> Result<f64> {
    let (started, mut done) = (Instant::now(), 0);
    loop {
        for key in keys.iter().cycle().skip(done % PREPARED).take(BETWEEN) {
            black_box(bare.get(key)?.ok_or("not there")?);
        }
        done += BETWEEN;
        if started.elapsed() >= time {
            return Ok(started.elapsed().as_secs_f64() * 1e6 / done as f64);
        }
    }
}

/// Thousands of durable first claims in a second.
async fn claims(store: &Arc<File>, next: &Arc<AtomicU64>, time: Duration) -> Result<f64> {
    let started = Instant::now();
    let writers = (0..WRITERS).map(|_| {
        let (store, next) = (store.clone(), next.clone());
        tokio::spawn(async move {
            let mut done = 0u64;
            while started.elapsed() < time {
                let key = key(next.fetch_add(1, Ordering::Relaxed)).map_err(|error| error.to_string())?;
                let offer = offer(&key).map_err(|error| error.to_string())?;
                store.claim_one(&offer).await.map_err(|error| error.to_string())?;
                done += 1;
            }
            Ok::<_, String>(done)
        })
    });
    let mut done = 0;
    for writer in writers.collect::<Vec<_>>() {
        done += writer.await??;
    }
    Ok(done as f64 / started.elapsed().as_secs_f64() / 1_000.0)
}

fn key(user: u64) -> Result<Key> {
    Ok(Key::new(&Scope::default(), Kind::Classic, &Population::id(user), Http::CAMPAIGN)?)
}

fn offer(key: &Key) -> Result<Offer> {
    let now = Timestamp::from_millis(1_700_000_000_000);
    Ok(Offer::new(key.clone(), ClaimId::random()?, now).offering(Name::variation(Http::VARIATION)?))
}

fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_time().build()?)
}
