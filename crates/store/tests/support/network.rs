//! What every store does when its network or its server fails: no wrong answer, no absence for a failed read, an error in
//! time, and everything as before once the fault is over.
use stayput::{
    AssignmentStoreExt, ClaimId, Claimed, Clock, ErrorKind, Key, Kind, Name, Offer, Outcome, ScanStore, Scope,
    SystemClock,
    testing::{Fault, Proxy},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};

pub(crate) type Store = Arc<dyn ScanStore>;

/// What stores here are opened with.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(1);
/// A machine that does too much at once is not a missed deadline.
const GRACE: Duration = Duration::from_secs(4);

/// Offers for one user after another, in a scope that nobody else uses.
#[derive(Clone)]
pub(crate) struct Offers(Scope);

impl Offers {
    pub(crate) fn new() -> Self {
        let name = format!("network-{}", ClaimId::random().expect("random"));
        Self(Scope::new(&name).expect("legal"))
    }
    pub(crate) fn of(&self, user: &str) -> Offer {
        let key = Key::new(&self.0, Kind::Classic, user, "campaign").expect("legal");
        Offer::new(key, ClaimId::random().expect("random"), SystemClock.now())
            .offering(Name::variation("first").expect("legal"))
            .bringing([Name::goal("goal").expect("legal")])
    }
}

/// `offer` was the first, whatever became of earlier attempts.
async fn wins(store: &Store, offer: &Offer) {
    let claimed = answered(store, offer).await;
    assert_eq!((claimed.outcome, claimed.new_goals.len()), (Outcome::Created, 1));
    assert_eq!(claimed.held.map(|held| (held.revision, held.by)), Some((1, offer.claim)), "it was stored once");
}

/// The answer, once there is one: after a fault the way back may take some attempts.
async fn answered(store: &Store, offer: &Offer) -> Claimed {
    let begun = Instant::now();
    loop {
        match store.claim_one(offer).await {
            Ok(claimed) => return claimed,
            Err(error) => assert!(error.is_transient() && begun.elapsed() < Duration::from_secs(40), "{error}"),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until `condition` holds; a server needs its time, and tests do not know how much.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < Duration::from_secs(40), "{what} has not come about in 40 s");
        sleep(Duration::from_millis(20)).await;
    }
}
async fn recovers(store: &Store, key: &Key) {
    eventually("recovery", async || store.get_one(key).await.is_ok_and(|held| held.is_some())).await;
}

/// A connection that breaks once is no error.
pub(crate) async fn one_cut_is_bridged(proxy: &Proxy, store: &Store, fault: Fault) {
    let offers = Offers::new();
    for user in 0..5 {
        let offer = offers.of(&user.to_string());
        proxy.once(fault);
        let claimed = store.claim_one(&offer).await.expect("one cut is bridged");
        assert_eq!((claimed.outcome, claimed.new_goals.len()), (Outcome::Created, 1));
    }
    assert!(proxy.cuts() > 0, "nothing was cut");
}

/// While `fault` lasts there is nothing but errors, in time; afterwards everything is as if it had not been.
pub(crate) async fn survives(proxy: &Proxy, store: &Store, fault: Fault, connections: usize) {
    let offers = Offers::new();
    let held = offers.of("held");
    wins(store, &held).await;
    proxy.set(fault);
    let mut asked = JoinSet::new();
    for i in 0..8 {
        let (store, offer, held) = (store.clone(), offers.of(&i.to_string()), held.key.clone());
        asked.spawn(async move {
            let begun = Instant::now();
            let claimed = store.claim_one(&offer).await.map(drop).expect_err("nothing answers");
            let read = store.get_one(&held).await.map(drop).expect_err("a failed read is not absence");
            assert!(claimed.is_transient() && read.is_transient(), "{claimed}, {read}");
            assert!(begun.elapsed() < 2 * TIMEOUT + GRACE, "{fault:?}: two operations took {:?}", begun.elapsed());
            offer
        });
    }
    let asked = asked.join_all().await;
    proxy.set(Fault::Pass);
    recovers(store, &held.key).await;
    for offer in asked {
        wins(store, &offer).await;
        let rival = answered(store, &Offer { claim: ClaimId(7), ..offer }).await;
        assert!(!rival.won() && rival.new_goals.is_empty());
    }
    eventually("no more connections than before", async || proxy.open() <= connections).await;
}

/// Nothing ever says that the connections are gone.
pub(crate) async fn silence_is_found_out(proxy: &Proxy, store: &Store, connections: usize) {
    let offers = Offers::new();
    wins(store, &offers.of("before")).await;
    for user in 0..3 {
        let offer = offers.of(&user.to_string());
        proxy.silence();
        let error = store.claim_one(&offer).await.expect_err("no answer");
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        wins(store, &offer).await;
    }
    eventually("no more connections than before", async || proxy.open() <= connections).await;
}

/// The kernel goes on accepting connections for a process that is stopped.
pub(crate) async fn a_stopped_server_is_an_error_in_time(store: &Store, signal: impl Fn(&str)) {
    let offers = Offers::new();
    let (held, fresh) = (offers.of("held"), offers.of("fresh"));
    wins(store, &held).await;
    signal("STOP");
    for _ in 0..2 {
        let begun = Instant::now();
        let (read, claimed) = (store.get_one(&held.key).await, store.claim_one(&fresh).await);
        assert!(read.is_err_and(|error| error.is_transient()) && claimed.is_err_and(|error| error.is_transient()));
        assert!(begun.elapsed() < 2 * TIMEOUT + GRACE);
    }
    signal("CONT");
    recovers(store, &held.key).await;
    wins(store, &fresh).await;
}

/// Users claimed one after another, each until it is acknowledged, until somebody says that it is enough.
pub(crate) struct Writers {
    stop: watch::Sender<bool>,
    writers: JoinSet<(Vec<Offer>, usize)>,
}

impl Writers {
    pub(crate) fn start(store: &Store) -> Self {
        let (stop, mut writers) = (watch::Sender::new(false), JoinSet::new());
        for _ in 0..8 {
            let (store, stop, offers) = (store.clone(), stop.subscribe(), Offers::new());
            writers.spawn(async move {
                let (mut written, mut failures) = (Vec::new(), 0);
                while !*stop.borrow() {
                    let offer = offers.of(&written.len().to_string());
                    while let Err(error) = store.claim_one(&offer).await {
                        assert!(error.is_transient(), "{error}");
                        failures += 1;
                        sleep(Duration::from_millis(20)).await;
                    }
                    written.push(offer);
                    sleep(Duration::from_millis(2)).await; // what is written is read again one day
                }
                (written, failures)
            });
        }
        Self { stop, writers }
    }
    /// What was acknowledged, and how many attempts failed.
    pub(crate) async fn finish(self) -> (Vec<Offer>, usize) {
        self.stop.send_replace(true);
        let (written, failures): (Vec<_>, Vec<_>) = self.writers.join_all().await.into_iter().unzip();
        (written.concat(), failures.iter().sum())
    }
}

/// How many of `written` are still held; those that are, as they were acknowledged.
pub(crate) async fn held(store: &Store, written: &[Offer]) -> usize {
    let mut held = 0;
    for written in written.chunks(200) {
        let keys: Vec<Key> = written.iter().map(|offer| offer.key.clone()).collect();
        for (offer, found) in written.iter().zip(store.get(&keys).await.expect("everybody is back")) {
            let Some(found) = found else { continue };
            assert_eq!((found.by, found.revision), (offer.claim, 1));
            held += 1;
        }
    }
    held
}
