//! Tracking calls as requests: the official query, the body, the headers.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use stayput_engine::{Json, Request, Settings, Storage, decide, untyped};
use stayput_sdk::calls::{HttpCall, Moment, Sender, Usage, batch, calls};
use std::path::Path;

fn first(name: &str, case: &str, prefix: Option<&str>) -> HttpCall {
    let file = format!("../engine/tests/data/corpus/settings/{name}.json");
    let mut settings =
        Settings::parse(&std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()).unwrap();
    settings.collection_prefix = prefix.map(str::to_owned);
    let case = Json::parse(case.as_bytes()).unwrap();
    let call = untyped::read(&case, Default::default()).unwrap();
    let decision = decide(&settings, &call.context, &call.request, Storage::None);
    let sender = Sender {
        name: "vwo-node-sdk".to_owned(),
        version: "1.73.0".to_owned(),
        endpoint: "http://127.0.0.1:1".to_owned(),
        usage: Usage { logger: true, ..Usage::default() },
    };
    let moment = Moment { milliseconds: 1_700_000_000_001, random: 0.25 };
    let call = calls(&settings, &call.context, &sender, moment, &decision.events).remove(0);
    call.to_http(&settings, &sender).unwrap().unwrap()
}

#[test]
fn a_visitor_is_counted_by_a_get_with_an_ampersand_at_the_end() {
    let case = r#"{"api":"activate","campaignKey":"AB","userId":"user-1","options":{"userAgent":"A b/1"}}"#;
    let call = first("ab-50-50", &case.replace("\"AB\"", &key("ab-50-50")), Some("eu01"));
    assert_eq!(call.body, None);
    assert_eq!(call.headers, [("X-Device-User-Agent", "A%20b%2F1".to_owned())]);
    let (address, query) = call.url.split_once('?').unwrap();
    assert_eq!(address, "http://127.0.0.1:1/eu01/server-side/track-user");
    assert!(query.contains("&visitor_ua=A%20b%2F1&visitor_ip=&sId=1700000001&u="), "{query}");
    assert!(query.ends_with("&random=0.25&ap=server&cl=1&_l=1&ed={\"p\":\"server\"}&"), "{query}");
}

#[test]
fn a_batch_says_who_sends_it_and_is_authorised() {
    let file = "../engine/tests/data/corpus/settings/ab-50-50.json";
    let settings = Settings::parse(&std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()).unwrap();
    let sender = Sender { name: "n".to_owned(), version: "1".to_owned(), ..Sender::default() };
    let request = batch(&settings, Default::default(), &sender, vec!["event".into()]);
    let call = request.to_http(&settings, &sender).unwrap().unwrap();
    let sdk_key = settings.sdk_key.clone().unwrap();
    let query = format!("a=888888&sdk=n&sdk-v=1&env={sdk_key}&");
    assert_eq!(call.url, format!("https://dev.visualwebsiteoptimizer.com/server-side/batch-events?{query}"));
    assert_eq!(call.body.unwrap(), r#"{"ev":["event"]}"#);
    assert_eq!(call.headers, [("Authorization", sdk_key)]);
}

#[test]
fn what_a_url_cannot_carry_is_encoded() {
    let settings = br#"{"accountId":1,"sdkKey":"a b#c","campaigns":[],"version":1}"#;
    let settings = Settings::parse(settings).unwrap();
    let sender = Sender::default();
    let request = Request::Push(vec![("k".to_owned(), "v".to_owned())]);
    let context = stayput_engine::Context { user: "u", ..Default::default() };
    let decision = decide(&settings, &context, &request, Storage::None);
    let moment = Moment { milliseconds: 1_000, random: 0.0 };
    let call = calls(&settings, &context, &sender, moment, &decision.events).remove(0);
    let url = call.to_http(&settings, &sender).unwrap().unwrap().url;
    assert!(url.contains("&env=a%20b%23c&account_id=1&random=0&ap=server&tags={\"u\":{\"k\":\"v\"}}&"), "{url}");
}

fn key(name: &str) -> String {
    let file = format!("../engine/tests/data/corpus/settings/{name}.json");
    let settings = Settings::parse(&std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()).unwrap();
    format!("{:?}", settings.campaigns[0].key)
}
