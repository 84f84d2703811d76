//! What a connector answers to a `get` and to a `claim`.
use crate::{Claimed, Dialect, Key, Record, uss::Found};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use std::ops::Deref;

/// What is held for a user and a campaign, as far as this process could tell in time.
#[derive(Clone, Debug)]
pub enum Answer {
    /// This is held, and belongs to the very user and campaign that were asked for.
    Held(Found),
    /// Nothing is held: the SDK decides.
    Absent,
    /// Nobody could tell in time. If the SDK decides now, it may decide otherwise than before.
    Unknown,
}

impl Answer {
    /// What is held, if that is known.
    pub fn held(&self) -> Option<&Found> {
        match self {
            Self::Held(found) => Some(found),
            Self::Absent | Self::Unknown => None,
        }
    }
}

/// The answer to a claim; as JSON it is the outcome, the new goals, and what is held now, as a record.
#[derive(Clone, Debug)]
pub struct Told {
    pub(super) key: Key,
    pub(super) claimed: Claimed,
    pub(super) dialect: Dialect,
}

impl Deref for Told {
    type Target = Claimed;
    fn deref(&self) -> &Claimed {
        &self.claimed
    }
}

impl Serialize for Told {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { key, claimed, dialect } = self;
        let mut told = serializer.serialize_struct("Told", 3)?;
        told.serialize_field("outcome", claimed.outcome.name())?;
        told.serialize_field("newGoals", &claimed.new_goals)?;
        told.serialize_field("held", &claimed.held.as_ref().map(|held| Record::shown(key, held, *dialect)))?;
        told.end()
    }
}
