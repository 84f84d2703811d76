//! What the official SDK demands of a settings file, and says nothing about: here each refusal has its sentence.
use crate::{js, json::Json};

type Checked = Result<(), String>;

/// Refuses what the official SDK refuses, the campaigns aside.
pub(super) fn settings(json: &Json) -> Checked {
    optional(json, "sdkKey", TEXT)?;
    required(json, "version", ID)?;
    required(json, "accountId", ID)?;
    optional(json, "isEventArchEnabled", TRUTH)?;
    optional(json, "collectionPrefix", TEXT)?;
    optional(json, "groups", OBJECT)?;
    if let Some(groups) = json.get("campaignGroups") {
        let numbers = match groups {
            Json::Object(object) => object.iter().all(|(_, group)| group.as_number().is_some()),
            Json::Array(groups) => groups.iter().all(|group| group.as_number().is_some()),
            _ => false,
        };
        if !numbers {
            return Err("campaignGroups must be an object of numbers".to_owned());
        }
    }
    Ok(())
}

/// An object, or nothing at all, counts as no campaigns.
pub(super) fn no_campaigns(json: Option<&Json>) -> Checked {
    match json {
        Some(Json::Object(_)) => Ok(()),
        campaigns if js::truthy(campaigns) => Err("campaigns must be a list".to_owned()),
        _ => Ok(()),
    }
}

/// Refuses a campaign that the official SDK refuses.
pub(super) fn campaign(json: &Json) -> Checked {
    required(json, "id", ID)?;
    required(json, "type", TEXT)?;
    required(json, "key", TEXT)?;
    required(json, "status", TEXT)?;
    optional(json, "name", TEXT)?;
    optional(json, "isBucketingSeedEnabled", TRUTH)?;
    required(json, "percentTraffic", NUMBER)?;
    required(json, "goals", OBJECT)?;
    required(json, "variations", OBJECT)?;
    optional(json, "variables", OBJECT)?;
    required(json, "segments", OBJECT)?;
    optional(json, "isForcedVariationEnabled", TRUTH)?;
    optional(json, "isUserListEnabled", TRUTH)?;
    optional(json, "isMAB", TRUTH)
}

struct Type(&'static str, fn(&Json) -> bool);

const TEXT: Type = Type("text", |json| json.as_str().is_some());
const NUMBER: Type = Type("a number", |json| json.as_number().is_some());
const ID: Type = Type("a number or text", |json| json.as_number().is_some() || json.as_str().is_some());
const TRUTH: Type = Type("true or false", |json| matches!(json, Json::Bool(_)));
const OBJECT: Type = Type("an object or a list", |json| matches!(json, Json::Object(_) | Json::Array(_)));

fn required(json: &Json, key: &str, wanted: Type) -> Checked {
    match json.get(key) {
        None => Err(format!("{key} is missing")),
        Some(value) if !wanted.1(value) => Err(format!("{key} must be {}", wanted.0)),
        Some(_) => Ok(()),
    }
}

fn optional(json: &Json, key: &str, wanted: Type) -> Checked {
    if json.get(key).is_some() { required(json, key, wanted) } else { Ok(()) }
}
