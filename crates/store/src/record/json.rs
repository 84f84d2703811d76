//! Records: the JSON that SDKs pass to `set` and expect from `get`, and the lines of an export.
//!
//! Field names are those of VWO's page "Implement a User Storage Service"; the Python SDK says `goalIdentifiers`
//! where the others say `goalIdentifier`, and the Java SDK ends the list with a delimiter (observed in
//! vwo-python-sdk 1.68 and vwo-java-sdk 1.66).
use super::{Assignment, ClaimId, Document, Goal, Imported, Key, Kind, Name, Offer, Scope};
use crate::{Error, Result, Timestamp};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};
use std::collections::HashSet;

mod fme;

/// What stands between two goals of a list.
const DELIMITER: &str = "_vwo_";
/// Fields of an export line that a record may not use for something else.
const RESERVED: [&str; 4] = ["assignedAt", "changedAt", "expiresAt", "kind"];

/// How an SDK spells the list of goals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// `goalIdentifier`: the documented way, used by every SDK but one, and always over HTTP.
    #[default]
    Documented,
    /// `goalIdentifiers`: vwo-python-sdk.
    Python,
}

/// What an SDK wants stored; a field that is null is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// `userId`.
    pub user_id: Option<String>,
    /// `campaignKey`, or `featureKey`.
    pub campaign_key: Option<String>,
    /// `variationName`; in a record of FME the identity of the decision, or `none`.
    pub variation: Option<Name>,
    /// The parts of `goalIdentifier` and `goalIdentifiers`, each once; and the holdouts of a record of FME.
    pub goals: Vec<Name>,
    /// `metaData`.
    pub meta_data: Option<Document>,
    /// Every other field, as one object.
    pub extra: Option<Document>,
}

/// One line of an export: a record and its times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The record.
    pub record: Record,
    /// `kind`, left out when classic.
    pub kind: Kind,
    /// `assignedAt`, RFC 3339.
    pub assigned_at: Option<Timestamp>,
    /// `changedAt`, RFC 3339.
    pub changed_at: Option<Timestamp>,
    /// `expiresAt`, RFC 3339.
    pub expires_at: Option<Timestamp>,
}

impl Record {
    /// Reads a record of any classic SDK.
    pub fn parse(fields: Map<String, Value>) -> Result<Self> {
        Self::parse_as(Kind::Classic, fields)
    }
    /// Reads a record of any SDK for campaigns of `kind`.
    pub fn parse_as(kind: Kind, fields: Map<String, Value>) -> Result<Self> {
        match RESERVED.iter().find(|name| fields.contains_key(**name)) {
            Some(name) => Err(Error::invalid(name, format!("{name} is reserved for the lines of an export"))),
            None => Self::parse_unreserved(kind, fields),
        }
    }

    /// What is held under `key`, as `dialect` spells it.
    pub fn shown<'a>(key: &'a Key, held: &'a Assignment, dialect: Dialect) -> impl Serialize + 'a {
        Shown { key, held, dialect, times: false }
    }

    /// Refuses a record of another user or campaign than `key` names.
    pub fn must_match(&self, key: &Key) -> Result<()> {
        let differs = |field: &Option<String>, expected: &str| field.as_ref().is_some_and(|field| field != expected);
        if differs(&self.user_id, key.user_id()) {
            return Err(Error::invalid("userId", "userId is not the one that was asked for"));
        }
        if differs(&self.campaign_key, key.campaign()) {
            return Err(match key.kind() {
                Kind::Classic => Error::invalid("campaignKey", "campaignKey is not the one that was asked for"),
                Kind::Fme => Error::invalid("featureKey", "featureKey is not the one that was asked for"),
            });
        }
        Ok(())
    }

    /// Whether it says a variation; the `none` of FME is not one.
    pub fn says_decision(&self, kind: Kind) -> bool {
        self.variation.as_ref().is_some_and(|variation| kind == Kind::Classic || variation.as_str() != super::fme::NONE)
    }

