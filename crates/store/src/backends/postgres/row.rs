//! Assignments as columns, and columns as assignments.
use super::NAME;
use crate::{
    Assignment, ClaimId, Claimed, Document, Entry, Error, ErrorKind, Goal, Goals, Key, Kind, MetaData, Name, Offer,
    Result, Scope, Timestamp,
};
use deadpool_postgres::tokio_postgres::{
    Row,
    types::{FromSql, IsNull, ToSql, Type, accepts, private::BytesMut, to_sql_checked},
};
use std::{error::Error as StdError, time::Duration};

/// The parameters of one statement.
pub(super) type Params<'a> = Vec<&'a (dyn ToSql + Sync)>;

/// How many columns [`assignment`] reads.
pub(super) const FIELDS: usize = 16;

/// The columns of one key.
#[derive(Debug, Default)]
pub(super) struct KeyColumns<'a>([&'a str; 4]);

/// The columns of one assignment, in the order of the statements' parameters.
#[derive(Debug, Default)]
pub(super) struct Columns<'a> {
    key: KeyColumns<'a>,
    variation: Option<&'a str>,
    by: i64,
    replaced: Option<&'a str>,
    goals: Vec<&'a str>,
    goals_by: Vec<i64>,
    meta_data: Option<&'a str>,
    meta_data_text: Option<&'a str>,
    meta_data_at: Option<Moment>,
    extra: Option<&'a str>,
    assigned_at: Moment,
    changed_at: Option<Moment>,
    expires_at: Option<Moment>,
    revision: i64,
    epoch: i64,
    unknown: Option<Vec<u8>>,
    lasts: Option<i64>,
    /// Which version of the row this one replaces.
    version: Version,
}

impl<'a> KeyColumns<'a> {
    pub(super) fn of(key: &'a Key) -> Self {
        Self([key.scope().as_str(), key.user_id(), key.kind().name(), key.campaign()])
    }
    pub(super) fn params(&self) -> Params<'_> {
        self.0.iter().map(|part| part as _).collect()
    }
    pub(super) fn parts(&self) -> [&'a str; 4] {
        self.0
    }
}

impl<'a> Columns<'a> {
    /// What is to be stored under `key`.
    pub(super) fn of(key: &'a Key, held: &'a Assignment) -> Self {
        let document = held.meta_data.as_ref().map(|meta_data| &meta_data.document);
        Self {
            key: KeyColumns::of(key),
            variation: Some(&held.variation),
            by: signed(held.by.0),
            replaced: held.replaced.as_deref(),
            goals: held.goals.iter().map(|goal| goal.name.as_str()).collect(),
            goals_by: held.goals.iter().map(|goal| signed(goal.by.0)).collect(),
            meta_data: document.map(Document::as_str),
            meta_data_text: document.filter(|document| loses_spelling(document)).map(Document::as_str),
            meta_data_at: held.meta_data.as_ref().map(|meta_data| Moment(meta_data.at)),
            extra: held.extra.as_ref().map(Document::as_str),
            assigned_at: Moment(held.assigned_at),
            changed_at: Some(Moment(held.changed_at)),
            expires_at: held.expires_at.map(Moment),
            revision: signed(held.revision),
            epoch: held.epoch.into(),
            unknown: Some(held.unknown.clone().into()).filter(|bytes: &Vec<u8>| !bytes.is_empty()),
            lasts: None,
            version: Version::default(),
        }
    }
    /// What `offer` creates where nothing is held; `created` is that but for the times, which the server knows. Without
    /// it, `goals` are still brought to what is held.
    pub(super) fn creating(offer: &'a Offer, created: Option<&'a Assignment>, goals: &'a Goals) -> Self {
        let lasts = |lasts: Duration| i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX).min(LONGEST);
        let lasts = offer.lasts.map(lasts);
        match (created, offer.imported) {
            (Some(created), Some(_)) => Self::of(&offer.key, created),
            (Some(created), None) => {
                Self { changed_at: None, expires_at: None, lasts, ..Self::of(&offer.key, created) }
            }
            (None, _) => Self {
                key: KeyColumns::of(&offer.key),
                by: signed(offer.claim.0),
                goals: goals.iter().map(|goal| goal.name.as_str()).collect(),
                goals_by: goals.iter().map(|goal| signed(goal.by.0)).collect(),
                epoch: offer.epoch.into(),
                lasts,
                ..Self::default()
            },
        }
    }
    /// What `claimed` holds, in place of `version`.
    pub(super) fn replacing(key: &'a Key, claimed: &'a Claimed, version: Version) -> Self {
        let of = |held| Self { version, ..Self::of(key, held) };
        // Nothing held would break a column that must not be null: it cannot do harm, and it cannot happen.
        claimed.held.as_ref().map_or_else(|| Self { key: KeyColumns::of(key), version, ..Self::default() }, of)
    }
    /// The key and the fields.
    pub(super) fn params(&self) -> Params<'_> {
        let mut params = self.key.params();
        let fields: [&(dyn ToSql + Sync); 15] = [
            &self.variation,
            &self.by,
            &self.replaced,
            &self.goals,
            &self.goals_by,
            &self.meta_data,
            &self.meta_data_text,
            &self.meta_data_at,
            &self.extra,
            &self.assigned_at,
            &self.changed_at,
            &self.expires_at,
            &self.revision,
            &self.epoch,
            &self.unknown,
        ];
        params.extend(fields);
        params
    }
    /// What a row that is made anew can have.
    pub(super) fn params_to_create(&self) -> Params<'_> {
        let mut params = self.key.params();
        let fields: [&(dyn ToSql + Sync); 13] = [
            &self.variation,
            &self.by,
            &self.goals,
            &self.goals_by,
            &self.meta_data,
            &self.meta_data_text,
            &self.meta_data_at,
            &self.extra,
            &self.assigned_at,
            &self.changed_at,
            &self.revision,
            &self.epoch,
            &self.lasts,
        ];
        params.extend(fields);
        params
    }
    /// What goals that come alone are.
    pub(super) fn params_to_bring(&self) -> Params<'_> {
        let mut params = self.key.params();
        let fields: [&(dyn ToSql + Sync); 4] = [&self.goals, &self.goals_by, &self.epoch, &self.lasts];
        params.extend(fields);
        params
    }
    /// And how long it lasts.
    pub(super) fn params_to_claim(&self) -> Params<'_> {
        let mut params = self.params();
        params.push(&self.lasts);
        params
    }
    /// And which version it replaces.
    pub(super) fn params_to_swap(&self) -> Params<'_> {
        let mut params = self.params();
        params.push(&self.version);
        params
    }
}

