//! How an offer that waits, and one that never will be stored, are written: a version byte, and JSON behind it.
use super::disk::{NewRow, Row};
use crate::{Error, ErrorKind, Key, Offer, Result, Timestamp, codec};
use serde::{Deserialize, Serialize};

const VERSION: u8 = 1;

/// An offer that waits.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) since: Timestamp,
    pub(super) offer: Offer,
}

/// An offer that could not be stored and never will be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// What was offered; `None` if this version cannot read it.
    pub offer: Option<Offer>,
    /// When it was put aside.
    pub at: Timestamp,
    /// What the store said: the kind of its error.
    pub kind: ErrorKind,
    /// What the store said.
    pub message: String,
}

impl Waiting {
    pub(super) fn row(&self) -> Result<NewRow> {
        Ok(NewRow { key: codec::encode_key(&self.offer.key), body: written(self)? })
    }
    pub(super) fn read(row: &Row) -> Result<Self> {
        read(&row.body)
    }
}

impl DeadLetter {
    pub(super) fn row(&self, key: Vec<u8>) -> Result<NewRow> {
        Ok(NewRow { key, body: written(self)? })
    }
    pub(super) fn read(row: &Row) -> Result<Self> {
        read(&row.body)
    }
}

/// What all rows of `key`, and no others, begin with.
pub(super) fn prefix(key: &Key) -> Vec<u8> {
    let mut prefix = codec::encode_key(key);
    prefix.push(0);
    prefix
}

fn written<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    let mut bytes = vec![VERSION];
    serde_json::to_writer(&mut bytes, value).map_err(|error| {
        Error::new(ErrorKind::Invalid, super::NAME, "the offer cannot be written as JSON").with_source(error)
    })?;
    Ok(bytes)
}

fn read<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<T> {
    let corrupt = |message| Error::new(ErrorKind::Corrupt, super::NAME, message);
    match bytes.split_first() {
        Some((&VERSION, json)) => serde_json::from_slice(json)
            .map_err(|_| corrupt("a spooled offer is damaged, or of a newer version, and cannot be read")),
        _ => Err(corrupt("a spooled offer is of another version and cannot be read")),
    }
}
