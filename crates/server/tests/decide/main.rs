//! `stayput decide` on every case of the corpus, which is what vwo-node-sdk 1.73.0 answered: results, tracking calls
//! and what storage holds afterwards are equal, except where a rule of docs/differences.md applies.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]
mod corpus;
mod rules;

use corpus::{decide, list, read, rows, settings_files, text};
use stayput_engine::{Json, Settings};
use std::collections::BTreeMap;

#[test]
fn single_calls_are_answered_as_the_official_sdk_answers_them() {
    let (mut equal, mut ruled) = (0, BTreeMap::new());
    for (name, file) in settings_files() {
        compare(&name, &file, &rows(&name, "jsonl.gz"), &mut equal, &mut ruled);
    }
    println!("{equal} equal, by a rule: {ruled:#?}");
    assert_eq!(equal + ruled.values().sum::<usize>(), 28 * 300, "every row was looked at");
    rules::assert_documented("corpus", equal, &ruled);
}

/// Settings and calls full of what nobody should write: odd weights, damaged segments, half groups, repeated keys.
#[test]
fn odd_settings_mean_what_they_mean_to_the_official_sdk() {
    let (mut equal, mut ruled) = (0, BTreeMap::new());
    for file in read("odd.jsonl.gz") {
        let (settings, rows) = (text(file.get("settings").unwrap()), list(&file, "rows"));
        if Settings::parse(settings.as_bytes()).is_ok() {
            compare("odd", settings.as_bytes(), rows, &mut equal, &mut ruled);
            continue;
        }
        let dead = |row: &Json| [Some(&Json::Null), Some(&Json::Bool(false))].contains(&row.get("result"));
        assert!(rows.iter().all(dead), "these settings are alive: {settings}");
    }
    println!("{equal} equal, by a rule: {ruled:#?}");
    rules::assert_documented("odd", equal, &ruled);
}

#[test]
fn sequences_over_a_uniting_storage_are_equal_to_the_last_record() {
    let mut count = 0;
    for (name, file) in settings_files() {
        let rows: Vec<Json> = rows(&name, "seq.jsonl.gz").into_iter().filter(|row| store(row) == "union").collect();
        for (row, ours) in rows.iter().zip(decide(&file, &rows)) {
            for (step, (theirs, ours)) in list(row, "answers").iter().zip(list(&ours, "answers")).enumerate() {
                assert_eq!(corpus::answer(&name, theirs), corpus::answer("", ours), "step {step} of {}", text(row));
            }
            assert_eq!(list(row, "final"), list(&ours, "final"), "what is left of {}", text(row));
            count += 1;
        }
    }
    assert_eq!(count, 27 * 30, "every sequence was looked at");
}

/// Where the official SDK sets twice, a storage that keeps the last record forgets goals; ours are set once.
#[test]
fn sequences_over_the_last_record_differ_only_after_a_double_set() {
    let (mut count, mut equal) = (0, 0);
    for (name, file) in settings_files() {
        let rows: Vec<Json> = rows(&name, "seq.jsonl.gz").into_iter().filter(|row| store(row) == "lww").collect();
        for (row, ours) in rows.iter().zip(decide(&file, &rows)) {
            count += 1;
            let (mut doubled, mut same) = (false, true);
            for (theirs, ours) in list(row, "answers").iter().zip(list(&ours, "answers")) {
                let this = corpus::answer(&name, theirs) == corpus::answer("", ours);
                assert!(this || doubled, "{}\nours {}", text(row), text(ours));
                same &= this;
                doubled |= rules::sets_twice(theirs);
            }
            same &= list(row, "final") == list(&ours, "final");
            assert!(same || doubled, "what is left of {}", text(row));
            equal += usize::from(same);
        }
    }
    println!("{equal} equal, {} by a rule", count - equal);
    assert_eq!(count, 27 * 30, "every sequence was looked at");
    rules::assert_documented("last record", equal, &BTreeMap::from([("the double set", count - equal)]));
}

