//! Every case against every store of this crate that needs no server of ours; those of others run if `servers/up` did.
use stayput::{
    ScanStore, StackOptions,
    backends::{File, FileOptions, Memory},
    conformance::Needs,
    layers::{
        Breaker, BreakerOptions, Metered, NearCache, NearCacheOptions, Retention, Shadow, Spool, SpoolDisk,
        SpoolFolder, SpoolOptions, Timeout,
    },
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use suite::{Opened, Store};

#[path = "support/suite.rs"]
mod suite;

const STORES: &[Store] = &[
    Store { name: "memory", offers: Needs::Enumeration, open: || Box::pin(memory()) },
    Store { name: "dyn", offers: Needs::Enumeration, open: || Box::pin(dynamic()) },
    Store { name: "file", offers: Needs::Enumeration, open: || Box::pin(file()) },
    Store { name: "redis", offers: Needs::Enumeration, open: || Box::pin(server("REDIS", "")) },
    Store { name: "redis_cluster", offers: Needs::Enumeration, open: || Box::pin(server("REDIS_CLUSTER", "")) },
    Store { name: "redis_sentinel", offers: Needs::Enumeration, open: || Box::pin(server("REDIS_SENTINEL", "")) },
    Store { name: "redis_tls", offers: Needs::Enumeration, open: || Box::pin(server("REDIS_TLS", "")) },
    Store { name: "mongodb", offers: Needs::Enumeration, open: || Box::pin(server("MONGODB", "?timeout=20s")) },
    Store { name: "memcached", offers: Needs::Claims, open: || Box::pin(server("MEMCACHED", "&timeout=20s")) },
    Store { name: "metrics", offers: Needs::Enumeration, open: || Box::pin(metered()) },
    Store { name: "near_cache", offers: Needs::Enumeration, open: || Box::pin(near_cache(Duration::from_secs(3_600))) },
    Store { name: "near_cache_old", offers: Needs::Enumeration, open: || Box::pin(near_cache(Duration::ZERO)) },
    Store { name: "near_cache_tiny", offers: Needs::Enumeration, open: || Box::pin(tiny_near_cache()) },
    Store { name: "retention", offers: Needs::Enumeration, open: || Box::pin(retention()) },
    Store { name: "shadow", offers: Needs::Enumeration, open: || Box::pin(shadow()) },
    Store { name: "timeout", offers: Needs::Enumeration, open: || Box::pin(timeout()) },
    Store { name: "breaker", offers: Needs::Enumeration, open: || Box::pin(breaker()) },
    Store { name: "spool", offers: Needs::Enumeration, open: || Box::pin(spool()) },
    Store { name: "stack", offers: Needs::Enumeration, open: || Box::pin(stack()) },
    Store { name: "postgres", offers: Needs::Enumeration, open: || Box::pin(server("POSTGRES", "?timeout=20s")) },
    Store { name: "postgres_tls", offers: Needs::Enumeration, open: || Box::pin(postgres_tls()) },
    // The same server as `postgres`, hence other tables: one run of the suite has the same keys for every store.
    Store {
        name: "pgbouncer",
        offers: Needs::Enumeration,
        open: || Box::pin(server("PGBOUNCER", "?timeout=20s&schema=bounced")),
    },
];

fn main() {
    suite::run(STORES);
}

async fn memory() -> Result<Opened, String> {
    let backend = Arc::new(Memory::default());
    Ok(Opened::new(backend.clone(), backend))
}
async fn dynamic() -> Result<Opened, String> {
    let backend: Arc<dyn ScanStore> = stayput::open("memory:").await.map_err(|error| error.to_string())?;
    Ok(Opened::new(Arc::new(backend.clone()), Arc::new(backend)))
}
async fn file() -> Result<Opened, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let client = || File::open(folder.path(), FileOptions::default()).map(Arc::new).map_err(|error| error.to_string());
    Ok(Opened::new(client()?, client()?).keeping(folder))
}
async fn metered() -> Result<Opened, String> {
    over_memory(|backend| Metered::new(backend, Arc::new(())))
}
/// Two processes that do not hear of each other.
async fn near_cache(max_age: Duration) -> Result<Opened, String> {
    let backend = Arc::new(Memory::default());
    let options = NearCacheOptions::default().max_age(max_age);
    let client = || Arc::new(NearCache::new(backend.clone(), options.clone()));
    Ok(Opened::new(client(), client()))
}
/// Room for a few users only, so that everything is forgotten all the time.
async fn tiny_near_cache() -> Result<Opened, String> {
    let backend = Arc::new(Memory::default());
    let options = NearCacheOptions::default().max_age(Duration::from_secs(3_600)).bytes(4_096);
    let client = || Arc::new(NearCache::new(backend.clone(), options.clone()));
    Ok(Opened::new(client(), client()))
}
async fn retention() -> Result<Opened, String> {
    over_memory(|backend| Retention::new(backend, Duration::from_secs(180 * 86_400)))
}
/// Two processes that move between the same two stores.
async fn shadow() -> Result<Opened, String> {
    let (new, old) = (Arc::new(Memory::default()), Arc::new(Memory::default()));
    let client = || Arc::new(Shadow::new(new.clone(), old.clone()));
    Ok(Opened::new(client(), client()))
}
async fn timeout() -> Result<Opened, String> {
    over_memory(|backend| Timeout::new(backend, Duration::from_secs(60)).repeating())
}
async fn breaker() -> Result<Opened, String> {
    over_memory(|backend| Breaker::new(backend, BreakerOptions::default()))
}
/// Each client is another machine, with a disk of its own.
async fn spool() -> Result<Opened, String> {
    let folders = Folders::new()?;
    let opened = over_memory(|backend| {
        let (store, replay) = Spool::new(backend, folders.next(), SpoolOptions::default());
        tokio::spawn(replay);
        store
    });
    Ok(opened?.keeping(folders))
}
/// As the server builds it.
async fn stack() -> Result<Opened, String> {
    let folders = Folders::new()?;
    let opened = over_memory(|backend| {
        let spool = Some((folders.next(), SpoolOptions::default()));
        stayput::stack(backend, Arc::new(()), StackOptions { spool, ..StackOptions::default() }).store
    });
    Ok(opened?.keeping(folders))
}

