//! Networks that fail between a store and its server.
use super::servers::{bare, fresh_schema, now, open, proxied, rounds, with};
use futures_util::future::join_all;
use stayput::{
    AssignmentStoreExt, ClaimId, Claimed, ErrorKind, Key, Kind, Name, Offer, Outcome, Result, ScanStore, Scope,
    testing::{Fault, Proxy},
};
use std::{sync::Arc, time::Duration};
use tokio::time::{self, Instant};

pub(crate) const TIMEOUT: Duration = Duration::from_secs(1);
/// What a busy machine may add to a deadline.
pub(crate) const SLACK: Duration = Duration::from_secs(30);
/// For who must not be cut short by a busy machine.
const PATIENT: &str = "timeout=60s&connect=60s";
/// For who is to wait for what does not come.
const IMPATIENT: &str = "timeout=1s&connect=1s";

pub(crate) fn offers(scope: &Scope) -> impl FnMut() -> Offer {
    let (scope, mut next) = (scope.clone(), 0);
    move || {
        next += 1;
        let key = Key::new(&scope, Kind::Classic, &format!("user-{next}"), "c").expect("legal");
        Offer::new(key, ClaimId::random().expect("random"), now())
            .offering(Name::variation("v").expect("legal"))
            .bringing([Name::goal("g").expect("legal")])
    }
}

async fn through_a_proxy(url: &str, options: &str) -> (Proxy, Arc<dyn ScanStore>, Scope) {
    let (proxy, through) = proxied(url).await;
    let store = open(&with(&through, options)).await;
    (proxy, store, Scope::new(&fresh_schema()).expect("legal"))
}

/// Claims until it works again, and says so if it does not.
pub(crate) async fn recovers(store: &Arc<dyn ScanStore>, offer: &Offer) -> Claimed {
    in_the_end(|| store.claim_one(offer)).await
}

