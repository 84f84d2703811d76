//! What both adapters do with a store: read a key, and claim for a record.
use super::{Found, Options};
use crate::{AssignmentStore, AssignmentStoreExt, ClaimId, Claimed, Key, Kind, Offer, Over, Record, Result, Timestamp};
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Core {
    store: Arc<dyn AssignmentStore>,
    options: Options,
}

impl Core {
    pub(super) fn new(store: Arc<dyn AssignmentStore>, options: Options) -> Self {
        Self { store, options }
    }
    pub(super) fn now(&self) -> Timestamp {
        self.options.clock.now()
    }
    pub(super) fn key(&self, user_id: &str, campaign_key: &str) -> Result<Key> {
        Key::new(&self.options.scope, self.options.kind, user_id, campaign_key)
    }
    pub(super) fn key_of(&self, record: &Record) -> Result<Key> {
        record.key(&self.options.scope, self.options.kind)
    }

    pub(super) async fn read(&self, key: Key) -> Result<Option<Found>> {
        let held = self.store.get_one(&key).await?;
        Ok(held.map(|held| Found { key, held: Arc::new(held), dialect: self.options.dialect }))
    }

    /// Claims for `record`, over what its writer read if it now says something else.
    ///
    /// One claim id for both tries: if only the answer to the first was lost, the second finds its own offer held,
    /// and its goals count as new once.
    pub(super) async fn claim(&self, key: Key, record: Record, read: Option<Over>) -> Result<Claimed> {
        let offer = offer(key, record, read, self.now())?;
        match self.store.claim_one(&offer).await {
            Err(error) if error.is_transient() => {
                tracing::debug!(%error, "a set failed and is tried once more");
                self.store.claim_one(&offer).await
            }
            answer => answer,
        }
    }
}

/// Offers what `record` says, decided at `now`, over what its writer read if that can make a difference.
pub(crate) fn offer(key: Key, record: Record, read: Option<Over>, now: Timestamp) -> Result<Offer> {
    let offer = record.offer(key, ClaimId::random()?, now);
    let is_of_use = |read: &Over| match (&offer.variation, offer.key.kind()) {
        (Some(offered), Kind::Classic) => *offered != read.variation,
        (Some(_), Kind::Fme) => offer.is_decision(), // the same one may clear holdouts
        (None, _) => false,
    };
    Ok(Offer { over: read.filter(is_of_use), ..offer })
}
