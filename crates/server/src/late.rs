//! A store that could not be reached when the server started, opened as soon as it can be.
//!
//! Until then every operation fails as the last attempt to open it did: what is transient is spooled, and a password
//! that turns out wrong is told to whoever asks.
use crate::config::Config;
use stayput::{
    Assignment, AssignmentStore, BoxFuture, Change, Changes, Claimed, Cursor, Entry, Error, ErrorKind, Feed, Key,
    Observed, Offer, Page, Result, ScanStore, Scope, User, backends::MemcachedLosses, open_observed,
};
use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
    time::Duration,
};
use tokio::time::sleep;

/// The store of a server.
#[derive(Debug)]
pub struct Opened {
    /// What it answers with.
    pub store: Arc<dyn ScanStore>,
    /// What others change there, if it pushes that.
    pub changes: Option<Changes>,
    /// What it loses, if it is Memcached and there.
    pub losses: Option<MemcachedLosses>,
    /// Whether it is not there yet: then nobody knows what it will push.
    pub is_late: bool,
}

/// Opens the store that `config` names. With a spool, one that cannot be reached now is opened later: claims are kept
/// meanwhile, and a machine that starts during an outage can take them.
pub async fn open(config: &Config) -> Result<Opened> {
    let url = config.place.store.reveal();
    match open_observed(url).await {
        Ok(Observed { store, changes, losses, .. }) => Ok(Opened { store, changes, losses, is_late: false }),
        Err(error) if error.is_transient() && config.outages.spool.is_some() => {
            tracing::warn!("the store cannot be reached; claims are spooled until it can: {error}");
            let feed = Feed::default();
            let late = Arc::new(Late { store: OnceLock::new(), why: Mutex::new(error) });
            tokio::spawn(reach(Arc::downgrade(&late), url.to_owned(), feed.clone(), config.outages.breaker_pause));
            Ok(Opened { store: late, changes: Some(feed.listen()), losses: None, is_late: true })
        }
        Err(error) => Err(error),
    }
}

struct Late {
    store: OnceLock<Arc<dyn ScanStore>>,
    /// What came of the last attempt.
    why: Mutex<Error>,
}

/// Tries until it is there, or nobody needs it any more.
async fn reach(late: Weak<Late>, url: String, feed: Feed, pause: Duration) {
    loop {
        sleep(pause).await;
        if late.strong_count() == 0 {
            return;
        }
        match open_observed(&url).await {
            Ok(Observed { store, changes, .. }) => {
                let Some(late) = late.upgrade() else { return };
                tracing::info!("the store has been reached");
                // Only this task sets it.
                let _ = late.store.set(store);
                feed.tell(Change::Everything);
                return pass_on(changes, &feed).await;
            }
            Err(error) => {
                let Some(late) = late.upgrade() else { return };
                late.failed(error);
            }
        }
    }
}

async fn pass_on(changes: Option<Changes>, feed: &Feed) {
    let Some(mut changes) = changes else { return };
    while let Some(change) = changes.next().await {
        feed.tell(change);
    }
}

impl Late {
    fn failed(&self, error: Error) {
        let mut why = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        if why.to_string() != error.to_string() {
            tracing::warn!("the store still cannot be used: {error}");
        }
        *why = error;
    }
    fn store(&self) -> Result<&Arc<dyn ScanStore>> {
        self.store.get().ok_or_else(|| {
            let why = self.why.lock().unwrap_or_else(PoisonError::into_inner);
            // Whatever turned us away may be mended while this server runs; the request was not wrong.
            let kind = if why.is_transient() { why.kind() } else { ErrorKind::Refused };
            Error::new(kind, "store", format!("it has not been reached since this server started: {why}"))
        })
    }
    fn ask<'a, T: Send + 'a>(
        &'a self,
        operation: impl FnOnce(&'a Arc<dyn ScanStore>) -> BoxFuture<'a, Result<T>>,
    ) -> BoxFuture<'a, Result<T>> {
        match self.store() {
            Ok(store) => operation(store),
            Err(error) => Box::pin(async { Err(error) }),
        }
    }
}

impl fmt::Debug for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Late").field(&self.store.get()).finish()
    }
}

#[deny(clippy::missing_trait_methods)]
impl AssignmentStore for Late {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        self.ask(move |store| store.get(keys))
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        self.ask(move |store| store.claim(offers))
    }
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        self.ask(move |store| store.put(entries))
    }
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        self.ask(move |store| store.remove(keys))
    }
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        match self.store.get() {
            Some(store) => store.flush(),
            None => Box::pin(async { Ok(()) }), // nothing was accepted
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl ScanStore for Late {
    fn user<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<Vec<Entry>>> {
        self.ask(move |store| store.user(user))
    }
    fn erase<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<u64>> {
        self.ask(move |store| store.erase(user))
    }
    fn scan<'a>(
        &'a self,
        scope: Option<&'a Scope>,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page>> {
        self.ask(move |store| store.scan(scope, after, limit))
    }
}
