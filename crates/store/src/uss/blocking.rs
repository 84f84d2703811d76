//! For SDKs whose calls own a thread: what a thread read is what its next `set` may replace.
use super::{Found, Options, READINGS_PER_THREAD, core::Core, wait::wait};
use crate::{AssignmentStore, Claimed, Key, Over, Record, Result};
use lru::LruCache;
use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::runtime::Handle;

/// A User Storage Service for synchronous SDKs.
///
/// Share one among all threads. `get` and `set` block the thread that calls them until the store has answered; how
/// long that may take is the store's affair.
#[derive(Debug)]
pub struct UserStorage {
    core: Core,
    runtime: Handle,
    number: u64,
}

impl UserStorage {
    /// Over `store`, whose connections and timers `runtime` drives.
    ///
    /// The runtime must have threads of its own (tokio's multi-thread flavour, one worker is enough), and neither it
    /// nor a store survives a `fork`: build both in the process that uses them.
    pub fn new(store: Arc<dyn AssignmentStore>, runtime: Handle, options: Options) -> Self {
        static CREATED: AtomicU64 = AtomicU64::new(0);
        Self { core: Core::new(store, options), runtime, number: CREATED.fetch_add(1, Ordering::Relaxed) }
    }

    /// What is held for this user in this campaign; `None` when nothing is.
    ///
    /// An error is not `None`: an SDK that is told "nothing" decides anew, and may show the user something else.
    pub fn get(&self, user_id: &str, campaign_key: &str) -> Result<Option<Found>> {
        let key = self.core.key(user_id, campaign_key)?;
        self.take(&key); // first, so that a read which fails, or panics, leaves nothing to replace
        let found = wait(&self.runtime, self.core.read(key))?;
        if let Some(found) = &found {
            self.remember(found);
        }
        Ok(found)
    }

    /// Stores what an SDK decided, under the user and the campaign that `record` names; tells what is held now.
    ///
    /// A failure that may pass is tried once more.
    pub fn set(&self, record: Record) -> Result<Claimed> {
        let key = self.core.key_of(&record)?;
        let read = self.take(&key);
        wait(&self.runtime, self.core.claim(key, record, read))
    }

    fn remember(&self, found: &Found) {
        let _ = READINGS.try_with(|readings| {
            let reading = ((self.number, found.key().clone()), found.over());
            readings.borrow_mut().put(reading.0, reading.1);
        });
    }
    /// What this thread's last `get` of `key` found, unless a `set` has used it since.
    fn take(&self, key: &Key) -> Option<Over> {
        let taken = READINGS.try_with(|readings| readings.borrow_mut().pop(&(self.number, key.clone())));
        taken.unwrap_or_default() // a thread that is ending has forgotten
    }
}

thread_local! {
    /// By number of the storage and key: it ends with the thread, so that no other can inherit it.
    static READINGS: RefCell<LruCache<(u64, Key), Over>> = RefCell::new(LruCache::new(READINGS_PER_THREAD));
}
