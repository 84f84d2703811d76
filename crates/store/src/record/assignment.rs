//! What is held.
use super::{Document, Goals, Key, Name};
use crate::{Error, ErrorKind, Result, Timestamp};
use std::{fmt, sync::Arc};

/// A random number, the same in every retry and replay of one offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(try_from = "String", into = "String"))]
pub struct ClaimId(pub u64);

/// What is held for one key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "camelCase"))]
pub struct Assignment {
    /// The variation that the user sees.
    pub variation: Name,
    /// Which claim put the variation there.
    pub by: ClaimId,
    /// The variation whose place it took: without this, a repeat could not tell created from replaced.
    pub replaced: Option<Name>,
    /// Conversions so far; they belong to the user and the campaign and outlive the variation.
    pub goals: Goals,
    /// `metaData`, as the SDK passed it.
    pub meta_data: Option<MetaData>,
    /// Fields of the record that Stayput does not know: a JSON object that changes only with the variation.
    pub extra: Option<Document>,
    /// When the variation was decided, by the writer's clock.
    pub assigned_at: Timestamp,
    /// When anything last changed, by the store's clock.
    pub changed_at: Timestamp,
    /// When it stops counting; `None` is never.
    pub expires_at: Option<Timestamp>,
    /// 1 at creation, +1 per change; 1 again after expiry, removal or a new epoch. 0 is held nowhere: see
    /// [`Assignment::is_guess`].
    pub revision: u64,
    /// Which life of the campaign it belongs to; reserved for resets, 0 for now.
    pub epoch: u32,
    /// What a newer version wrote and this one only carries.
    #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "Unknown::is_empty"))]
    pub unknown: Unknown,
}

/// `metaData` and how old it is, so that a late replay does not bring back what was replaced since.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct MetaData {
    /// The JSON value.
    pub document: Document,
    /// When the offer that brought it was decided.
    pub at: Timestamp,
}

/// Encoded fields of a newer version, kept as they are: see [`codec`](super::codec).
#[derive(Clone, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "Vec<u8>", into = "Vec<u8>")
)]
pub struct Unknown(pub(super) Arc<[u8]>);

/// A key and what is held, or to be held, under it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct Entry {
    /// Where.
    pub key: Key,
    /// What.
    pub assignment: Assignment,
}

impl Assignment {
    /// Whether this is only what will be held once a spool has delivered what waits there, if nobody else was earlier:
    /// never to be taken for what the store said.
    pub fn is_guess(&self) -> bool {
        self.revision == 0
    }
    /// Whether it still counts at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

impl ClaimId {
    /// A number that no other claim has, drawn from the operating system: safe after a fork too.
    pub fn random() -> Result<Self> {
        getrandom::u64().map(Self).map_err(|error| {
            let message = "the operating system gave no random number for a claim id";
            Error::new(ErrorKind::Unavailable, "claim", message).with_source(error)
        })
    }
}

impl fmt::Display for ClaimId {
    /// 16 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
impl TryFrom<String> for ClaimId {
    type Error = Error;
    fn try_from(digits: String) -> Result<Self> {
        digits.parse()
    }
}
impl From<ClaimId> for String {
    fn from(claim: ClaimId) -> Self {
        claim.to_string()
    }
}
impl std::str::FromStr for ClaimId {
    type Err = Error;
    /// Reads 1 to 16 hexadecimal digits.
    fn from_str(digits: &str) -> Result<Self> {
        let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = u64::from_str_radix(digits, 16).ok().filter(|_| hex);
        id.map(Self).ok_or_else(|| Error::invalid("claimId", "claimId must be 1 to 16 hexadecimal digits"))
    }
}

impl Unknown {
    /// Whether nothing is carried.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
impl TryFrom<Vec<u8>> for Unknown {
    type Error = Error;
    /// Refuses fields that are known or damaged: written back behind the known ones they would spoil the assignment.
    fn try_from(fields: Vec<u8>) -> Result<Self> {
        match super::codec::are_unknown(&fields) {
            true => Ok(Self(fields.into())),
            false => Err(Error::invalid("unknown", "unknown must be encoded fields that this version does not know")),
        }
    }
}
impl From<Unknown> for Vec<u8> {
    fn from(unknown: Unknown) -> Self {
        unknown.0.to_vec()
    }
}
impl fmt::Debug for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unknown({} bytes)", self.0.len())
    }
}
