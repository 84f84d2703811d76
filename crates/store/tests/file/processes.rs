//! Several processes with one folder: races, kills, locks, growth, forks.
use super::support::{Hand, Process, Test, held, key, long, offer, open, run};
use stayput::{
    AssignmentStore, AssignmentStoreExt, ErrorKind,
    backends::{File, FileOptions},
};
use std::{collections::HashMap, time::Duration};

pub(crate) const TESTS: &[Test] = &[
    ("three processes race: one winner, every goal new once", race),
    ("kill -9 among 16 writers loses nothing acknowledged", kill),
    ("a killed holder of the write lock does not hold up the others", killed_holder),
    ("a claim behind another process's lock ends at its deadline and is never applied", deadline),
    ("a stuck committer refuses before its queue grows without end", bounded),
    ("two processes grow one file", growth),
    ("a child opens the folder anew after a fork", fork),
];

fn race() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let start = || ["a", "b", "c"].map(|me| Process::start("race", folder.path(), &[me]));
    let mut processes = start();
    processes.iter_mut().for_each(|process| assert_eq!(process.line().as_deref(), Some("ready")));
    let (mut winners, mut goals, mut variations) = (HashMap::new(), HashMap::new(), HashMap::new());
    for process in processes {
        for line in process.rest() {
            let [number, variation, won, new] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            *winners.entry(number.to_owned()).or_insert(0) += usize::from(won == "true");
            *goals.entry(number.to_owned()).or_insert(0) += new.parse::<usize>().unwrap();
            let told = variations.entry(number.to_owned()).or_insert(variation.to_owned());
            assert_eq!(told, variation, "two answers for one user");
        }
    }
    assert!(winners.len() == 200 && winners.values().all(|winners| *winners == 1), "not one winner each");
    assert!(goals.values().all(|new| *new == 8), "a goal was not new exactly once");
}

fn kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged: Vec<String> = Vec::new();
    for round in 0..if long() { 100 } else { 10 } {
        let mut process = Process::start("write-for-ever", folder.path(), &[&round.to_string()]);
        for _ in 0..200 + round * 13 {
            acknowledged.extend(process.line());
        }
        process.kill();
        acknowledged.extend(process.leftovers());
        let store = open(folder.path());
        run(async {
            let keys: Vec<_> = acknowledged.iter().map(|user| key(user.trim_end_matches('.'), "c")).collect();
            let found = store.get(&keys).await.unwrap();
            let lost = found.iter().filter(|held| held.as_ref().is_none_or(|held| held.goals.len() != 1)).count();
            assert_eq!(lost, 0, "round {round} lost acknowledged claims");
        });
    }
    assert!(acknowledged.len() > 2_000);
}

fn killed_holder() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for round in 0..3 {
        let mut holder = Process::start("hold-the-lock", folder.path(), &[]);
        assert_eq!(holder.line().as_deref(), Some("held"));
        let offer = offer(&key(&format!("u{round}"), "c"), "v");
        run(async {
            let claim = store.claim_one(&offer);
            let kill = async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                holder.kill();
            };
            // Joined by hand: both run on this task.
            let mut claim = Box::pin(claim);
            let mut kill = Box::pin(kill);
            let mut killed = false;
            let claimed = std::future::poll_fn(|context| {
                killed = killed || kill.as_mut().poll(context).is_ready();
                claim.as_mut().poll(context)
            })
            .await;
            assert!(killed && claimed.unwrap().won());
            assert!(held(&store, &offer.key).await.is_some());
        });
    }
}

fn deadline() {
    let folder = tempfile::tempdir().unwrap();
    let options = FileOptions::default().timeout(Duration::from_millis(100)).clock(Hand::at(5));
    let store = File::open(folder.path(), options).unwrap();
    run(async {
        store.claim_one(&offer(&key("known", "c"), "v")).await.unwrap();
        let mut holder = Process::start("hold-the-lock", folder.path(), &[]);
        assert_eq!(holder.line().as_deref(), Some("held"));
        for number in 0..3 {
            let late = store.claim_one(&offer(&key(&format!("late{number}"), "c"), "v")).await.unwrap_err();
            assert_eq!(late.kind(), ErrorKind::Timeout, "{late}");
        }
        assert_eq!(store.flush().await.unwrap_err().kind(), ErrorKind::Timeout);
        assert!(held(&store, &key("known", "c")).await.is_some(), "a read waited");
        assert!(!store.claim_one(&offer(&key("known", "c"), "w")).await.unwrap().won(), "a repeat waited");
        holder.kill();
        drop(holder);
        let patient = File::open(folder.path(), FileOptions::default()).unwrap();
        patient.claim_one(&offer(&key("after", "c"), "v")).await.unwrap();
        for number in 0..3 {
            assert_eq!(held(&store, &key(&format!("late{number}"), "c")).await, None, "a withdrawn claim was applied");
        }
    });
}

fn bounded() {
    let folder = tempfile::tempdir().unwrap();
    let store = std::sync::Arc::new(File::open(folder.path(), FileOptions::default()).unwrap());
    run(async {
        let mut holder = Process::start("hold-the-lock", folder.path(), &[]);
        assert_eq!(holder.line().as_deref(), Some("held"));
        let claims = (0..10_000).map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.claim_one(&offer(&key(&format!("u{number}"), "c"), "v")).await })
        });
        let mut kinds = HashMap::new();
        for claim in claims.collect::<Vec<_>>() {
            if let Err(error) = claim.await.unwrap() {
                *kinds.entry(error.kind()).or_insert(0) += 1;
            }
        }
        assert!(kinds[&ErrorKind::Refused] >= 10_000 - 8_192 - 1_024, "{kinds:?}");
        // What was withdrawn makes room.
        holder.kill();
        drop(holder);
        store.claim_one(&offer(&key("after", "c"), "v")).await.unwrap();
    });
}

fn growth() {
    let folder = tempfile::tempdir().unwrap();
    let store = File::open(folder.path(), FileOptions::default().map(64 << 10)).unwrap();
    let start = |prefix| Process::start("fill", folder.path(), &["65536", prefix]);
    let (one, other) = (start("a"), start("b"));
    for process in [one, other] {
        process.rest();
    }
    run(async {
        // This process has neither read nor written while the others grew the file.
        for prefix in ["a", "b"] {
            for number in 0..2_000 {
                assert!(held(&store, &key(&format!("{prefix}{number}"), "c")).await.is_some());
            }
        }
        store.claim_one(&offer(&key("mine", "c"), "v")).await.unwrap();
    });
    assert!(std::fs::metadata(folder.path().join("data.mdb")).unwrap().len() > 4 * 65_536);
}

fn fork() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..if long() { 50 } else { 3 } {
        let inner = folder.path().join("store");
        assert_eq!(Process::start("fork", &inner, &[]).rest(), ["forked"]);
        std::fs::remove_dir_all(inner).unwrap();
    }
}
