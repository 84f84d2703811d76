//! Documents as they were found, and what they hold.
use super::{corrupt, document, failure, json};
use crate::{
    Assignment, ClaimId, Cursor, Document as Json, Entry, Error, Goal, Key, Kind, MetaData, Name, Result, Scope,
    Timestamp, User,
};
use mongodb::bson::{Bson, RawBsonRef, RawDocument};

/// The fields that say again, for queries, what `_id` says.
const KEY: [&str; 4] = ["scope", "userId", "kind", "campaignKey"];

/// What a claim or a `put` writes, beside the key.
pub(super) const FIELDS: [&str; 16] = [
    "variationName",
    "goalIdentifier",
    "goalClaimIds",
    "metaData",
    "metaDataText",
    "metaDataAt",
    "extra",
    "extraText",
    "claimId",
    "replacedVariation",
    "assignedAt",
    "changedAt",
    "expiresAt",
    "revision",
    "epoch",
    "unknown",
];

/// What is ours in a document, where it lies.
#[derive(Debug, Default)]
pub(super) struct Found<'a> {
    id: &'a str,
    key: [Option<RawBsonRef<'a>>; KEY.len()],
    fields: [Option<RawBsonRef<'a>>; FIELDS.len()],
}

impl<'a> Found<'a> {
    /// Goes through `document` once.
    pub(super) fn of(document: &'a RawDocument) -> Result<Self> {
        let mut found = Self::default();
        for element in document {
            let (name, value) = element.map_err(|_| corrupt("a document is no BSON"))?;
            let name = name.as_str();
            let Self { id, key, fields } = &mut found;
            let ours = KEY.into_iter().zip(key).chain(FIELDS.into_iter().zip(fields));
            if name == "_id" {
                *id = value.as_str().unwrap_or_default();
            } else if let Some((_, place)) = ours.into_iter().find(|(ours, _)| *ours == name) {
                *place = Some(value);
            }
        }
        Ok(found)
    }
    /// What was found under `key`.
    pub(super) fn under(key: &Key, document: &'a RawDocument) -> Result<Self> {
        let found = Self::of(document)?;
        found.agree(key).map(|()| found)
    }
    /// What it is called; nothing, if that is no string.
    pub(super) fn id(&self) -> &'a str {
        self.id
    }
    /// In the order of [`FIELDS`].
    pub(super) fn fields(&self) -> [Option<RawBsonRef<'a>>; FIELDS.len()] {
        self.fields
    }
    /// Where a scan goes on behind this document; its `_id` is a string, since scans look for nothing else.
    pub(super) fn cursor(&self) -> Cursor {
        Cursor(self.id.as_bytes().to_vec())
    }
    fn get(&self, field: &str) -> Option<RawBsonRef<'a>> {
        FIELDS.into_iter().zip(self.fields).find(|(name, _)| *name == field)?.1
    }

    /// What a document holds. A hand may have left out what has a default.
    pub(super) fn assignment(&self) -> Result<Assignment> {
        let variation = self.text("variationName")?.ok_or_else(|| damaged("variationName"))?;
        let by = self.text("claimId")?.map_or(Ok(ClaimId(0)), |id| id.parse().map_err(|_| damaged("claimId")))?;
        let assigned_at = self.time("assignedAt")?.unwrap_or_default();
        let at = self.time("metaDataAt")?.unwrap_or(assigned_at);
        let unknown = match self.get("unknown") {
            None => Vec::new(),
            Some(RawBsonRef::Binary(binary)) => binary.bytes.to_vec(),
            Some(_) => return Err(damaged("unknown")),
        };
        Ok(Assignment {
            variation: name(variation, "variationName")?,
            by,
            replaced: self.text("replacedVariation")?.map(|text| name(text, "replacedVariation")).transpose()?,
            goals: self.goals()?.into_iter().collect(),
            meta_data: self.document("metaData", "metaDataText")?.map(|document| MetaData { document, at }),
            extra: self.document("extra", "extraText")?,
            assigned_at,
            changed_at: self.time("changedAt")?.unwrap_or(assigned_at),
            expires_at: self.time("expiresAt")?,
            revision: self.whole("revision")?.unwrap_or(1).cast_unsigned(),
            epoch: u32::try_from(self.whole("epoch")?.unwrap_or(0)).map_err(|_| damaged("epoch"))?,
            unknown: unknown.try_into().map_err(|_| damaged("unknown"))?,
        })
    }
    /// The key that a document belongs to. Its name says so; a hand may have left out the fields that say it again.
    pub(super) fn key(&self) -> Result<Key> {
        let outside = "a document's _id is not scope/userId/kind/campaignKey, within the limits";
        let read = || {
            let mut parts = self.id.split('/').map(document::part);
            let (Some(scope), Some(user), Some(kind), Some(campaign), None) =
                (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next())
            else {
                return None;
            };
            Key::new(&Scope::new(&scope).ok()?, Kind::named(&kind)?, &user, &campaign).ok()
        };
        let key = read().ok_or_else(|| corrupt(outside))?;
        self.agree(&key).map(|()| key)
    }
    /// That the fields which say the key again say this one.
    pub(super) fn agree(&self, key: &Key) -> Result<()> {
        let parts = [key.scope().as_str(), key.user_id(), key.kind().name(), key.campaign()];
        let agrees = |(said, part): (Option<RawBsonRef<'_>>, _)| said.is_none_or(|said| said.as_str() == Some(part));
        match self.key.into_iter().zip(parts).all(agrees) {
            true => Ok(()),
            false => Err(corrupt("a document's _id and its fields name different keys")),
        }
    }
    /// The key and what it holds; of `user`, if that was asked for.
    pub(super) fn entry(&self, user: Option<&User>) -> Result<Entry> {
        let (key, assignment) = (self.key()?, self.assignment()?);
        match user.is_none_or(|user| user == key.user()) {
            true => Ok(Entry { key, assignment }),
            false => Err(failure::collation()),
        }
    }
    fn goals(&self) -> Result<Vec<Goal>> {
        let list = |field: &'static str| match self.get(field) {
            None => Ok(None),
            Some(RawBsonRef::Array(items)) => Ok(Some(items)),
            Some(_) => Err(damaged(field)),
        };
        let (names, by) = (list("goalIdentifier")?, list("goalClaimIds")?);
        let mut by = by.into_iter().flatten();
        let goal = |goal: Result<RawBsonRef<'a>, _>| {
            let by = match by.next() {
                None => Some(ClaimId(0)),
                Some(id) => id.ok().and_then(RawBsonRef::as_str).and_then(|id| id.parse().ok()),
            };
            let name = goal.ok().and_then(RawBsonRef::as_str).and_then(|name| Name::goal(name).ok());
            Some(Goal { name: name?, by: by? })
        };
        names.into_iter().flatten().map(goal).collect::<Option<_>>().ok_or_else(|| damaged("goalIdentifier"))
    }

    fn document(&self, field: &'static str, as_text: &'static str) -> Result<Option<Json>> {
        let value = match (self.text(as_text)?, self.get(field)) {
            (Some(text), _) => serde_json::from_str(text).map_err(|_| damaged(as_text))?,
            (None, Some(value)) => {
                let value = Bson::try_from(value).ok().and_then(|value| json::from_bson(&value));
                value.ok_or_else(|| damaged(field))?
            }
            (None, None) => return Ok(None),
        };
        Json::new(field, &value).map(Some).map_err(|_| damaged(field))
    }
    fn text(&self, field: &'static str) -> Result<Option<&'a str>> {
        self.get(field).map(|value| value.as_str().ok_or_else(|| damaged(field))).transpose()
    }
    fn time(&self, field: &'static str) -> Result<Option<Timestamp>> {
        let millis = |value: RawBsonRef<'_>| u64::try_from(value.as_datetime()?.timestamp_millis()).ok();
        let time = |value| millis(value).map(Timestamp::from_millis).ok_or_else(|| damaged(field));
        self.get(field).map(time).transpose()
    }
    /// A whole number, however the shell that wrote it spelled it.
    fn whole(&self, field: &'static str) -> Result<Option<i64>> {
        let whole = |value| match value {
            RawBsonRef::Int32(number) => Ok(number.into()),
            RawBsonRef::Int64(number) => Ok(number),
            RawBsonRef::Double(number) if number.fract() == 0.0 => Ok(number as i64),
            _ => Err(damaged(field)),
        };
        self.get(field).map(whole).transpose()
    }
}

fn name(text: &str, field: &'static str) -> Result<Name> {
    Name::variation(text).map_err(|_| damaged(field))
}
fn damaged(field: &str) -> Error {
    corrupt(format!("a stored assignment is damaged: its {field} cannot be read"))
}
