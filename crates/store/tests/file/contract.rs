//! One process: the contract, held against the reference.
use super::support::{Hand, Process, Test, entry, held, key, long, name, offer, open, run};
use stayput::{
    AssignmentStore, AssignmentStoreExt, ClaimId, Cursor, Entry, ErrorKind, Key, Kind, Offer, ScanStore, Scope,
    Timestamp, User,
    backends::{File, FileOptions, Memory},
};
use std::{
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

pub(crate) const TESTS: &[Test] = &[
    ("random operations give the answers of memory", random_operations),
    ("a request that fails leaves the others of its transaction alone", failing_alone),
    ("what cannot be read is corrupt until it is removed", unreadable_values),
    ("a claim that changes nothing commits nothing", unchanged_claims_commit_nothing),
    ("expired assignments are purged by later writes, live ones never", sweeping),
    ("a scan goes on from its cursor through expired and unreadable entries", scanning),
    ("the folder is for its owner alone", permissions),
    ("open takes file URLs and says what is wrong with one", urls),
    ("a long key, a large value and many goals fit", large),
];

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
    fn key(&mut self) -> Key {
        // Users that are prefixes of others, and campaigns of both kinds.
        let scope = Scope::new(["default", "default2", "d"][self.below(3) as usize]).unwrap();
        let kind = [Kind::Classic, Kind::Fme][self.below(2) as usize];
        let user = ["u", "uu", "u1", "é", "\u{1}", "u/c"][self.below(6) as usize];
        Key::new(&scope, kind, user, ["c", "cc", "\u{1}", "d"][self.below(4) as usize]).unwrap()
    }
    fn offer(&mut self) -> Offer {
        let mut offer = Offer::new(self.key(), ClaimId(self.below(50)), Timestamp::from_millis(self.below(100)));
        if self.below(5) > 0 {
            offer = offer.offering(name(["a", "b", "c"][self.below(3) as usize]));
        }
        let goals: Vec<_> = (0..self.below(4)).map(|_| name(&format!("g{}", self.below(6)))).collect();
        offer = offer.bringing(goals);
        if self.below(4) == 0 {
            offer = offer.replacing(name(["a", "b", "c"][self.below(3) as usize]), None);
        }
        offer.lasts = (self.below(3) == 0).then(|| Duration::from_millis(100 + self.below(400)));
        offer.epoch = u32::from(self.below(20) == 0);
        offer
    }
}

fn random_operations() {
    let rounds = if long() { 40 } else { 3 };
    for seed in 0..rounds {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::at(1_000));
        let memory = Memory::new(clock.clone());
        let options = || FileOptions::default().clock(clock.clone());
        let mut file = File::open(folder.path(), options()).unwrap();
        run(async {
            let mut random = Random(seed);
            for step in 0..600 {
                clock.0.fetch_add(random.below(40), Ordering::SeqCst);
                match random.below(12) {
                    0..6 => {
                        let mut offers: Vec<_> = (0..1 + random.below(3)).map(|_| random.offer()).collect();
                        offers.sort_by(|one, other| one.key.cmp(&other.key));
                        offers.dedup_by(|one, other| one.key == other.key);
                        assert_eq!(file.claim(&offers).await.unwrap(), memory.claim(&offers).await.unwrap());
                        assert_eq!(file.claim(&offers).await.unwrap(), memory.claim(&offers).await.unwrap());
                    }
                    6..8 => {
                        let keys: Vec<_> = (0..random.below(5)).map(|_| random.key()).collect();
                        assert_eq!(file.get(&keys).await.unwrap(), memory.get(&keys).await.unwrap());
                    }
                    8 => {
                        let entries = [entry(&random.key(), "p")];
                        file.put(&entries).await.unwrap();
                        memory.put(&entries).await.unwrap();
                    }
                    9 => {
                        let keys = [random.key()];
                        file.remove(&keys).await.unwrap();
                        memory.remove(&keys).await.unwrap();
                    }
                    10 => {
                        let user = random.key().user().clone();
                        assert_eq!(file.user(&user).await.unwrap(), memory.user(&user).await.unwrap());
                        if random.below(3) == 0 {
                            // Counts may differ by what has expired and was purged here.
                            file.erase(&user).await.unwrap();
                            memory.erase(&user).await.unwrap();
                            assert_eq!(file.user(&user).await.unwrap(), []);
                        }
                    }
                    _ => {
                        let scope = random.key().scope().clone();
                        let scope = (random.below(2) == 0).then_some(&scope);
                        let limit = 1 + random.below(5) as usize;
                        assert_eq!(all(&file, scope, limit).await, all(&memory, scope, 100).await, "step {step}");
                    }
                }
            }
            drop(file);
            file = File::open(folder.path(), options()).unwrap();
            assert_eq!(all(&file, None, 7).await, all(&memory, None, 7).await);
        });
    }
}

