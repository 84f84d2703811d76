//! For SDKs whose calls are interleaved: nothing tells whose `get` a `set` follows, so doubt counts for all.
use super::{Found, Options, READINGS, core::Core, quiet::Quiet};
use crate::{AssignmentStore, Claimed, Key, Over, Record, Result};
use lru::LruCache;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A User Storage Service for asynchronous SDKs.
///
/// It keeps what was last read per key, whoever read it. A task whose `get` failed must not profit from what another
/// task read of the same key, and the two cannot be told apart; so within [`QUIET`](super::QUIET) of a `get` that
/// failed, was dropped or found nothing, no `set` under that key replaces anything. "Found nothing" is among them
/// because of the first request of a user: of two tasks that both found nothing, the slower would otherwise replace
/// what the faster created as soon as a third has read that.
#[derive(Debug)]
pub struct AsyncUserStorage {
    core: Core,
    // A std mutex: nothing awaits while it is held.
    readings: Mutex<LruCache<Key, Over>>,
    quiet: Quiet,
}

impl AsyncUserStorage {
    /// Over `store`.
    pub fn new(store: Arc<dyn AssignmentStore>, options: Options) -> Self {
        Self { core: Core::new(store, options), readings: Mutex::new(LruCache::new(READINGS)), quiet: Quiet::default() }
    }

    /// What is held for this user in this campaign; `None` when nothing is.
    ///
    /// An error is not `None`: an SDK that is told "nothing" decides anew, and may show the user something else.
    pub async fn get(&self, user_id: &str, campaign_key: &str) -> Result<Option<Found>> {
        let key = self.core.key(user_id, campaign_key)?;
        let mut doubt = Doubt { storage: self, key: key.clone(), dispelled: false };
        let found = self.core.read(key).await?;
        if let Some(found) = &found {
            self.readings().put(found.key().clone(), found.over());
            doubt.dispelled = true;
        }
        Ok(found)
    }

    /// Stores what an SDK decided, under the user and the campaign that `record` names; tells what is held now.
    ///
    /// A failure that may pass is tried once more.
    pub async fn set(&self, record: Record) -> Result<Claimed> {
        let key = self.core.key_of(&record)?;
        let read = self.readings().pop(&key).filter(|_| !self.quiet.holds(&key, self.core.now()));
        self.core.claim(key, record, read).await
    }

    fn readings(&self) -> MutexGuard<'_, LruCache<Key, Over>> {
        self.readings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A `get` that has found nothing yet; it makes its key quiet however it ends, unless it does find something.
struct Doubt<'a> {
    storage: &'a AsyncUserStorage,
    key: Key,
    dispelled: bool,
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if !self.dispelled {
            self.storage.quiet.begin(&self.key, self.storage.core.now());
            self.storage.readings().pop(&self.key);
        }
    }
}
