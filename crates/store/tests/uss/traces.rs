//! What the official Node SDK asked of its storage, asked of ours.
//!
//! `uss_traces.json` holds sixteen sequences of API calls that vwo-node-sdk 1.73.0 was made to run on a storage that
//! keeps the last record it was given, with every `get` and `set` and what `get` returned. The recorded calls are
//! replayed as they are: the SDK does not decide again on what Stayput answers.
//!
//! Equal, `get` by `get` and at the end: the variation, but for the two differences below.
//! Better: the official storage keeps the last record, and with it loses goals and `metaData` (the SDK's `track`
//! sets twice, first `g1_vwo_g2` and then `g2`, and leaves out `metaData` that `activate` brought); ours shows the
//! union of all goals ever set, and the last `metaData`.
//! Different:
//! 1. "whitelist over storage": for a whitelisted user the SDK sets without a `get`. The official storage hands the
//!    user over to the forced variation for good; here who was first stays, because a writer that read nothing cannot
//!    know what it would replace. The goal counts all the same.
//! 2. Records of another user or campaign, or of no campaign, which a storage that does not look can be made to
//!    return ("wrong campaign record accepted", "missing campaignKey record"): here there is no such answer.
use crate::{object, variation};
use serde_json::Value;
use stayput::{
    Name, Outcome, Record,
    backends::Memory,
    uss::{Found, Options, UserStorage},
};
use std::{collections::BTreeMap, sync::Arc};

/// Ends with another variation than on the official storage.
const FIRST_STAYS: &str = "whitelist over storage";
/// Begin with a record that belongs to somebody else or to nobody.
const NOT_ITS_OWN: [&str; 2] = ["wrong campaign record accepted", "missing campaignKey record"];

/// A storage that keeps the last record, as SDK documentation shows it, and what it should have kept.
#[derive(Default)]
struct Official {
    last: BTreeMap<(String, String), Value>,
    goals: BTreeMap<(String, String), Vec<Name>>,
    meta_data: BTreeMap<(String, String), Value>,
}

impl Official {
    fn set(&mut self, key: &(String, String), record: &Value) {
        let goals = self.goals.entry(key.clone()).or_default();
        for goal in Record::parse(object(record.clone())).unwrap().goals {
            if !goals.contains(&goal) {
                goals.push(goal);
            }
        }
        if let Some(meta_data) = record.get("metaData") {
            self.meta_data.insert(key.clone(), meta_data.clone());
        }
        self.last.insert(key.clone(), record.clone());
    }
    fn variation(&self, key: &(String, String)) -> Option<&str> {
        self.last.get(key).and_then(|record| text(record, "variationName"))
    }
}

#[test]
fn variations_end_as_on_a_healthy_official_storage_and_goals_are_all_that_were_ever_set() {
    let traces: Vec<Value> = serde_json::from_str(include_str!("../data/uss_traces.json")).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    assert_eq!(traces.len(), 16);
    let (mut gets, mut sets, mut lost_goals, mut lost_meta_data) = (0, 0, 0, 0);
    for trace in &traces {
        let name = text(trace, "name").unwrap();
        let storage = UserStorage::new(Arc::new(Memory::default()), runtime.handle().clone(), Options::default());
        let mut official = begin(name, trace, &storage);
        for call in calls(trace) {
            if call["op"] == "get" {
                gets += 1;
                let key = key_of(call);
                assert_eq!(official.last.get(&key).unwrap_or(&Value::Null), &call["returned"], "{name}: not the last");
                let found = storage.get(&key.0, &key.1).unwrap();
                check(name, &official, &key, &found);
            } else {
                sets += 1;
                storage.set(Record::parse(object(call["data"].clone())).unwrap()).unwrap();
                official.set(&key_of(&call["data"]), &call["data"]);
            }
        }
        for (key, record) in &official.last {
            let found = storage.get(&key.0, &key.1).unwrap();
            check(name, &official, key, &found);
            let shown = found.map_or(Value::Null, |found| serde_json::to_value(found).unwrap());
            let length = |record: &Value| text(record, "goalIdentifier").unwrap_or_default().split("_vwo_").count();
            lost_goals += length(&shown) - length(record).min(length(&shown));
            lost_meta_data += usize::from(shown.get("metaData").is_some() && record.get("metaData").is_none());
        }
    }
    assert_eq!((gets, sets), (49, 31), "all calls of the traces were replayed");
    assert_eq!((lost_goals, lost_meta_data), (3, 1), "what the official storage lost of what it was given");
}

#[test]
fn the_second_set_of_a_double_set_destroys_nothing() {
    let traces: Vec<Value> = serde_json::from_str(include_str!("../data/uss_traces.json")).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let mut doubles = 0;
    for trace in &traces {
        let name = text(trace, "name").unwrap();
        let storage = UserStorage::new(Arc::new(Memory::default()), runtime.handle().clone(), Options::default());
        begin(name, trace, &storage);
        for step in trace["steps"].as_array().unwrap() {
            let mut sets = 0;
            for call in step["uss"].as_array().unwrap() {
                if call["op"] == "get" {
                    storage.get(text(call, "userId").unwrap(), text(call, "campaignKey").unwrap()).unwrap();
                    continue;
                }
                let claimed = storage.set(Record::parse(object(call["data"].clone())).unwrap()).unwrap();
                sets += 1;
                if sets == 2 {
                    doubles += 1;
                    assert_eq!(claimed.outcome, Outcome::Unchanged, "{name}");
                }
            }
        }
    }
    assert_eq!(doubles, 6);
}

/// Fills both storages with what the trace begins with; ours only with what belongs to somebody.
fn begin(name: &str, trace: &Value, storage: &UserStorage) -> Official {
    let mut official = Official::default();
    for (place, stored) in trace["initialStore"].as_object().unwrap() {
        let (campaign, user) = place.split_once('|').unwrap();
        official.set(&(user.to_owned(), campaign.to_owned()), stored);
        let set = storage.set(Record::parse(object(stored.clone())).unwrap());
        assert_eq!(set.is_err(), name == "missing campaignKey record", "{name}");
    }
    official
}

fn check(name: &str, official: &Official, key: &(String, String), found: &Option<Found>) {
    let stored = official.last.get(key);
    let own = stored.is_none_or(|stored| key_of(stored) == *key);
    if !own {
        assert!(NOT_ITS_OWN.contains(&name) && found.is_none(), "{name}: somebody else's record");
        return;
    }
    match name {
        FIRST_STAYS => assert_eq!((variation(found), official.variation(key)), (Some("Control"), Some("Variation-1"))),
        _ => assert_eq!(variation(found), official.variation(key), "{name}"),
    }
    let Some(found) = found else { return };
    let goals: Vec<&Name> = found.held().goals.iter().map(|goal| &goal.name).collect();
    assert_eq!(goals, official.goals[key].iter().collect::<Vec<_>>(), "{name}");
    let meta_data = found.held().meta_data.as_ref().map(|meta_data| meta_data.document.to_value());
    assert_eq!(meta_data.as_ref(), official.meta_data.get(key), "{name}");
}

fn calls(trace: &Value) -> impl Iterator<Item = &Value> {
    trace["steps"].as_array().unwrap().iter().flat_map(|step| step["uss"].as_array().unwrap())
}

fn key_of(record: &Value) -> (String, String) {
    let field = |name| text(record, name).unwrap_or_default().to_owned();
    (field("userId"), field("campaignKey"))
}

fn text<'a>(record: &'a Value, field: &str) -> Option<&'a str> {
    record.get(field).and_then(Value::as_str)
}
