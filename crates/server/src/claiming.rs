//! What a claim over HTTP or the command line says, and what it is told.
use serde::Serialize;
use serde_json::{Map, Value};
use stayput::{ClaimId, Claimed, Error, Key, Kind, Name, Offer, Outcome, Over, Record, Result, Timestamp};

/// With one of these a record of FME is one even if it says no decision.
const WHOLE: [&str; 2] = ["featureKey", "variationName"];

/// A record, and the `over`, `overBy` and `claimId` beside its fields.
#[derive(Debug)]
pub(crate) struct Wish {
    /// What is to be stored.
    pub(crate) record: Record,
    over: Option<Over>,
    claim: Option<ClaimId>,
}

impl Wish {
    /// Reads a record of any SDK for campaigns of `kind`. One with neither variation nor goal says nothing and is
    /// refused, unless it is whole: an SDK of FME sets that for whom nothing is enabled.
    pub(crate) fn parse(kind: Kind, mut fields: Map<String, Value>) -> Result<Self> {
        let over = take_text(&mut fields, "over")?.map(|name| variation("over", &name)).transpose()?;
        let by = take_text(&mut fields, "overBy")?.map(|text| over_by(&text)).transpose()?;
        let claim = take_text(&mut fields, "claimId")?.map(|digits| digits.parse()).transpose()?;
        let over = match (over, by) {
            (Some(variation), by) => Some(Over { variation, by }),
            (None, None) => None,
            (None, Some(_)) => return Err(Error::invalid("overBy", "overBy needs over, the variation to replace")),
        };
        let is_whole = kind == Kind::Fme && WHOLE.iter().any(|name| fields.get(*name).is_some_and(Value::is_string));
        let record = Record::parse_as(kind, fields)?;
        if !is_whole && !record.says_decision(kind) && record.goals.is_empty() {
            let message = "variationName is missing, and there is no goalIdentifier either";
            return Err(Error::invalid("variationName", message));
        }
        Ok(Self { record, over, claim })
    }
    /// The offer to store it under `key`, decided at `now`.
    pub(crate) fn offer(self, key: Key, now: Timestamp) -> Result<Offer> {
        let claim = self.claim.map_or_else(ClaimId::random, Ok)?;
        Ok(Offer { over: self.over, ..self.record.offer(key, claim, now) })
    }
}

/// The answer to a claim of `key`: `{"outcome","newGoals","droppedGoals"?,"held"}`.
pub(crate) fn answer<'a>(key: &'a Key, claimed: &'a Claimed) -> impl Serialize + 'a {
    let held = claimed.held.as_ref().map(|held| Record::shown(key, held, Default::default()));
    let Claimed { outcome, new_goals, dropped_goals, .. } = claimed;
    // Which goals of a spooled claim are new is not known yet, and no goals is an answer.
    let new_goals = Some(new_goals.as_slice()).filter(|_| *outcome != Outcome::Spooled);
    Answer { outcome: *outcome, new_goals, dropped_goals: *dropped_goals, held }
}

/// What came of a claim.
#[derive(utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Told)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) struct Told {
    #[schema(inline)]
    outcome: Outcomes,
    /// Those that nobody brought before; null if that is not known, because the claim was spooled
    new_goals: Option<Vec<String>>,
    /// How many were not stored, because an assignment keeps 1000
    dropped_goals: Option<usize>,
    /// What is held now; null if goals came where nothing is held. If spooled: what will be held if nobody was earlier
    #[schema(value_type = Option<Object>)]
    held: Option<Record>,
}
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its description is used")]
enum Outcomes {
    Created,
    Joined,
    Replaced,
    Kept,
    Unchanged,
    Spooled,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a, R> {
    outcome: Outcome,
    new_goals: Option<&'a [Name]>,
    #[serde(skip_serializing_if = "is_none")]
    dropped_goals: usize,
    held: Option<R>,
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

/// A claim id, or the whole `ETag` that it stood in: `"0123456789abcdef-7"`.
fn over_by(text: &str) -> Result<ClaimId> {
    let tag = text.strip_prefix("W/").unwrap_or(text);
    let tag = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag);
    let id = match tag.split_once('-') {
        Some((id, revision)) if !revision.is_empty() && revision.bytes().all(|byte| byte.is_ascii_digit()) => id,
        _ => tag,
    };
    id.parse().map_err(|_| Error::invalid("overBy", "overBy must be the ETag of a GET, or the claim id in it"))
}

fn variation(field: &'static str, name: &str) -> Result<Name> {
    Name::variation(name).map_err(|error| Error::invalid(field, error.message().replace("variationName", field)))
}

fn take_text(fields: &mut Map<String, Value>, name: &'static str) -> Result<Option<String>> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Error::invalid(name, format!("{name} must be a string"))),
    }
}

#[cfg(test)]
mod tests {
    use super::over_by;
    use stayput::ClaimId;

    #[test]
    fn over_by_is_a_claim_id_or_a_whole_etag() {
        for text in ["ab", "00000000000000ab", "\"00000000000000ab-7\"", "00000000000000ab-7", "W/\"ab-1\""] {
            assert_eq!(over_by(text).expect("legal"), ClaimId(0xab), "{text}");
        }
        for text in ["", "\"\"", "ab-", "ab-x", "-7", "xyz", "+1", "\"ab"] {
            assert!(over_by(text).is_err(), "{text}");
        }
    }
}
