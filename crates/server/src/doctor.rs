//! Looks at a configuration, a store and this machine, and says what is wrong and what to do.
mod data;
mod folder;
mod machine;
mod spool;

pub(crate) use data::{Census, hash, take};
pub(crate) use folder::{inspect, missing, path};
pub(crate) use machine::{configuration, limits};
pub(crate) use spool::spool;

use serde::Serialize;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) area: &'static str,
    pub(crate) level: Level,
    /// What was found.
    pub(crate) says: String,
    /// What to do; nothing if all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) advice: Option<String>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Ok,
    /// It works, and could be better.
    Note,
    Wrong,
}

impl Level {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Wrong => "wrong",
        }
    }
}

impl Finding {
    /// All is well.
    pub(crate) fn ok(area: &'static str, says: impl Into<String>) -> Self {
        Self { area, level: Level::Ok, says: says.into(), advice: None }
    }
    /// It works, and `advice` would make it better.
    pub(crate) fn note(area: &'static str, says: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { area, level: Level::Note, says: says.into(), advice: Some(advice.into()) }
    }
    /// It does not work, or not for long.
    pub(crate) fn wrong(area: &'static str, says: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { area, level: Level::Wrong, says: says.into(), advice: Some(advice.into()) }
    }
}

/// `bytes` as people read them.
pub(crate) fn bytes(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}
