//! A conversion is sent once, whatever becomes of answers, callers and processes that share a store.
use super::{
    collector::Collector,
    scene::{client, plain, quick, settings, store, trials},
};
use stayput::{
    ErrorKind,
    layers::{Spool, SpoolOptions},
    testing::{ForgetfulDisk, Operation, Plan},
};
use stayput_sdk::Queueing;
use std::{sync::Arc, time::Duration};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_workers_whose_answers_get_lost_one_sends_the_conversion() {
    const WORKERS: usize = 8;
    let (collector, store) = (Collector::start().await, store());
    let mut clients = Vec::new();
    // A collector that this machine keeps from answering for a moment must not cost a call: it is not what is tested.
    let patient = Queueing { delays: vec![Duration::from_millis(2); 5_000], ..quick() };
    for _ in 0..WORKERS {
        let launcher = client(&settings("B", ""), &collector).queueing(patient.clone());
        clients.push(launcher.store(store.clone()).start().await.unwrap());
    }
    let trials = trials(500, 10_000);
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    store.plan(move |call| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        match (call.operation, seed % 10) {
            (Operation::Claim(_), 0..=3) => Plan::apply_then_fail(ErrorKind::Timeout),
            (Operation::Claim(_), 4) => Plan::fail(ErrorKind::Unavailable),
            _ => Plan::pass(),
        }
    });
    for trial in 0..trials {
        let user = format!("u{trial}");
        // Now and then neither the claim nor its repeat arrives, and a user who is not assigned converts nothing.
        while clients[trial % WORKERS].get_variation_name("ab", &user, &plain()).await.unwrap().is_none() {
            assert!(clients[trial % WORKERS].activate("ab", &user, &plain()).await.unwrap().is_some());
        }
        let all = clients.iter().map(|client| {
            let (client, user) = (client.clone(), user.clone());
            tokio::spawn(async move { client.track("ab", &user, "g", &plain()).await.unwrap() })
        });
        for answer in all.collect::<Vec<_>>() {
            answer.await.unwrap();
        }
    }
    let waited: u64 = clients.iter().map(|client| client.stats().conversions_waited).sum();
    store.plan(|_| Plan::pass());
    for client in &clients {
        assert_eq!(client.flush_events().await.unwrap().waiting, 0);
        assert_eq!(client.stats().conversions_dropped, 0);
    }
    let goals = collector.received().into_iter().filter(|call| call.target.contains("/track-goal?"));
    let mut users: Vec<String> = goals.map(|call| parameter(&call.target, "u").to_owned()).collect();
    let stats: Vec<_> = clients.iter().map(|client| client.stats()).collect();
    let repeated: u64 = stats.iter().map(|stats| stats.calls_repeated).sum();
    println!("{trials} trials, {} conversions, {waited} waited for their claim, {repeated} repeats", users.len());
    assert_eq!(users.len(), trials, "each conversion once, none lost: {stats:?}");
    users.sort();
    users.dedup();
    assert_eq!(users.len(), trials, "nobody's conversion twice");
    assert!(waited > 0, "no answer was lost often enough");
}

#[tokio::test]
async fn a_conversion_whose_caller_stops_waiting_is_sent_all_the_same() {
    let (collector, store) = (Collector::start().await, store());
    let client = client(&settings("B", ""), &collector).store(store.clone()).start().await.unwrap();
    client.activate("ab", "u", &plain()).await.unwrap();
    client.flush_events().await.unwrap();
    store.plan(|call| match call.operation {
        Operation::Claim(_) => Plan::pass().answered_late(Duration::from_secs(60)),
        _ => Plan::pass(),
    });
    let plain = plain();
    let tracking = client.track("ab", "u", "g", &plain);
    assert!(tokio::time::timeout(Duration::from_millis(50), tracking).await.is_err());
    store.plan(|_| Plan::pass());
    client.flush_events().await.unwrap();
    assert_eq!(collector.received().len(), 2, "the visitor and the conversion");
    assert_eq!(client.track("ab", "u", "g", &plain).await.unwrap(), Some(vec![("ab".into(), false)]));
}

#[tokio::test]
async fn a_conversion_of_a_user_who_could_not_be_read_belongs_to_the_variation_that_is_held() {
    let (collector, store) = (Collector::start().await, store());
    let first = client(&settings("Control", ""), &collector).store(store.clone()).start().await.unwrap();
    first.activate("ab", "u", &plain()).await.unwrap();
    first.flush_events().await.unwrap();
    let second = client(&settings("B", ""), &collector).store(store.clone()).start().await.unwrap();
    store.next([Plan::fail(ErrorKind::Timeout), Plan::fail(ErrorKind::Timeout), Plan::fail(ErrorKind::Timeout)]);
    assert_eq!(second.track("ab", "u", "g", &plain()).await.unwrap(), Some(vec![("ab".into(), true)]));
    second.flush_events().await.unwrap();
    let goal = collector.received().pop().unwrap().target;
    assert_eq!((parameter(&goal, "goal_id"), parameter(&goal, "combination")), ("1", "1"), "{goal}");
}

