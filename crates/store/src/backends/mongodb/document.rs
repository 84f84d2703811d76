//! Assignments as documents, and documents as assignments.
use super::{corrupt, failure, json};
use crate::{
    Assignment, ClaimId, Cursor, Document as Json, Entry, Error, Goal, Key, Kind, MetaData, Name, Result, Scope,
    Timestamp, User,
};
use mongodb::bson::{Binary, Bson, DateTime, Document, doc, spec::BinarySubtype};
use std::borrow::Cow;

/// The fields that say again, for queries, what `_id` says.
const KEY: [&str; 4] = ["scope", "userId", "kind", "campaignKey"];

/// What one document of one key is called: `scope/userId/kind/campaignKey`, with `%2F` for a slash and `%25` for a
/// percent sign in a part. Hence keys and names are one to one, and one user is one range of names.
pub(super) fn id(key: &Key) -> String {
    let mut id = String::with_capacity(key.scope().as_str().len() + key.user_id().len() + key.campaign().len() + 10);
    for part in [key.scope().as_str(), key.user_id(), key.kind().name()] {
        add(&mut id, part);
        id.push('/');
    }
    add(&mut id, key.campaign());
    id
}
/// The filter for one key. Alone it is what MongoDB looks up fastest.
pub(super) fn place(key: &Key) -> Document {
    doc! { "_id": id(key) }
}
/// The filter for several.
pub(super) fn places<'a>(keys: impl IntoIterator<Item = &'a Key>) -> Document {
    doc! { "_id": { "$in": keys.into_iter().map(id).collect::<Vec<_>>() } }
}
/// The filter for all of one user.
pub(super) fn of_user(user: &User) -> Document {
    let mut prefix = String::new();
    add(&mut prefix, user.scope().as_str());
    prefix.push('/');
    add(&mut prefix, user.id());
    doc! { "_id": { "$gt": format!("{prefix}/"), "$lt": format!("{prefix}{AFTER_SLASH}") } }
}

/// Where a scan goes on behind this document; its `_id` is a string, since scans look for nothing else.
pub(super) fn cursor(found: &Document) -> Cursor {
    Cursor(found.get_str("_id").unwrap_or_default().as_bytes().to_vec())
}
/// The filter for what follows `cursor` in the order of names.
pub(super) fn after(scope: Option<&Scope>, cursor: Option<&Cursor>) -> Result<Document> {
    let (mut from, mut to) = (String::new(), None);
    if let Some(scope) = scope {
        add(&mut from, scope.as_str());
        to = Some(format!("{from}{AFTER_SLASH}"));
        from.push('/');
    }
    if let Some(cursor) = cursor {
        let behind = std::str::from_utf8(&cursor.0).ok().filter(|behind| behind.matches('/').count() == 3);
        let message = "the scan cannot go on from there: the cursor is not one of this store";
        from = from.max(behind.ok_or_else(|| Error::invalid("cursor", message))?.to_owned());
    }
    let mut names = doc! { "$gt": from };
    names.extend(to.map(|to| ("$lt".to_owned(), to.into())));
    Ok(doc! { "_id": names })
}

/// The character behind the slash.
const AFTER_SLASH: char = '0';

fn add(id: &mut String, part: &str) {
    for character in part.chars() {
        match character {
            '%' => id.push_str("%25"),
            '/' => id.push_str("%2F"),
            other => id.push(other),
        }
    }
}

