//! What both methods promise, whoever calls them.
use crate::{flaky::Flaky, object, parsed, record, variation};
use serde_json::json;
use stayput::{
    Dialect, ErrorKind, Kind, Outcome, Record, Scope,
    backends::Memory,
    uss::{Options, UserStorage},
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::runtime::{Handle, Runtime};

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn over_memory(runtime: &Runtime) -> UserStorage {
    UserStorage::new(Arc::new(Memory::default()), runtime.handle().clone(), Options::default())
}

#[test]
fn a_get_shows_what_was_set_and_nobody_elses_record() {
    let runtime = runtime();
    let storage = over_memory(&runtime);
    assert!(storage.get("ann", "a:b").unwrap().is_none());
    storage.set(record("ann", "a:b", "Control")).unwrap();
    storage.set(record("X", "Y", "Variation-1")).unwrap();

    let found = storage.get("ann", "a:b").unwrap().unwrap();
    let shown = serde_json::to_value(&found).unwrap();
    assert_eq!(shown, json!({"userId": "ann", "campaignKey": "a:b", "variationName": "Control"}));
    for (user, campaign) in [("b:ann", "a"), ("ann", "Y"), ("X", "a:b"), ("Ann", "a:b")] {
        assert!(storage.get(user, campaign).unwrap().is_none(), "{user} in {campaign}");
    }
}

#[test]
fn scopes_and_kinds_of_one_store_do_not_meet() {
    let (runtime, store) = (runtime(), Arc::new(Memory::default()));
    let of = |scope: &str, kind| {
        let options = Options { scope: Scope::new(scope).unwrap(), kind, ..Options::default() };
        UserStorage::new(store.clone(), runtime.handle().clone(), options)
    };
    let storages = [of("live", Kind::Classic), of("test", Kind::Classic), of("live", Kind::Fme)];
    for (storage, name) in storages.iter().zip(["A", "B", "C"]) {
        assert_eq!(storage.set(record("ann", "AB", name)).unwrap().outcome, Outcome::Created);
    }
    // Read all before setting all: what a thread remembers must not cross either.
    for (storage, name) in storages.iter().zip(["A", "B", "C"]) {
        assert_eq!(variation(&storage.get("ann", "AB").unwrap()), Some(name));
    }
    for storage in &storages {
        assert_eq!(storage.set(record("ann", "AB", "D")).unwrap().outcome, Outcome::Replaced);
    }
}

#[test]
fn two_stores_of_one_process_do_not_share_what_a_thread_read() {
    let runtime = runtime();
    let storages = [over_memory(&runtime), over_memory(&runtime)];
    storages.iter().for_each(|storage| drop(storage.set(record("ann", "AB", "Gone")).unwrap()));
    storages.iter().for_each(|storage| drop(storage.get("ann", "AB").unwrap()));
    for storage in &storages {
        assert_eq!(storage.set(record("ann", "AB", "Control")).unwrap().outcome, Outcome::Replaced);
    }
}

#[test]
fn each_sdk_is_answered_in_its_own_spelling_and_understood_in_both() {
    let (runtime, store) = (runtime(), Arc::new(Memory::default()));
    let of =
        |dialect| UserStorage::new(store.clone(), runtime.handle().clone(), Options { dialect, ..Options::default() });
    let (node, python) = (of(Dialect::Documented), of(Dialect::Python));
    let tracked = |field: &str, goals: &str| {
        parsed(json!({"userId": "ann", "campaignKey": "AB", "variationName": "Control", field: goals}))
    };
    node.set(tracked("goalIdentifier", "g1_vwo_")).unwrap();
    python.set(tracked("goalIdentifiers", "g1_vwo_g2")).unwrap();

    let shown = |storage: &UserStorage| serde_json::to_value(storage.get("ann", "AB").unwrap().unwrap()).unwrap();
    assert_eq!(shown(&node)["goalIdentifier"], "g1_vwo_g2");
    assert_eq!(shown(&python)["goalIdentifiers"], "g1_vwo_g2");
    assert!(shown(&node).get("goalIdentifiers").is_none() && shown(&python).get("goalIdentifier").is_none());
}

#[test]
fn what_no_store_could_keep_is_refused_by_name() {
    let runtime = runtime();
    let storage = over_memory(&runtime);
    let field = |answer: stayput::Result<_>| answer.err().and_then(|error| error.field());
    assert_eq!(field(storage.get("", "AB").map(drop)), Some("userId"));
    assert_eq!(field(storage.get("ann", "A\0").map(drop)), Some("campaignKey"));
    let set = |record| storage.set(Record::parse(object(record))?).map(drop);
    assert_eq!(field(set(json!({"campaignKey": "AB", "variationName": "Control"}))), Some("userId"));
    assert_eq!(field(set(json!({"userId": "ann", "variationName": "Control"}))), Some("campaignKey"));
    assert_eq!(field(set(json!({"userId": "ann", "campaignKey": "AB", "variationName": 7}))), Some("variationName"));
    assert!(storage.get("ann", "AB").unwrap().is_none());
}

#[test]
fn a_set_whose_answer_was_lost_is_repeated_once_as_the_same_claim() {
    let (runtime, store) = (runtime(), Arc::new(Flaky::default()));
    let storage = UserStorage::new(store.clone(), runtime.handle().clone(), Options::default());
    let goal = |goal: &str| {
        parsed(json!({"userId": "ann", "campaignKey": "AB", "variationName": "Control", "goalIdentifier": goal}))
    };
    store.answers.store(1, Ordering::SeqCst);
    let claimed = storage.set(goal("g1")).unwrap();
    assert_eq!((claimed.outcome, claimed.new_goals.len()), (Outcome::Created, 1), "the goal counts although repeated");
    let claims: Vec<_> = store.offers.lock().unwrap().iter().map(|offer| offer.claim).collect();
    assert_eq!(claims, [claims[0]; 2]);

    // Every set is a claim of its own; one that fails twice fails; one that cannot succeed is not repeated.
    store.answers.store(2, Ordering::SeqCst);
    assert_eq!(storage.set(goal("g2")).unwrap_err().kind(), ErrorKind::Timeout);
    *store.refuses.lock().unwrap() = true;
    store.answers.store(1, Ordering::SeqCst);
    assert_eq!(storage.set(goal("g3")).unwrap_err().kind(), ErrorKind::Refused);
    let claims: Vec<_> = store.offers.lock().unwrap().iter().map(|offer| offer.claim).collect();
    assert_eq!(claims.len(), 5);
    assert!(claims[0] != claims[2] && claims[2] == claims[3] && claims[3] != claims[4]);
}

#[test]
fn a_store_that_has_to_wait_is_waited_for_on_any_thread() {
    let (runtime, store) = (runtime(), Arc::new(Flaky::default()));
    *store.takes.lock().unwrap() = Some(Duration::from_millis(1));
    let storage = Arc::new(UserStorage::new(store, runtime.handle().clone(), Options::default()));
    storage.set(record("ann", "AB", "Control")).unwrap();
    let read = move |storage: &UserStorage| variation(&storage.get("ann", "AB").unwrap()).map(String::from);
    let control = Some("Control".to_owned());

    assert_eq!(read(&storage), control, "a plain thread");
    let shared = storage.clone();
    let within = runtime.block_on(async { Handle::current().spawn_blocking(move || read(&shared)).await.unwrap() });
    assert_eq!(within, control, "a blocking thread of the runtime");
    let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(other.block_on(async { read(&storage) }), control, "a task of another runtime");
}
