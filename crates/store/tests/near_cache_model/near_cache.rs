//! The near cache's own files, compiled once more with the model checker's locks and tasks.
#![allow(dead_code, unreachable_pub, missing_docs)]
use stayput::{
    Assignment, AssignmentStore, Claimed, Clock, Error, ErrorKind, Key, Kind, Offer, Outcome, Result, ScanStore,
    Timestamp, User, distinct,
};
use std::{sync::Arc, time::Duration};

#[path = "../../src/layers/near_cache/asking.rs"]
mod asking;
#[path = "../../src/layers/near_cache/fetch.rs"]
mod fetch;
#[path = "../../src/layers/near_cache/flights.rs"]
mod flights;
#[path = "../../src/layers/near_cache/keeper.rs"]
mod keeper;
#[path = "../../src/layers/near_cache/known.rs"]
mod known;
#[path = "../../src/layers/near_cache/stats.rs"]
mod stats;
mod sync;

use known::Held;
use stats::NearCacheStats;

const NAME: &str = "near cache";

/// As in the library.
#[derive(Clone, Debug)]
struct NearCacheOptions {
    bytes: u64,
    max_age: Duration,
    max_stale: Duration,
    absent_for: Duration,
    clock: Arc<dyn Clock>,
}

/// As in the library.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Peek {
    Held(Held),
    Absent,
    Unknown,
}

fn again(error: &Error) -> Error {
    Error::new(error.kind(), NAME, error.message().to_owned())
}

/// The part of the layer that decides anything.
#[derive(Debug)]
pub(crate) struct Cache<S>(Arc<asking::Asking<S>>);

impl<S> Clone for Cache<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: ScanStore> Cache<S> {
    pub(crate) fn new(inner: S, clock: Arc<dyn Clock>) -> Self {
        let hour = Duration::from_secs(3_600);
        let options = NearCacheOptions { bytes: 1 << 20, max_age: hour, max_stale: hour, absent_for: hour, clock };
        Self(Arc::new(asking::Asking { inner, keeper: Arc::new(keeper::Keeper::new(options)) }))
    }
    pub(crate) async fn read(&self, key: &Key) -> Option<Assignment> {
        self.try_read(key).await.expect("a read")
    }
    pub(crate) async fn try_read(&self, key: &Key) -> Result<Option<Assignment>> {
        Ok(self.0.look(std::slice::from_ref(key)).await?.remove(0).held)
    }
    pub(crate) async fn claim(&self, offer: &Offer) -> Result<Claimed> {
        Ok(self.0.claim(std::slice::from_ref(offer)).await?.remove(0))
    }
    pub(crate) async fn prefetch(&self, user: &User) {
        self.try_prefetch(user).await.expect("a read");
    }
    pub(crate) async fn try_prefetch(&self, user: &User) -> Result<()> {
        self.0.prefetch(user).await
    }
    pub(crate) fn forget(&self, user: &User) {
        self.0.keeper.forget(user);
    }
    pub(crate) fn outdate(&self) {
        self.0.keeper.outdate();
    }
    pub(crate) fn reads(&self) -> u64 {
        self.0.keeper.stats().reads
    }
}
