//! Whoever is first decides for everybody, from the first call on.
use super::{
    collector::Collector,
    scene::{client, plain, settings, store, trials},
};
use stayput::testing::{Operation, Plan};
use stayput_sdk::{Options, blocking};
use std::{
    collections::HashMap,
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

#[test]
fn two_threads_with_different_settings_agree_about_every_new_user() {
    let users = trials(300, 5_000);
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file:{}", folder.path().display());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = runtime.block_on(stayput::open(&url)).unwrap();
    let together = Arc::new(Barrier::new(2));
    let race = |all_in: &'static str| {
        let (store, together) = (store.clone(), together.clone());
        thread::spawn(move || {
            let launcher = stayput_sdk::launch(settings(all_in, "")).store(store).development_mode(true);
            let client: blocking::Client = launcher.start_blocking().unwrap();
            together.wait();
            let seen = (0..users).map(|user| {
                if user % 50 == 0 {
                    together.wait();
                }
                let seen = client.activate("ab", &format!("u{user}"), &plain()).unwrap().unwrap();
                let repeated = client.get_variation_name("ab", &format!("u{user}"), &plain()).unwrap().unwrap();
                assert_eq!(seen, repeated);
                seen
            });
            seen.collect::<Vec<_>>()
        })
    };
    let (one, other) = (race("Control"), race("B"));
    let (one, other) = (one.join().unwrap(), other.join().unwrap());
    assert_eq!(one, other, "somebody saw two variations");
    let mut shares = HashMap::new();
    one.iter().for_each(|seen| *shares.entry(seen.clone()).or_insert(0) += 1);
    println!("{shares:?}");
    assert_eq!(shares.len(), 2, "both won sometimes, or this was no race");
}

#[tokio::test]
async fn a_variation_that_these_settings_do_not_have_makes_way_once() {
    let (collector, store) = (Collector::start().await, store());
    let newer = settings("B", "").replace("\"B\"", "\"Newer\"");
    let newer = client(&newer, &collector).store(store.clone()).start().await.unwrap();
    let older = client(&settings("B", ""), &collector).store(store.clone()).start().await.unwrap();
    // The older process reads before, and claims after, the newer one stored what only it knows.
    store.plan(|call| match call.operation {
        Operation::Get(_) => Plan::pass().answered_late(Duration::from_millis(200)),
        _ => Plan::pass(),
    });
    let plain = plain();
    let (old, new) = tokio::join!(older.activate("ab", "u", &plain), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        store.plan(|_| Plan::pass());
        newer.activate("ab", "u", &plain).await
    });
    assert_eq!(new.unwrap().as_deref(), Some("Newer"));
    assert_eq!(old.unwrap().as_deref(), Some("B"), "what is not in the settings cannot be shown");
    assert_eq!(older.stats().decided_again, 1);
    assert_eq!(older.get_variation_name("ab", "u", &plain).await.unwrap().as_deref(), Some("B"), "and it is held");
}

#[tokio::test]
async fn a_decision_reads_once_and_claims_once_and_a_returning_user_only_reads() {
    let (collector, store) = (Collector::start().await, store());
    let client = client(&settings("B", ""), &collector).store(store.clone()).start().await.unwrap();
    client.activate("ab", "u", &plain()).await.unwrap();
    assert_eq!(store.calls(), 2);
    client.activate("ab", "u", &plain()).await.unwrap();
    assert_eq!(store.calls(), 3);
    client.track(stayput_sdk::Campaigns::WithGoal, "u", "g", &plain()).await.unwrap();
    assert_eq!(store.calls(), 5, "all campaigns in one question");
    client.flush_events().await.unwrap();
    assert_eq!(collector.received().len(), 2, "a returning user is not counted again");
}

#[tokio::test]
async fn meta_data_and_its_excess_do_not_keep_a_variation_from_sticking() {
    use stayput::{AssignmentStoreExt, Key, Kind, Scope};
    let (collector, store) = (Collector::start().await, store());
    let client = client(&settings("B", ""), &collector).store(store.clone()).start().await.unwrap();
    client.activate("ab", "u", &Options::default().meta_data([("plan", "pro")])).await.unwrap();
    client.activate("ab", "v", &Options::default().meta_data([("plan", "x".repeat(20_000).as_str())])).await.unwrap();
    let key = |user| Key::new(&Scope::default(), Kind::Classic, user, "ab").unwrap();
    let held = store.get_one(&key("u")).await.unwrap().unwrap();
    assert_eq!(held.meta_data.unwrap().document.as_str(), r#"{"plan":"pro"}"#);
    assert_eq!(store.get_one(&key("v")).await.unwrap().unwrap().meta_data, None);
}

#[tokio::test]
async fn a_user_whose_id_no_store_takes_is_served_unsticky() {
    let (collector, store) = (Collector::start().await, store());
    let client = client(&settings("B", ""), &collector).store(store.clone()).start().await.unwrap();
    let endless = "u".repeat(2_000);
    assert_eq!(client.activate("ab", &endless, &plain()).await.unwrap().as_deref(), Some("B"));
    let counted = client.track("ab", &endless, "g", &plain()).await.unwrap();
    assert_eq!(counted, Some(vec![("ab".into(), false)]), "nobody could say whether it is new");
    let stats = client.stats();
    assert_eq!((stats.failed_reads, stats.answered_without_sticking, stats.conversions_dropped), (2, 2, 1));
    assert_eq!(store.calls(), 0);
}
