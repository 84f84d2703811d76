//! Settings from the endpoint: at launch, on demand, and polled.
use super::{
    collector::Collector,
    scene::{client, plain, quick, settings},
};
use stayput_sdk::{Account, launch, settings_file_from};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

fn account() -> Account {
    Account { id: "888888".into(), sdk_key: "key".into() }
}

#[tokio::test]
async fn a_client_is_launched_with_what_the_endpoint_answers_even_if_that_takes_several_tries() {
    let (collector, asked) = (Collector::start().await, AtomicU32::new(0));
    collector.script(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => (500, String::new()),
        _ => (200, settings("B", "")),
    });
    let launcher = launch(account()).endpoint(&collector.url).random(|| 0.5).queueing(quick());
    let client = launcher.sdk("vwo-node-sdk", "1.73.0").development_mode(true).start().await.unwrap();
    assert_eq!(client.activate("ab", "u", &plain()).await.unwrap().as_deref(), Some("B"));
    let expected = "/server-side/settings?a=888888&i=key&r=0.5&platform=server&sdk=vwo-node-sdk&sdk-v=1.73.0";
    assert_eq!(collector.received()[0].target, expected);
    assert_eq!(settings_file_from(&collector.url, &account()).await.unwrap(), settings("B", ""));
}

#[tokio::test]
async fn settings_that_cannot_be_used_say_why() {
    let collector = Collector::start().await;
    collector.script(|_| (200, r#"{"accountId":1}"#.to_owned()));
    let error = launch(account()).endpoint(&collector.url).queueing(quick()).start().await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (stayput::ErrorKind::Invalid, Some("settings")), "{error}");
    let error = launch(settings("B", "")).endpoint("localhost").start().await.unwrap_err();
    assert_eq!(error.field(), Some("endpoint"));
    let error = launch("no JSON").start().await.unwrap_err();
    assert!(error.to_string().contains("JSON"), "{error}");
    let error =
        launch(settings("B", "").replace(r#""sdkKey":"key","#, "")).polling(Duration::from_secs(1)).start().await;
    assert_eq!(error.unwrap_err().field(), Some("sdkKey"));
}

#[tokio::test]
async fn settings_are_pulled_on_demand() {
    let collector = Collector::start().await;
    let client = client(&settings("Control", ""), &collector).start().await.unwrap();
    assert_eq!(client.activate("ab", "u", &plain()).await.unwrap().as_deref(), Some("Control"));
    collector.script(|_| (200, settings("B", "")));
    assert_eq!(client.get_and_update_settings_file(None).await.unwrap(), settings("B", ""));
    assert_eq!(client.activate("ab", "u", &plain()).await.unwrap().as_deref(), Some("B"));
    let pulled = collector.received().into_iter().find(|call| call.target.starts_with("/server-side/pull?")).unwrap();
    assert!(pulled.target.starts_with("/server-side/pull?a=888888&i=key&r=0.5&platform=server&sdk="), "{pulled:?}");
    collector.script(|_| (200, "{}".to_owned()));
    assert!(client.get_and_update_settings_file(None).await.is_err());
    assert_eq!(client.activate("ab", "u", &plain()).await.unwrap().as_deref(), Some("B"), "the old ones stay");
    assert_eq!((client.stats().settings_replaced, client.stats().settings_refused), (1, 1));
}

#[tokio::test]
async fn polled_settings_are_taken_when_they_change() {
    let (collector, now) = (Collector::start().await, Arc::new(Mutex::new(settings("Control", ""))));
    let answer = now.clone();
    collector.script(move |_| (200, answer.lock().unwrap().clone()));
    let launcher =
        client(&settings("Control", ""), &collector).polling(Duration::from_millis(5)).development_mode(true);
    let client = launcher.start().await.unwrap();
    collector.first(3).await;
    assert_eq!(client.stats().settings_replaced, 0, "the same text is no news");
    *now.lock().unwrap() = "rubbish".to_owned();
    let asked = collector.received().len();
    collector.first(asked + 4).await;
    assert_eq!(client.stats().settings_refused, 1, "looked at once");
    *now.lock().unwrap() = settings("B", "");
    let asked = collector.received().len();
    collector.first(asked + 4).await;
    assert_eq!(client.activate("ab", "u", &plain()).await.unwrap().as_deref(), Some("B"));
    assert_eq!(client.stats().settings_replaced, 1);
}

#[tokio::test]
async fn what_the_official_sdk_reads_at_launch_alone_stays_as_it_was() {
    let even = |more: &str| {
        settings("B", more).replace(r#""weight":100"#, r#""weight":50"#).replace(r#""weight":0"#, r#""weight":50"#)
    };
    let collector = Collector::start().await;
    let client = client(&even(""), &collector).start().await.unwrap();
    let changed = even(r#","isNBv2":true,"collectionPrefix":"eu01""#);
    let answer = changed.clone();
    collector.script(move |_| (200, answer.clone()));
    client.get_and_update_settings_file(None).await.unwrap();
    let launched_so = launch(changed).development_mode(true).start().await.unwrap();
    let before = launch(even("")).development_mode(true).start().await.unwrap();
    let mut differ = 0;
    for user in 0..50 {
        let user = format!("u{user}");
        let seen = client.activate("ab", &user, &plain()).await.unwrap();
        assert_eq!(seen, before.activate("ab", &user, &plain()).await.unwrap());
        differ += usize::from(seen != launched_so.activate("ab", &user, &plain()).await.unwrap());
    }
    assert!(differ > 0, "the flag means nothing here");
    client.flush_events().await.unwrap();
    assert!(collector.received().pop().unwrap().target.starts_with("/server-side/track-user?"));
}
