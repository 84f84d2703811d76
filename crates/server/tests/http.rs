//! Every public route, asked by a client.
#[path = "support/live.rs"]
mod live;

use live::{Binary, Live};
use serde_json::{Value, json};

const PLACE: &str = "/v1/users/u/campaigns/c";

#[test]
fn the_first_variation_stays_and_goals_grow() {
    let live = Live::start();
    assert_eq!(live.call("GET", PLACE, "").error(), (404, "absent".into(), "".into()));
    let first =
        live.call("PUT", PLACE, r#"{"variationName":"A","goalIdentifier":"x","metaData":{"k":[1]},"more":true}"#);
    let held = json!({"userId":"u","campaignKey":"c","variationName":"A","goalIdentifier":"x","metaData":{"k":[1]},
        "more":true});
    assert_eq!(first.json(), json!({"outcome": "created", "newGoals": ["x"], "held": held}));
    let second = live.call("PUT", PLACE, r#"{"variationName":"B","goalIdentifier":"x_vwo_y"}"#).json();
    assert_eq!((&second["outcome"], &second["newGoals"]), (&json!("kept"), &json!(["y"])));
    let read = live.call("GET", PLACE, "");
    assert_eq!((read.status, &read.json()), (200, &second["held"]));
    assert_eq!(read.json()["goalIdentifier"], "x_vwo_y");
    assert_eq!(read.header("content-type"), Some("application/json"));
}

#[test]
fn over_replaces_only_the_holder_that_the_etag_names() {
    let live = Live::start();
    live.call("PUT", PLACE, r#"{"variationName":"A","claimId":"ab"}"#);
    let read = live.call("GET", PLACE, "");
    assert_eq!(read.header("etag"), Some("\"00000000000000ab-1\""));
    let wrong = live.call("PUT", PLACE, r#"{"variationName":"B","over":"A","overBy":"cd"}"#);
    assert_eq!(wrong.json()["outcome"], "kept");
    let tag = json!({"variationName": "B", "over": "A", "overBy": read.header("etag"), "claimId": "ef"}).to_string();
    let right = live.call("PUT", PLACE, &tag);
    assert_eq!(right.json()["outcome"], "replaced");
    assert_eq!(right.header("etag"), Some("\"00000000000000ef-2\""));
    assert_eq!(live.call("PUT", PLACE, &tag).json(), right.json(), "a repeat is told the same");
    let late = live.call("PUT", PLACE, r#"{"variationName":"C","over":"A"}"#);
    assert_eq!(late.json()["outcome"], "kept");
}

#[test]
fn goals_alone_never_create() {
    let live = Live::start();
    let told = live.call("PUT", PLACE, r#"{"goalIdentifier":"x"}"#).json();
    assert_eq!(told, json!({"outcome": "unchanged", "newGoals": [], "held": null}));
    assert_eq!(live.call("GET", PLACE, "").status, 404);
}

#[test]
fn deleting_forgets_and_answers_the_same_again() {
    let live = Live::start();
    live.call("PUT", PLACE, r#"{"variationName":"A"}"#);
    for _ in 0..2 {
        let gone = live.call("DELETE", PLACE, "");
        assert_eq!((gone.status, gone.body.len()), (204, 0));
    }
    assert_eq!(live.call("GET", PLACE, "").status, 404);
}

#[test]
fn scopes_and_kinds_do_not_meet() {
    let live = Live::start();
    for query in ["", "?kind=fme", "?scope=one+two", "?scope=one%20two&kind=fme"] {
        let told = live.call("PUT", &format!("{PLACE}{query}"), r#"{"variationName":"A"}"#);
        assert_eq!(told.json()["outcome"], "created", "{query}");
    }
    let user = |query: &str| live.call("GET", &format!("/v1/users/u{query}"), "").json()["campaigns"].clone();
    assert_eq!(user("?kind=fme").as_array().map(Vec::len), Some(1));
    let receipt = live.call("DELETE", "/v1/users/u", "").json();
    assert_eq!(
        (&receipt["userId"], &receipt["scope"], &receipt["erased"]),
        (&json!("u"), &json!("default"), &json!(2))
    );
    assert!(receipt["erasedAt"].as_str().is_some_and(|time| time.ends_with('Z')), "{receipt}");
    assert_eq!(user(""), json!([]));
    assert_eq!(user("?scope=one+two").as_array().map(Vec::len), Some(1), "the other scope is untouched");
}

#[test]
fn records_of_fme_are_taken_and_shown_as_its_sdks_spell_them() {
    let live = Live::start();
    let place = "/v1/users/u/campaigns/f?kind=fme";
    let none = json!({"userId": "u", "featureKey": "f", "notInHoldoutId": [1]});
    let told = live.call("PUT", place, none.to_string()).json();
    assert_eq!(told, json!({"outcome": "created", "newGoals": ["notInHoldoutId:1"], "held": none}));
    let rollout =
        json!({"featureKey": "f", "featureId": 9, "rolloutId": 2, "rolloutKey": "r", "rolloutVariationId": 3});
    let told = live.call("PUT", place, rollout.to_string()).json();
    let mut held = rollout;
    (held["userId"], held["notInHoldoutId"]) = (json!("u"), json!([1]));
    assert_eq!((&told["outcome"], &told["held"]), (&json!("replaced"), &held));
    let other = json!({"rolloutId": 4, "rolloutVariationId": 5, "experimentId": null});
    assert_eq!(live.call("PUT", place, other.to_string()).json()["outcome"], "kept");
    let over = json!({"rolloutId": 4, "rolloutVariationId": 5, "over": "rollout:2:3"});
    assert_eq!(live.call("PUT", place, over.to_string()).json()["outcome"], "replaced");
    let key = json!({"userId": "u", "featureKey": "f"});
    let got = live.call("POST", "/v1/get?kind=fme", json!({ "keys": [key] }).to_string()).json();
    let left = json!({"userId": "u", "featureKey": "f", "featureId": 9, "rolloutId": 4, "rolloutVariationId": 5,
        "notInHoldoutId": [1]});
    assert_eq!(got["records"], json!([left]));
    let wrong = live.call("PUT", place, r#"{"rolloutId":4}"#).error();
    assert_eq!(wrong, (400, "invalid".into(), "rolloutVariationId".into()));
    assert_eq!(live.call("PUT", place, "{}").error().0, 400, "that says nothing");
    let line = String::from_utf8(live.call("GET", "/v1/export", "").body).expect("text");
    live.call("DELETE", "/v1/users/u", "");
    live.call("POST", "/v1/import", line);
    assert_eq!(live.call("GET", place, "").json(), left);
}

#[test]
fn a_user_is_all_campaigns_and_an_unknown_one_is_empty() {
    let live = Live::start();
    for campaign in ["b", "a"] {
        live.call("PUT", &format!("/v1/users/u/campaigns/{campaign}"), r#"{"variationName":"A"}"#);
    }
    let record = |campaign: &str| json!({"userId": "u", "campaignKey": campaign, "variationName": "A"});
    let told = live.call("GET", "/v1/users/u", "");
    assert_eq!(told.json(), json!({"userId": "u", "campaigns": [record("a"), record("b")]}));
    assert_eq!(live.call("GET", "/v1/users/v", "").json(), json!({"userId": "v", "campaigns": []}));
}

#[test]
fn batches_are_answered_in_order() {
    let live = Live::start();
    let record = |user: &str, variation: &str| json!({"userId": user, "campaignKey": "c", "variationName": variation});
    live.call("POST", "/v1/set", json!({"records": [record("2", "held")]}).to_string());
    let records = json!({"records": [record("3", "A"), record("1", "B"), record("2", "C")]});
    let told = live.call("POST", "/v1/set", records.to_string()).json();
    let outcomes: Vec<&Value> = told["results"].as_array().expect("a list").iter().map(|it| &it["outcome"]).collect();
    assert_eq!(outcomes, ["created", "created", "kept"]);
    let keys = ["2", "none", "3", "1", "3"].map(|user| json!({"userId": user, "campaignKey": "c"}));
    let told = live.call("POST", "/v1/get", json!({"keys": keys}).to_string()).json();
    assert_eq!(
        told["records"],
        json!([record("2", "held"), null, record("3", "A"), record("1", "B"), record("3", "A")])
    );
    assert_eq!(live.call("POST", "/v1/get", r#"{"keys":[]}"#).json(), json!({"records": []}));
    assert_eq!(live.call("POST", "/v1/set", r#"{"records":[]}"#).json(), json!({"results": []}));
}

#[test]
fn odd_ids_come_back_as_they_went() {
    let live = Live::start();
    let long = "é".repeat(512);
    let ids = [
        "a/b",
        "..",
        ".",
        "%2F",
        "é",
        "e\u{301}",
        "🦀",
        "with space",
        "+",
        "__proto__",
        "?#&=",
        "\u{1}",
        "\"\\",
        &long,
    ];
    for (at, id) in ids.iter().enumerate() {
        let encoded: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        // A campaign key may be odd too, but at most 256 bytes.
        let campaign = if id.len() > 256 { "c" } else { &*encoded };
        let target = format!("/v1/users/{encoded}/campaigns/{campaign}");
        let put = live.call("PUT", &target, json!({"variationName": format!("V{at}")}).to_string());
        assert_eq!(put.json()["outcome"], "created", "{id}");
        let read = live.call("GET", &target, "").json();
        assert_eq!((&read["userId"], &read["variationName"]), (&json!(id), &json!(format!("V{at}"))));
        let key = json!({"keys": [{"userId": id, "campaignKey": read["campaignKey"]}]});
        assert_eq!(live.call("POST", "/v1/get", key.to_string()).json()["records"][0], read, "{id}");
        assert_eq!(live.call("GET", &format!("/v1/users/{encoded}"), "").json()["campaigns"], json!([read]), "{id}");
    }
    // What is legal in a path as it is needs no escape.
    for raw in
        ["/v1/users/../campaigns/..", "/v1/users/./campaigns/.", "/v1/users/+/campaigns/+", "/v1/users/é/campaigns/é"]
    {
        assert_eq!(live.call("GET", raw, "").status, 200, "{raw}");
    }
}

#[test]
fn heads_and_probes_are_answered() {
    let live = Live::start();
    assert_eq!(live.call("GET", "/healthz", "").json(), json!({"status": "ok"}));
    assert_eq!(live.call("GET", "/readyz", "").json(), json!({"status": "ready", "breaker": "closed"}));
    live.call("PUT", PLACE, r#"{"variationName":"A"}"#);
    let head = live.call("HEAD", PLACE, "");
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn the_binary_serves_http_2_without_tls_too() {
    use http_body_util::{BodyExt, Full};
    use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    let binary = Binary::serve("memory:");
    let told = tokio::runtime::Runtime::new().expect("threads").block_on(async {
        let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Full<bytes::Bytes>>();
        let put = hyper::Request::put(format!("http://{}{PLACE}", binary.address));
        let put = put.body(r#"{"variationName":"A"}"#.into()).expect("a request");
        let response = client.request(put).await.expect("an answer");
        assert_eq!(response.version(), hyper::Version::HTTP_2);
        response.into_body().collect().await.expect("a body").to_bytes()
    });
    assert_eq!(serde_json::from_slice::<Value>(&told).expect("JSON")["outcome"], "created");
    assert_eq!(binary.call("GET", PLACE, "").json()["variationName"], "A");
}