    /// The key that this record names itself.
    pub fn key(&self, scope: &Scope, kind: Kind) -> Result<Key> {
        let user = self.user_id.as_deref().ok_or_else(|| missing("userId"))?;
        let name = if kind == Kind::Fme { "featureKey" } else { "campaignKey" };
        let campaign = self.campaign_key.as_deref().ok_or_else(|| missing(name))?;
        Key::new(scope, kind, user, campaign)
    }

    /// Offers what the record says, decided at `now`.
    pub fn offer(self, key: Key, claim: ClaimId, now: Timestamp) -> Offer {
        let Self { variation, goals, meta_data, extra, .. } = self;
        Offer { variation, goals, meta_data, extra, ..Offer::new(key, claim, now) }
    }

    fn parse_unreserved(kind: Kind, fields: Map<String, Value>) -> Result<Self> {
        match kind {
            Kind::Classic => Self::parse_classic(fields),
            Kind::Fme => Self::parse_fme(fields),
        }
    }

    fn parse_fme(mut fields: Map<String, Value>) -> Result<Self> {
        fields.retain(|_, value| !value.is_null());
        let feature = take_text(&mut fields, "featureKey")?;
        let mut holdouts = fme::take_holdouts(&mut fields)?;
        let identity = fme::identity(&fields)?;
        let says_decision = identity.as_str() != super::fme::NONE;
        let record = Self::parse_classic(fields)?;
        if record.variation.as_ref().is_some_and(|variation| says_decision && *variation != identity) {
            return Err(Error::invalid("variationName", format!("variationName must be {identity}, as the ids say")));
        }
        if let (Some(feature), Some(campaign)) = (&feature, &record.campaign_key)
            && feature != campaign
        {
            return Err(Error::invalid("featureKey", "featureKey and campaignKey must be the same if both are given"));
        }
        holdouts.extend(record.goals);
        let (campaign_key, variation) = (feature.or(record.campaign_key), record.variation.or(Some(identity)));
        Ok(Self { campaign_key, variation, goals: holdouts, ..record })
    }

    fn parse_classic(mut fields: Map<String, Value>) -> Result<Self> {
        let user_id = take_text(&mut fields, "userId")?;
        let campaign_key = take_text(&mut fields, "campaignKey")?;
        let variation = take_text(&mut fields, "variationName")?.map(|name| Name::variation(&name)).transpose()?;
        let mut goals = Vec::new();
        let mut seen = HashSet::new();
        for field in ["goalIdentifier", "goalIdentifiers"] {
            for goal in take_text(&mut fields, field)?.iter().flat_map(|list| list.split(DELIMITER)) {
                if !goal.is_empty() && seen.insert(goal.to_owned()) {
                    goals.push(Name::goal(goal)?);
                }
            }
        }
        let meta_data = fields.remove("metaData").filter(|value| !value.is_null());
        let meta_data = meta_data.map(|value| Document::new("metaData", &value)).transpose()?;
        let extra = Some(fields).filter(|fields| !fields.is_empty());
        let extra = extra.map(|fields| Document::new("metaData", &Value::Object(fields))).transpose()?;
        Document::fit_together(meta_data.as_ref(), extra.as_ref())?;
        Ok(Self { user_id, campaign_key, variation, goals, meta_data, extra })
    }
}

impl Line {
    /// Reads a line of an export, or a bare record.
    pub fn parse(mut fields: Map<String, Value>) -> Result<Self> {
        let kind = match take_text(&mut fields, "kind")? {
            None => Kind::default(),
            Some(name) => {
                Kind::named(&name).ok_or_else(|| Error::invalid("kind", "kind must be \"classic\" or \"fme\""))?
            }
        };
        let assigned_at = take_time(&mut fields, "assignedAt")?;
        let changed_at = take_time(&mut fields, "changedAt")?;
        let expires_at = take_time(&mut fields, "expiresAt")?;
        let record = Record::parse_unreserved(kind, fields)?;
        if record.variation.is_none() {
            return Err(missing("variationName"));
        }
        Ok(Self { record, kind, assigned_at, changed_at, expires_at })
    }

