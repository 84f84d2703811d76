//! The rules of docs/differences.md, as far as single calls show them, and how often each applies.
use stayput_engine::{Json, Member, Object, Settings};
use std::{collections::BTreeMap, path::Path};

/// The rule that a case falls under, if any.
pub(crate) fn rule(settings: &Settings, row: &Json) -> Option<&'static str> {
    let user = row.get("userId")?.as_str()?;
    if row.get("getMode").and_then(Json::as_str) == Some("throws") {
        return Some("a read that fails");
    }
    let records = row.get("stored").and_then(Json::as_object).into_iter().flat_map(Object::iter);
    let mut records = records.filter_map(|(key, record)| Some((key, record.as_object()?)));
    if let Some(rule) = records.find_map(|(key, record)| odd(record, user, key)) {
        return Some(rule);
    }
    let data = row.get("options")?.get("userStorageData")?.as_object()?;
    let called = row.get("campaignKey").and_then(Json::as_str);
    let grouped = settings.campaigns.iter().any(|campaign| campaign.group != Member::Free);
    match called.and_then(|called| odd(data, user, called)) {
        Some(rule) => Some(rule),
        None if grouped || called.is_none() => Some("userStorageData is for the called campaign"),
        None => None,
    }
}

fn odd(record: &Object, user: &str, key: &str) -> Option<&'static str> {
    let text = |name: &str| match record.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(()),
    };
    let other =
        |name: &str, own: &str| text(name).is_ok_and(|text| text.is_some_and(|text| !text.is_empty() && text != own));
    if other("userId", user) || other("campaignKey", key) {
        return Some("a record of another user or campaign");
    }
    let wrong = ["userId", "campaignKey", "variationName", "goalIdentifier"].iter().any(|name| text(name).is_err());
    wrong.then_some("a record with a field of a wrong type")
}

/// Whether an answer of the official SDK sets two different records for one campaign.
pub(crate) fn sets_twice(answer: &Json) -> bool {
    let sets = answer.get("sets").and_then(Json::as_array).unwrap();
    let differs = |one: &Json, other: &Json| one != other && one.get("campaignKey") == other.get("campaignKey");
    sets.iter().enumerate().any(|(place, set)| sets[place + 1..].iter().any(|other| differs(set, other)))
}

/// The table of docs/differences.md says exactly this about `corpus`.
pub(crate) fn assert_documented(corpus: &str, equal: usize, ruled: &BTreeMap<&str, usize>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/differences.md");
    let page = std::fs::read_to_string(path).unwrap();
    let row = |name: &str, count: usize| format!("| {corpus} | {name} | {count} |");
    let mut expected = vec![row("equal", equal)];
    expected.extend(ruled.iter().map(|(rule, count)| row(rule, *count)));
    let start = format!("| {corpus} | ");
    let documented: Vec<&str> = page.lines().filter(|line| line.starts_with(&start)).collect();
    assert_eq!(documented, expected, "docs/differences.md tells the counts");
}