async fn all(store: &dyn ScanStore, scope: Option<&Scope>, limit: usize) -> Vec<Entry> {
    let (mut entries, mut after) = (Vec::new(), None);
    loop {
        let page = store.scan(scope, after.as_ref(), limit).await.unwrap();
        assert!(page.entries.len() <= limit && page.unreadable.is_empty());
        entries.extend(page.entries);
        match page.next {
            Some(next) => after = Some(next),
            None => return entries,
        }
    }
}

/// Writes bytes behind the store's back.
fn plant(path: &Path, key: &[u8], value: &[u8]) {
    use heed::{CommitOrAbort, types::Bytes};
    let mut options = heed::EnvOpenOptions::new();
    options.map_size(64 << 30).max_dbs(2);
    #[expect(unsafe_code, reason = "maps the store behind its back")]
    // SAFETY: nobody cuts the file off meanwhile.
    let environment = unsafe { options.open(path) }.unwrap();
    let transaction = environment.write_txn().unwrap();
    let planted = environment.create_databases_and_commit(transaction, |opener, txn| {
        let entries = opener.create_database::<Bytes, Bytes>(txn, Some("assignments"))?;
        entries.put(txn, key, value).map(|()| CommitOrAbort::<(), ()>::Commit(()))
    });
    planted.unwrap();
}

fn unreadable_values() {
    let folder = tempfile::tempdir().unwrap();
    let keys: Vec<_> = ["bad", "bad2", "bad3", "good"].map(|user| key(user, "c")).into();
    run(open(folder.path()).put(&[entry(&keys[3], "v")])).unwrap();
    for (key, value) in keys.iter().zip([&b"\x01\x01\xff"[..], b"", b"\x02whatever"]) {
        plant(folder.path(), &stayput::codec::encode_key(key), value);
    }
    plant(folder.path(), b"no key of ours", b"x");
    let store = open(folder.path());
    run(async {
        assert_eq!(store.get(&keys[..1]).await.unwrap_err().kind(), ErrorKind::Corrupt);
        let fresh = key("fresh", "c");
        for batch in [[&keys[0], &fresh], [&fresh, &keys[0]]] {
            let batch = batch.map(|key| offer(key, "w"));
            assert_eq!(store.claim(&batch).await.unwrap_err().kind(), ErrorKind::Corrupt);
            assert_eq!(held(&store, &fresh).await, None, "half a batch was written");
        }
        assert_eq!(store.user(keys[0].user()).await.unwrap_err().kind(), ErrorKind::Corrupt);
        assert!(held(&store, &keys[3]).await.is_some());
        let page = store.scan(None, None, 1).await.unwrap();
        let unreadable: Vec<_> = page.unreadable.iter().map(|found| found.key.clone()).collect();
        assert_eq!(unreadable, [Some(keys[0].clone()), Some(keys[1].clone()), Some(keys[2].clone())]);
        assert_eq!(page.entries.len(), 1);
        let page = store.scan(None, page.next.as_ref(), 1).await.unwrap();
        assert_eq!((page.unreadable.len(), page.entries.len(), page.next), (1, 0, None));

        store.put(&[entry(&keys[0], "p")]).await.unwrap();
        assert_eq!(held(&store, &keys[0]).await.unwrap().variation, name("p"));
        store.remove(&keys[1..2]).await.unwrap();
        assert_eq!(held(&store, &keys[1]).await, None);
        assert_eq!(store.erase(keys[2].user()).await.unwrap(), 1);
        assert_eq!(held(&store, &keys[2]).await, None);
    });
}

fn failing_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let bad = key("bad", "c");
    plant(folder.path(), &stayput::codec::encode_key(&bad), b"\x01\x01\xff");
    let store = Arc::new(open(folder.path()));
    let mut holder = Process::start("hold-the-lock", folder.path(), &[]);
    assert_eq!(holder.line().as_deref(), Some("held"));
    run(async {
        let claims: Vec<_> = (0..40)
            .map(|number| {
                let (store, mut batch) = (store.clone(), vec![offer(&key(&format!("u{number}"), "c"), "v")]);
                batch.extend((number % 4 == 3).then(|| offer(&bad, "v")));
                tokio::spawn(async move { store.claim(&batch).await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(100)).await; // all wait for the lock by now, most likely
        holder.kill();
        for (number, claim) in claims.into_iter().enumerate() {
            assert_eq!(claim.await.unwrap().is_err(), number % 4 == 3);
            let found = held(&store, &key(&format!("u{number}"), "c")).await;
            assert_eq!(found.is_none(), number % 4 == 3);
        }
    });
    assert!(store.stats().unwrap().commits < 20, "they never met in one transaction");
}

fn unchanged_claims_commit_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    run(async {
        let first = offer(&key("u", "c"), "v").bringing([name("g")]);
        let claimed = store.claim_one(&first).await.unwrap();
        assert!(claimed.won());
        let commits = store.stats().unwrap().commits;
        assert_eq!(store.claim_one(&first).await.unwrap(), claimed);
        assert!(!store.claim_one(&offer(&key("u", "c"), "w").bringing([name("g")])).await.unwrap().won());
        let goals_only = Offer::new(key("nobody", "c"), ClaimId(1), Timestamp::default()).bringing([name("g")]);
        assert_eq!(store.claim_one(&goals_only).await.unwrap().held, None);
        store.remove(&[key("nobody", "c")]).await.unwrap();
        store.flush().await.unwrap();
        assert_eq!(store.stats().unwrap().commits, commits);
    });
}

fn sweeping() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::at(0));
    let store = File::open(folder.path(), FileOptions::default().clock(clock.clone())).unwrap();
    run(async {
        let fleeting: Vec<_> = (0..300)
            .map(|number| Offer {
                lasts: (number % 3 > 0).then_some(Duration::from_secs(1)),
                ..offer(&key(&format!("u{number}"), "c"), "v")
            })
            .collect();
        store.claim(&fleeting).await.unwrap();
        clock.0.store(999, Ordering::SeqCst);
        for number in 0..300 {
            store.claim_one(&offer(&key(&format!("w{number}"), "c"), "v")).await.unwrap();
        }
        assert_eq!(store.stats().unwrap().purged, 0, "purged something that was still alive");
        clock.0.store(1_000, Ordering::SeqCst);
        for number in 0..700 {
            store.claim_one(&offer(&key(&format!("x{number}"), "c"), "v")).await.unwrap();
        }
        assert_eq!(store.stats().unwrap().purged, 200, "expired assignments stay for ever");
        assert_eq!(all(&store, None, 100).await.len(), 100 + 300 + 700, "a live assignment was purged");
    });
}

