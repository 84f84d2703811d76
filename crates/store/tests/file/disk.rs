//! Disks that are full or read-only, folders of others.
use super::{
    mount::Mount,
    support::{Process, Test, entry, held, key, name, offer, open, run},
};
use stayput::{
    AssignmentStore, AssignmentStoreExt, ErrorKind, ScanStore,
    backends::{File, FileOptions},
};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

pub(crate) const TESTS: &[Test] = &[
    ("a folder that this user may not write is refused with advice", not_writable),
    ("a folder of another program's LMDB is refused and not changed", foreign),
    ("a folder of a newer version is refused and not changed", newer),
];

/// Those that need to mount a file system.
pub(crate) const ON_MOUNTS: &[Test] = &[
    ("a full disk refuses, loses nothing acknowledged, and works again with room", full),
    ("a read-only file system is refused with advice", read_only),
];

fn full() {
    let disk = Mount::new("4m").expect("a tmpfs");
    let store = open(&disk.path().join("store"));
    let big = |number: usize| {
        let goals = (0..100).map(|goal| name(&format!("{}{goal}", "g".repeat(100))));
        offer(&key(&format!("u{number}"), "c"), "v").bringing(goals.collect::<Vec<_>>())
    };
    run(async {
        fs::write(disk.path().join("ballast"), vec![1; 2 << 20]).unwrap();
        let mut stored = 0;
        let error = loop {
            match store.claim_one(&big(stored)).await {
                Ok(_) => stored += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.message().contains("make room"), "{error}");
        assert!(stored > 10);
        for number in 0..stored {
            assert_eq!(held(&store, &key(&format!("u{number}"), "c")).await.unwrap().goals.len(), 100);
        }
        assert_eq!(held(&store, &key(&format!("u{stored}"), "c")).await, None, "a refused claim was stored");
        // Exports go on. An erasure needs pages too: it is refused as a whole, or done.
        assert_eq!(store.scan(None, None, 10_000).await.unwrap().entries.len(), stored);
        let first = key("u0", "c");
        match store.erase(first.user()).await {
            Ok(erased) => assert_eq!((erased, held(&store, &first).await), (1, None)),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
                assert!(error.message().contains("make room"), "{error}");
                assert!(held(&store, &first).await.is_some(), "half an erasure");
            }
        }
        let other = File::open(disk.path().join("another"), FileOptions::default());
        assert_eq!(other.unwrap_err().kind(), ErrorKind::Refused);

        fs::remove_file(disk.path().join("ballast")).unwrap();
        for number in stored..stored + 10 {
            assert!(store.claim_one(&big(number)).await.unwrap().won());
        }
        store.erase(first.user()).await.unwrap();
        drop(store);
        let store = open(&disk.path().join("store"));
        assert_eq!(held(&store, &first).await, None);
        for number in 1..stored + 10 {
            assert_eq!(held(&store, &key(&format!("u{number}"), "c")).await.unwrap().goals.len(), 100);
        }
    });
}

fn read_only() {
    let disk = Mount::new("4m").expect("a tmpfs");
    drop(open(&disk.path().join("store")));
    assert!(disk.make_read_only());
    for place in ["store", "other"] {
        let error = File::open(disk.path().join(place), FileOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.message().contains("read-only"), "{error}");
    }
}

fn not_writable() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    drop(open(&store));
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&store, fs::Permissions::from_mode(0o555)).unwrap();
    let said = Process::start("open-as-nobody", &store, &[]).rest();
    assert!(said[0].starts_with("Refused") && said[0].contains("permission"), "{said:?}");
    fs::set_permissions(&store, fs::Permissions::from_mode(0o700)).unwrap();
    drop(open(&store));
}

fn write(path: &Path, database: &str, key: &str, value: &str) {
    use heed::{CommitOrAbort, types::Str};
    let mut options = heed::EnvOpenOptions::new();
    options.map_size(1 << 20).max_dbs(2);
    #[expect(unsafe_code, reason = "writes LMDB as another program would")]
    // SAFETY: nobody cuts the file off meanwhile.
    let environment = unsafe { options.open(path) }.unwrap();
    let transaction = environment.write_txn().unwrap();
    let written = environment.create_databases_and_commit(transaction, |opener, txn| {
        let database = opener.create_database::<Str, Str>(txn, (!database.is_empty()).then_some(database))?;
        database.put(txn, key, value).map(|()| CommitOrAbort::<(), ()>::Commit(()))
    });
    written.unwrap();
}

fn refused_and_unchanged(path: &Path, why: &str) {
    let before = fs::read(path.join("data.mdb")).unwrap();
    let error = File::open(path, FileOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.message().contains(why), "{error}");
    assert!(before == fs::read(path.join("data.mdb")).unwrap(), "the file was changed");
}

fn foreign() {
    for (database, key) in [("", "theirs"), ("", "meta"), ("meta", "theirs"), ("other", "x")] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), database, key, "1");
        refused_and_unchanged(folder.path(), "another program");
    }
}

fn newer() {
    let folder = tempfile::tempdir().unwrap();
    run(open(folder.path()).put(&[entry(&key("u", "c"), "v")])).unwrap();
    write(folder.path(), "meta", "stayput", "2");
    refused_and_unchanged(folder.path(), "format 2");
    write(folder.path(), "meta", "stayput", "1");
    assert!(run(held(&open(folder.path()), &key("u", "c"))).is_some());
}
