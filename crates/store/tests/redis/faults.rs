//! One server behind a proxy that fails, or under signals: no wrong answer, no absence for a failed read, an error in
//! time, and everything as before once the fault is over.
use crate::bench::{Add, Needs, Server, eventually, key, name, offer, open, prefix, rounds, variable};
use stayput::{
    AssignmentStore, AssignmentStoreExt, Document, ErrorKind, Offer, Outcome, ScanStore,
    testing::{Fault, Proxy},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

const REDIS: &str = "STAYPUT_TEST_REDIS";
const TIMEOUT: Duration = Duration::from_millis(400);
/// A machine that does too much at once is not a missed deadline.
const GRACE: Duration = Duration::from_secs(2);

pub(crate) fn tests(add: Add<'_>) {
    add("a_cut_before_the_write_is_repeated_within_the_deadline", Needs::Server(REDIS), || {
        Box::pin(cut_once(Fault::CutBefore))
    });
    add("a_cut_after_the_write_is_repeated_and_wins_again", Needs::Server(REDIS), || {
        Box::pin(cut_once(Fault::CutAfter))
    });
    add("cut_before", Needs::Server(REDIS), || Box::pin(survives(Fault::CutBefore)));
    add("cut_after", Needs::Server(REDIS), || Box::pin(survives(Fault::CutAfter)));
    add("reset", Needs::Server(REDIS), || Box::pin(survives(Fault::Reset)));
    add("half_open", Needs::Server(REDIS), || Box::pin(survives(Fault::HalfOpen)));
    add("pause_of_the_network", Needs::Server(REDIS), || Box::pin(survives(Fault::Pause)));
    add("delay", Needs::Server(REDIS), || Box::pin(survives(Fault::Delay(Duration::from_secs(1)))));
    add("a_connection_that_fell_silent_is_replaced", Needs::Server(REDIS), || Box::pin(silent()));
    add("pause_of_the_server", Needs::Program, || Box::pin(stopped()));
    add("a_server_without_memory_says_so_and_forgets_nothing", Needs::Program, || Box::pin(full()));
    add("a_server_that_loads_its_data_is_not_an_empty_one", Needs::Program, || Box::pin(loading()));
    add("restart_after_kill", Needs::Program, || Box::pin(restarted()));
}

/// `limits` that a test waits out are short; on a busy machine opening may then take several tries.
async fn behind_proxy(limits: &str) -> (Proxy, Arc<dyn ScanStore>) {
    let server = variable(REDIS).expect("checked before");
    let server = server.trim_start_matches("redis://").parse().expect("an address");
    let proxy = Proxy::before(server).await.expect("a proxy");
    let url = format!("redis://{}?{limits}&prefix={}", proxy.address(), prefix());
    for _ in 0..50 {
        if let Ok(store) = stayput::open(&url).await {
            return (proxy, store);
        }
    }
    let store = open(&url).await;
    (proxy, store)
}

fn claims(user: &str) -> Offer {
    offer(key(user, "campaign")).offering(name("first")).bringing([name("goal")])
}

async fn cut_once(fault: Fault) {
    let (proxy, store) = behind_proxy("timeout=20s&connect=10s").await;
    for user in 0..20 {
        let offer = claims(&format!("user-{user}"));
        proxy.once(fault);
        let claimed = store.claim_one(&offer).await.expect("one cut is bridged");
        assert_eq!((claimed.outcome, claimed.new_goals), (Outcome::Created, vec![name("goal")]));
        assert_eq!(claimed.held.map(|held| held.revision), Some(1), "written once");
    }
    assert_eq!(proxy.cuts(), 20);
    proxy.once(fault);
    let read = store.get_one(&key("user-0", "campaign")).await.expect("one cut is bridged");
    assert!(read.is_some());
}

async fn survives(fault: Fault) {
    let (proxy, store) = behind_proxy("timeout=400ms&connect=400ms").await;
    let held = claims("held");
    store.claim_one(&held).await.expect("before the fault");
    for round in 0..2 * rounds() {
        proxy.set(fault);
        let mut asked = JoinSet::new();
        for i in 0..30 {
            let (store, offer) = (store.clone(), claims(&format!("user-{round}-{i}")));
            let held = held.key.clone();
            asked.spawn(async move {
                let begun = Instant::now();
                let claimed = store.claim_one(&offer).await.map(|_| ()).expect_err("nothing answers");
                let read = store.get_one(&held).await.map(|held| held.is_some()).expect_err("nothing answers");
                assert!(claimed.is_transient() && read.is_transient(), "{claimed}, {read}");
                assert!(begun.elapsed() < 2 * TIMEOUT + GRACE, "two operations took {:?}", begun.elapsed());
                offer
            });
        }
        let offers = asked.join_all().await;
        proxy.set(Fault::Pass);
        eventually("recovery", async || store.get_one(&held.key).await.is_ok_and(|held| held.is_some())).await;
        for offer in offers {
            let again = store.claim_one(&offer).await.expect("the fault is over");
            assert_eq!((again.outcome, again.new_goals), (Outcome::Created, vec![name("goal")]));
            let rival = Offer { claim: claims("x").claim, ..offer };
            let rival = store.claim_one(&rival).await.expect("the fault is over");
            assert!(!rival.won() && rival.new_goals.is_empty(), "{:?}", rival.outcome);
        }
        assert!(!store.claim_one(&claims("held")).await.expect("the fault is over").won());
    }
    eventually("one connection", async || proxy.open() == 1).await;
}

/// Nothing ever says that the connection is gone.
async fn silent() {
    let (proxy, store) = behind_proxy("timeout=400ms&connect=400ms").await;
    for user in 0..3 {
        let offer = claims(&format!("user-{user}"));
        proxy.silence();
        let error = store.claim_one(&offer).await.expect_err("no answer");
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        let claimed = store.claim_one(&offer).await.expect("a new connection");
        assert_eq!((claimed.outcome, claimed.new_goals), (Outcome::Created, vec![name("goal")]));
    }
    eventually("one connection", async || proxy.open() == 1).await;
}

/// The kernel goes on accepting connections for a process that is stopped.
async fn stopped() {
    let server = Server::start(&["--appendonly", "no"]).await;
    let store = open(&server.url("timeout=400ms&connect=200ms")).await;
    let (held, fresh) = (claims("held"), claims("fresh"));
    store.claim_one(&held).await.expect("before the fault");
    server.signal("STOP");
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        let asked = Instant::now();
        let (read, claimed) = (store.get_one(&held.key).await, store.claim_one(&fresh).await);
        assert!(read.is_err_and(|error| error.is_transient()) && claimed.is_err_and(|error| error.is_transient()));
        assert!(asked.elapsed() < 2 * TIMEOUT + GRACE);
    }
    server.signal("CONT");
    eventually("recovery", async || store.get_one(&held.key).await.is_ok_and(|held| held.is_some())).await;
    let claimed = store.claim_one(&fresh).await.expect("the fault is over");
    assert_eq!((claimed.outcome, claimed.new_goals), (Outcome::Created, vec![name("goal")]));
}

