//! The name of a variation or a goal.
use super::limits;
use crate::Result;
use std::{fmt, ops::Deref, sync::Arc};

/// A variation name or a goal identifier: 1 to 256 bytes without U+0000, compared byte by byte.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(try_from = "String"))]
pub struct Name(Arc<str>);

impl Name {
    /// The name of a variation.
    pub fn variation(name: &str) -> Result<Self> {
        limits::text("variationName", limits::NAME, name).map(Self)
    }
    /// The identifier of a goal.
    pub fn goal(identifier: &str) -> Result<Self> {
        limits::text("goalIdentifier", limits::NAME, identifier).map(Self)
    }
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Name {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl TryFrom<String> for Name {
    type Error = crate::Error;
    fn try_from(name: String) -> Result<Self> {
        limits::text("name", limits::NAME, &name).map(Self)
    }
}