/// What a claim or a `put` writes, beside the key.
const FIELDS: [&str; 16] = [
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

/// The filter for the document that was `read`, as long as all that is ours in it is as it was.
pub(super) fn unchanged(read: &Document) -> Document {
    let mut filter: Document = read.get("_id").map(|id| ("_id".to_owned(), id.clone())).into_iter().collect();
    for name in FIELDS {
        // A bare value is compared by value, but for nothing and null, which would be the same.
        let is = |value: &Bson| doc! { "$eq": value.clone() };
        filter.insert(name, read.get(name).map_or_else(|| doc! { "$exists": false }, is));
    }
    filter
}
/// What makes `next` of the document that was `read`.
pub(super) fn change(read: &Document, next: &Document) -> Document {
    let (mut set, mut unset) = (Document::new(), Document::new());
    for name in FIELDS {
        match (read.get(name), next.get(name)) {
            (before, Some(after)) if before != Some(after) => drop(set.insert(name, after.clone())),
            (Some(_), None) => drop(unset.insert(name, "")),
            _ => {}
        }
    }
    let mut change = Document::new();
    for (operator, fields) in [("$set", set), ("$unset", unset)] {
        if !fields.is_empty() {
            change.insert(operator, fields);
        }
    }
    change
}

/// What is to be stored under `key`.
pub(super) fn of(key: &Key, held: &Assignment) -> Document {
    let mut next = doc! {
        "_id": id(key),
        "scope": key.scope().as_str(),
        "userId": key.user_id(),
        "kind": key.kind().name(),
        "campaignKey": key.campaign(),
    };
    let mut set = |name: &str, value: Option<Bson>| next.extend(value.map(|value| (name.to_owned(), value)));
    let text = |text: &str| Some(Bson::String(text.to_owned()));
    set("variationName", text(&held.variation));
    let goals: Vec<&str> = held.goals.iter().map(|goal| goal.name.as_str()).collect();
    let goals_by: Vec<String> = held.goals.iter().map(|goal| goal.by.to_string()).collect();
    set("goalIdentifier", Some(goals.into()).filter(|_| !held.goals.is_empty()));
    set("goalClaimIds", Some(goals_by.into()).filter(|_| !held.goals.is_empty()));
    for (name, as_text, document) in [
        ("metaData", "metaDataText", held.meta_data.as_ref().map(|meta_data| &meta_data.document)),
        ("extra", "extraText", held.extra.as_ref()),
    ] {
        let value = document.and_then(|document| json::to_bson(&document.to_value()));
        set(as_text, document.filter(|_| value.is_none()).and_then(|document| text(document.as_str())));
        set(name, value);
    }
    set("metaDataAt", held.meta_data.as_ref().map(|meta_data| moment(meta_data.at)));
    set("claimId", text(&held.by.to_string()));
    set("replacedVariation", held.replaced.as_deref().and_then(text));
    set("assignedAt", Some(moment(held.assigned_at)));
    set("changedAt", Some(moment(held.changed_at)));
    set("expiresAt", held.expires_at.map(moment));
    set("revision", Some(Bson::Int64(held.revision.cast_signed())));
    set("epoch", Some(Bson::Int64(held.epoch.into())).filter(|_| held.epoch != 0));
    let unknown = Vec::from(held.unknown.clone());
    let unknown = Some(unknown).filter(|bytes| !bytes.is_empty());
    set("unknown", unknown.map(|bytes| Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes })));
    next
}

/// What a document holds. A hand may have left out what has a default.
pub(super) fn assignment(found: &Document) -> Result<Assignment> {
    let variation = text(found, "variationName")?.ok_or_else(|| damaged("variationName"))?;
    let by = text(found, "claimId")?.map_or(Ok(ClaimId(0)), |id| id.parse().map_err(|_| damaged("claimId")))?;
    let assigned_at = time(found, "assignedAt")?.unwrap_or_default();
    let at = time(found, "metaDataAt")?.unwrap_or(assigned_at);
    let unknown = match found.get("unknown") {
        None => Vec::new(),
        Some(Bson::Binary(binary)) => binary.bytes.clone(),
        Some(_) => return Err(damaged("unknown")),
    };
    Ok(Assignment {
        variation: name(variation, "variationName")?,
        by,
        replaced: text(found, "replacedVariation")?.map(|text| name(text, "replacedVariation")).transpose()?,
        goals: goals(found)?.into_iter().collect(),
        meta_data: document(found, "metaData", "metaDataText")?.map(|document| MetaData { document, at }),
        extra: document(found, "extra", "extraText")?,
        assigned_at,
        changed_at: time(found, "changedAt")?.unwrap_or(assigned_at),
        expires_at: time(found, "expiresAt")?,
        revision: whole(found, "revision")?.unwrap_or(1).cast_unsigned(),
        epoch: u32::try_from(whole(found, "epoch")?.unwrap_or(0)).map_err(|_| damaged("epoch"))?,
        unknown: unknown.try_into().map_err(|_| damaged("unknown"))?,
    })
}

