//! What others write into what is offered: records and export lines, and the profiles of Optimizely's SDKs.
use serde_json::{Map, Value};
use stayput::{ClaimId, Error, Key, Kind, Line, Name, Offer, Result, Scope, Timestamp};

/// Where an Optimizely profile keeps `{experimentId: {"variation_id": …}}`.
const BUCKETS: &str = "experiment_bucket_map";
const VARIATION: &str = "variation_id";

/// What becomes of what is read.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// Where it belongs.
    pub(crate) scope: Scope,
    /// For what does not say when it was decided.
    pub(crate) now: Timestamp,
}

impl Reading {
    /// One JSON object: a record, a line of an export, or a profile, which is several.
    pub(crate) fn object(&self, text: &[u8]) -> Vec<Result<Offer>> {
        match object(text) {
            Ok(fields) => self.fields(fields),
            Err(error) => vec![Err(error)],
        }
    }
    /// The same, once its fields are known.
    pub(crate) fn fields(&self, mut fields: Map<String, Value>) -> Vec<Result<Offer>> {
        match fields.remove(BUCKETS) {
            Some(Value::Object(buckets)) => match fields.get("user_id") {
                Some(Value::String(user)) => self.profile(user, &buckets),
                _ => vec![Err(Error::invalid("user_id", "user_id is missing, or no string"))],
            },
            Some(_) => vec![Err(Error::invalid(BUCKETS, "experiment_bucket_map must be an object"))],
            None => vec![self.record(fields)],
        }
    }
    /// The experiments of one user: their ids become campaign keys, those of variations become names.
    pub(crate) fn profile(&self, user: &str, buckets: &Map<String, Value>) -> Vec<Result<Offer>> {
        let offer = |(experiment, bucket): (&String, &Value)| {
            let variation = bucket.get(VARIATION).and_then(Value::as_str);
            let variation =
                variation.ok_or_else(|| Error::invalid(VARIATION, "variation_id is missing, or no string"))?;
            let key = Key::new(&self.scope, Kind::Classic, user, experiment)?;
            Ok(Offer::new(key, ClaimId::random()?, self.now).offering(Name::variation(variation)?))
        };
        buckets.iter().map(offer).collect()
    }

    fn record(&self, fields: Map<String, Value>) -> Result<Offer> {
        Line::parse(fields)?.offer(&self.scope, ClaimId::random()?, self.now)
    }
}

/// The fields of a JSON object.
pub(crate) fn object(text: &[u8]) -> Result<Map<String, Value>> {
    match serde_json::from_slice(text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Error::invalid("line", "this is JSON, but no object")),
        Err(error) => Err(Error::invalid("line", format!("this is not JSON: {error}"))),
    }
}

/// Whether this is the inside of a profile, as Optimizely's Agent writes it to Redis: each field an object with a
/// `variation_id`.
pub(crate) fn is_profile(fields: &Map<String, Value>) -> bool {
    !fields.is_empty() && fields.values().all(|value| value.get(VARIATION).is_some())
}
/// The fields are a whole profile.
pub(crate) fn has_profile(fields: &Map<String, Value>) -> bool {
    fields.contains_key(BUCKETS)
}
