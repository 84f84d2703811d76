//! For SDKs whose calls are interleaved: nothing tells whose `get` a `set` follows, so doubt counts for all.
use super::{Found, Options, core::Core, unattributed::Unattributed};
use crate::{AssignmentStore, Claimed, Record, Result};
use std::sync::Arc;

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
    readings: Unattributed,
}

impl AsyncUserStorage {
    /// Over `store`.
    pub fn new(store: Arc<dyn AssignmentStore>, options: Options) -> Self {
        let readings = Unattributed::new(options.clock.clone());
        Self { core: Core::new(store, options), readings }
    }

    /// What is held for this user in this campaign; `None` when nothing is.
    ///
    /// An error is not `None`: an SDK that is told "nothing" decides anew, and may show the user something else.
    pub async fn get(&self, user_id: &str, campaign_key: &str) -> Result<Option<Found>> {
        let key = self.core.key(user_id, campaign_key)?;
        let doubt = self.readings.begin(&key);
        let found = self.core.read(key).await?;
        if let Some(found) = &found {
            doubt.dispel(found.over());
        }
        Ok(found)
    }

    /// Stores what an SDK decided, under the user and the campaign that `record` names; tells what is held now.
    ///
    /// A failure that may pass is tried once more.
    pub async fn set(&self, record: Record) -> Result<Claimed> {
        let key = self.core.key_of(&record)?;
        let read = self.readings.take(&key);
        self.core.claim(key, record, read).await
    }
}
