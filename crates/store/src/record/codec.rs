//! Keys and values as bytes, for backends that store bytes. `tests/golden` keeps those of every release readable.
//!
//! A key is `scope 00 user 00 kind campaign`, kind being `c` or `f`. No part contains U+0000, so keys never
//! collide, one user is one prefix, and keys sort as [`Key`] does.
//!
//! A value is the version byte `01` and then fields, each a tag byte, a length (LEB128) and that many bytes:
//!
//! | tag | field | bytes |
//! |--:|---|---|
//! | 1 | variation | UTF-8 |
//! | 2 | by | u64, little-endian as all numbers |
//! | 3 | replaced | UTF-8 |
//! | 4 | a goal, repeated in order | by u64, then UTF-8 |
//! | 5 | metaData | at u64, then compact JSON |
//! | 6 | extra | compact JSON |
//! | 7, 8, 9 | assigned, changed, expires at | u64, milliseconds since 1970 |
//! | 10 | revision | u64 |
//! | 11 | epoch, left out when 0 | u32 |
//!
//! Other tags were written by a newer version: they are kept and written back behind the known ones.
use super::{Assignment, ClaimId, Document, Goal, Goals, Key, Kind, MetaData, Name, Scope, Unknown, User};
use crate::{Error, ErrorKind, Result, Timestamp};

const VERSION: u8 = 1;

/// The bytes that name `key`.
pub fn encode_key(key: &Key) -> Vec<u8> {
    let user = key.user();
    let mut bytes = Vec::with_capacity(user.scope().as_str().len() + user.id().len() + key.campaign().len() + 3);
    key_parts(key).iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

/// Whether `bytes` name `key`.
#[cfg(feature = "memcached")]
pub(crate) fn is_key(bytes: &[u8], key: &Key) -> bool {
    key_parts(key).into_iter().try_fold(bytes, |bytes, part| bytes.strip_prefix(part)).is_some_and(<[u8]>::is_empty)
}

/// What names `key` among those of its user: `kind campaign`.
pub fn encode_field(key: &Key) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + key.campaign().len());
    bytes.extend_from_slice(kind_byte(key.kind()));
    bytes.extend_from_slice(key.campaign().as_bytes());
    bytes
}

/// What all keys of `user`, and no others, begin with.
pub fn user_prefix(user: &User) -> Vec<u8> {
    let mut bytes = scope_prefix(user.scope());
    bytes.extend_from_slice(user.id().as_bytes());
    bytes.push(0);
    bytes
}

/// What all keys of `scope`, and no others, begin with.
pub fn scope_prefix(scope: &Scope) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(scope.as_str().len() + 64);
    bytes.extend_from_slice(scope.as_str().as_bytes());
    bytes.push(0);
    bytes
}

/// The key that `bytes` name; `store` is who asks.
pub fn decode_key(store: &'static str, bytes: &[u8]) -> Result<Key> {
    let parse = || {
        let mut parts = std::str::from_utf8(bytes).ok()?.splitn(3, '\0');
        let (scope, user, rest) = (parts.next()?, parts.next()?, parts.next()?);
        let (kind, campaign) = rest.split_at_checked(1)?;
        let kind = [Kind::Classic, Kind::Fme].into_iter().find(|known| kind.as_bytes() == kind_byte(*known))?;
        Key::new(&Scope::new(scope).ok()?, kind, user, campaign).ok()
    };
    parse().ok_or_else(|| Error::new(ErrorKind::Corrupt, store, "a stored key cannot be read"))
}

/// The bytes that hold `assignment`.
pub fn encode(assignment: &Assignment) -> Vec<u8> {
    let mut out = Fields(Vec::with_capacity(96));
    out.0.push(VERSION);
    out.put(1, &[assignment.variation.as_bytes()]);
    out.number(2, assignment.by.0);
    if let Some(replaced) = &assignment.replaced {
        out.put(3, &[replaced.as_bytes()]);
    }
    for goal in &assignment.goals {
        out.put(4, &[&goal.by.0.to_le_bytes(), goal.name.as_bytes()]);
    }
    if let Some(MetaData { document, at }) = &assignment.meta_data {
        out.put(5, &[&at.as_millis().to_le_bytes(), document.as_str().as_bytes()]);
    }
    if let Some(extra) = &assignment.extra {
        out.put(6, &[extra.as_str().as_bytes()]);
    }
    out.number(7, assignment.assigned_at.as_millis());
    out.number(8, assignment.changed_at.as_millis());
    if let Some(end) = assignment.expires_at {
        out.number(9, end.as_millis());
    }
    out.number(10, assignment.revision);
    if assignment.epoch != 0 {
        out.put(11, &[&assignment.epoch.to_le_bytes()]);
    }
    out.0.extend_from_slice(&assignment.unknown.0);
    out.0
}

