//! What every route works on.
use stayput::{Clock, Key, Kind, Result, ScanStore, Scope, SystemClock};
use std::sync::Arc;

/// A store, and what requests do not say themselves.
#[derive(Clone, Debug)]
pub struct App {
    pub(crate) store: Arc<dyn ScanStore>,
    pub(crate) scope: Scope,
    pub(crate) clock: Arc<dyn Clock>,
}

impl App {
    /// Serves `store`; requests that name no scope mean `scope`.
    pub fn new(store: Arc<dyn ScanStore>, scope: Scope) -> Self {
        Self { store, scope, clock: Arc::new(SystemClock) }
    }
    /// Whether the store answers now: asks it for a key that is never there.
    pub async fn probe(&self) -> Result<()> {
        let key = Key::new(&self.scope, Kind::Classic, "stayput-probe", "stayput-probe")?;
        self.store.get(&[key]).await.map(drop)
    }
}