/// A folder for the spool of each client.
struct Folders(tempfile::TempDir, AtomicUsize);

impl Folders {
    fn new() -> Result<Self, String> {
        Ok(Self(tempfile::tempdir().map_err(|error| error.to_string())?, AtomicUsize::new(0)))
    }
    fn next(&self) -> Arc<dyn SpoolDisk> {
        let folder = self.0.path().join(self.1.fetch_add(1, Ordering::Relaxed).to_string());
        Arc::new(SpoolFolder::open(folder).expect("a spool"))
    }
}

/// A layer around each of two clients of one memory.
fn over_memory<S: ScanStore>(layer: impl Fn(Arc<dyn ScanStore>) -> S) -> Result<Opened, String> {
    let backend: Arc<dyn ScanStore> = Arc::new(Memory::default());
    Ok(Opened::new(Arc::new(layer(backend.clone())), Arc::new(layer(backend))))
}

async fn postgres_tls() -> Result<Opened, String> {
    let authority = running("POSTGRES_TLS_CA")?;
    server("POSTGRES_TLS", &format!("?timeout=20s&sslmode=verify-full&sslrootcert={authority}")).await
}

/// Two clients of the server that `servers/up` calls `name`.
async fn server(name: &str, options: &str) -> Result<Opened, String> {
    let url = format!("{}{options}", running(name)?);
    let client = || async { stayput::open(&url).await.map(Arc::new).expect("a server that runs can be opened") };
    Ok(Opened::new(client().await, client().await))
}

/// Where `servers/up` put it.
#[expect(clippy::disallowed_methods, reason = "the script that starts servers says so in the environment")]
fn running(name: &str) -> Result<String, String> {
    let name = format!("STAYPUT_TEST_{name}");
    std::env::var(&name).map_err(|_| format!("{name} is not set: servers/up starts the server and says where it is"))
}