/// The key that a document belongs to. Its name says so; a hand may have left out the fields that say it again.
pub(super) fn key(found: &Document) -> Result<Key> {
    let outside = "a document's _id is not scope/userId/kind/campaignKey, within the limits";
    let read = || {
        let mut parts = found.get_str("_id").ok()?.split('/').map(part);
        let (Some(scope), Some(user), Some(kind), Some(campaign), None) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next())
        else {
            return None;
        };
        Key::new(&Scope::new(&scope).ok()?, Kind::named(&kind)?, &user, &campaign).ok()
    };
    let key = read().ok_or_else(|| corrupt(outside))?;
    agree(found, &key).map(|()| key)
}
/// That the fields which say the key again say this one.
pub(super) fn agree(found: &Document, key: &Key) -> Result<()> {
    let parts = [key.scope().as_str(), key.user_id(), key.kind().name(), key.campaign()];
    let agrees = |(name, part)| found.get(name).is_none_or(|said: &Bson| said.as_str() == Some(part));
    match KEY.into_iter().zip(parts).all(agrees) {
        true => Ok(()),
        false => Err(corrupt("a document's _id and its fields name different keys")),
    }
}
/// A part as it was before it became one of a name; `None` if there is none that becomes it.
fn part(written: &str) -> Option<Cow<'_, str>> {
    if !written.contains('%') {
        return Some(written.into());
    }
    let read = written.replace("%2F", "/").replace("%25", "%");
    let mut again = String::with_capacity(written.len());
    add(&mut again, &read);
    (again == written).then_some(read.into())
}

/// The key and what it holds; of `user`, if that was asked for.
pub(super) fn entry(found: &Document, user: Option<&User>) -> Result<Entry> {
    let (key, assignment) = (key(found)?, assignment(found)?);
    match user.is_none_or(|user| user == key.user()) {
        true => Ok(Entry { key, assignment }),
        false => Err(failure::collation()),
    }
}

fn goals(found: &Document) -> Result<Vec<Goal>> {
    let list = |field: &'static str| match found.get(field) {
        None => Ok(&[][..]),
        Some(Bson::Array(items)) => Ok(items.as_slice()),
        Some(_) => Err(damaged(field)),
    };
    let (names, mut by) = (list("goalIdentifier")?, list("goalClaimIds")?.iter());
    let goal = |goal: &Bson| {
        let by = match by.next().map(Bson::as_str) {
            None => Some(ClaimId(0)),
            Some(id) => id.and_then(|id| id.parse().ok()),
        };
        let name = goal.as_str().and_then(|name| Name::goal(name).ok());
        Some(Goal { name: name?, by: by? })
    };
    names.iter().map(goal).collect::<Option<_>>().ok_or_else(|| damaged("goalIdentifier"))
}

fn document(found: &Document, field: &'static str, as_text: &'static str) -> Result<Option<Json>> {
    let value = match (text(found, as_text)?, found.get(field)) {
        (Some(text), _) => serde_json::from_str(text).map_err(|_| damaged(as_text))?,
        (None, Some(value)) => json::from_bson(value).ok_or_else(|| damaged(field))?,
        (None, None) => return Ok(None),
    };
    Json::new(field, &value).map(Some).map_err(|_| damaged(field))
}
fn text<'a>(found: &'a Document, field: &'static str) -> Result<Option<&'a str>> {
    found.get(field).map(|value| value.as_str().ok_or_else(|| damaged(field))).transpose()
}
fn time(found: &Document, field: &'static str) -> Result<Option<Timestamp>> {
    let millis = |value: &Bson| u64::try_from(value.as_datetime()?.timestamp_millis()).ok();
    let time = |value| millis(value).map(Timestamp::from_millis).ok_or_else(|| damaged(field));
    found.get(field).map(time).transpose()
}
/// A whole number, however the shell that wrote it spelled it.
fn whole(found: &Document, field: &'static str) -> Result<Option<i64>> {
    let whole = |value: &Bson| match value {
        Bson::Int32(number) => Ok((*number).into()),
        Bson::Int64(number) => Ok(*number),
        Bson::Double(number) if number.fract() == 0.0 => Ok(*number as i64),
        _ => Err(damaged(field)),
    };
    found.get(field).map(whole).transpose()
}
fn name(text: &str, field: &'static str) -> Result<Name> {
    Name::variation(text).map_err(|_| damaged(field))
}
fn moment(time: Timestamp) -> Bson {
    Bson::DateTime(DateTime::from_millis(time.as_millis().cast_signed()))
}
fn damaged(field: &str) -> Error {
    corrupt(format!("a stored assignment is damaged: its {field} cannot be read"))
}
