//! Records as SDKs spell them: read, kept, and spelled again.
use serde_json::{Map, Value, json};
use stayput::{Assignment, ClaimId, Dialect, Key, Kind, Line, Offer, Record, Scope, Timestamp};

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => panic!("{other} is no object"),
    }
}
fn parse(value: Value) -> Record {
    Record::parse(fields(value)).expect("a record")
}
fn goals(value: Value) -> Vec<String> {
    parse(value).goals.iter().map(|goal| goal.as_str().to_owned()).collect()
}
/// The field that is to blame.
fn blamed(value: Value) -> &'static str {
    let error = Record::parse(fields(value.clone())).err().unwrap_or_else(|| panic!("{value} was accepted"));
    let field = error.field().expect("a field");
    assert!(error.message().contains(field), "{error}");
    field
}
fn key() -> Key {
    Key::new(&Scope::default(), Kind::Classic, "u", "c").expect("legal")
}
fn stored(offer: &Offer) -> Assignment {
    offer.join(None, Timestamp::from_millis(2_000)).claimed.held.expect("created")
}
fn shown(value: Value, dialect: Dialect) -> Value {
    let offer = parse(value).offer(key(), ClaimId(1), Timestamp::default());
    serde_json::to_value(Record::shown(&offer.key, &stored(&offer), dialect)).expect("JSON")
}

#[test]
fn goal_lists_of_every_sdk_are_read() {
    assert_eq!(goals(json!({"goalIdentifier": "a_vwo_b"})), ["a", "b"]);
    assert_eq!(goals(json!({"goalIdentifiers": "a_vwo_b"})), ["a", "b"], "vwo-python-sdk");
    assert_eq!(goals(json!({"goalIdentifier": "a_vwo_b", "goalIdentifiers": "b_vwo_c"})), ["a", "b", "c"], "both");
    assert_eq!(goals(json!({"goalIdentifier": "a_vwo_"})), ["a"], "vwo-java-sdk ends with a delimiter");
    assert_eq!(goals(json!({"goalIdentifier": "_vwo_a_vwo__vwo_b_vwo_a"})), ["a", "b"], "doubled, and named twice");
    for nothing in [json!({}), json!({"goalIdentifier": null}), json!({"goalIdentifier": ""})] {
        assert_eq!(goals(nothing), [""; 0]);
    }
    assert_eq!(goals(json!({"goalIdentifier": "_vwo_"})), [""; 0]);
}

#[test]
fn null_is_absent() {
    let nulls = json!({
        "userId": null, "campaignKey": null, "variationName": null, "goalIdentifier": null, "metaData": null,
    });
    assert_eq!(parse(nulls), Record::default());
    assert_eq!(parse(json!({"x": null})).extra.expect("kept").to_value(), json!({"x": null}), "but not elsewhere");
}

#[test]
fn a_wrong_type_names_its_field() {
    for field in ["userId", "campaignKey", "variationName", "goalIdentifier", "goalIdentifiers"] {
        for wrong in [json!(1), json!(true), json!(["a"]), json!({"a": 1})] {
            assert_eq!(blamed(json!({ field: wrong })), field);
        }
    }
    let error = Record::parse(fields(json!({"userId": ["u"]}))).expect_err("wrong");
    assert_eq!(error.message(), "userId must be a string, not a list");
}

#[test]
fn what_is_too_long_or_empty_names_its_field_and_the_limit() {
    let long = "x".repeat(257);
    assert_eq!(blamed(json!({"variationName": long})), "variationName");
    assert_eq!(blamed(json!({"variationName": ""})), "variationName");
    assert_eq!(blamed(json!({"variationName": "a\u{0}b"})), "variationName");
    assert_eq!(blamed(json!({"goalIdentifier": format!("a_vwo_{long}")})), "goalIdentifier");
    assert_eq!(blamed(json!({"metaData": "x".repeat(16_383)})), "metaData");
    assert_eq!(blamed(json!({"metaData": {"a": ["\u{0}"]}})), "metaData");
    assert_eq!(blamed(json!({"metaData": {"a\u{0}": 1}})), "metaData");
    assert_eq!(blamed(json!({"metaData": "x".repeat(16_000), "extra": "x".repeat(400)})), "metaData", "together");
    parse(json!({"metaData": "x".repeat(16_382)}));
    let key = |user: &str, campaign: &str| {
        parse(json!({"userId": user, "campaignKey": campaign})).key(&Scope::default(), Kind::Classic)
    };
    key(&"x".repeat(1_024), &"x".repeat(256)).expect("the longest");
    assert_eq!(key(&"x".repeat(1_025), "c").expect_err("too long").field(), Some("userId"));
    assert_eq!(key("u", &long).expect_err("too long").field(), Some("campaignKey"));
    assert_eq!(key("", "c").expect_err("empty").message(), "userId must be 1 to 1024 bytes, not 0");
    let error = Record::default().key(&Scope::default(), Kind::Classic).expect_err("absent");
    assert_eq!(error.message(), "userId is missing");
}

#[test]
fn names_of_export_fields_are_reserved() {
    for field in ["assignedAt", "changedAt", "expiresAt", "kind"] {
        assert_eq!(blamed(json!({"variationName": "v", field: "x"})), field);
    }
}

