//! Conversions, in order of first arrival.
use super::{ClaimId, Name, limits};
use std::{collections::HashSet, slice};

/// A conversion, and the claim that it counts for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct Goal {
    /// Its identifier.
    pub name: Name,
    /// Which claim put it there.
    pub by: ClaimId,
}

/// A user's conversions in one campaign: each once, at most 1,000, never fewer than before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(from = "Vec<Goal>", into = "Vec<Goal>")
)]
pub struct Goals(Vec<Goal>);

impl Goals {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// In order of first arrival.
    pub fn iter(&self) -> slice::Iter<'_, Goal> {
        self.0.iter()
    }
    /// Takes what [`Goals::iter`] once gave, without looking at it again.
    pub(super) fn stored(goals: Vec<Goal>) -> Self {
        Self(goals)
    }
    /// Keeps those that `stays` says.
    pub(super) fn retain(&mut self, stays: impl Fn(&Goal) -> bool) {
        self.0.retain(stays);
    }
    /// Adds those of `names` that are missing, for the credit of `by`, while there is room; true if any was added.
    pub fn bring(&mut self, names: &[Name], by: ClaimId) -> bool {
        let before = self.0.len();
        let mut known: HashSet<&str> = HashSet::new();
        if names.len() > 1 {
            known.extend(self.0.iter().map(|goal| goal.name.as_str()));
        }
        let mut added = Vec::new();
        for name in names {
            let missing = match names.len() {
                1 => self.0.iter().all(|goal| goal.name != *name), // the usual case needs no set
                _ => known.insert(name),
            };
            if missing && before + added.len() < limits::GOALS {
                added.push(Goal { name: name.clone(), by });
            }
        }
        self.0.extend(added);
        self.0.len() > before
    }
}

impl<'a> IntoIterator for &'a Goals {
    type Item = &'a Goal;
    type IntoIter = slice::Iter<'a, Goal>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
impl FromIterator<Goal> for Goals {
    /// Keeps the first of each name, up to the limit.
    fn from_iter<I: IntoIterator<Item = Goal>>(goals: I) -> Self {
        let mut seen = HashSet::new();
        Self(goals.into_iter().filter(|goal| seen.insert(goal.name.clone())).take(limits::GOALS).collect())
    }
}
impl From<Vec<Goal>> for Goals {
    fn from(goals: Vec<Goal>) -> Self {
        goals.into_iter().collect()
    }
}
impl From<Goals> for Vec<Goal> {
    fn from(goals: Goals) -> Self {
        goals.0
    }
}
