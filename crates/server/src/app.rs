//! What every route works on.
use crate::{
    config::{Config, Limits},
    failure,
    load::{Load, Working},
    metrics::Metrics,
};
use stayput::{Clock, Key, Kind, Result, ScanStore, Scope, Stack, StackOptions, SystemClock, layers::Gate, stack};
use std::sync::Arc;

/// A store, what requests do not say themselves, and what bounds them.
#[derive(Clone, Debug)]
pub struct App {
    pub(crate) store: Arc<dyn ScanStore>,
    pub(crate) breaker: Arc<Gate>,
    pub(crate) scope: Scope,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) load: Arc<Load>,
    pub(crate) metrics: Arc<Metrics>,
}

impl App {
    /// Serves `store` within the default limits; requests that name no scope mean `scope`.
    pub fn new(store: Arc<dyn ScanStore>, scope: Scope) -> Self {
        Self::built(store, "store", scope, Limits::default(), StackOptions::default())
    }
    /// Serves `store` as `config` says.
    pub fn configured(store: Arc<dyn ScanStore>, config: &Config) -> Self {
        let scheme = config.place.store.reveal().split(':').next().unwrap_or_default().to_ascii_lowercase();
        Self::built(store, &scheme, config.place.scope.clone(), config.limits.clone(), config.outages.stack())
    }
    /// Whether the store answers now: asks it for a key that is never there.
    pub async fn probe(&self) -> Result<()> {
        let key = Key::new(&self.scope, Kind::Classic, "stayput-probe", "stayput-probe")?;
        self.store.get(&[key]).await.map(drop)
    }
    /// Lets a request ask the store, or tells it that too many do.
    pub(crate) fn enter(&self) -> failure::Result<Working<'_>> {
        self.load.enter()
    }

    fn built(backend: Arc<dyn ScanStore>, name: &str, scope: Scope, limits: Limits, outages: StackOptions) -> Self {
        let metrics = Arc::new(Metrics::new(name));
        let load = Arc::new(Load::new(&limits, metrics.clone()));
        let Stack { store, breaker } = stack(backend, metrics.clone(), outages);
        metrics.watch(breaker.clone());
        Self { store, breaker, scope, clock: Arc::new(SystemClock), limits: Arc::new(limits), load, metrics }
    }
}
