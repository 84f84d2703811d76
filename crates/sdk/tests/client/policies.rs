//! When the store is down: what each policy answers, and what is counted.
use super::{
    collector::Collector,
    scene::{client, plain, settings, store},
};
use stayput::{
    ErrorKind,
    backends::Memory,
    testing::{Faulty, Operation, Plan},
};
use stayput_sdk::{Client, Json, Policy};
use std::sync::Arc;

async fn down(policy: Policy) -> (Client, Arc<Faulty<Memory>>, Collector) {
    let (collector, store) = (Collector::start().await, store());
    store.always(Plan::fail(ErrorKind::Unavailable));
    let client = client(&settings("B", ""), &collector).store(store.clone()).policy(policy).start().await.unwrap();
    (client, store, collector)
}

#[tokio::test]
async fn by_default_users_are_bucketed_without_sticking() {
    let (client, _, collector) = down(Policy::default()).await;
    assert_eq!(client.activate("ab", "u", &plain()).await.unwrap().as_deref(), Some("B"));
    assert_eq!(client.get_variation_name("ab", "u", &plain()).await.unwrap().as_deref(), Some("B"));
    assert!(client.is_feature_enabled("feature", "u", &plain()).await.unwrap());
    assert!(client.is_feature_enabled("rollout", "u", &plain()).await.unwrap());
    let size = client.get_feature_variable_value("feature", "size", "u", &plain()).await.unwrap();
    assert_eq!(size, Some(Json::from(20.0)));
    assert_eq!(client.track("ab", "u", "g", &plain()).await.unwrap(), Some(vec![("ab".into(), true)]));
    let stats = client.stats();
    assert_eq!((stats.failed_reads, stats.failed_claims, stats.answered_without_sticking), (6, 12, 6));
    assert_eq!((stats.answered_with_control, stats.answered_with_error), (0, 0));
    let flushed = client.flush_events().await.unwrap();
    assert_eq!(flushed.waiting, 1, "the conversion waits for its claim");
    assert_eq!(collector.received().len(), 3, "three visitors");
}

#[tokio::test]
async fn a_store_that_comes_back_settles_what_waits() {
    let (client, store, collector) = down(Policy::default()).await;
    client.track("ab", "u", "g", &plain()).await.unwrap();
    store.plan(|_| Plan::pass());
    client.flush_events().await.unwrap();
    assert_eq!(collector.received().len(), 1);
    assert_eq!(client.track("ab", "u", "g", &plain()).await.unwrap(), Some(vec![("ab".into(), false)]));
}

#[tokio::test]
async fn users_see_the_control_and_nothing_counts_if_that_is_the_policy() {
    let (client, _, collector) = down(Policy::Control).await;
    assert_eq!(client.activate("ab", "u", &plain()).await.unwrap().as_deref(), Some("Control"));
    assert_eq!(client.get_variation_name("feature", "u", &plain()).await.unwrap().as_deref(), Some("Control"));
    assert!(!client.is_feature_enabled("feature", "u", &plain()).await.unwrap());
    assert!(!client.is_feature_enabled("rollout", "u", &plain()).await.unwrap());
    let size = client.get_feature_variable_value("feature", "size", "u", &plain()).await.unwrap();
    assert_eq!(size, Some(Json::from(10.0)));
    let size = client.get_feature_variable_value("rollout", "size", "u", &plain()).await.unwrap();
    assert_eq!(size, None);
    assert_eq!(client.track("ab", "u", "g", &plain()).await.unwrap(), Some(vec![("ab".into(), false)]));
    let stats = client.stats();
    assert_eq!((stats.failed_reads, stats.failed_claims, stats.answered_with_control), (7, 0, 7));
    assert_eq!(client.flush_events().await.unwrap().waiting, 0);
    assert_eq!(collector.received().len(), 0);
}

#[tokio::test]
async fn a_claim_that_fails_ends_in_the_control_as_well() {
    let (client, store, collector) = down(Policy::Control).await;
    store.plan(claims_fail);
    assert_eq!(client.activate("ab", "u", &plain()).await.unwrap().as_deref(), Some("Control"));
    assert_eq!(client.stats().answered_with_control, 1);
    client.flush_events().await.unwrap();
    assert_eq!(collector.received().len(), 0);
    // Somebody who is assigned keeps the variation, and the conversion only waits.
    store.plan(|_| Plan::pass());
    assert_eq!(client.activate("ab", "u", &plain()).await.unwrap().as_deref(), Some("B"));
    store.plan(claims_fail);
    assert_eq!(client.track("ab", "u", "g", &plain()).await.unwrap(), Some(vec![("ab".into(), true)]));
    store.plan(|_| Plan::pass());
    client.flush_events().await.unwrap();
    assert_eq!(collector.received().len(), 2);
}

#[tokio::test]
async fn calls_fail_only_if_that_is_the_policy_and_even_then_no_conversion_is_lost_or_doubled() {
    let (client, store, collector) = down(Policy::Error).await;
    assert_eq!(client.activate("ab", "u", &plain()).await.unwrap_err().kind(), ErrorKind::Unavailable);
    store.plan(|_| Plan::pass());
    client.activate("ab", "u", &plain()).await.unwrap();
    store.plan(|call| match call.operation {
        Operation::Claim(_) => Plan::apply_then_fail(ErrorKind::Timeout),
        _ => Plan::pass(),
    });
    assert_eq!(client.track("ab", "u", "g", &plain()).await.unwrap_err().kind(), ErrorKind::Timeout);
    store.plan(|_| Plan::pass());
    assert_eq!(client.track("ab", "u", "g", &plain()).await.unwrap(), Some(vec![("ab".into(), false)]));
    client.flush_events().await.unwrap();
    assert_eq!(collector.received().len(), 2, "the visitor and one conversion");
    assert_eq!(client.stats().answered_with_error, 2);
}

fn claims_fail(call: stayput::testing::Call<'_>) -> Plan {
    match call.operation {
        Operation::Claim(_) => Plan::fail(ErrorKind::Unavailable),
        _ => Plan::pass(),
    }
}
