//! A server over a store with a retention, behind its near cache: whoever comes back stays for longer.
#[path = "support/live.rs"]
mod live;

use live::Binary;
use stayput::{AssignmentStoreExt, ClaimId, Clock, Key, Kind, Name, Offer, Scope, SystemClock};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

fn key(user: &str) -> Key {
    Key::new(&Scope::default(), Kind::Classic, user, "c").expect("legal")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_who_comes_back_is_renewed_though_the_cache_knows_the_answer() {
    let (folder, now) = (tempfile::tempdir().expect("a folder"), SystemClock.now());
    let url = format!("file:{}", folder.path().display());
    let store = stayput::open(&url).await.expect("a store");
    // What is left of one is less than half, and of the other more.
    for (user, left) in [("late", 80 * DAY), ("early", 100 * DAY)] {
        let offer = Offer::new(key(user), ClaimId::random().expect("random"), now);
        let offer = Offer { lasts: Some(left), ..offer.offering(Name::variation("A").expect("legal")) };
        store.claim_one(&offer).await.expect("claim");
    }
    let ends = async |user: &str| {
        let held = store.get_one(&key(user)).await.expect("get").expect("held");
        held.expires_at.expect("it has a retention")
    };
    let before = ends("early").await;
    let retained = format!("{url}?retention=180d");
    let server = Binary::with(&["--store", &retained, "--near-cache", "4MiB", "--max-age", "1h"], &[]);
    for user in ["late", "early"] {
        let place = format!("/v1/users/{user}/campaigns/c");
        assert_eq!(server.call("GET", &place, "").status, 200, "and the cache knows it");
        assert_eq!(server.call("PUT", &place, r#"{"variationName":"A"}"#).status, 200);
    }
    assert!(ends("late").await >= now.plus(180 * DAY), "it is renewed");
    assert_eq!(ends("early").await, before, "and what is young is not");
    let metrics = String::from_utf8(server.call("GET", "/metrics", "").body).expect("UTF-8");
    let hit = r#"stayput_near_cache_answers_total{answer="hit"} 1"#;
    assert!(metrics.contains(hit), "the cache answered the young one's claim: {metrics}");
}
