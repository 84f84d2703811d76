//! For SDKs whose calls own a thread: what a thread read is what its next `set` may replace.
use super::{Found, Options, core::Core, readings::Readings, wait::wait};
use crate::{AssignmentStore, Claimed, Record, Result};
use std::sync::Arc;
use tokio::runtime::Handle;

/// A User Storage Service for synchronous SDKs.
///
/// Share one among all threads. `get` and `set` block the thread that calls them until the store has answered; how
/// long that may take is the store's affair.
#[derive(Debug)]
pub struct UserStorage {
    core: Core,
    runtime: Handle,
    readings: Readings,
}

impl UserStorage {
    /// Over `store`, whose connections and timers `runtime` drives.
    ///
    /// The runtime must have threads of its own (tokio's multi-thread flavour, one worker is enough), and neither it
    /// nor a store survives a `fork`: build both in the process that uses them.
    pub fn new(store: Arc<dyn AssignmentStore>, runtime: Handle, options: Options) -> Self {
        Self { core: Core::new(store, options), runtime, readings: Readings::default() }
    }

    /// What is held for this user in this campaign; `None` when nothing is.
    ///
    /// An error is not `None`: an SDK that is told "nothing" decides anew, and may show the user something else.
    pub fn get(&self, user_id: &str, campaign_key: &str) -> Result<Option<Found>> {
        let key = self.core.key(user_id, campaign_key)?;
        self.readings.take(&key); // first, so that a read which fails, or panics, leaves nothing to replace
        let found = wait(&self.runtime, self.core.read(key))?;
        if let Some(found) = &found {
            self.readings.remember(found.key(), found.over());
        }
        Ok(found)
    }

    /// Stores what an SDK decided, under the user and the campaign that `record` names; tells what is held now.
    ///
    /// A failure that may pass is tried once more.
    pub fn set(&self, record: Record) -> Result<Claimed> {
        let key = self.core.key_of(&record)?;
        let read = self.readings.take(&key);
        wait(&self.runtime, self.core.claim(key, record, read))
    }
}
