//! Tracking calls as they arrive: paths, parameters in order, headers, bodies.
use super::{
    collector::Collector,
    scene::{client, plain, settings, store},
};
use stayput_sdk::{Batch, Json, Options, Pushed};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

// From the account id and the user id alone, as in the vectors of the official SDK.
const ASHLEY: &str = "A46F7AA3A53150368683EE064793BAFD";

#[tokio::test]
async fn a_visitor_and_a_goal_are_told_as_the_official_sdk_tells_them() {
    let collector = Collector::start().await;
    let client =
        client(&settings("B", ""), &collector).sdk("vwo-node-sdk", "1.73.0").store(store()).start().await.unwrap();
    let options = Options::default().user_agent("Mozilla/5.0 (X11)").user_ip_address("1.2.3.4").revenue(12.5);
    assert_eq!(client.activate("ab", "Ashley", &options).await.unwrap().as_deref(), Some("B"));
    assert_eq!(client.flush_events().await.unwrap().waiting, 0);
    assert_eq!(client.track("ab", "Ashley", "r", &options).await.unwrap(), Some(vec![("ab".into(), true)]));
    assert_eq!(client.flush_events().await.unwrap().waiting, 0);
    let [visitor, goal] = collector.received().try_into().unwrap();
    assert_eq!(
        visitor.target,
        format!(
            "/server-side/track-user?experiment_id=7&combination=2&visitor_ua=Mozilla%2F5.0%20(X11)&visitor_ip=1.2.3.4&\
             sId=1700000000&u={ASHLEY}&sdk=vwo-node-sdk&sdk-v=1.73.0&env=key&account_id=888888&random=0.5&ap=server&\
             ss=1&_l=1&ed={{%22p%22:%22server%22}}&"
        )
    );
    assert_eq!(
        goal.target,
        format!(
            "/server-side/track-goal?experiment_id=7&combination=2&sId=1700000000&u={ASHLEY}&sdk=vwo-node-sdk&\
             sdk-v=1.73.0&env=key&account_id=888888&random=0.5&ap=server&visitor_ua=Mozilla%2F5.0%20(X11)&\
             visitor_ip=1.2.3.4&goal_id=2&r=12.5&"
        )
    );
    for call in [visitor, goal] {
        assert_eq!((call.method.as_str(), call.body.as_str()), ("GET", ""));
        assert!(call.headers["x-device-user-agent"].starts_with("Mozilla"), "{:?}", call.headers);
        assert_eq!(call.headers["vwo-x-forwarded-for"], "1.2.3.4");
    }
}

