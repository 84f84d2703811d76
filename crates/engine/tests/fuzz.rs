//! Damaged settings and calls: no panic, no hang, whatever comes in. STAYPUT_LONG=1 multiplies the rounds.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use proptest::prelude::*;
use stayput_engine::{Held, Json, Launch, Object, Settings, Storage, decide, explain, keys_needed, untyped};
use std::path::Path;

fn rounds() -> ProptestConfig {
    #[expect(clippy::disallowed_methods, reason = "the one switch of the tests")]
    let long = std::env::var("STAYPUT_LONG").is_ok_and(|long| long == "1");
    ProptestConfig { cases: if long { 20_000 } else { 400 }, failure_persistence: None, ..ProptestConfig::default() }
}

/// Something odd, to be put where something else is expected.
fn odd() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        prop_oneof![any::<f64>(), Just(-1.0), Just(0.0), Just(1e21), Just(f64::NAN), Just(0.5)].prop_map(Json::from),
        "[a-z(){}*+?\\\\\\[\\]|^$.0-9]{0,12}".prop_map(|text| Json::String(format!("regex({text})"))),
        "(lower|wildcard|gt|lte)\\([*0-9.a-z)]{0,8}\\)?".prop_map(Json::String),
        "\\PC{0,8}".prop_map(Json::String),
        Just(Json::Array(Vec::new())),
        Just(Json::Object(Object::default())),
        Just(Json::parse(br#"{"length":3,"0":{},"and":[null,"x"],"not":{"or":5}}"#).unwrap()),
        Just(Json::parse(br#"{"or":[{"custom_variable":{"plan":"regex((a*)*b)"}},{"user":"user-1"}]}"#).unwrap()),
    ]
}

/// Puts `odd` at the place to which `path` leads.
fn damage(json: &Json, path: &[prop::sample::Index], odd: &Json) -> Json {
    let Some((first, rest)) = path.split_first() else { return odd.clone() };
    match json {
        Json::Array(items) if !items.is_empty() => {
            let at = first.index(items.len());
            let item = |(place, item)| if place == at { damage(item, rest, odd) } else { item.clone() };
            Json::Array(items.iter().enumerate().map(item).collect())
        }
        Json::Object(fields) if !fields.is_empty() => {
            let at = first.index(fields.len());
            let field = |(place, (key, value)): (usize, (&str, &Json))| {
                (key.to_owned(), if place == at { damage(value, rest, odd) } else { value.clone() })
            };
            Json::Object(fields.iter().enumerate().map(field).collect())
        }
        _ => odd.clone(),
    }
}

fn ask(settings: &Settings, case: &Json, record: &Json) {
    for api in ["activate", "getVariationName", "isFeatureEnabled", "getFeatureVariableValue", "track"] {
        let fields =
            case.as_object().into_iter().flat_map(Object::iter).map(|(key, value)| (key.to_owned(), value.clone()));
        let case = Json::Object(fields.chain([("api".to_owned(), api.into())]).collect());
        for launch in [Launch::default(), Launch { batch: true, ..Launch::default() }] {
            let Ok(call) = untyped::read(&case, launch) else { continue };
            let read = |key: &str| Held::from_record(record, call.context.user, key);
            keys_needed(settings, &call.context, &call.request);
            for storage in [Storage::None, Storage::Unread, Storage::Read(&read)] {
                let decision = decide(settings, &call.context, &call.request, storage);
                let (same, explanation) = explain(settings, &call.context, &call.request, storage);
                assert_eq!(format!("{decision:?}"), format!("{same:?}"));
                assert!(serde_json::to_string(&explanation).is_ok() && explanation.to_string().len() < 1 << 20);
                assert!(decision.answer.to_json(true).is_some() || api == "getFeatureVariableValue");
            }
        }
    }
}

const CASE: &str = r#"{"campaignKey":"KEY","userId":"user-1","goalIdentifier":"CUSTOM","variableKey":"STRING_VARIABLE",
    "options":{"customVariables":{"plan":"gold","age":30,"city":"London"},"variationTargetingVariables":{"plan":"gold"},
    "revenueValue":5,"eventProperties":{"price":1},"metaData":{"a":1},"userStorageData":{"variationName":"Control"}}}"#;
const RECORD: &str =
    r#"{"userId":"user-1","variationName":"Control","goalIdentifier":"signup_vwo_CUSTOM","metaData":{}}"#;

proptest! {
    #![proptest_config(rounds())]

    #[test]
    fn odd_values_anywhere_are_survived(
        file in any::<prop::sample::Index>(),
        damages in prop::collection::vec((prop::collection::vec(any::<prop::sample::Index>(), 1..7), odd()), 1..4),
        which in 0..3usize,
    ) {
        let files = settings_files();
        let mut settings = Json::parse(&files[file.index(files.len())]).unwrap();
        let key = settings.get("campaigns").and_then(|all| all.as_array()?.first()?.get("key")?.as_str().map(str::to_owned));
        let mut case = Json::parse(CASE.replace("KEY", &key.unwrap_or_default()).as_bytes()).unwrap();
        let mut record = Json::parse(RECORD.as_bytes()).unwrap();
        for (path, odd) in &damages {
            let victim = match which { 0 => &mut case, 1 => &mut record, _ => &mut settings };
            *victim = damage(victim, path, odd);
        }
        if let Ok(settings) = Settings::from_json(&settings) {
            ask(&settings, &case, &record);
        }
    }

    #[test]
    fn damaged_bytes_are_survived(
        file in any::<prop::sample::Index>(),
        damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..6),
    ) {
        let files = settings_files();
        let mut text = files[file.index(files.len())].clone();
        for (place, byte, cut) in damages {
            let at = place.index(text.len());
            if cut { text.truncate(at.max(1)) } else { text[at] = byte }
        }
        if let Ok(settings) = Settings::parse(&text) {
            ask(&settings, &Json::parse(CASE.as_bytes()).unwrap(), &Json::parse(RECORD.as_bytes()).unwrap());
        }
    }
}

#[test]
fn patterns_that_hang_other_engines_end_soon() {
    let text = "a".repeat(5_000) + "!";
    let variables: Object = [("v".to_owned(), Json::String(text))].into_iter().collect();
    for pattern in ["(a*)*b", "(a|a)*b", "(?=(a+)+b)a", r"(a+)+\\1b", "(a{1,1000}){1,1000}{1,1000}", "(?<=(a+)+)b"] {
        let dsl = format!(r#"{{"custom_variable":{{"v":"regex({pattern})"}}}}"#);
        let mut problems = Vec::new();
        let segments = stayput_engine::Segments::compile(&Json::parse(dsl.as_bytes()).unwrap(), &mut problems);
        assert!(!segments.matches(stayput_engine::Variables::custom(Some(&variables))), "{pattern}: {problems:?}");
    }
}

fn settings_files() -> Vec<Vec<u8>> {
    static FILES: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
    let read = || {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/corpus/settings");
        std::fs::read_dir(folder).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    };
    FILES.get_or_init(read).clone()
}