#[test]
fn a_record_of_another_user_or_campaign_is_refused() {
    let must_match = |value| parse(value).must_match(&key());
    must_match(json!({})).expect("silent about both");
    must_match(json!({"userId": "u", "campaignKey": "c"})).expect("the same");
    assert_eq!(must_match(json!({"userId": "U"})).expect_err("another").field(), Some("userId"));
    assert_eq!(must_match(json!({"campaignKey": "d"})).expect_err("another").field(), Some("campaignKey"));
}

#[test]
fn what_was_set_is_shown_in_the_readers_dialect() {
    let record = json!({
        "userId": "u", "campaignKey": "c", "variationName": "v", "goalIdentifier": "b_vwo_a",
        "metaData": {"é": [1, 1.5, null]}, "source": {"deep": [{}]}, "__proto__": null,
    });
    assert_eq!(shown(record.clone(), Dialect::Documented), record, "unknown fields are kept whole");
    let mut python = fields(shown(record, Dialect::Python));
    assert_eq!(python.remove("goalIdentifier"), None);
    assert_eq!(python.remove("goalIdentifiers"), Some(json!("b_vwo_a")));
    let bare = json!({"userId": "u", "campaignKey": "c", "variationName": "v"});
    assert_eq!(shown(bare.clone(), Dialect::Documented), bare, "nothing is made up");
}

#[test]
fn a_line_keeps_its_times_through_import_and_export() {
    let line = json!({
        "userId": "u", "campaignKey": "c", "variationName": "v", "goalIdentifier": "a", "metaData": 1, "x": true,
        "assignedAt": "1970-01-01T00:00:00.001Z", "changedAt": "1970-01-01T00:00:01.500Z",
        "expiresAt": "2026-01-31T12:00:00.000Z",
    });
    for without in ["", "expiresAt", "metaData"] {
        let mut line = line.clone();
        fields_mut(&mut line).remove(without);
        let offer = Line::parse(fields(line.clone())).expect("a line");
        let offer = offer.offer(&Scope::default(), ClaimId(1), Timestamp::from_millis(9)).expect("an offer");
        assert_eq!(serde_json::to_value(Line::shown(&offer.key, &stored(&offer))).expect("JSON"), line, "-{without}");
    }
}

#[test]
fn the_last_moment_of_all_can_be_exported_and_imported() {
    let record = json!({"userId": "u", "campaignKey": "c", "variationName": "v"});
    let offer = parse(record).offer(key(), ClaimId(1), Timestamp::default());
    let held = Assignment { expires_at: Some(Timestamp::MAX), ..stored(&offer) };
    let line = serde_json::to_value(Line::shown(&offer.key, &held)).expect("JSON");
    assert_eq!(line["expiresAt"], "9999-12-30T21:59:59.999Z");
    assert_eq!(Line::parse(fields(line)).expect("a line").expires_at, Some(Timestamp::MAX));
}

#[test]
fn a_line_may_be_a_bare_record() {
    let line = json!({"userId": "u", "campaignKey": "c", "variationName": "v"});
    let offer = Line::parse(fields(line)).expect("a line");
    let offer = offer.offer(&Scope::default(), ClaimId(1), Timestamp::from_millis(9)).expect("an offer");
    assert_eq!((offer.imported, offer.decided_at.as_millis(), offer.key.kind()), (None, 9, Kind::Classic));
}

#[test]
fn a_wrong_line_names_its_field() {
    let good = json!({"userId": "u", "campaignKey": "c", "variationName": "v"});
    let wrong = [
        ("kind", json!("other")),
        ("kind", json!(1)),
        ("assignedAt", json!("yesterday")),
        ("changedAt", json!(12)),
        ("expiresAt", json!("1969-12-31T23:59:59.999Z")),
        ("expiresAt", json!("9999-12-31T23:59:59.999Z")),
        ("variationName", Value::Null),
    ];
    for (field, value) in wrong {
        let mut line = good.clone();
        fields_mut(&mut line).insert(field.into(), value.clone());
        let error = Line::parse(fields(line)).err().unwrap_or_else(|| panic!("{field}: {value} was accepted"));
        assert_eq!(error.field(), Some(field));
        assert!(error.message().contains(field), "{error}");
    }
    let nobody = Line::parse(fields(json!({"variationName": "v"}))).expect("who is told later");
    let error = nobody.offer(&Scope::default(), ClaimId(1), Timestamp::default()).expect_err("nobody");
    assert_eq!(error.field(), Some("userId"));
}

#[test]
fn equal_documents_are_equal_whatever_their_spelling() {
    let one: Value = serde_json::from_str(r#"{"metaData": {"b": 1, "a": [1.50, "\u00e9"]}}"#).expect("JSON");
    let other: Value = serde_json::from_str(r#"{"metaData":{"a":[1.5,"é"],"b":1}}"#).expect("JSON");
    assert_eq!(parse(one).meta_data, parse(other).meta_data);
}

#[test]
fn what_is_printed_by_accident_names_no_user_and_no_content() {
    let record = parse(json!({"userId": "secret", "campaignKey": "c", "metaData": "secret", "x": "secret"}));
    let key = record.key(&Scope::default(), Kind::Classic).expect("a key");
    let offer = record.clone().offer(key, ClaimId(1), Timestamp::default());
    assert!(!format!("{offer:?}").contains("secret"), "{offer:?}");
}

fn fields_mut(value: &mut Value) -> &mut Map<String, Value> {
    value.as_object_mut().expect("an object")
}