#[test]
fn a_record_of_another_user_or_campaign_is_no_record() {
    let own = r#"{"userId":"u","campaignKey":"ab","variationName":"Control"}"#;
    assert_eq!(stored(own), r#""Control""#);
    assert_eq!(stored(&own.replace(r#""u""#, r#""v""#)), "null");
    assert_eq!(stored(&own.replace(r#""ab""#, r#""cd""#)), "null");
}

#[test]
fn a_field_of_a_wrong_type_counts_as_absent() {
    let own = r#"{"userId":"u","campaignKey":"ab","variationName":"Control","goalIdentifier":"x"}"#;
    assert_eq!(stored(&own.replace(r#""u""#, "7")), r#""Control""#);
    assert_eq!(stored(&own.replace(r#""x""#, r#"["x"]"#)), r#""Control""#);
    assert_eq!(stored(&own.replace(r#""Control""#, "1")), "null");
}

/// What `getVariationName` answers when this is stored.
fn stored(record: &str) -> String {
    let settings = settings_files().into_iter().find(|(name, _)| name == "ab-50-50").unwrap().1;
    let case = r#"{"api":"getVariationName","campaignKey":"ab","userId":"u","stored":{"ab":RECORD}}"#;
    let answers = corpus::decide_lines(&settings, case.replace("RECORD", record).as_bytes());
    text(answers[0].get("result").unwrap())
}

#[test]
fn bad_lines_are_answered_in_their_place() {
    let settings = settings_files().remove(0).1;
    let lines = [
        r#"{"id":1,"api":"activate","campaignKey":"nowhere","userId":"u"}"#,
        r#"{"id":{"any":2},"api":"deactivate"}"#,
        r#"{"id":3}"#,
        r#"{"id":4,"api":"activate","campaignKey":"\ud800","userId":"u"}"#,
        r#"{"id":5,"steps":7}"#,
        r#"{"id":6,"steps":[{"api":"activate","userId":7},null]}"#,
        "[]",
        "{",
        "\u{0}",
        r#"{"id":7,"api":"push","arguments":["k","v","u"]}"#,
    ];
    let answers = corpus::decide_lines(&settings, (lines.join("\n") + "\n\n \n\u{fffd}").as_bytes());
    let shown: Vec<String> = answers.iter().map(text).collect();
    assert_eq!(shown[0], r#"{"id":1,"result":null,"sets":[],"tracks":[]}"#);
    assert_eq!(shown[1], r#"{"id":{"any":2},"error":"there is no call deactivate"}"#);
    assert_eq!(shown[2], r#"{"id":3,"error":"api says which call to make"}"#);
    assert!(shown[3].starts_with(r#"{"id":4,"error":"the line is not JSON: "#), "{}", shown[3]);
    assert_eq!(shown[4], r#"{"id":5,"error":"steps is a list of cases"}"#);
    let step = r#"{"result":null,"sets":[],"tracks":[]}"#;
    let other = r#"{"error":"api says which call to make"}"#;
    assert_eq!(shown[5], format!(r#"{{"id":6,"answers":[{step},{other}],"final":[]}}"#));
    assert_eq!(shown[6], r#"{"error":"a case is an object"}"#);
    assert!(shown[7].starts_with(r#"{"error":"the line is not JSON: "#), "{}", shown[7]);
    assert!(shown[8].starts_with(r#"{"error":"the line is not JSON: "#), "{}", shown[8]);
    assert!(shown[9].starts_with(r#"{"id":7,"result":{"k":true},"sets":[],"tracks":[{"via":"GET","#), "{}", shown[9]);
    assert_eq!(shown.len(), 11);
}

/// Compares the answers to all `rows` of one settings file.
fn compare(name: &str, file: &[u8], rows: &[Json], equal: &mut usize, ruled: &mut BTreeMap<&'static str, usize>) {
    let settings = Settings::parse(file).unwrap();
    for (row, ours) in rows.iter().zip(decide(file, rows)) {
        let answers = (corpus::answer(name, row), corpus::answer("", &ours));
        if answers.0 == answers.1 && corpus::left(row, row) == corpus::left(row, &ours) {
            *equal += 1;
            continue;
        }
        let rule = rules::rule(&settings, row);
        let rule = rule.unwrap_or_else(|| panic!("{}\nours {}", text(row), text(&ours)));
        *ruled.entry(rule).or_insert(0) += 1;
    }
}

fn store(row: &Json) -> &str {
    row.get("store").and_then(Json::as_str).unwrap()
}
