//! A store's clock jumps: what ends by it ends early or late, and nothing else changes.
use stayput::{
    AssignmentStoreExt, ClaimId, Clock, Key, Kind, Name, Offer, Outcome, ScanStore, Scope, Timestamp,
    backends::{File, FileOptions, Memory},
    testing::ManualClock,
};
use std::{sync::Arc, time::Duration};

const DAY: u64 = 86_400_000;

fn key(user: &str) -> Key {
    Key::new(&Scope::default(), Kind::Classic, user, "campaign").expect("legal")
}
fn offer(user: &str, variation: &str, lasts: Option<Duration>) -> Offer {
    let offer = Offer::new(key(user), ClaimId::random().expect("random"), Timestamp::from_millis(1));
    let goal = Name::goal("goal").expect("legal");
    Offer { lasts, ..offer.offering(Name::variation(variation).expect("legal")).bringing([goal]) }
}
async fn held(store: &dyn ScanStore, user: &str) -> Option<String> {
    let held = store.get_one(&key(user)).await.expect("a read");
    held.map(|held| held.variation.to_string())
}
async fn listed(store: &dyn ScanStore) -> Vec<String> {
    let page = store.scan(None, None, 100).await.expect("a page");
    page.entries.iter().map(|entry| entry.key.user_id().to_owned()).collect()
}

async fn jumps(open: impl FnOnce(Arc<dyn Clock>) -> Arc<dyn ScanStore>) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(100 * DAY)));
    let store = open(clock.clone());
    let week = Some(Duration::from_secs(7 * 86_400));
    for (user, lasts) in [("for ever", None), ("a week", week)] {
        assert!(store.claim_one(&offer(user, "A", lasts)).await.expect("a claim").won());
    }

    clock.set(Timestamp::from_millis(DAY)); // 99 days back
    for user in ["for ever", "a week"] {
        assert_eq!(held(&*store, user).await.as_deref(), Some("A"));
        let rival = store.claim_one(&offer(user, "B", None)).await.expect("a claim");
        assert_eq!((rival.outcome, rival.new_goals.len()), (Outcome::Kept, 0), "{user}");
    }
    assert_eq!(listed(&*store).await, ["a week", "for ever"]);

    clock.set(Timestamp::from_millis(1_000 * DAY)); // far ahead
    assert_eq!(held(&*store, "for ever").await.as_deref(), Some("A"));
    assert_eq!(held(&*store, "a week").await, None, "its end has come");
    assert_eq!(listed(&*store).await, ["for ever"]);
    let next = store.claim_one(&offer("a week", "B", week)).await.expect("a claim");
    assert_eq!((next.outcome, next.new_goals.len()), (Outcome::Created, 1));

    clock.set(Timestamp::from_millis(100 * DAY)); // right again
    assert_eq!(held(&*store, "for ever").await.as_deref(), Some("A"));
    assert_eq!(held(&*store, "a week").await.as_deref(), Some("B"), "who came while the clock was wrong stays");
    let late = store.claim_one(&offer("a week", "A", week)).await.expect("a claim");
    assert_eq!(late.outcome, Outcome::Kept);
    assert_eq!(store.erase(key("a week").user()).await.expect("an erasure"), 1);
    assert_eq!(listed(&*store).await, ["for ever"]);
}

#[tokio::test]
async fn a_clock_that_jumps_ends_retentions_and_changes_nothing_else_in_memory() {
    jumps(|clock| Arc::new(Memory::new(clock))).await;
}

#[tokio::test]
async fn a_clock_that_jumps_ends_retentions_and_changes_nothing_else_in_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    jumps(|clock| Arc::new(File::open(folder.path(), FileOptions::default().clock(clock)).expect("a store"))).await;
}
