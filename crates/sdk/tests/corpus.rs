//! Every case of the corpus, which is what vwo-node-sdk 1.73.0 answered: results, sets and tracking calls are equal,
//! except where one of the rules at the end of this file applies.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#[path = "corpus/launched.rs"]
mod launched;

use flate2::read::GzDecoder;
use launched::{Answer, Launched, Reading};
use stayput_engine::{Json, Object, Settings, untyped};
use stayput_sdk::calls::{ENDPOINT, Sender, Usage};
use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

#[test]
fn single_calls_are_answered_as_the_official_sdk_answers_them() {
    let mut rules = BTreeMap::new();
    let mut total = (0, 0);
    for (name, settings) in settings_files() {
        let (mut equal, mut ruled, mut clients) = (0, 0, HashMap::new());
        for row in rows(&name, "jsonl.gz") {
            let launched = client(&mut clients, &name, &settings, &row);
            match compare(launched, &row) {
                None => equal += 1,
                Some(rule) => {
                    *rules.entry(rule).or_insert(0) += 1;
                    ruled += 1;
                }
            }
        }
        println!("{name}: {equal} equal, {ruled} by a rule");
        total = (total.0 + equal, total.1 + ruled);
    }
    println!("all: {} equal, {} by a rule: {rules:#?}", total.0, total.1);
    assert_eq!(total.0 + total.1, 28 * 300, "every row was looked at");
    assert!(total.1 < 600, "the rules must stay exceptions");
}

#[test]
fn sequences_leave_the_results_and_records_that_the_official_sdk_leaves() {
    let mut total = 0;
    for (name, settings) in settings_files() {
        let mut clients = HashMap::new();
        for row in rows(&name, "seq.jsonl.gz") {
            let launched = client(&mut clients, &name, &settings, &row);
            let unites = row.get("store").and_then(Json::as_str) == Some("union");
            let mut records: Vec<(String, String, Json)> = Vec::new();
            let (steps, answers) = (list(&row, "steps"), list(&row, "answers"));
            for (place, (step, theirs)) in steps.iter().zip(answers).enumerate() {
                let find = |user: &str, key: &str| {
                    records
                        .iter()
                        .find(|(owner, campaign, _)| owner == user && campaign == key)
                        .map(|(.., record)| record)
                };
                let ours = launched.answer(step, &Reading::Finds(&find));
                assert_eq!(ours, official(theirs), "step {place} of {}", text(&row));
                for set in ours.sets {
                    store(&mut records, set, unites);
                }
            }
            let last: Vec<Json> = records.into_iter().map(|(.., record)| record).collect();
            assert_eq!(last, list(&row, "final"), "what is left of {}", text(&row));
            total += 1;
        }
    }
    println!("{total} sequences equal");
    assert_eq!(total, 27 * 60, "every sequence was looked at");
}

/// Settings and calls full of what nobody should write: odd weights, damaged segments, half groups, repeated keys.
#[test]
fn odd_settings_mean_what_they_mean_to_the_official_sdk() {
    let (mut equal, mut rules) = (0, BTreeMap::new());
    for file in read(&data().with_file_name("odd.jsonl.gz")) {
        let settings = text(file.get("settings").unwrap());
        let dead = Settings::parse(settings.as_bytes()).is_err();
        let mut clients = HashMap::new();
        for row in list(&file, "rows") {
            if dead {
                let nothing = [Some(&Json::Null), Some(&Json::Bool(false))].contains(&row.get("result"));
                assert!(nothing, "these settings are alive: {}", text(row));
                continue;
            }
            match compare(client(&mut clients, "odd", settings.as_bytes(), row), row) {
                None => equal += 1,
                Some(rule) => *rules.entry(rule).or_insert(0) += 1,
            }
        }
    }
    println!("odd: {equal} equal, by a rule: {rules:#?}");
    assert!(equal > 3_000 && rules.values().sum::<i32>() < 200);
}

/// The rule by which an answer differs; `None` if it is equal.
fn compare(launched: &Launched, row: &Json) -> Option<&'static str> {
    let find = |_: &str, key: &str| match row.get("getMode") {
        None => row.get("stored")?.get(key),
        Some(_) => None, // a promise is no record
    };
    let fails = row.get("getMode").and_then(Json::as_str) == Some("throws");
    let reading = if fails { Reading::Fails } else { Reading::Finds(&find) };
    let (ours, theirs) = (launched.answer(row, &reading), official(row));
    if ours == theirs {
        return None;
    }
    let rule = rule(&launched.settings, row);
    Some(rule.unwrap_or_else(|| panic!("{}\nours   {ours:#?}\ntheirs {theirs:#?}", text(row))))
}

/// The storages of the corpus: one keeps the last record, one unites goals.
fn store(records: &mut Vec<(String, String, Json)>, set: Json, unites: bool) {
    let field = |name: &str| set.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let (user, campaign) = (field("userId"), field("campaignKey"));
    let known = records.iter_mut().find(|(owner, key, _)| *owner == user && *key == campaign);
    match known {
        None => {
            let set = if unites { united(&Json::Object(Object::default()), &set) } else { set };
            records.push((user, campaign, set));
        }
        Some((.., record)) => *record = if unites { united(record, &set) } else { set },
    }
}

