//! What a connector answers to a `get`.
use crate::uss::Found;

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