#[tokio::test]
async fn a_goal_that_counts_every_time_is_sent_every_time() {
    let (collector, store) = (Collector::start().await, store());
    let client = client(&settings("B", ""), &collector).store(store.clone()).start().await.unwrap();
    client.activate("ab", "u", &plain()).await.unwrap();
    for _ in 0..3 {
        assert_eq!(client.track("ab", "u", "every", &plain()).await.unwrap(), Some(vec![("ab".into(), true)]));
    }
    client.flush_events().await.unwrap();
    assert_eq!(collector.received().len(), 4);
}

#[tokio::test]
async fn a_conversion_in_a_variation_that_has_to_make_way_is_sent_once() {
    let (collector, store) = (Collector::start().await, store());
    let newer = settings("B", "").replace("\"B\"", "\"Newer\"");
    let newer = client(&newer, &collector).store(store.clone()).start().await.unwrap();
    newer.activate("ab", "u", &plain()).await.unwrap();
    newer.flush_events().await.unwrap();
    let older = client(&settings("B", ""), &collector).store(store.clone()).start().await.unwrap();
    store.next([Plan::fail(ErrorKind::Timeout)]);
    assert_eq!(older.track("ab", "u", "g", &plain()).await.unwrap(), Some(vec![("ab".into(), true)]));
    assert_eq!(older.track("ab", "u", "g", &plain()).await.unwrap(), Some(vec![("ab".into(), false)]));
    older.flush_events().await.unwrap();
    assert_eq!((collector.received().len(), older.stats().decided_again), (2, 1));
}

#[tokio::test]
async fn a_variation_that_has_to_make_way_costs_no_other_campaign_its_conversion() {
    let (collector, store) = (Collector::start().await, store());
    let newer = settings("B", "").replacen("\"B\"", "\"Newer\"", 1);
    let newer = client(&newer, &collector).store(store.clone()).start().await.unwrap();
    assert_eq!(newer.activate("ab", "u", &plain()).await.unwrap().as_deref(), Some("Newer"));
    newer.flush_events().await.unwrap();
    let older = client(&settings("B", ""), &collector).store(store.clone()).start().await.unwrap();
    store.next([Plan::fail(ErrorKind::Timeout)]); // the read
    let both = ["ab", "feature"];
    let counted = older.track(&both, "u", "g", &plain()).await.unwrap();
    assert_eq!(counted, Some(both.map(|key| (key.to_owned(), true)).to_vec()));
    older.flush_events().await.unwrap();
    let received = collector.received();
    assert_eq!(received.last().unwrap().body.matches("\"g\":1").count(), 2, "{received:?}");
    let repeated = older.track(&both, "u", "g", &plain()).await.unwrap();
    assert_eq!(repeated, Some(both.map(|key| (key.to_owned(), false)).to_vec()));
}

fn parameter<'a>(target: &'a str, name: &str) -> &'a str {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
}

#[tokio::test]
async fn a_conversion_whose_claim_is_spooled_is_sent_once_when_it_is_delivered() {
    let (collector, backend) = (Collector::start().await, store());
    let (spool, replay) = Spool::new(backend.clone(), Arc::new(ForgetfulDisk::default()), SpoolOptions::default());
    tokio::spawn(replay);
    let spool = Arc::new(spool);
    let client = client(&settings("B", ""), &collector).store(spool.clone()).start().await.unwrap();
    client.activate("ab", "u", &plain()).await.unwrap();
    client.flush_events().await.unwrap();
    backend.plan(|call| match call.operation {
        Operation::Claim(_) => Plan::fail(ErrorKind::Unavailable),
        _ => Plan::pass(),
    });
    for _ in 0..3 {
        client.track("ab", "u", "g", &plain()).await.unwrap();
    }
    let sent = || collector.received().into_iter().filter(|call| call.target.contains("/track-goal?")).count();
    assert_eq!((sent(), client.stats().conversions_waited), (0, 1), "a read shows what waits");
    backend.plan(|_| Plan::pass());
    while sent() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    client.flush_events().await.unwrap();
    assert_eq!((sent(), client.stats().conversions_dropped), (1, 0));
    assert_eq!(spool.queue().stats().unwrap().waiting, 0);
}
