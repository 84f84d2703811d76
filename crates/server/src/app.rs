//! What every route works on.
use crate::{
    config::{Config, Limits},
    failure,
    load::{Load, Working},
    metrics::Metrics,
};
use stayput::{
    Changes, Clock, Feed, Key, Kind, Result, ScanStore, Scope, Stack, StackOptions, SystemClock,
    backends::MemcachedLosses,
    layers::{Announced, Gate, NearCache, ShadowStats, SpoolQueue},
    stack,
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::watch;

/// A store, what requests do not say themselves, and what bounds them.
#[derive(Clone, Debug)]
pub struct App {
    pub(crate) store: Arc<dyn ScanStore>,
    /// Whether the store has answered since the start: until then nobody knows whether it is the right one.
    pub(crate) seen: Arc<AtomicBool>,
    pub(crate) breaker: Arc<Gate>,
    pub(crate) spool: Option<Arc<SpoolQueue>>,
    near_cache: Option<NearCache<Arc<dyn ScanStore>>>,
    pub(crate) scope: Scope,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) load: Arc<Load>,
    pub(crate) metrics: Arc<Metrics>,
    /// What changes, for clients that keep copies.
    pub(crate) changes: Feed,
    /// Becomes true at the stop, for answers without end.
    pub(crate) stopping: Arc<watch::Sender<bool>>,
}

impl App {
    /// Serves `store` within the default limits; requests that name no scope mean `scope`.
    pub fn new(store: Arc<dyn ScanStore>, scope: Scope) -> Self {
        Self::built(store, "store", scope, Limits::default(), StackOptions::default()).announcing()
    }
    /// Serves `store` as `config` says, opens the spool, and tells clients of the store's `changes`; where it pushes
    /// none, of what goes through here. Must run inside a tokio runtime.
    pub fn configured(store: Arc<dyn ScanStore>, changes: Option<Changes>, config: &Config) -> Result<Self> {
        let url = config.place.store.reveal();
        let scheme = url.split(':').next().unwrap_or_default().to_ascii_lowercase();
        let (near_cache, retention) = (config.cache.options(), stayput::retention(url)?);
        let options = StackOptions { near_cache, retention, ..config.outages.stack()? };
        let app = Self::built(store, &scheme, config.place.scope.clone(), config.limits.clone(), options);
        Ok(match changes {
            Some(changes) => {
                app.pass_on(changes);
                app
            }
            None => app.announcing(),
        })
    }
    /// Tells in the metrics what happens between the store and the one behind it.
    pub fn watch_shadow(&self, shadow: Arc<ShadowStats>) {
        self.metrics.watch_shadow(shadow);
    }
    /// Tells in the metrics what the nodes of Memcached lose.
    pub fn watch_losses(&self, losses: MemcachedLosses) {
        self.metrics.watch_losses(losses);
    }
    /// Whether the store answers now: asks it for a key that is never there.
    pub async fn probe(&self) -> Result<()> {
        let key = Key::new(&self.scope, Kind::Classic, "stayput-probe", "stayput-probe")?;
        self.store.get(&[key]).await?;
        self.seen.store(true, Ordering::Relaxed);
        Ok(())
    }
    /// Whether claims are kept on this machine while the store does not answer.
    pub fn is_spooling(&self) -> bool {
        self.spool.is_some()
    }
    /// Tells what is written through here.
    pub fn announcing(mut self) -> Self {
        self.store = Arc::new(Announced::new(self.store, self.changes.clone()));
        self
    }
    /// Lets a request ask the store, or tells it that too many do.
    pub(crate) fn enter(&self) -> failure::Result<Working<'_>> {
        self.load.enter()
    }

    /// Tells clients only once the cache has forgotten: they ask again at once.
    fn pass_on(&self, mut changes: Changes) {
        let (feed, cache) = (self.changes.clone(), self.near_cache.clone());
        tokio::spawn(async move {
            if cache.is_none() {
                feed.listened().await; // following may cost the store's writers something
            }
            while let Some(change) = changes.next().await {
                if let Some(cache) = &cache {
                    cache.hear(&change);
                }
                feed.tell(change);
            }
        });
    }
    fn built(backend: Arc<dyn ScanStore>, name: &str, scope: Scope, limits: Limits, options: StackOptions) -> Self {
        let metrics = Arc::new(Metrics::new(name));
        let load = Arc::new(Load::new(&limits, metrics.clone()));
        let Stack { store, breaker, spool, near_cache } = stack(backend, metrics.clone(), options);
        metrics.watch(breaker.clone(), spool.clone());
        if let Some(cache) = &near_cache {
            metrics.watch_cache(cache.meter());
        }
        Self {
            store,
            seen: Arc::default(),
            breaker,
            spool,
            near_cache,
            scope,
            clock: Arc::new(SystemClock),
            limits: Arc::new(limits),
            load,
            metrics,
            changes: Feed::default(),
            stopping: Arc::new(watch::Sender::new(false)),
        }
    }
}
