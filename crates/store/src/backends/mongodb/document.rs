//! Names of documents, filters for them, and assignments as documents.
use super::{
    corrupt, failure,
    found::{FIELDS, Found},
    json,
};
use crate::{Assignment, Cursor, Error, Key, Result, Scope, Timestamp, User};
use mongodb::bson::{Binary, Bson, DateTime, Document, RawBsonRef, RawDocumentBuf, doc, spec::BinarySubtype};
use std::borrow::Cow;

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
/// The filter for one name. Alone it is what MongoDB looks up fastest.
pub(super) fn place(id: &str) -> Document {
    doc! { "_id": id }
}
/// The filter for several.
pub(super) fn places(ids: Vec<String>) -> Document {
    doc! { "_id": { "$in": ids } }
}
/// The filter for all of one user.
pub(super) fn of_user(user: &User) -> Document {
    let mut prefix = String::new();
    add(&mut prefix, user.scope().as_str());
    prefix.push('/');
    add(&mut prefix, user.id());
    doc! { "_id": { "$gt": format!("{prefix}/"), "$lt": format!("{prefix}{AFTER_SLASH}") } }
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

/// A part of a name as it was before; `None` if there is none that becomes it.
pub(super) fn part(written: &str) -> Option<Cow<'_, str>> {
    if !written.contains('%') {
        return Some(written.into());
    }
    let read = written.replace("%2F", "/").replace("%25", "%");
    let mut again = String::with_capacity(written.len());
    add(&mut again, &read);
    (again == written).then_some(read.into())
}

/// The filter for the document that was `read`, as long as all that is ours in it is as it was.
pub(super) fn unchanged(read: &Found<'_>) -> Result<Document> {
    let mut filter = place(read.id());
    for (name, value) in FIELDS.into_iter().zip(read.fields()) {
        let is = match value {
            None => Bson::Document(doc! { "$exists": false }),
            // These a filter compares by value as they stand; nothing and null would be the same, and more besides.
            Some(RawBsonRef::String(text)) => text.into(),
            Some(RawBsonRef::Int64(number)) => number.into(),
            Some(RawBsonRef::DateTime(time)) => time.into(),
            Some(value) => Bson::Document(doc! { "$eq": owned(value)? }),
        };
        filter.insert(name, is);
    }
    Ok(filter)
}
/// What makes `next` of the document that was `read`.
pub(super) fn change(read: &Found<'_>, next: &Found<'_>) -> Result<Document> {
    let (mut set, mut unset) = (Document::new(), Document::new());
    for ((name, before), after) in FIELDS.into_iter().zip(read.fields()).zip(next.fields()) {
        match (before, after) {
            (before, Some(after)) if before != Some(after) => drop(set.insert(name, owned(after)?)),
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
    Ok(change)
}

/// What is to be stored under `key`.
pub(super) fn of(key: &Key, held: &Assignment) -> Result<RawDocumentBuf> {
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
    RawDocumentBuf::try_from(&next).map_err(|_| failure::refused("the assignment cannot be written as BSON"))
}

fn owned(value: RawBsonRef<'_>) -> Result<Bson> {
    Bson::try_from(value).map_err(|_| corrupt("a document is no BSON"))
}
fn moment(time: Timestamp) -> Bson {
    Bson::DateTime(DateTime::from_millis(time.as_millis().cast_signed()))
}
