//! A primary is killed under load and its replica takes over: what was acknowledged and is lost, as a figure.
use super::{
    restart::Servers,
    servers::{bare, fresh_schema, open, with},
};
use futures_util::future::join_all;
use stayput::{AssignmentStoreExt, ClaimId, Key, Kind, Name, Offer, ScanStore, Scope, Timestamp};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::{self, Instant};

pub(crate) async fn a_replica_that_commits_wait_for_loses_nothing(_: String) {
    assert_eq!(fail_over(true).await, 0, "lost although commits waited for the replica");
}

/// The replica receives nothing for a while before the primary dies: the other test could fail.
pub(crate) async fn an_asynchronous_replica_loses_what_it_had_not_received(_: String) {
    assert!(fail_over(false).await > 0, "the replica lagged and nothing was lost");
}

async fn fail_over(is_synchronous: bool) -> usize {
    let folder = tempfile::tempdir().expect("a folder");
    let servers = Servers(folder.path());
    let both = servers.up_as("postgres_pair", "POSTGRES_PAIR").await;
    let (head, tail) = both.split_once('@').expect("a URL with a login");
    let (hosts, database) = tail.split_once('/').expect("and a database");
    let sides: Vec<String> = hosts.split(',').map(|host| format!("{head}@{host}/{database}")).collect();
    let [primary, replica] = sides.as_slice() else { panic!("a pair, not {sides:?}") };
    let (on_primary, on_replica) = (bare(primary).await, bare(replica).await);
    if is_synchronous {
        on_primary.batch_execute("ALTER SYSTEM SET synchronous_standby_names = '*'").await.expect("a superuser");
        on_primary.batch_execute("SELECT pg_reload_conf()").await.expect("a superuser");
    }
    let state = if is_synchronous { "sync" } else { "async" };
    until("the replica follows", || async {
        let follows = "SELECT 1 FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = $1";
        on_primary.query_opt(follows, &[&state]).await.expect("an answer").is_some()
    })
    .await;
    let store = open(&with(&both, "target_session_attrs=read-write&timeout=1s&connect=1s&pool=8&purge=off")).await;
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let scope = Scope::new(&fresh_schema()).expect("legal");
    let writers: Vec<_> = (0..8)
        .map(|writer| tokio::spawn(write(store.clone(), scope.clone(), writer, stop.clone(), done.clone())))
        .collect();
    until("claims are acknowledged", || async { done.load(Ordering::Relaxed) >= 200 }).await;

    on_replica.batch_execute("ALTER SYSTEM SET primary_conninfo = ''").await.expect("a superuser");
    on_replica.batch_execute("SELECT pg_reload_conf()").await.expect("a superuser");
    until("the replica receives nothing", || async {
        on_replica.query_opt("SELECT 1 FROM pg_stat_wal_receiver", &[]).await.expect("an answer").is_none()
    })
    .await;
    let before = done.load(Ordering::Relaxed);
    if is_synchronous {
        time::sleep(Duration::from_millis(300)).await; // whoever claims now waits
        assert!(done.load(Ordering::Relaxed) <= before + 8, "commits do not wait for the replica");
    } else {
        until("more claims are acknowledged", || async { done.load(Ordering::Relaxed) >= before + 50 }).await;
    }
    servers.signal_to("postgres_primary", "KILL").await;
    let died = Instant::now();
    let promoted: bool = on_replica.query_one("SELECT pg_promote(true, 60)", &[]).await.expect("an answer").get(0);
    assert!(promoted);
    let after = done.load(Ordering::Relaxed);
    until("claims are acknowledged again", || async { done.load(Ordering::Relaxed) >= after + 100 }).await;
    let away = died.elapsed();
    stop.store(true, Ordering::Relaxed);
    let acknowledged: Vec<Offer> =
        join_all(writers).await.into_iter().flat_map(|offers| offers.expect("a writer")).collect();
    let mut lost = 0;
    for offer in &acknowledged {
        match store.get_one(&offer.key).await.expect("the new primary answers") {
            Some(held) => assert_eq!(held.by, offer.claim, "another assignment than was acknowledged"),
            None => lost += 1,
        }
    }
    println!(
        "fail-over to a {state} replica: {lost} of {} acknowledged claims are lost, served again after {away:?}",
        acknowledged.len()
    );
    drop((store, on_primary, on_replica));
    servers.down().await;
    lost
}

/// Claims one key after another, each until it is acknowledged.
async fn write(
    store: Arc<dyn ScanStore>,
    scope: Scope,
    writer: usize,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
) -> Vec<Offer> {
    let mut acknowledged = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let key = Key::new(&scope, Kind::Classic, &format!("{writer}-{}", acknowledged.len()), "c").expect("legal");
        let offer = Offer::new(key, ClaimId::random().expect("random"), Timestamp::from_millis(1));
        let offer = offer.offering(Name::variation("v").expect("legal"));
        while !stop.load(Ordering::Relaxed) {
            match store.claim_one(&offer).await {
                Ok(claimed) => {
                    assert!(claimed.won(), "{:?}", claimed.outcome);
                    done.fetch_add(1, Ordering::Relaxed);
                    acknowledged.push(offer);
                    break;
                }
                Err(error) => assert!(error.is_transient(), "{error}"),
            }
            time::sleep(Duration::from_millis(10)).await;
        }
    }
    acknowledged
}

async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
        time::sleep(Duration::from_millis(20)).await;
    }
}
