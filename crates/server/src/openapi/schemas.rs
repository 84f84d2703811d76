//! Records: read and shown field by field, with fields that Stayput does not know, so no type of ours describes them.
use serde_json::{Map, Value, json};
use stayput::limits;

/// The shapes that other shapes and paths name.
pub(super) fn schemas() -> Map<String, Value> {
    let all = json!({
        "Record": record(),
        "Claim": claim(json!({})),
        "Claims": {
            "type": "object",
            "description": "A batch. The users and campaigns in it differ.",
            "required": ["records"],
            "additionalProperties": false,
            "properties": {"records": {"type": "array", "items": {"$ref": "#/components/schemas/ClaimOf"}}},
        },
        "ClaimOf": claim(key()),
        "Keys": {
            "type": "object",
            "required": ["keys"],
            "additionalProperties": false,
            "properties": {"keys": {"type": "array", "items": {
                "type": "object", "required": ["userId", "campaignKey"], "additionalProperties": false,
                "properties": key(),
            }}},
        },
    });
    match all {
        Value::Object(all) => all,
        _ => Map::new(),
    }
}

fn key() -> Value {
    json!({"userId": text(limits::USER), "campaignKey": text(limits::NAME)})
}

/// A string without U+0000. Limits are of bytes, so one that is not ASCII ends sooner.
fn text(longest: usize) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": longest, "pattern": "^[^\\x00]+$"})
}

fn record() -> Value {
    json!({
        "type": "object",
        "description": "What is held. Fields that Stayput does not know come back as they were stored. With kind=fme \
            it has the fields of FME's records: featureKey, the ids of a rollout and an experiment, holdouts.",
        "required": ["userId"],
        "anyOf": [{"required": ["campaignKey", "variationName"]}, {"required": ["featureKey"]}],
        "properties": {
            "userId": text(limits::USER),
            "campaignKey": text(limits::NAME),
            "variationName": text(limits::NAME),
            "goalIdentifier": {"type": "string", "description": "All goals, in order of arrival, joined by _vwo_"},
            "metaData": {"description": "Any JSON"},
            "featureKey": described(text(limits::NAME), "kind=fme, in place of campaignKey"),
            "isInHoldoutId": described(ids(), "kind=fme: the holdouts that the user is in"),
            "notInHoldoutId": described(ids(), "kind=fme: the holdouts that the user is not in"),
        },
    })
}

fn ids() -> Value {
    json!({"type": "array", "items": {"type": ["number", "string"]}})
}

fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = json!(description);
    schema
}

fn claim(more: Value) -> Value {
    let nullable = |mut schema: Value| {
        schema["type"] = json!(["string", "null"]);
        schema
    };
    let hex = json!({"type": "string", "pattern": "^[0-9a-fA-F]{1,16}$"});
    let mut properties = json!({
        "variationName": described(nullable(text(limits::NAME)), "Without it the goals join what is held"),
        "goalIdentifier": {
            "type": ["string", "null"], "maxLength": limits::NAME, "pattern": "^[^\\x00]*$",
            "description": "Goals, joined by _vwo_; each at most 256 bytes",
        },
        "metaData": {"description": format!("Any JSON; with unknown fields at most {} bytes", limits::DOCUMENTS)},
        "over": described(nullable(text(limits::NAME)), "The variation that this one may replace"),
        "overBy": described(nullable(hex.clone()), "Only if that was put there so: the ETag of the GET that read it"),
        "claimId": described(nullable(hex), "The same for every retry, so that each is told the same"),
    });
    if let (Value::Object(properties), Value::Object(more)) = (&mut properties, more.clone()) {
        properties.extend(more);
    }
    let required: Vec<&String> = more.as_object().into_iter().flat_map(Map::keys).collect();
    json!({
        "type": "object",
        "description": "A record to store, with a variation, goals, or both. Other fields are kept with the variation; \
            assignedAt, changedAt, expiresAt and kind are reserved. With kind=fme it is what an SDK of FME sets, and a \
            decision is named rollout:ID:VARIATION, experiment:ID:VARIATION or both with a + between, as in over.",
        "required": required,
        "allOf": [
            {"anyOf": [
                {"required": ["variationName"], "properties": {"variationName": {"type": "string"}}},
                {"required": ["goalIdentifier"], "properties": {"goalIdentifier": {"type": "string", "minLength": 1}}},
            ]},
            {"anyOf": [
                {"properties": {"overBy": {"type": "null"}}},
                {"required": ["over"], "properties": {"over": {"type": "string"}}},
            ]},
        ],
        "properties": properties,
        "additionalProperties": true,
    })
}
