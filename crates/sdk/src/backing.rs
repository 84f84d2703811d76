//! What stands behind a client: a store, a storage of the user's own, or nothing.
use crate::storage::{StorageError, UserRecord, UserStorage};
use smallvec::SmallVec;
use stayput::{
    Assignment, AssignmentStore, ClaimId, Document, Error, ErrorKind, Key, Kind, Offer, Result, Scope, Timestamp, User,
};
use stayput_engine::{GoalList, Held, Offered, Storage};
use std::sync::Arc;

const DELIMITER: &str = "_vwo_";

#[derive(Debug)]
pub(crate) enum Backing {
    None,
    Store { store: Arc<dyn AssignmentStore>, scope: Scope },
    Own(Arc<dyn UserStorage>),
}

/// What was read, in the order of the keys that were needed.
#[derive(Clone, Debug)]
pub(crate) enum Read {
    None,
    Failed,
    Store { keys: SmallVec<[Key; 1]>, held: Vec<Option<Assignment>> },
    Own(Vec<Option<UserRecord>>),
}

impl Backing {
    /// Everything that a decision could depend on, in one question to a store.
    pub(crate) async fn read(&self, user: &str, campaigns: &[&str]) -> Result<Read> {
        match self {
            Self::None => Ok(Read::None),
            Self::Store { .. } if campaigns.is_empty() => Ok(Read::Store { keys: SmallVec::new(), held: Vec::new() }),
            Self::Store { store, scope } => {
                let user = User::new(scope, user)?;
                let mut keys = SmallVec::with_capacity(campaigns.len());
                for campaign in campaigns {
                    keys.push(user.key(Kind::Classic, campaign)?);
                }
                let held = store.get(&keys).await?;
                Ok(Read::Store { keys, held })
            }
            Self::Own(storage) => {
                let mut records = Vec::with_capacity(campaigns.len());
                for campaign in campaigns {
                    records.push(storage.get(user, campaign).await.map_err(failed)?);
                }
                Ok(Read::Own(records))
            }
        }
    }
}

impl Read {
    /// Offers to the store, for what was decided. Those for a campaign in `before` keep its claim id: what a goal
    /// was new to, it stays new to.
    pub(crate) fn offers(
        &self,
        scope: &Scope,
        user: &str,
        decided: &[Offered<'_>],
        before: &[Offer],
        now: Timestamp,
    ) -> Result<Vec<Offer>> {
        let offer = |offered: &Offered<'_>| {
            let known = before.iter().find(|offer| offer.key.campaign() == offered.campaign);
            let claim = known.map_or_else(ClaimId::random, |offer| Ok(offer.claim))?;
            let offer = offered.offer(self.key(scope, user, offered.campaign)?, claim, now)?;
            Ok(Offer { meta_data: meta_data(offered), ..offer })
        };
        let mut offers = Vec::with_capacity(decided.len());
        for offered in decided {
            offers.push(offer(offered)?);
        }
        Ok(offers)
    }

    fn key(&self, scope: &Scope, user: &str, campaign: &str) -> Result<Key> {
        let keys = if let Self::Store { keys, .. } = self { keys.as_slice() } else { &[] };
        let known = keys.iter().find(|key| key.campaign() == campaign);
        known.map_or_else(|| Key::new(scope, Kind::Classic, user, campaign), |key| Ok(key.clone()))
    }

    /// As the engine asks for it; `find` is [`Read::held`].
    pub(crate) fn storage<'h>(&self, find: &'h dyn Fn(&str) -> Option<Held<'h>>) -> Storage<'h> {
        match self {
            Self::None => Storage::None,
            Self::Failed => Storage::Unread,
            Self::Store { .. } | Self::Own(_) => Storage::Read(find),
        }
    }

    /// What is held for `campaign`, one of the `needed`.
    pub(crate) fn held<'h>(&'h self, needed: &[&str], user: &str, campaign: &str) -> Option<Held<'h>> {
        let place = needed.iter().position(|key| *key == campaign)?;
        match self {
            Self::None | Self::Failed => None,
            Self::Store { held, .. } => held.get(place)?.as_ref().map(Held::from),
            Self::Own(records) => {
                let record = records.get(place)?.as_ref()?;
                let right = record.user_id == user && record.campaign_key == campaign;
                let goals = GoalList::Joined(record.goal_identifier.as_deref().unwrap_or_default());
                right.then_some(Held { variation: &record.variation_name, goals, by: None, named: true })
            }
        }
    }

    /// The record to set for `offered`: the goals so far and `metaData` stay in it.
    pub(crate) fn record(&self, needed: &[&str], user: &str, offered: &Offered<'_>) -> UserRecord {
        let place = needed.iter().position(|key| *key == offered.campaign);
        let before = match (self, place) {
            (Self::Own(records), Some(place)) => records.get(place).and_then(Option::as_ref),
            _ => None,
        };
        let before = before.filter(|record| record.user_id == user && record.campaign_key == offered.campaign);
        let mut goals: Vec<&str> = Vec::new();
        let known = before.and_then(|record| record.goal_identifier.as_deref()).unwrap_or_default();
        for goal in known.split(DELIMITER).chain(offered.goals()) {
            if !goal.is_empty() && !goals.contains(&goal) {
                goals.push(goal);
            }
        }
        UserRecord {
            user_id: user.to_owned(),
            variation_name: offered.variation.to_owned(),
            campaign_key: offered.campaign.to_owned(),
            goal_identifier: Some(goals.join(DELIMITER)).filter(|goals| !goals.is_empty()),
            meta_data: offered.meta_data.or(before.and_then(|record| record.meta_data.as_ref())).cloned(),
        }
    }
}

/// An error of a storage of the user's own.
pub(crate) fn failed(error: StorageError) -> Error {
    Error::new(ErrorKind::Unavailable, "user storage", "the user storage failed").with_source(error)
}

/// `metaData` that no store would take is left out: the variation must stick all the same.
fn meta_data(offered: &Offered<'_>) -> Option<Document> {
    let value = serde_json::to_value(offered.meta_data?);
    let document = value.map(|value| Document::new("metaData", &value));
    match document {
        Ok(Ok(document)) => Some(document),
        Ok(Err(error)) => {
            tracing::warn!(campaign = offered.campaign, %error, "metaData is not stored");
            None
        }
        Err(error) => {
            tracing::warn!(campaign = offered.campaign, %error, "metaData is not stored");
            None
        }
    }
}