fn united(record: &Json, set: &Json) -> Json {
    let fields = |json: &Json| json.as_object().cloned().unwrap_or_default();
    let pairs = |object: &Object| object.iter().map(|(key, value)| (key.to_owned(), value.clone())).collect::<Vec<_>>();
    let mut goals: Vec<&str> = Vec::new();
    for list in [record, set] {
        let list = list.get("goalIdentifier").and_then(Json::as_str).unwrap_or_default();
        for goal in list.split("_vwo_").filter(|goal| !goal.is_empty()) {
            if !goals.contains(&goal) {
                goals.push(goal);
            }
        }
    }
    let mut all = pairs(&fields(record));
    all.extend(pairs(&fields(set)));
    if !goals.is_empty() {
        all.push(("goalIdentifier".to_owned(), goals.join("_vwo_").as_str().into()));
    }
    Json::Object(all.into_iter().collect())
}

/// The rule of `docs/differences.md` that a case falls under, if any.
fn rule(settings: &Settings, row: &Json) -> Option<&'static str> {
    let user = row.get("userId")?.as_str()?;
    if row.get("getMode").and_then(Json::as_str) == Some("throws") {
        return Some("a read that fails");
    }
    let data = row.get("options").and_then(|options| options.get("userStorageData")).and_then(Json::as_object);
    let records = row.get("stored").and_then(Json::as_object).into_iter().flat_map(Object::iter);
    let mut records = records.filter_map(|(key, record)| Some((key, record.as_object()?)));
    let odd = |key: &str, record: &Object| {
        let text = |name: &str| match record.get(name) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(()),
        };
        let other = |name: &str, own: &str| {
            text(name).is_ok_and(|text| text.is_some_and(|text| !text.is_empty() && text != own))
        };
        if other("userId", user) || other("campaignKey", key) {
            return Some("a record of another user or campaign");
        }
        let wrong = ["userId", "campaignKey", "variationName", "goalIdentifier"].iter().any(|name| text(name).is_err());
        wrong.then_some("a record with fields of a wrong type")
    };
    let called = row.get("campaignKey").and_then(Json::as_str).unwrap_or_default();
    if let Some(rule) = records.find_map(|(key, record)| odd(key, record)) {
        return Some(rule);
    }
    let data = data?;
    let grouped = settings.campaigns.iter().any(|campaign| campaign.group != stayput_engine::Member::Free);
    let several = row.get("campaignKey").and_then(Json::as_str).is_none();
    match odd(called, data) {
        Some(rule) if !several => Some(rule),
        _ if grouped || several => Some("userStorageData speaks of the called campaign only"),
        _ => None,
    }
}

fn official(row: &Json) -> Answer {
    let result = row.get("result").cloned();
    assert!(result.is_some() || row.get("resultUndefined").is_some());
    Answer { result, sets: list(row, "sets").to_vec(), tracks: list(row, "tracks").to_vec() }
}

/// The corpus was made in one process, and the official SDK never forgets a `collectionPrefix`: these settings, which
/// have none, came after `event-arch`, which has one.
const AFTER_EVENT_ARCH: [&str; 3] = ["not-running", "unicode", "empty-campaigns"];

fn client<'a>(clients: &'a mut HashMap<String, Launched>, name: &str, settings: &[u8], row: &Json) -> &'a Launched {
    let storage = row.get("uss") != Some(&Json::Bool(false));
    let options = row.get("launch").cloned().unwrap_or(Json::Object(Object::default()));
    clients.entry(format!("{storage} {}", text(&options))).or_insert_with(|| Launched {
        settings: Settings::parse(settings).unwrap(),
        launch: untyped::read_launch(&options).unwrap_or_default(),
        storage,
        sender: Sender {
            name: "vwo-node-sdk".to_owned(),
            version: "1.73.0".to_owned(),
            endpoint: if AFTER_EVENT_ARCH.contains(&name) { format!("{ENDPOINT}/eu01") } else { ENDPOINT.to_owned() },
            usage: Usage { storage, logger: true, ..Usage::default() },
        },
    })
}

fn settings_files() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(data().join("settings")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    files.into_iter().map(|path| (name(&path), std::fs::read(&path).unwrap())).collect()
}

fn rows(name: &str, ending: &str) -> Vec<Json> {
    let path = data().join(format!("{name}.{ending}"));
    // Only settings without campaigns have no sequences.
    if path.exists() || name != "empty-campaigns" { read(&path) } else { Vec::new() }
}

fn read(path: &Path) -> Vec<Json> {
    let lines = BufReader::new(GzDecoder::new(File::open(path).unwrap())).lines();
    lines.map(|line| Json::parse(line.unwrap().as_bytes()).unwrap()).collect()
}

fn list<'a>(row: &'a Json, name: &str) -> &'a [Json] {
    row.get(name).and_then(Json::as_array).unwrap()
}
fn text(json: &Json) -> String {
    serde_json::to_string(json).unwrap()
}
fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/data/corpus")
}