/// The assignment that `bytes` hold; `store` is who asks.
pub fn decode(store: &'static str, bytes: &[u8]) -> Result<Assignment> {
    match bytes.split_first() {
        Some((&VERSION, fields)) => decode_fields(fields)
            .ok_or_else(|| Error::new(ErrorKind::Corrupt, store, "a stored assignment is damaged and cannot be read")),
        Some((version, _)) => {
            let message = format!("a stored assignment has format {version}; this version of Stayput reads {VERSION}");
            Err(Error::new(ErrorKind::Corrupt, store, message))
        }
        None => Err(Error::new(ErrorKind::Corrupt, store, "a stored assignment is empty")),
    }
}

/// When the assignment in `bytes` stops counting, without reading the rest; `None` if never, or if it is damaged.
pub fn expires_at(bytes: &[u8]) -> Option<Timestamp> {
    let mut fields = bytes.strip_prefix(&[VERSION])?;
    while let Some((tag, value, _)) = next_field(&mut fields) {
        if tag == 9 {
            return moment(value);
        }
    }
    None
}

/// Whether `fields` are whole, and all of a newer version.
pub(super) fn are_unknown(mut fields: &[u8]) -> bool {
    while !fields.is_empty() {
        match next_field(&mut fields) {
            Some((1..=11, ..)) | None => return false,
            Some(_) => (),
        }
    }
    true
}

fn decode_fields(mut fields: &[u8]) -> Option<Assignment> {
    let (mut variation, mut by, mut replaced, mut goals) = (None, None, None, Vec::new());
    let (mut meta_data, mut extra, mut unknown) = (None, None, Vec::new());
    let (mut assigned_at, mut changed_at, mut expires_at, mut revision, mut epoch) = (None, None, None, None, 0);
    while !fields.is_empty() {
        let (tag, value, whole) = next_field(&mut fields)?;
        match tag {
            1 => variation = Some(name(value)?),
            2 => by = Some(ClaimId(number(value)?)),
            3 => replaced = Some(name(value)?),
            4 => {
                let (by, identifier) = value.split_at_checked(8)?;
                goals.push(Goal { by: ClaimId(number(by)?), name: name(identifier)? });
            }
            5 => {
                let (at, document) = value.split_at_checked(8)?;
                meta_data = Some(MetaData { at: moment(at)?, document: document_of(document)? });
            }
            6 => extra = Some(document_of(value)?),
            7 => assigned_at = Some(moment(value)?),
            8 => changed_at = Some(moment(value)?),
            9 => expires_at = Some(moment(value)?),
            10 => revision = Some(number(value)?),
            11 => epoch = u32::from_le_bytes(value.try_into().ok()?),
            _ => unknown.extend_from_slice(whole),
        }
    }
    Some(Assignment {
        variation: variation?,
        by: by?,
        replaced,
        goals: Goals::stored(goals),
        meta_data,
        extra,
        assigned_at: assigned_at?,
        changed_at: changed_at?,
        expires_at,
        revision: revision?,
        epoch,
        // The empty one is shared: this runs at every read.
        unknown: if unknown.is_empty() { Unknown::default() } else { Unknown(unknown.into()) },
    })
}

struct Fields(Vec<u8>);

impl Fields {
    fn number(&mut self, tag: u8, value: u64) {
        self.put(tag, &[&value.to_le_bytes()]);
    }
    fn put(&mut self, tag: u8, parts: &[&[u8]]) {
        self.0.push(tag);
        let mut length: usize = parts.iter().map(|part| part.len()).sum();
        while length > 0x7f {
            self.0.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        self.0.push(length as u8);
        parts.iter().for_each(|part| self.0.extend_from_slice(part));
    }
}

/// Takes the next field off `fields`: its tag, its value, and both with the length as they stand.
fn next_field<'a>(fields: &mut &'a [u8]) -> Option<(u8, &'a [u8], &'a [u8])> {
    let before = *fields;
    let (tag, mut rest) = before.split_first()?;
    let (mut length, mut shift) = (0usize, 0u32);
    loop {
        let (byte, after) = rest.split_first()?;
        rest = after;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
        if shift > 28 {
            return None;
        }
    }
    let (value, after) = rest.split_at_checked(length)?;
    *fields = after;
    Some((*tag, value, &before[..before.len() - after.len()]))
}

/// What is strung together to name `key`.
pub(crate) fn key_parts(key: &Key) -> [&[u8]; 6] {
    let (scope, user, campaign) = (key.scope().as_str(), key.user_id(), key.campaign());
    [scope.as_bytes(), b"\0", user.as_bytes(), b"\0", kind_byte(key.kind()), campaign.as_bytes()]
}
fn kind_byte(kind: Kind) -> &'static [u8; 1] {
    match kind {
        Kind::Classic => b"c",
        Kind::Fme => b"f",
    }
}
fn name(value: &[u8]) -> Option<Name> {
    Name::variation(std::str::from_utf8(value).ok()?).ok()
}
fn document_of(value: &[u8]) -> Option<Document> {
    std::str::from_utf8(value).ok().map(Document::stored)
}
fn moment(value: &[u8]) -> Option<Timestamp> {
    number(value).map(Timestamp::from_millis)
}
fn number(value: &[u8]) -> Option<u64> {
    value.try_into().ok().map(u64::from_le_bytes)
}
