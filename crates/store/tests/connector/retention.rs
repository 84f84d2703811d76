//! A store with a retention behind the near cache: whoever comes back stays for longer.
use crate::scene::{PATIENCE, flush, key, record, variation};
use stayput::{
    AssignmentStoreExt, ClaimId, Clock, Name, Offer, SystemClock,
    connector::{Connector, Options},
};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn a_visitor_who_comes_back_is_renewed_though_the_cache_knows_the_answer() {
    let (folder, now) = (tempfile::tempdir().unwrap(), SystemClock.now());
    let url = format!("file:{}", folder.path().display());
    let options = Options { deadline: PATIENCE, near_cache: Some(1 << 20), max_age: DAY, ..Options::default() };
    let connector = Connector::open(&format!("{url}?retention=180d"), options).unwrap();
    let store = connector.wait(stayput::open(&url)).unwrap().unwrap();
    let ends = |user: &str| {
        let held = connector.wait(store.get_one(&key(user))).unwrap().unwrap();
        held.unwrap().expires_at.unwrap()
    };
    // What is left of one is less than half, and of the other more.
    for (user, left) in [("late", 80 * DAY), ("early", 100 * DAY)] {
        let offer = Offer::new(key(user), ClaimId::random().unwrap(), now).offering(Name::variation("A").unwrap());
        connector.wait(store.claim_one(&Offer { lasts: Some(left), ..offer })).unwrap().unwrap();
    }
    let before = ["late", "early"].map(ends);
    for user in ["late", "early"] {
        assert_eq!(variation(&connector, user), "A", "and the cache knows it");
        connector.set(record(user, "A", ""));
    }
    flush(&connector);
    assert!(ends("late") >= now.plus(180 * DAY), "it is renewed");
    assert_eq!(ends("early"), before[1], "and what is young is not");
}
