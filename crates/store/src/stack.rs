//! The layers in the one order that holds, for the server and for whoever uses a store in its own process.
use crate::{
    ScanStore,
    layers::{Breaker, BreakerOptions, Gate, Meter, Metered, Timeout},
};
use std::{sync::Arc, time::Duration};

/// How [`stack`] sets its layers up.
#[derive(Clone, Debug)]
pub struct StackOptions {
    /// How long an operation may take; 10 seconds. Stores over a network give up sooner by themselves (`?timeout=`).
    pub timeout: Duration,
    /// When a store that fails is left alone.
    pub breaker: BreakerOptions,
}

impl Default for StackOptions {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10), breaker: BreakerOptions::default() }
    }
}

/// A store with everything around it, and what can be asked about that.
#[derive(Clone, Debug)]
pub struct Stack {
    /// The outermost layer: use this one.
    pub store: Arc<dyn ScanStore>,
    /// Whether the backend is being left alone.
    pub breaker: Arc<Gate>,
}

/// Puts all layers around `backend`, whose operations `meter` is told of; `()` listens to nothing.
pub fn stack<M: Meter>(backend: Arc<dyn ScanStore>, meter: Arc<M>, options: StackOptions) -> Stack {
    let store = Metered::new(backend, meter); // innermost: measures the backend, and nothing that is done about it
    let store = Timeout::new(store, options.timeout); // bounds what the backend does not bound itself
    let store = Breaker::new(store, options.breaker); // outside the deadline: what exceeds it counts as a failure
    let breaker = store.gate();
    let store: Arc<dyn ScanStore> = Arc::new(store);
    Stack { store, breaker }
}