/// Asks until there is an answer.
async fn in_the_end<T, F: Future<Output = Result<T>>>(mut ask: impl FnMut() -> F) -> T {
    let begun = Instant::now();
    loop {
        let error = match ask().await {
            Ok(answer) => return answer,
            Err(error) => error,
        };
        assert!(error.is_transient(), "{error}");
        assert!(begun.elapsed() < SLACK, "it does not recover: {error}");
        time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn a_cut_before_the_server_is_an_error_and_a_repeat_wins(url: String) {
    let (proxy, store, scope) = through_a_proxy(&url, PATIENT).await;
    let mut next = offers(&scope);
    recovers(&store, &next()).await;
    for _ in 0..3 {
        let offer = next();
        proxy.set(Fault::CutBefore);
        let error = store.claim_one(&offer).await.expect_err("nothing reaches the server");
        assert!(error.is_transient(), "{error}");
        let error = store.get_one(&offer.key).await.expect_err("a failed read is not absence");
        assert!(error.is_transient(), "{error}");
        proxy.set(Fault::Pass);
        let claimed = store.claim_one(&offer).await.expect("it works again at once");
        assert_eq!((claimed.outcome, claimed.new_goals.len()), (Outcome::Created, 1));
    }
}

pub(crate) async fn a_cut_answer_is_found_out_by_a_repeat(url: String) {
    cut_answers(&url).await;
}
pub(crate) async fn a_cut_answer_behind_pgbouncer_is_found_out_by_a_repeat(url: String) {
    cut_answers(&url).await;
}

async fn cut_answers(url: &str) {
    let (proxy, store, scope) = through_a_proxy(url, &format!("purge=off&{PATIENT}")).await;
    let direct = open(&with(url, PATIENT)).await;
    let mut next = offers(&scope);
    recovers(&store, &next()).await;
    for round in 0..10 * rounds(20) {
        let offer = next();
        // The store repeats by itself on a fresh connection, so the answer is lost to it once, or each time.
        if round % 2 == 0 {
            proxy.once(Fault::CutAfter);
            let claimed = store.claim_one(&offer).await.expect("the second attempt is answered");
            assert_eq!((claimed.outcome, claimed.new_goals.len()), (Outcome::Created, 1));
        } else {
            proxy.set(Fault::CutAfter);
            let error = store.claim_one(&offer).await.expect_err("no answer comes back");
            assert!(error.is_transient(), "{error}");
            proxy.set(Fault::Pass);
            let claimed = store.claim_one(&offer).await.expect("a repeat");
            assert_eq!((claimed.outcome, claimed.new_goals.len()), (Outcome::Created, 1));
        }
        let held = direct.get_one(&offer.key).await.expect("get").expect("held");
        assert_eq!((held.revision, held.by), (1, offer.claim), "it was stored once");
    }
    assert!(proxy.cuts() >= 10, "answers were cut");
}

pub(crate) async fn resets_half_open_connections_and_pauses_end_within_the_deadline(url: String) {
    let (proxy, store, scope) = through_a_proxy(&url, &format!("pool=4&{IMPATIENT}")).await;
    let mut next = offers(&scope);
    let known = next();
    recovers(&store, &known).await;
    for fault in [Fault::Reset, Fault::HalfOpen, Fault::Pause, Fault::Delay(Duration::from_secs(5))] {
        proxy.set(fault);
        let offer = next();
        let calls = (0..8).map(|i| {
            let (store, offer, known) = (store.clone(), offer.clone(), known.key.clone());
            async move {
                let begun = Instant::now();
                let error = match i % 2 {
                    0 => store.claim_one(&offer).await.map(drop).expect_err("it cannot be answered"),
                    _ => store.get_one(&known).await.map(drop).expect_err("a failed read is not absence"),
                };
                assert!(error.is_transient(), "{fault:?}: {error}");
                assert!(begun.elapsed() < TIMEOUT + SLACK, "{fault:?}: {:?}", begun.elapsed());
            }
        });
        join_all(calls).await;
        proxy.set(Fault::Pass);
        let claimed = recovers(&store, &offer).await;
        assert_eq!((claimed.outcome, claimed.new_goals.len()), (Outcome::Created, 1), "{fault:?}");
        assert!(in_the_end(|| store.get_one(&known.key)).await.is_some());
        no_leak(&proxy, 4).await;
    }
}

/// Connections that were given up are closed, soon.
async fn no_leak(proxy: &Proxy, pool: usize) {
    let begun = Instant::now();
    while proxy.open() > pool {
        assert!(begun.elapsed() < TIMEOUT * 3 + SLACK, "{} connections are open", proxy.open());
        time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn what_was_claimed_during_faults_is_held_after_them(url: String) {
    let (proxy, store, scope) = through_a_proxy(&url, &format!("pool=8&purge=off&{IMPATIENT}")).await;
    let (faults, stop) = tokio::sync::watch::channel(false);
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let (store, scope, stop) = (store.clone(), scope.clone(), stop.clone());
            tokio::spawn(async move { write_until(&store, &scope, writer, || *stop.borrow()).await })
        })
        .collect();
    for _ in 0..rounds(10) {
        for fault in
            [Fault::CutAfter, Fault::Reset, Fault::CutBefore, Fault::HalfOpen, Fault::Delay(Duration::from_millis(50))]
        {
            proxy.set(fault);
            time::sleep(Duration::from_millis(200)).await;
            proxy.set(Fault::Pass);
            time::sleep(Duration::from_millis(300)).await;
        }
    }
    faults.send(true).expect("writers listen");
    let written = join_all(writers).await;
    check(&open(&with(&url, PATIENT)).await, written.into_iter().map(|written| written.expect("a writer")).collect())
        .await;
    no_leak(&proxy, 8).await;
}

/// An offer that was acknowledged at last, and how often it had to be sent.
pub(crate) struct Written {
    offer: Offer,
    attempts: usize,
}

/// Claims one key after another, each until it is acknowledged; every answer says that this claim won.
pub(crate) async fn write_until(
    store: &Arc<dyn ScanStore>,
    scope: &Scope,
    writer: usize,
    stop: impl Fn() -> bool,
) -> Vec<Written> {
    let scope = Scope::new(&format!("{}-{writer}", scope.as_str())).expect("legal");
    let mut next = offers(&scope);
    let mut written = Vec::new();
    while !stop() {
        let offer = next();
        let mut attempts = 1;
        let claimed = loop {
            let begun = Instant::now();
            match store.claim_one(&offer).await {
                Ok(claimed) => break claimed,
                Err(error) => assert!(error.is_transient(), "{error}"),
            }
            assert!(begun.elapsed() < TIMEOUT + SLACK, "an error came after {:?}", begun.elapsed());
            attempts += 1;
            assert!(attempts < 2_000, "it does not recover");
            time::sleep(Duration::from_millis(10)).await;
        };
        assert_eq!((claimed.outcome, claimed.new_goals.len()), (Outcome::Created, 1), "after {attempts} attempts");
        written.push(Written { offer, attempts });
    }
    written
}

pub(crate) async fn check(store: &Arc<dyn ScanStore>, written: Vec<Vec<Written>>) {
    let written: Vec<Written> = written.into_iter().flatten().collect();
    let repeated = written.iter().filter(|written| written.attempts > 1).count();
    println!("{} claims were acknowledged, {repeated} of them after errors", written.len());
    assert!(repeated > 0, "the faults did not touch a claim");
    for written in written.chunks(200) {
        let keys: Vec<Key> = written.iter().map(|written| written.offer.key.clone()).collect();
        let held = store.get(&keys).await.expect("get");
        for (written, held) in written.iter().zip(held) {
            let held = held.expect("what was acknowledged is held");
            assert_eq!((held.by, held.revision), (written.offer.claim, 1));
        }
    }
}

pub(crate) async fn a_locked_row_stops_its_own_claims_only(url: String) {
    locked_row(&url).await;
}
pub(crate) async fn a_locked_row_behind_pgbouncer_stops_its_own_claims_only(url: String) {
    locked_row(&url).await;
}

/// Somebody works on a row with psql and does not commit.
async fn locked_row(url: &str) {
    let store = open(&with(url, &format!("pool=4&{IMPATIENT}"))).await;
    let scope = Scope::new(&fresh_schema()).expect("legal");
    let mut next = offers(&scope);
    let (locked, free) = (next(), next());
    in_the_end(|| store.claim(std::slice::from_ref(&locked))).await;
    recovers(&store, &free).await;
    let bare = bare(url).await;
    bare.batch_execute(&format!(
        "BEGIN; UPDATE stayput_assignments SET revision = revision WHERE scope = '{}' AND \"userId\" = 'user-1'",
        scope.as_str()
    ))
    .await
    .expect("a lock");
    let goal = |offer: &Offer, goal: &str| {
        Offer { claim: ClaimId(7), ..offer.clone() }.bringing([Name::goal(goal).expect("legal")])
    };
    for _ in 0..2 {
        let begun = Instant::now();
        let error = store.claim_one(&goal(&locked, "h")).await.expect_err("the row is locked");
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(begun.elapsed() < TIMEOUT + SLACK);
    }
    // What waited for the row would not end here, however often it is tried.
    assert!(in_the_end(|| store.get_one(&locked.key)).await.is_some(), "reads do not wait");
    let again = recovers(&store, &locked).await;
    assert_eq!(again.outcome, Outcome::Created, "a claim that changes nothing does not either");
    recovers(&store, &goal(&free, "h")).await;
    bare.batch_execute("COMMIT").await.expect("commit");
    let claimed = recovers(&store, &goal(&locked, "h")).await;
    assert_eq!(claimed.new_goals.len(), 1);
    assert_eq!(claimed.held.map(|held| held.revision), Some(2), "no claim that was given up came later");
}
