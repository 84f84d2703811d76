//! Storages of the user's own: two methods, as VWO documents them.
use super::{
    collector::Collector,
    scene::{client, plain, settings},
};
use stayput_sdk::{BoxFuture, Json, Options, Policy, StorageError, UserRecord, UserStorage};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

#[derive(Debug, Default)]
struct Table {
    records: Mutex<HashMap<(String, String), UserRecord>>,
    log: Mutex<Vec<String>>,
    unreadable: AtomicBool,
    unwritable: AtomicBool,
}

impl UserStorage for Table {
    fn get<'a>(&'a self, user: &'a str, campaign: &'a str) -> BoxFuture<'a, Result<Option<UserRecord>, StorageError>> {
        Box::pin(async move {
            self.log.lock().unwrap().push(format!("get {campaign}"));
            if self.unreadable.load(Ordering::SeqCst) {
                return Err("the table is gone".into());
            }
            Ok(self.records.lock().unwrap().get(&(user.to_owned(), campaign.to_owned())).cloned())
        })
    }
    fn set(&self, record: UserRecord) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(async move {
            self.log.lock().unwrap().push(format!("set {}", serde_json::to_string(&record)?));
            if self.unwritable.load(Ordering::SeqCst) {
                return Err("the table is full".into());
            }
            let key = (record.user_id.clone(), record.campaign_key.clone());
            self.records.lock().unwrap().insert(key, record);
            Ok(())
        })
    }
}

#[tokio::test]
async fn two_methods_are_enough_to_stick_and_goals_grow() {
    let (collector, table) = (Collector::start().await, Arc::new(Table::default()));
    let before = client(&settings("Control", ""), &collector).user_storage(table.clone()).start().await.unwrap();
    let options = Options::default().meta_data([("plan", "pro")]);
    assert_eq!(
        before.track("ab", "u", "g", &plain()).await.unwrap(),
        Some(vec![("ab".into(), false)]),
        "not activated"
    );
    assert_eq!(before.activate("ab", "u", &options).await.unwrap().as_deref(), Some("Control"));
    let after = client(&settings("B", ""), &collector).user_storage(table.clone()).start().await.unwrap();
    assert_eq!(after.activate("ab", "u", &plain()).await.unwrap().as_deref(), Some("Control"));
    for (goal, counts) in [("g", true), ("g", false), ("every", true), ("g", false)] {
        assert_eq!(after.track("ab", "u", goal, &plain()).await.unwrap(), Some(vec![("ab".into(), counts)]), "{goal}");
    }
    let record = |more: &str| {
        format!(
            r#"set {{"userId":"u","variationName":"Control","campaignKey":"ab"{more},"metaData":{{"plan":"pro"}}}}"#
        )
    };
    let (first, second) = (record(r#","goalIdentifier":"g""#), record(r#","goalIdentifier":"g_vwo_every""#));
    let log = table.log.lock().unwrap().clone();
    let (get, none) = ("get ab".to_owned(), record(""));
    let expected = [&get, &get, &none, &get, &get, &first, &get, &get, &second, &get];
    assert_eq!(log.iter().collect::<Vec<_>>(), expected);
    after.flush_events().await.unwrap();
    before.flush_events().await.unwrap();
    assert_eq!(collector.received().len(), 3, "one visitor, two conversions");
}

#[tokio::test]
async fn a_record_of_somebody_else_is_no_record() {
    let (collector, table) = (Collector::start().await, Arc::new(Table::default()));
    let record: UserRecord =
        serde_json::from_str(r#"{"userId":"other","variationName":"Control","campaignKey":"ab"}"#).unwrap();
    table.records.lock().unwrap().insert(("u".into(), "ab".into()), record);
    let client = client(&settings("B", ""), &collector).user_storage(table.clone()).start().await.unwrap();
    assert_eq!(client.activate("ab", "u", &plain()).await.unwrap().as_deref(), Some("B"));
}

#[tokio::test]
async fn a_storage_that_cannot_be_read_is_not_written_to() {
    let (collector, table) = (Collector::start().await, Arc::new(Table::default()));
    let client = client(&settings("B", ""), &collector).user_storage(table.clone()).start().await.unwrap();
    table.unreadable.store(true, Ordering::SeqCst);
    assert_eq!(client.activate("ab", "u", &plain()).await.unwrap().as_deref(), Some("B"));
    let counted = client.track("ab", "u", "g", &plain()).await.unwrap();
    assert_eq!(counted, Some(vec![("ab".into(), false)]), "it may have been counted before");
    assert!(table.log.lock().unwrap().iter().all(|entry| entry == "get ab"));
    assert_eq!((client.stats().failed_reads, client.stats().answered_without_sticking), (2, 2));
}

#[tokio::test]
async fn a_storage_that_cannot_be_written_to_is_a_matter_of_policy() {
    for (policy, expected) in [(Policy::Bucket, Some("B")), (Policy::Control, Some("Control")), (Policy::Error, None)] {
        let (collector, table) = (Collector::start().await, Arc::new(Table::default()));
        table.unwritable.store(true, Ordering::SeqCst);
        let launcher = client(&settings("B", ""), &collector).user_storage(table.clone()).policy(policy);
        let answer = launcher.start().await.unwrap().activate("ab", "u", &plain()).await;
        assert_eq!(answer.ok().flatten().as_deref(), expected);
    }
}

#[test]
fn records_have_the_documented_form() {
    let text = r#"{"userId":"u","variationName":"B","campaignKey":"ab","goalIdentifier":"g","metaData":{"a":1}}"#;
    let record: UserRecord = serde_json::from_str(text).unwrap();
    assert_eq!(record.meta_data.as_ref().and_then(|data| data.get("a")), Some(&Json::from(1.0)));
    assert_eq!(serde_json::to_string(&record).unwrap(), text);
}