/// The assignment whose columns begin at `from`.
pub(super) fn assignment(row: &Row, from: usize) -> Result<Assignment> {
    let at = |column| from + column;
    let goals = elements::<&str>(row, at(3), "goalIdentifier")?;
    let goals_by = elements::<i64>(row, at(5), "goalClaimIds")?;
    if goals.len() != goals_by.len() {
        return Err(corrupt("goalIdentifier and goalClaimIds differ in length"));
    }
    let goal = |(name, by): (Option<&str>, Option<i64>)| {
        let name = Name::goal(name?).ok()?;
        Some(Goal { name, by: ClaimId(unsigned(by?)) })
    };
    let goals: Option<Vec<Goal>> = goals.into_iter().zip(goals_by).map(goal).collect();
    let name = |name: &str, of: &str| Name::variation(name).map_err(|_| damaged(of));
    let variation: &str = column(row, at(0), "variationName")?;
    let replaced: Option<&str> = column(row, at(2), "replacedVariation")?;
    let meta_data: Option<&str> = column(row, at(7), "metaData")?;
    let meta_data_at: Option<Moment> = column(row, at(8), "metaDataAt")?;
    let assigned_at: Moment = column(row, at(10), "assignedAt")?;
    let changed_at: Moment = column(row, at(11), "changedAt")?;
    let expires_at: Option<Moment> = column(row, at(12), "expiresAt")?;
    let extra: Option<&str> = column(row, at(9), "extra")?;
    let unknown: Option<Vec<u8>> = column(row, at(15), "unknown")?;
    Ok(Assignment {
        variation: name(variation, "variationName")?,
        by: ClaimId(unsigned(column(row, at(1), "claimId")?)),
        replaced: replaced.map(|replaced| name(replaced, "replacedVariation")).transpose()?,
        goals: goals.ok_or_else(|| damaged("goalIdentifier"))?.into(),
        meta_data: match meta_data {
            Some(text) => Some(MetaData {
                document: document(text, "metaData")?,
                // A hand that sets metaData need not know this one: it is then as old as the assignment.
                at: meta_data_at.unwrap_or(assigned_at).0,
            }),
            None => None,
        },
        extra: extra.map(|text| document(text, "extra")).transpose()?,
        assigned_at: assigned_at.0,
        changed_at: changed_at.0,
        expires_at: expires_at.map(|end| end.0),
        revision: unsigned(column(row, at(13), "revision")?),
        epoch: u32::try_from(column::<Option<i64>>(row, at(14), "epoch")?.unwrap_or(0))
            .map_err(|_| damaged("epoch"))?,
        unknown: unknown.unwrap_or_default().try_into().map_err(|_| damaged("unknown"))?,
    })
}

