//! A near cache over a store with a retention: whoever comes back stays for longer.
use super::{key, offer};
use stayput::{
    AssignmentStoreExt, Stack, StackOptions, Timestamp, backends::Memory, layers::NearCacheOptions, layers::Retention,
    testing::ManualClock,
};
use std::{sync::Arc, time::Duration};

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn a_visitor_who_comes_back_is_renewed_behind_a_near_cache() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1)));
    let backend = Arc::new(Retention::new(Memory::new(clock.clone()), 180 * DAY));
    let near_cache = NearCacheOptions::default().max_age(5 * DAY).clock(clock.clone());
    let options = StackOptions { near_cache: Some(near_cache), retention: Some(180 * DAY), ..StackOptions::default() };
    let Stack { store, .. } = stayput::stack(backend, Arc::new(()), options);
    store.claim_one(&offer("u", "A")).await.expect("claim");
    for visit in 0..40 {
        clock.advance(10 * DAY);
        let held = store.get_one(&key("u")).await.expect("a read").expect("still held");
        assert_eq!(held.variation.as_str(), "A", "visit {visit}");
        store.claim_one(&offer("u", "A")).await.expect("claim");
    }
}
