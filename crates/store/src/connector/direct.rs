//! Asks the store on the very thread that waits for the answer: nobody has to be woken on the way there and back.
use crate::{Error, ErrorKind, Result, ScanStore, open};
use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{
    runtime::{Builder, Handle, Id, Runtime},
    time::timeout,
};

/// Stores that do nothing unless they are asked, and do not mind that nobody drives them in between.
const SCHEMES: [&str; 2] = ["redis://", "rediss://"];

/// A second way to a store: a connection of its own, driven by those who wait for it. One of them drives for all.
#[derive(Clone, Debug)]
pub(super) struct Direct {
    lane: Lane,
    driven: Arc<Driven>,
    /// Of the threads that drive what nobody waits for any more.
    background: Handle,
}

/// What is to be asked by whom waits: the store as it was opened in the runtime of [`Direct`], if it was yet.
#[derive(Clone)]
pub(super) struct Lane(Arc<(Id, OnceLock<Arc<dyn ScanStore>>)>);

/// A runtime that may be dropped anywhere.
#[derive(Debug)]
struct Driven(Option<Runtime>);

impl Direct {
    /// For the store at `url`, if it is one that this is good for.
    pub(super) fn to(url: &str, background: &Handle) -> Result<Option<Self>> {
        if !SCHEMES.iter().any(|scheme| url.starts_with(scheme)) {
            return Ok(None);
        }
        let runtime = Builder::new_current_thread().enable_all().build().map_err(not_started)?;
        let lane = Lane(Arc::new((runtime.handle().id(), OnceLock::new())));
        Ok(Some(Self { lane, driven: Arc::new(Driven(Some(runtime))), background: background.clone() }))
    }
    /// What takes this way.
    pub(super) fn lane(&self) -> Lane {
        self.lane.clone()
    }
    /// Opens the store here as well. If that fails, all goes the other way.
    pub(super) fn open(self, url: String) {
        let background = self.background.clone();
        background.spawn_blocking(move || {
            if let Some(Ok(store)) = self.driven.drive(open(&url)) {
                let _ = self.lane.0.1.set(store); // nobody else sets it
            }
        });
    }
    /// Whether this thread may go this way now.
    pub(super) fn is_open(&self) -> bool {
        // Whoever runs tasks may not drive others.
        self.lane.0.1.get().is_some() && Handle::try_current().is_err()
    }
    /// What came of `work` within `limit`. It is done in any case: others may be waiting for the same.
    pub(super) fn wait<T: 'static>(
        &self,
        limit: Duration,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let mut work = Box::pin(work);
        let answer = self.driven.drive(async { timeout(limit, &mut work).await.ok() }).flatten();
        if answer.is_none() {
            let driven = self.driven.clone();
            self.background.spawn_blocking(move || drop(driven.drive(work)));
        }
        answer
    }
}

impl Lane {
    /// The store to ask from here, if this is where those are who go this way.
    pub(super) fn store(&self) -> Option<&Arc<dyn ScanStore>> {
        let (runtime, store) = &*self.0;
        Handle::try_current().is_ok_and(|here| here.id() == *runtime).then(|| store.get())?
    }
}

impl Driven {
    fn drive<F: Future>(&self, future: F) -> Option<F::Output> {
        Some(self.0.as_ref()?.block_on(future))
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

pub(super) fn not_started(error: std::io::Error) -> Error {
    let message = "the connector's thread cannot be started";
    Error::new(ErrorKind::Unavailable, "connector", message).with_source(error)
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lane").field(&self.0.1.get()).finish()
    }
}
