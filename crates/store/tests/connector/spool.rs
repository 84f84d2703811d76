//! With a spool, what is set while the store is away is shown, survives, and is delivered by whoever comes next.
use crate::scene::{PATIENCE, Scene, flush, record, scene_with, shown, until, variation};
use serde_json::{Value, json};
use stayput::{
    ErrorKind,
    connector::{Connector, Options},
    testing::Plan,
};
use std::path::Path;

#[test]
fn what_is_set_while_the_store_is_away_is_shown_and_the_next_process_delivers_it() {
    let folder = tempfile::tempdir().unwrap();
    let scene = scene_with(options(folder.path()));
    scene.connector.set(record("ann", "Control", "a"));
    flush(&scene.connector);
    scene.store.always(Plan::fail(ErrorKind::Unavailable));
    scene.connector.set(record("ann", "Control", "b"));
    scene.connector.set(record("ben", "Variation-1", "a"));
    flush(&scene.connector); // does not wait for the store
    let stats = scene.stats();
    assert_eq!((stats.waiting, stats.spooled, stats.spool_waiting, stats.lost), (0, 2, 2, 0));
    for _ in 0..10 {
        assert_eq!(
            goals(&scene.connector, "ann"),
            json!(["a", "b"]),
            "what the store said, joined with what is spooled"
        );
        assert_eq!(variation(&scene.connector, "ben"), "Variation-1");
    }
    // A worker of the same process shares the folder, and knows what waits there.
    let worker = another(&scene, options(folder.path()));
    assert_eq!(variation(&worker, "ben"), "Variation-1");
    worker.set(record("ben", "Variation-1", "c"));
    flush(&worker);
    assert_eq!(goals(&scene.connector, "ben"), json!(["a", "c"]));

    drop((scene.connector, worker)); // the store never answered
    scene.store.always(Plan::pass());
    let reader =
        Connector::over(scene.store.clone(), Options { deadline: PATIENCE, near_cache: Some(0), ..Options::default() });
    let reader = reader.unwrap();
    assert_eq!(variation(&reader, "ben"), "absent");
    let next = Connector::over(scene.store.clone(), options(folder.path())).unwrap();
    until("the next process delivers", || goals(&reader, "ben") == json!(["a", "c"]));
    until("all of it", || next.stats().spool_waiting == 0);
    assert_eq!(goals(&reader, "ann"), json!(["a", "b"]));
}

#[test]
fn a_spool_that_cannot_be_used_is_an_error_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(Connector::open("memory:", options(&file)).is_err());
}

fn options(folder: &Path) -> Options {
    Options { deadline: PATIENCE, spool: Some(folder.to_owned()), ..Options::default() }
}
fn another(scene: &Scene, options: Options) -> Connector {
    Connector::over(scene.store.clone(), Options { clock: scene.clock.clone(), ..options }).unwrap()
}
/// In order, or why there are none.
fn goals(connector: &Connector, user: &str) -> Value {
    let shown = shown(connector, user);
    let Some(goals) = shown.get("goalIdentifier").and_then(Value::as_str) else { return shown };
    let mut goals: Vec<&str> = goals.split("_vwo_").collect();
    goals.sort_unstable();
    json!(goals)
}
