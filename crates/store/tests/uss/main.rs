//! The User Storage Service: what official SDKs do to it, and what must not happen when reads fail.
#![expect(clippy::unwrap_used, reason = "what helps a test fails like one")]
mod flaky;
mod interleaved;
mod service;
mod threads;
mod traces;

use serde_json::{Map, Value, json};
use stayput::{Record, uss::Found};

/// The variation that a `get` showed.
fn variation(found: &Option<Found>) -> Option<&str> {
    found.as_ref().map(|found| found.held().variation.as_str())
}

/// A record as an SDK passes it to `set`.
fn record(user: &str, campaign: &str, variation: &str) -> Record {
    parsed(json!({"userId": user, "campaignKey": campaign, "variationName": variation}))
}

fn parsed(record: Value) -> Record {
    Record::parse(object(record)).unwrap()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => panic!("{other} is not an object"),
    }
}