    /// What is held under `key`.
    pub fn shown<'a>(key: &'a Key, held: &'a Assignment) -> impl Serialize + 'a {
        Shown { key, held, dialect: Dialect::Documented, times: true }
    }

    /// Offers what the line says, with its times; those that it lacks are `now`.
    pub fn offer(self, scope: &Scope, claim: ClaimId, now: Timestamp) -> Result<Offer> {
        let key = self.record.key(scope, self.kind)?;
        let assigned_at = self.assigned_at.unwrap_or(now);
        let told = self.changed_at.is_some() || self.expires_at.is_some();
        let changed_at = self.changed_at.unwrap_or(now);
        let imported = told.then_some(Imported { changed_at, expires_at: self.expires_at });
        Ok(Offer { imported, ..self.record.offer(key, claim, assigned_at) })
    }
}

struct Shown<'a> {
    key: &'a Key,
    held: &'a Assignment,
    dialect: Dialect,
    times: bool,
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { key, held, dialect, times } = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("userId", key.user_id())?;
        let fields = held.extra.as_ref().map(Document::to_value);
        let mut goals: Vec<&Goal> = held.goals.iter().collect();
        match key.kind() {
            Kind::Classic => {
                map.serialize_entry("campaignKey", key.campaign())?;
                map.serialize_entry("variationName", held.variation.as_str())?;
            }
            Kind::Fme => {
                map.serialize_entry("featureKey", key.campaign())?;
                let said = fields.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
                // Only what the ids do not say, which was stored by hand.
                if !fme::identity(&said).is_ok_and(|identity| identity == held.variation) {
                    map.serialize_entry("variationName", held.variation.as_str())?;
                }
                let (lists, others) = fme::lists(held.goals.iter());
                for (list, ids) in lists {
                    map.serialize_entry(list, &ids)?;
                }
                goals = others;
            }
        }
        if !goals.is_empty() {
            let field = match dialect {
                Dialect::Documented => "goalIdentifier",
                Dialect::Python => "goalIdentifiers",
            };
            let goals: Vec<&str> = goals.iter().map(|goal| goal.name.as_str()).collect();
            map.serialize_entry(field, &goals.join(DELIMITER))?;
        }
        if let Some(meta_data) = &held.meta_data {
            map.serialize_entry("metaData", &meta_data.document.to_value())?;
        }
        if let Some(Value::Object(fields)) = &fields {
            for (name, value) in fields {
                map.serialize_entry(name, value)?;
            }
        }
        if *times {
            if key.kind() != Kind::default() {
                map.serialize_entry("kind", key.kind().name())?;
            }
            map.serialize_entry("assignedAt", &rfc3339(held.assigned_at))?;
            map.serialize_entry("changedAt", &rfc3339(held.changed_at))?;
            if let Some(end) = held.expires_at {
                map.serialize_entry("expiresAt", &rfc3339(end))?;
            }
        }
        map.end()
    }
}

fn take_text(fields: &mut Map<String, Value>, name: &'static str) -> Result<Option<String>> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(Error::invalid(name, format!("{name} must be a string, not {}", type_of(&other)))),
    }
}

fn take_time(fields: &mut Map<String, Value>, name: &'static str) -> Result<Option<Timestamp>> {
    let Some(text) = take_text(fields, name)? else { return Ok(None) };
    let millis = text.parse::<jiff::Timestamp>().ok().and_then(|time| u64::try_from(time.as_millisecond()).ok());
    match millis {
        Some(millis) => Ok(Some(Timestamp::from_millis(millis))),
        None => {
            let message = format!("{name} must be a time from 1970 to 9999-12-30 such as 2026-01-31T12:00:00.000Z");
            Err(Error::invalid(name, message))
        }
    }
}

fn rfc3339(time: Timestamp) -> String {
    // Timestamp::MAX is the last millisecond that jiff can show.
    let time = jiff::Timestamp::from_millisecond(time.as_millis() as i64).unwrap_or_default();
    format!("{time:.3}")
}

fn missing(field: &'static str) -> Error {
    Error::invalid(field, format!("{field} is missing"))
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
