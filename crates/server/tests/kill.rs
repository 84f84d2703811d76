//! Nothing that the server acknowledged is lost when it is killed in the middle of its work.
use live::Binary;
use stayput::{
    AssignmentStore, AssignmentStoreExt, ClaimId, Key, Kind, Name, Offer, Outcome, ScanStore, Scope, Timestamp,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

#[path = "support/live.rs"]
mod live;

const WRITERS: u64 = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_9_with_sixteen_writers_ten_times_in_a_row() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("file:{}", folder.path().display());
    let mut acknowledged: Vec<Offer> = Vec::new();
    for round in 0..rounds() {
        let mut server = Binary::serve(&url);
        let store = client(&server).await;
        let answered = Arc::new(AtomicU64::new(0));
        let writers = (0..WRITERS).map(|writer| tokio::spawn(write(store.clone(), round, writer, answered.clone())));
        let writers: Vec<_> = writers.collect();
        // In the middle of the work, and each round at another moment of it.
        while answered.load(Ordering::Relaxed) < 40 + 97 * round % 300 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.child.kill().expect("SIGKILL");
        server.child.wait().expect("it is gone");
        let before = acknowledged.len();
        for writer in writers {
            acknowledged.extend(writer.await.expect("no panic"));
        }
        assert!(acknowledged.len() > before, "round {round} was killed before anything was acknowledged");

        let server = Binary::serve(&url);
        let store = client(&server).await;
        for offers in acknowledged.chunks(500) {
            let keys: Vec<Key> = offers.iter().map(|offer| offer.key.clone()).collect();
            let held = store.get(&keys).await.expect("get");
            for (offer, held) in offers.iter().zip(held) {
                let held = held.expect("what was acknowledged is held");
                assert_eq!((Some(&held.variation), held.by), (offer.variation.as_ref(), offer.claim));
                assert_eq!(held.goals.iter().map(|goal| &goal.name).collect::<Vec<_>>(), [&offer.goals[0]]);
            }
        }
        let last = acknowledged.last().expect("something was acknowledged");
        let rival = Offer { claim: ClaimId(u64::MAX), variation: Some(name("late")), ..last.clone() };
        let kept = store.claim_one(&rival).await.expect("claim");
        assert_eq!((kept.outcome, kept.new_goals.len()), (Outcome::Kept, 0), "the first stays, its goal counted");
        assert_eq!(store.claim_one(last).await.expect("claim").outcome, Outcome::Created, "a repeat is told the same");
    }
    println!("{} acknowledged claims in {} rounds, none lost", acknowledged.len(), rounds());
}

/// Claims one user after the other until the server is gone; tells what was acknowledged.
async fn write(store: Arc<dyn ScanStore>, round: u64, writer: u64, answered: Arc<AtomicU64>) -> Vec<Offer> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        let key = Key::new(&Scope::default(), Kind::Classic, &format!("{round}-{writer}-{number}"), "campaign");
        let claim = ClaimId((round << 48) | (writer << 32) | number);
        let offer = Offer::new(key.expect("a legal key"), claim, Timestamp::from_millis(1))
            .offering(name(&format!("v{writer}")))
            .bringing([name("goal")]);
        match store.claim_one(&offer).await {
            Ok(_) => {
                answered.fetch_add(1, Ordering::Relaxed);
                acknowledged.push(offer);
            }
            Err(_) => break,
        }
    }
    acknowledged
}

async fn client(server: &Binary) -> Arc<dyn ScanStore> {
    stayput::open(&format!("stayput://{}", server.address)).await.expect("a store")
}
fn name(name: &str) -> Name {
    Name::variation(name).expect("a legal name")
}

/// Ten, and ten times as many in a long run.
#[expect(clippy::disallowed_methods, reason = "tests read their own switches")]
fn rounds() -> u64 {
    if std::env::var("STAYPUT_LONG").is_ok() { 100 } else { 10 }
}