async fn restarted() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let store = open(&server.url("timeout=400ms&connect=200ms")).await;
    for round in 0..2 * rounds() {
        let mut writers = JoinSet::new();
        for writer in 0..8 {
            let store = store.clone();
            writers.spawn(async move {
                let mut answered = Vec::new();
                for i in 0..120 {
                    let offer = claims(&format!("user-{round}-{writer}-{i}"));
                    loop {
                        match store.claim_one(&offer).await {
                            Ok(claimed) => {
                                assert_eq!((claimed.outcome, claimed.new_goals.len()), (Outcome::Created, 1));
                                break;
                            }
                            Err(error) => assert_ne!(error.kind(), ErrorKind::Invalid, "{error}"),
                        }
                        sleep(Duration::from_millis(10)).await;
                    }
                    answered.push(offer.key);
                }
                answered
            });
        }
        sleep(Duration::from_millis(100)).await;
        server.kill();
        sleep(Duration::from_millis(300)).await;
        server.restart().await;
        for keys in writers.join_all().await {
            let held = store.get(&keys).await.expect("everybody is back");
            assert!(held.iter().all(Option::is_some), "acknowledged and lost");
        }
    }
}

async fn full() {
    let server = Server::start(&["--maxmemory", "8mb", "--maxmemory-policy", "noeviction"]).await;
    let store = open(&server.url("timeout=20s")).await;
    let mut held = Vec::new();
    let refused = loop {
        let document = Document::new("metaData", &format!("{:>8000}", held.len()).into()).expect("small enough");
        let offer = Offer { meta_data: Some(document), ..claims(&format!("user-{}", held.len())) };
        match store.claim_one(&offer).await {
            Ok(claimed) => held.push((offer, claimed)),
            Err(error) => break (offer, error),
        }
        assert!(held.len() < 10_000, "8 MB are never full");
    };
    assert_eq!(refused.1.kind(), ErrorKind::Unavailable, "{}", refused.1);
    assert!(refused.1.message().contains("no memory left for writes"), "{}", refused.1);
    assert_eq!(store.get_one(&refused.0.key).await.expect("reads are served"), None, "nothing of it was stored");
    for (offer, claimed) in &held {
        assert_eq!(store.get_one(&offer.key).await.expect("reads are served"), claimed.held);
        // What writes nothing is served, too.
        assert_eq!(&store.claim_one(offer).await.expect("a repeat"), claimed);
    }
    server.config("maxmemory", "0").await;
    assert!(store.claim_one(&refused.0).await.expect("there is room again").won());
}

async fn loading() {
    // Slow only while it loads; nothing at first.
    let mut server =
        Server::start(&["--appendonly", "yes", "--appendfsync", "always", "--key-load-delay", "500"]).await;
    let store = open(&server.url("timeout=20s")).await;
    let offers: Vec<Offer> = (0..3_000).map(|user| claims(&format!("user-{user}"))).collect();
    for offers in offers.chunks(500) {
        store.claim(offers).await.expect("claims");
    }
    let probe = &offers[0];
    let error = 'seen: loop {
        server.kill();
        server.restart().await;
        loop {
            match store.get_one(&probe.key).await {
                Err(error) if error.message().contains("loading") => break 'seen error,
                Err(error) => assert!(error.is_transient(), "{error}"),
                // It was done before anybody asked; another time, then.
                Ok(held) => break assert!(held.is_some(), "absence for what is held"),
            }
        }
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    server.config("key-load-delay", "0").await;
    eventually("service without a restart", async || store.get_one(&probe.key).await.is_ok()).await;
    for offer in &offers {
        assert!(store.get_one(&offer.key).await.expect("loaded").is_some_and(|held| held.by == offer.claim));
    }
}
