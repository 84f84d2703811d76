//! A connector over a store that fails on demand, with time that is set by hand.
use serde_json::{Map, Value, json};
use stayput::{
    Key, Kind, Scope, Timestamp,
    backends::Memory,
    connector::{Answer, Connector, Options, Stats},
    testing::{Faulty, ManualClock},
};
use std::{sync::Arc, thread, time::Duration};
use tokio::time::Instant;

/// Long enough for any machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Scene {
    pub(crate) store: Arc<Faulty<Memory>>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) connector: Connector,
}

pub(crate) fn scene() -> Scene {
    scene_with(Options { deadline: PATIENCE, ..Options::default() })
}

pub(crate) fn scene_with(options: Options) -> Scene {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000_000)));
    let store = Arc::new(Faulty::new(Memory::new(clock.clone())));
    let connector = Connector::over(store.clone(), Options { clock: clock.clone(), ..options }).unwrap();
    Scene { store, clock, connector }
}

impl Scene {
    /// Another process's connector to the same store.
    pub(crate) fn other(&self) -> Connector {
        let options = Options { deadline: PATIENCE, clock: self.clock.clone(), ..Options::default() };
        Connector::over(self.store.clone(), options).unwrap()
    }
    pub(crate) fn pass(&self, duration: Duration) {
        self.clock.advance(duration);
    }
    pub(crate) fn stats(&self) -> Stats {
        self.connector.stats()
    }
}

pub(crate) fn flush(connector: &Connector) {
    connector.wait(connector.flush(PATIENCE).unwrap()).unwrap().unwrap();
}

pub(crate) fn key(user: &str) -> Key {
    Key::new(&Scope::default(), Kind::Classic, user, "checkout").unwrap()
}

pub(crate) fn record(user: &str, variation: &str, goals: &str) -> Map<String, Value> {
    let mut record = json!({"userId": user, "campaignKey": "checkout", "variationName": variation});
    if !goals.is_empty() {
        record["goalIdentifier"] = goals.into();
    }
    fields(record)
}

pub(crate) fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => panic!("{other} is not an object"),
    }
}

/// What a `get` shows, as an SDK sees it.
pub(crate) fn shown(connector: &Connector, user: &str) -> Value {
    match connector.get(user, "checkout") {
        Answer::Held(found) => serde_json::to_value(&found).unwrap(),
        Answer::Absent => json!("absent"),
        Answer::Unknown => json!("unknown"),
    }
}

pub(crate) fn variation(connector: &Connector, user: &str) -> String {
    match shown(connector, user) {
        Value::Object(record) => record["variationName"].as_str().unwrap().to_owned(),
        other => other.as_str().unwrap().to_owned(),
    }
}

/// Waits for what happens in the background.
pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        thread::sleep(Duration::from_millis(1));
    }
}