#[tokio::test]
async fn the_name_and_version_are_ours_unless_said_otherwise() {
    let collector = Collector::start().await;
    let client = client(&settings("B", r#","collectionPrefix":"eu01""#), &collector).start().await.unwrap();
    client.activate("ab", "Ashley", &plain()).await.unwrap();
    client.flush_events().await.unwrap();
    let [visitor] = collector.received().try_into().unwrap();
    assert!(visitor.target.starts_with("/eu01/server-side/track-user?"), "{visitor:?}");
    assert!(visitor.target.contains(&format!("&sdk=stayput-sdk&sdk-v={}&", env!("CARGO_PKG_VERSION"))), "{visitor:?}");
}

#[tokio::test]
async fn several_campaigns_are_told_in_one_batch() {
    let collector = Collector::start().await;
    let client = client(&settings("B", ""), &collector).store(store()).start().await.unwrap();
    client.activate("ab", "Ashley", &plain()).await.unwrap();
    client.is_feature_enabled("feature", "Ashley", &plain()).await.unwrap();
    client.flush_events().await.unwrap();
    let counted = client.track(&["ab", "feature", "nothing"], "Ashley", "g", &plain()).await.unwrap();
    assert_eq!(counted, Some(vec![("ab".into(), true), ("feature".into(), true), ("nothing".into(), false)]));
    client.flush_events().await.unwrap();
    let batch = collector.received().pop().unwrap();
    assert_eq!((batch.method.as_str(), batch.headers["authorization"].as_str()), ("POST", "key"));
    let version = env!("CARGO_PKG_VERSION");
    let target = format!("/server-side/batch-events?a=888888&ss=1&_l=1&sdk=stayput-sdk&sdk-v={version}&env=key&");
    assert_eq!(batch.target, target);
    let item = |id: u32| {
        format!(r#"{{"e":{id},"c":2,"sId":1700000000,"u":"{ASHLEY}","eT":2,"visitor_ua":"","visitor_ip":"","g":1}}"#)
    };
    assert_eq!(batch.body, format!(r#"{{"ev":[{},{}]}}"#, item(7), item(8)));
}

#[tokio::test]
async fn an_account_of_the_event_architecture_is_told_by_posts() {
    let collector = Collector::start().await;
    let client = client(&settings("B", r#","isEventArchEnabled":true"#), &collector).start().await.unwrap();
    client.activate("ab", "Ashley", &plain()).await.unwrap();
    client.flush_events().await.unwrap();
    let options = Options::default().event_properties([("page", "cart")]);
    client.track("ab", "Ashley", "g", &options).await.unwrap();
    client.flush_events().await.unwrap();
    assert_eq!(client.push("plan", "pro", "Ashley").await.unwrap(), Pushed::Success);
    client.flush_events().await.unwrap();
    let [visitor, goal, push] = collector.received().try_into().unwrap();
    let (version, now) = (env!("CARGO_PKG_VERSION"), super::scene::NOW);
    assert_eq!(
        visitor.target,
        format!(
            "/events/t?en=vwo_variationShown&a=888888&env=key&eTime={now}&random=0.5&p=FS&visitor_ua=&visitor_ip=&"
        )
    );
    let body = |name: &str, props: &str, visitor: &str| {
        format!(
            r#"{{"d":{{"msgId":"{ASHLEY}-{now}","visId":"{ASHLEY}","sessionId":1700000000,"event":{{"props":{{"vwo_sdkName":"stayput-sdk","vwo_sdkVersion":"{version}","vwo_envKey":"key",{props}}},"name":"{name}","time":{now}}},"visitor":{{"props":{{"vwo_fs_environment":"key"{visitor}}}}}}}}}"#
        )
    };
    assert_eq!(visitor.body, body("vwo_variationShown", r#""id":7,"variation":2,"isFirst":1"#, ""));
    let props = r#""vwoMeta":{"metric":{"id_7":["g_1"]}},"isCustomEvent":true,"page":"cart""#;
    assert_eq!(goal.body, body("g", props, ""));
    assert_eq!(push.body, body("vwo_syncVisitorProp", r#""isCustomEvent":true"#, r#","plan":"pro""#));
    assert_eq!(push.headers["user-agent"], "stayput-sdk");
}

#[tokio::test]
async fn a_batch_goes_when_it_is_full_and_when_it_is_flushed_and_its_callback_hears_of_it() {
    let (collector, told) = (Collector::start().await, Arc::new(Mutex::new(Vec::new())));
    let heard = told.clone();
    let batch = Batch::default()
        .events_per_request(2)
        .flush_callback(move |result, body| heard.lock().unwrap().push((result.is_ok(), body.len())));
    let client = client(&settings("B", ""), &collector).batch(batch).start().await.unwrap();
    for user in ["u1", "u2", "u3"] {
        client.activate("ab", user, &plain()).await.unwrap();
    }
    let full = collector.first(1).await.remove(0);
    assert_eq!(Json::parse(full.body.as_bytes()).unwrap().get("ev").unwrap().as_array().unwrap().len(), 2);
    assert!(full.target.contains("?a=888888&eb=1&_l=1&"), "{full:?}");
    assert!(client.flush_events().await.unwrap().batch);
    assert_eq!(collector.received().len(), 2);
    assert!(!client.flush_events().await.unwrap().batch, "nothing is left to flush");
    collector.script(|_| (500, String::new()));
    client.push("plan", "pro", "u1").await.unwrap();
    assert_eq!(client.shutdown(Duration::from_secs(10)).await, 0);
    let told = told.lock().unwrap().clone();
    assert_eq!(told.iter().map(|(accepted, _)| *accepted).collect::<Vec<_>>(), [true, true, false]);
}

#[tokio::test]
async fn tags_are_pushed_one_by_one_or_together() {
    let collector = Collector::start().await;
    let client = client(&settings("B", ""), &collector).start().await.unwrap();
    assert_eq!(client.push("a b", "c", "Ashley").await.unwrap(), Pushed::Keys(vec!["a b".into()]));
    client.flush_events().await.unwrap();
    let tags = [("x", Json::from("1")), ("y", Json::from(2.0))];
    assert_eq!(client.push_all(tags, "Ashley").await.unwrap(), Pushed::Keys(vec!["x".into(), "y".into()]));
    assert_eq!(client.push("", "c", "Ashley").await.unwrap(), Pushed::Refused);
    client.flush_events().await.unwrap();
    let [one, two] = collector.received().try_into().unwrap();
    assert!(one.target.ends_with("&ap=server&tags={%22u%22:{%22a%20b%22:%22c%22}}&"), "{one:?}");
    assert!(two.target.starts_with("/server-side/batch-events?") && two.body.matches("eT").count() == 2, "{two:?}");
}

#[tokio::test]
async fn in_development_nothing_is_sent_and_everything_else_works() {
    let (collector, store) = (Collector::start().await, store());
    let launcher = client(&settings("B", ""), &collector).store(store.clone()).development_mode(true);
    let client = launcher.start().await.unwrap();
    assert_eq!(client.activate("ab", "Ashley", &plain()).await.unwrap().as_deref(), Some("B"));
    assert_eq!(client.track("ab", "Ashley", "g", &plain()).await.unwrap(), Some(vec![("ab".into(), true)]));
    assert_eq!(client.track("ab", "Ashley", "g", &plain()).await.unwrap(), Some(vec![("ab".into(), false)]));
    client.flush_events().await.unwrap();
    assert_eq!(collector.received().len(), 0);
}
