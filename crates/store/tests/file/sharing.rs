//! One process, many tasks and handles: groups, races, handles, growth, opening quickly.
use super::support::{LONG, Test, entry, held, key, name, offer, open, run};
use stayput::{
    AssignmentStore, AssignmentStoreExt, Offer,
    backends::{File, FileOptions},
};
use std::{collections::HashMap, sync::Arc};

pub(crate) const TESTS: &[Test] = &[
    ("64 writers share commits", writers_share_commits),
    ("32 writers racing for 200 keys: one winner, every goal new once, one answer for all", racing),
    ("all who open a folder share one handle, and it closes with the last", one_handle),
    ("a full map grows without losing or stopping anything", growth),
    ("a million assignments reopen in under 100 ms of processor time", reopening),
    ("dropped claims leave a store that works", dropping),
];

fn writers_share_commits() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(folder.path()));
    run(async {
        let writers = (0..64).map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in 0..30 {
                    let claimed = store.claim_one(&offer(&key(&format!("{writer}-{number}"), "c"), "v")).await;
                    assert!(claimed.unwrap().won());
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
    });
    let stats = store.stats().unwrap();
    assert_eq!(stats.claims, 64 * 30);
    assert!(stats.claims > 8 * stats.commits, "{} claims took {} commits", stats.claims, stats.commits);
}

fn racing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(folder.path()));
    run(async {
        let writers = (0..32).map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut told = Vec::new();
                for step in 0..200 {
                    let number = (step + writer * 7) % 200;
                    let offer = offer(&key(&format!("u{number}"), "c"), ["a", "b"][writer % 2])
                        .bringing([name(&format!("g{}", writer % 8)), name(&format!("g{}", (writer + 1) % 8))]);
                    told.push((number, store.claim_one(&offer).await.unwrap()));
                }
                told
            })
        });
        let (mut winners, mut goals, mut variations) = (HashMap::new(), HashMap::new(), HashMap::new());
        for writer in writers.collect::<Vec<_>>() {
            for (number, claimed) in writer.await.unwrap() {
                *winners.entry(number).or_insert(0) += usize::from(claimed.won());
                for goal in &claimed.new_goals {
                    *goals.entry((number, goal.to_string())).or_insert(0) += 1;
                }
                let told = claimed.held.unwrap().variation;
                assert_eq!(*variations.entry(number).or_insert(told.clone()), told, "two answers for one user");
            }
        }
        assert!(winners.len() == 200 && winners.values().all(|winners| *winners == 1), "not one winner each");
        assert!(goals.len() == 1_600 && goals.values().all(|times| *times == 1), "a goal was not new exactly once");
    });
}

fn one_handle() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(folder.path().join("store"), &link).unwrap();
    run(async {
        for round in 0..20 {
            let one = open(&folder.path().join("store"));
            let other = open(&link);
            let key = key(&format!("u{round}"), "c");
            one.claim_one(&offer(&key, "v")).await.unwrap();
            assert_eq!(one.stats().unwrap(), other.stats().unwrap());
            assert_eq!(other.stats().unwrap().commits, 1, "the folder was not closed in between");
            drop(one);
            assert!(held(&other, &key).await.is_some());
        }
    });
}

fn growth() {
    let folder = tempfile::tempdir().unwrap();
    let options = || FileOptions::default().map(64 << 10).timeout(LONG);
    let store = Arc::new(File::open(folder.path(), options()).unwrap());
    run(async {
        let reader = {
            let store = store.clone();
            tokio::spawn(async move {
                while held(&store, &key("7-99", "c")).await.is_none() {
                    tokio::task::yield_now().await;
                }
            })
        };
        let writers = (0..8).map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in 0..100 {
                    let goals = (0..20).map(|goal| name(&format!("{}{goal}", "g".repeat(100))));
                    let offer = offer(&key(&format!("{writer}-{number}"), "c"), "v").bringing(goals);
                    assert_eq!(store.claim_one(&offer).await.unwrap().new_goals.len(), 20);
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        reader.await.unwrap();
        let many: Vec<_> = (0..5_000).map(|number| entry(&key(&format!("many{number}"), "c"), "v")).collect();
        store.put(&many).await.unwrap();
    });
    assert!(std::fs::metadata(folder.path().join("data.mdb")).unwrap().len() > 1 << 20);
    drop(store);
    let store = File::open(folder.path(), options()).unwrap();
    run(async {
        for (writer, number) in (0..8).flat_map(|writer| (0..100).map(move |number| (writer, number))) {
            assert!(held(&store, &key(&format!("{writer}-{number}"), "c")).await.is_some());
        }
        assert!(held(&store, &key("many4999", "c")).await.is_some());
    });
}

fn reopening() {
    let folder = tempfile::tempdir().unwrap();
    let store = File::open(folder.path(), FileOptions::default().timeout(LONG)).unwrap();
    run(async {
        let model = entry(&key("u", "c"), "control");
        for part in 0..100 {
            let entry = |number| stayput::Entry { key: key(&format!("user-{number:07}"), "checkout"), ..model.clone() };
            store.put(&(part * 10_000..(part + 1) * 10_000).map(entry).collect::<Vec<_>>()).await.unwrap();
        }
    });
    drop(store);
    let before = processor_time();
    let store = open(folder.path());
    let took = processor_time() - before;
    assert!(run(held(&store, &key("user-0999999", "checkout"))).is_some());
    assert!(took.as_millis() < 100, "opening took {took:?}");
}

/// Of this thread: what opening takes, however busy the machine is.
fn processor_time() -> std::time::Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    std::time::Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

fn dropping() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    run(async {
        for number in 0..200 {
            let offer: Offer = offer(&key(&format!("u{number}"), "c"), "v");
            // Polled once, so it is under way, and then forgotten.
            let _ = tokio::time::timeout(std::time::Duration::ZERO, store.claim_one(&offer)).await;
        }
        store.flush().await.unwrap();
        assert!(store.claim_one(&offer(&key("last", "c"), "v")).await.unwrap().won());
    });
}
