//! The layers in the one order that holds, for the server and for whoever uses a store in its own process.
use crate::{
    ScanStore,
    layers::{
        Breaker, BreakerOptions, Gate, Meter, Metered, NearCache, NearCacheOptions, Retention, Spool, SpoolDisk,
        SpoolOptions, SpoolQueue, Timeout,
    },
};
use std::{sync::Arc, time::Duration};

/// How [`stack`] sets its layers up.
#[derive(Clone, Debug)]
pub struct StackOptions {
    /// How long an operation may take; 10 seconds. Stores over a network give up sooner by themselves (`?timeout=`).
    pub timeout: Duration,
    /// When a store that fails is left alone.
    pub breaker: BreakerOptions,
    /// Where offers wait that the backend does not answer; nowhere by default, and then such claims fail.
    pub spool: Option<(Arc<dyn SpoolDisk>, SpoolOptions)>,
    /// What is kept in this process; nothing by default.
    pub near_cache: Option<NearCacheOptions>,
    /// How long what is claimed lasts, for offers that do not say so themselves; by default what the backend makes of
    /// them. A store that was opened with `?retention=` must be told here, too (`retention(url)`): the near cache would
    /// otherwise answer the claims that renew.
    pub retention: Option<Duration>,
}

impl Default for StackOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            breaker: BreakerOptions::default(),
            spool: None,
            near_cache: None,
            retention: None,
        }
    }
}

/// A store with everything around it, and what can be asked about that.
#[derive(Clone, Debug)]
pub struct Stack {
    /// The outermost layer: use this one.
    pub store: Arc<dyn ScanStore>,
    /// Whether the backend is being left alone.
    pub breaker: Arc<Gate>,
    /// What waits, if there is a spool.
    pub spool: Option<Arc<SpoolQueue>>,
    /// What is kept in this process: to peek at, and to tell what others change ([`NearCache::hear`]).
    pub near_cache: Option<NearCache<Arc<dyn ScanStore>>>,
}

/// Puts all layers around `backend`, whose operations `meter` is told of; `()` listens to nothing.
///
/// With a spool it must run inside a tokio runtime, which then delivers what waits until the store is dropped.
pub fn stack<M: Meter>(backend: Arc<dyn ScanStore>, meter: Arc<M>, options: StackOptions) -> Stack {
    let store = Metered::new(backend, meter); // innermost: measures the backend, and nothing that is done about it
    let store = Timeout::new(store, options.timeout); // bounds what the backend does not bound itself
    let store = Breaker::new(store, options.breaker); // outside the deadline: what exceeds it counts as a failure
    let breaker = store.gate();
    let (store, spool): (Arc<dyn ScanStore>, _) = match options.spool {
        Some((disk, options)) => {
            let (store, replay) = Spool::new(store, disk, options); // outside the breaker: keeps what that turns away
            tokio::spawn(replay);
            let queue = store.queue();
            (Arc::new(store), Some(queue))
        }
        None => (Arc::new(store), None),
    };
    let near_cache = options.near_cache.map(|options| NearCache::new(store.clone(), options));
    let store = match &near_cache {
        Some(cache) => Arc::new(cache.clone()), // outside all that: what it answers costs nothing of it
        None => store,
    };
    let store = match options.retention {
        Some(lasts) => Arc::new(Retention::new(store, lasts)), // outermost: the cache sees when a renewal is due
        None => store,
    };
    Stack { store, breaker, spool, near_cache }
}