/// The elements of an array that was sent whole, or else as its only element.
fn elements<'a, T: FromSql<'a>>(row: &'a Row, at: usize, name: &str) -> Result<Vec<Option<T>>> {
    let whole: Option<Vec<Option<T>>> = column(row, at, name)?;
    match whole {
        Some(elements) => Ok(elements),
        None => Ok(vec![Some(column(row, at + 1, name)?)]),
    }
}

/// The key whose columns begin at `from`.
pub(super) fn key(row: &Row, from: usize) -> Result<Key> {
    let part = |column: usize| row.try_get::<_, &str>(from + column);
    let key = || {
        let kind = Kind::named(part(2).ok()?)?;
        Key::new(&Scope::new(part(0).ok()?).ok()?, kind, part(1).ok()?, part(3).ok()?).ok()
    };
    key().ok_or_else(|| corrupt("a stored key is outside the limits, or its kind is neither classic nor fme"))
}

/// The key and the assignment of a row that begins with the server's time.
pub(super) fn entry(row: &Row) -> Result<Entry> {
    Ok(Entry { key: key(row, 1 + FIELDS)?, assignment: assignment(row, 1)? })
}

/// What the server's clock said.
pub(super) fn now(row: &Row) -> Result<Timestamp> {
    column::<Moment>(row, 0, "the server's clock").map(|now| now.0)
}

/// One column; `name` tells in an error which.
pub(super) fn column<'a, T: FromSql<'a>>(row: &'a Row, at: usize, name: &str) -> Result<T> {
    row.try_get(at).map_err(|_| damaged(name))
}

pub(super) fn damaged(column: &str) -> Error {
    Error::new(ErrorKind::Corrupt, NAME, format!("a stored assignment is damaged: its {column} cannot be read"))
}
fn corrupt(message: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, NAME, message)
}

fn document(text: &str, of: &'static str) -> Result<Document> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|_| damaged(of))?;
    Document::new(of, &value).map_err(|_| damaged(of))
}

/// JSONB keeps numbers as decimals: `1e300` would come back written out, `1e16` as an integer, `-0.0` without its sign.
/// Of such a document the text is kept too, so that what comes back equals what was stored.
fn loses_spelling(document: &Document) -> bool {
    fn in_value(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::Number(number) => {
                let text = number.to_string();
                text.contains(['e', 'E']) || (text.starts_with('-') && number.as_f64() == Some(0.0))
            }
            serde_json::Value::Array(items) => items.iter().any(in_value),
            serde_json::Value::Object(fields) => fields.values().any(in_value),
            _ => false,
        }
    }
    document.as_str().contains(['e', 'E', '-']) && in_value(&document.to_value())
}

/// Longer than until the year 9999, whenever it begins.
const LONGEST: i64 = 253_402_300_799_999;

/// 64 bits in a column that has a sign.
fn signed(number: u64) -> i64 {
    number.cast_signed()
}
fn unsigned(number: i64) -> u64 {
    number.cast_unsigned()
}

/// One version of a row: the `xid` of who made it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Version(u32);

impl<'a> FromSql<'a> for Version {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(u32::from_be_bytes(raw.try_into()?)))
    }
    accepts!(XID);
}

impl ToSql for Version {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        out.extend_from_slice(&self.0.to_be_bytes());
        Ok(IsNull::No)
    }
    accepts!(XID);
    to_sql_checked!();
}

/// A `timestamptz`: microseconds since 2000, here whole milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moment(pub(super) Timestamp);

const YEAR_2000: i64 = 946_684_800_000;

impl<'a> FromSql<'a> for Moment {
    fn from_sql(of: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        let millis = i64::from_sql(of, raw)?.div_euclid(1_000).saturating_add(YEAR_2000);
        Ok(Self(Timestamp::from_millis(u64::try_from(millis)?)))
    }
    accepts!(TIMESTAMPTZ);
}

impl ToSql for Moment {
    fn to_sql(&self, of: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        let millis = i64::try_from(self.0.as_millis())?;
        ((millis - YEAR_2000) * 1_000).to_sql(of, out)
    }
    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}