fn scanning() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::at(0));
    let store = File::open(folder.path(), FileOptions::default().clock(clock.clone())).unwrap();
    run(async {
        let mut entries: Vec<_> = (0..10_000).map(|number| entry(&key(&format!("u{number:05}"), "c"), "v")).collect();
        for expired in &mut entries[10..9_990] {
            expired.assignment.expires_at = Some(Timestamp::from_millis(1));
        }
        store.put(&entries).await.unwrap();
        clock.0.store(1, Ordering::SeqCst);
        let first = store.scan(None, None, 100).await.unwrap();
        assert!(first.entries.len() < 100 && first.next.is_some(), "one page looked at everything");
        let found = all(&store, None, 3).await;
        assert_eq!(found, [&entries[..10], &entries[9_990..]].concat());
        assert_eq!(all(&store, Some(&Scope::new("other").unwrap()), 3).await, []);
        let nonsense = store.scan(None, Some(&Cursor(Vec::new())), 1).await.unwrap_err();
        assert_eq!(nonsense.kind(), ErrorKind::Invalid);
        let beyond = store.scan(None, Some(&Cursor(vec![0xff; 5_000])), 1).await.unwrap();
        assert!(beyond.entries.is_empty() && beyond.next.is_none());
    });
}

fn permissions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/store");
    drop(open(&path));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("data.mdb")), 0o600);
    assert_eq!(mode(&path.join("lock.mdb")), 0o600);
}

fn urls() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    run(async {
        let store = stayput::open(&format!("file:{path}/a?map=1MiB&timeout=2s&retention=1d")).await.unwrap();
        let claimed = store.claim_one(&offer(&key("u", "c"), "v")).await.unwrap();
        assert!(claimed.held.unwrap().expires_at.is_some());
        let same = stayput::open(&format!("file://{path}/a")).await.unwrap();
        assert!(same.get_one(&key("u", "c")).await.unwrap().is_some());
        for (url, field) in [
            ("file:", "store"),
            ("file://host/a", "store"),
            (&*format!("file:{path}/a?map=1XB"), "map"),
            (&*format!("file:{path}/a?map=0"), "map"),
            (&*format!("file:{path}/a?timeout=0s"), "timeout"),
            (&*format!("file:{path}/a?network=yes"), "network"),
            (&*format!("file:{path}/a?what=ever"), "store"),
        ] {
            let error = stayput::open(url).await.unwrap_err();
            assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some(field)), "{url}: {error}");
        }
        std::fs::write(folder.path().join("plain"), "x").unwrap();
        let error = stayput::open(&format!("file:{path}/plain")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    });
}

fn large() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (user, campaign, long_name) = ("é".repeat(512), "k".repeat(256), "n".repeat(250));
    let key = Key::new(&Scope::new(&"s".repeat(128)).unwrap(), Kind::Fme, &user, &campaign).unwrap();
    run(async {
        let goals = (0..1_001).map(|number| name(&format!("{long_name}{number}")));
        let claimed = store.claim_one(&offer(&key, "v").bringing(goals)).await.unwrap();
        assert_eq!((claimed.new_goals.len(), claimed.dropped_goals), (1_000, 1));
        assert_eq!(held(&store, &key).await, claimed.held);
        assert_eq!(store.user(&User::new(key.scope(), &user).unwrap()).await.unwrap().len(), 1);
        assert_eq!(store.erase(key.user()).await.unwrap(), 1);
    });
}
