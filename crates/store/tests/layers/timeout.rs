//! One deadline for all attempts, at most one retry, with the same claim id.
use super::{backend, key, name, offer};
use stayput::{AssignmentStore, AssignmentStoreExt, ErrorKind, Outcome, ScanStore, layers::Timeout, testing::Plan};
use std::time::Duration;
use tokio::time::Instant;

const LIMIT: Duration = Duration::from_secs(10);
const LONG: Duration = Duration::from_secs(3_600);

#[tokio::test(start_paused = true)]
async fn every_operation_ends_at_its_deadline() {
    let backend = backend();
    backend.always(Plan::pass().delayed(LONG));
    let store = Timeout::new(backend, LIMIT);
    let (offer, key) = (offer("u", "v"), key("u"));
    let began = Instant::now();
    let ended = [
        store.get_one(&key).await.err(),
        store.claim_one(&offer).await.err(),
        store.put(&[]).await.err(),
        store.remove(std::slice::from_ref(&key)).await.err(),
        store.flush().await.err(),
        store.user(key.user()).await.err(),
        store.erase(key.user()).await.err(),
        store.scan(None, None, 1).await.err(),
    ];
    assert!(ended.iter().all(|error| error.as_ref().is_some_and(|error| error.kind() == ErrorKind::Timeout)));
    assert_eq!(began.elapsed(), 8 * LIMIT);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_asked_for_once_more_with_the_same_claim_id() {
    let backend = backend();
    backend.next([Plan::apply_then_fail(ErrorKind::Unavailable)]);
    let store = Timeout::new(backend.clone(), LIMIT).repeating();
    let claimed = store.claim_one(&offer("u", "v").bringing([name("g")])).await.expect("repeated");
    assert_eq!((claimed.outcome, claimed.new_goals), (Outcome::Created, vec![name("g")]));
    assert_eq!((claimed.held.map(|held| held.revision), backend.calls()), (Some(1), 2));
}

#[tokio::test(start_paused = true)]
async fn there_is_one_retry_and_both_attempts_share_the_deadline() {
    let backend = backend();
    backend.always(Plan::fail(ErrorKind::Unavailable).delayed(LIMIT * 3 / 4));
    let store = Timeout::new(backend.clone(), LIMIT).repeating();
    let began = Instant::now();
    let late = store.claim_one(&offer("u", "v")).await.expect_err("twice is too long");
    assert_eq!((late.kind(), began.elapsed(), backend.calls()), (ErrorKind::Timeout, LIMIT, 2));
    backend.always(Plan::fail(ErrorKind::Unavailable));
    assert_eq!(store.get_one(&key("u")).await.expect_err("down").kind(), ErrorKind::Unavailable);
    assert_eq!(backend.calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_help_or_may_harm_is_never_repeated() {
    let backend = backend();
    let store = Timeout::new(backend.clone(), LIMIT).repeating();
    for kind in [ErrorKind::Corrupt, ErrorKind::Invalid, ErrorKind::Refused, ErrorKind::Timeout] {
        backend.always(Plan::fail(kind));
        let before = backend.calls();
        assert_eq!(store.claim_one(&offer("u", "v")).await.expect_err("planned").kind(), kind);
        assert_eq!(backend.calls(), before + 1, "{kind:?}");
    }
    backend.always(Plan::fail(ErrorKind::Unavailable));
    let before = backend.calls();
    assert!(store.put(&[]).await.is_err() && store.erase(key("u").user()).await.is_err());
    assert_eq!(backend.calls(), before + 2, "an operator's writes are not idempotent");
    let plain = Timeout::new(backend.clone(), LIMIT);
    assert!(plain.claim_one(&offer("u", "v")).await.is_err());
    assert_eq!(backend.calls(), before + 3, "stores that repeat by themselves are not asked twice as often");
}
