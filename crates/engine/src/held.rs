//! What storage says about a user: assignments from a store, or records from a storage of the user's own.
use crate::{
    js,
    json::{Json, Object},
};
use stayput::{Assignment, ClaimId};
use std::fmt;

/// What stands between two goals of a list.
pub(crate) const DELIMITER: &str = "_vwo_";

/// The storage behind a decision.
#[derive(Clone, Copy)]
pub enum Storage<'a> {
    /// None is configured: every decision is made afresh.
    None,
    /// It could not be read. The decision is made as if there were none.
    Unread,
    /// It was read: what it holds for a campaign key, asked at least about those of [`keys_needed`](crate::keys_needed).
    Read(&'a dyn Fn(&str) -> Option<Held<'a>>),
}

/// What is held for one campaign.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Held<'a> {
    /// `variationName`; one that is empty counts only if `userStorageData` names another.
    pub variation: &'a str,
    /// Conversions so far.
    pub goals: GoalList<'a>,
    /// Which claim put the variation there, where that is known.
    pub by: Option<ClaimId>,
    /// Whether `campaignKey` is there; without, it counts only if `userStorageData` has it.
    pub named: bool,
}

/// Conversions so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GoalList<'a> {
    /// As a store holds them.
    Each(&'a stayput::Goals),
    /// As a record spells them: joined by `_vwo_`.
    Joined(&'a str),
}

/// A field of a record.
enum Field<'a> {
    Absent,
    /// Null, or an empty text.
    Empty,
    Text(&'a str),
}

impl<'a> From<&'a Assignment> for Held<'a> {
    fn from(held: &'a Assignment) -> Self {
        Self { variation: held.variation.as_str(), goals: GoalList::Each(&held.goals), by: Some(held.by), named: true }
    }
}

impl<'a> Held<'a> {
    /// What a record of VWO's form holds for `user` in `campaign`: nothing if it names another user or campaign, and
    /// a field of a wrong type counts as absent.
    pub fn from_record(record: &'a Json, user: &str, campaign: &str) -> Option<Self> {
        Self::overlaid(None, record.as_object()?, user, campaign)
    }

    /// What is held once `record` is laid over it: its fields win, unless it speaks of another user or campaign.
    pub(crate) fn overlaid(held: Option<Self>, record: &'a Object, user: &str, campaign: &str) -> Option<Self> {
        let other = |field: &Field<'_>, own: &str| matches!(field, Field::Text(text) if *text != own);
        let key = field(record, "campaignKey");
        if other(&field(record, "userId"), user) || other(&key, campaign) {
            return held;
        }
        let before = held.unwrap_or(Self { variation: "", goals: GoalList::Joined(""), by: None, named: false });
        Some(Self {
            variation: match field(record, "variationName") {
                Field::Absent => before.variation,
                Field::Empty => "",
                Field::Text(name) => name,
            },
            goals: match field(record, "goalIdentifier") {
                Field::Absent => before.goals,
                Field::Empty => GoalList::Joined(""),
                Field::Text(list) => GoalList::Joined(list),
            },
            by: before.by,
            named: match key {
                Field::Absent => before.named,
                Field::Empty => false,
                Field::Text(_) => true,
            },
        })
    }

    /// Whether it says anything by itself.
    pub(crate) fn is_complete(&self) -> bool {
        self.named && !self.variation.is_empty()
    }
}

impl GoalList<'_> {
    /// Whether nothing was converted yet.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Each(goals) => goals.is_empty(),
            Self::Joined(list) => list.is_empty(),
        }
    }
    /// Whether `goal` is among them. One that contains the delimiter never is: a list cannot tell it from two.
    pub fn contains(&self, goal: &str) -> bool {
        match self {
            Self::Each(goals) => goals.iter().any(|held| held.name.split(DELIMITER).any(|part| part == goal)),
            Self::Joined(list) => list.split(DELIMITER).any(|part| part == goal),
        }
    }
    /// As a record spells them.
    pub fn joined(&self) -> String {
        match self {
            Self::Each(goals) => goals.iter().map(|goal| goal.name.as_str()).collect::<Vec<_>>().join(DELIMITER),
            Self::Joined(list) => (*list).to_owned(),
        }
    }
}

fn field<'a>(record: &'a Object, name: &str) -> Field<'a> {
    match record.get(name) {
        Some(Json::String(text)) if !text.is_empty() => Field::Text(text),
        Some(value @ (Json::Null | Json::String(_))) if !js::truthy(Some(value)) => Field::Empty,
        _ => Field::Absent,
    }
}

impl fmt::Debug for Storage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Unread => "Unread",
            Self::Read(_) => "Read(…)",
        })
    }
}
