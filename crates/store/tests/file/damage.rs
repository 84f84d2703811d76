//! Files that were cut off or overwritten: an error, never an overwritten file.
use super::support::{Process, Test, entry, held, key, name, offer, open, run};
use stayput::{
    AssignmentStore, AssignmentStoreExt, ErrorKind, Result,
    backends::{File, FileOptions},
};
use std::{fs, path::Path};

pub(crate) const TESTS: &[Test] = &[
    ("a file cut off anywhere is refused and not changed", truncated),
    ("a file that is not LMDB's is refused and not changed", garbage),
    ("a file a little shorter than its header says is accepted if nothing is missing", short_but_whole),
    ("random bytes in pages are errors where LMDB survives them, never panics", random_bytes),
];

fn store_with(path: &Path, users: usize) {
    let store = open(path);
    run(async {
        let many: Vec<_> = (0..users).map(|number| entry(&key(&format!("u{number}"), "c"), "v")).collect();
        store.put(&many).await.unwrap();
        let goals = (0..900).map(|goal| name(&format!("{}{goal}", "g".repeat(200))));
        store.claim_one(&offer(&key("large", "c"), "v").bringing(goals)).await.unwrap();
    });
}

fn try_open(path: &Path) -> Result<File> {
    File::open(path, FileOptions::default())
}

fn truncated() {
    let folder = tempfile::tempdir().unwrap();
    store_with(folder.path(), 5_000);
    let (file, whole) = (folder.path().join("data.mdb"), fs::read(folder.path().join("data.mdb")).unwrap());
    for length in [0, 1, 100, 4_096, 8_191, 8_192, 20_000, whole.len() / 2, whole.len() - 4_096] {
        fs::write(&file, &whole[..length]).unwrap();
        let error = try_open(folder.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{length}: {error}");
        assert!(fs::read(&file).unwrap() == whole[..length], "the file was changed");
    }
    fs::write(&file, &whole).unwrap();
    assert!(run(held(&open(folder.path()), &key("u4999", "c"))).is_some());
}

fn garbage() {
    let folder = tempfile::tempdir().unwrap();
    store_with(folder.path(), 100);
    let (file, whole) = (folder.path().join("data.mdb"), fs::read(folder.path().join("data.mdb")).unwrap());
    let mut damaged = vec![vec![b'x'; 100_000], vec![0; 100_000]];
    for at in [16, 40, 4_096 + 16] {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        damaged.push(bytes);
    }
    for bytes in damaged {
        fs::write(&file, &bytes).unwrap();
        let error = try_open(folder.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(fs::read(&file).unwrap() == bytes, "the file was changed");
    }
}

/// LMDB leaves pages at the end unwritten that a transaction took and gave back.
fn short_but_whole() {
    let folder = tempfile::tempdir().unwrap();
    store_with(folder.path(), 2_000);
    let file = folder.path().join("data.mdb");
    let mut bytes = fs::read(&file).unwrap();
    for meta in [0, 4_096] {
        let at = meta + 136;
        let last = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) + 3;
        bytes[at..at + 8].copy_from_slice(&last.to_le_bytes());
    }
    fs::write(&file, &bytes).unwrap();
    assert!(run(held(&open(folder.path()), &key("large", "c"))).is_some());
}

/// In another process, because LMDB has no checksums and may be killed by what it finds; our own code may not.
fn random_bytes() {
    let folder = tempfile::tempdir().unwrap();
    store_with(folder.path(), 300);
    let (file, whole) = (folder.path().join("data.mdb"), fs::read(folder.path().join("data.mdb")).unwrap());
    let pages = whole.len() / 4_096;
    let mut noticed = 0;
    for round in 0..12_usize {
        let mut bytes = whole.clone();
        let page = 2 + round * 31 % (pages - 2);
        for (at, byte) in bytes[page * 4_096..(page + 1) * 4_096].iter_mut().enumerate() {
            *byte = (at * 31 + round * 17) as u8 ^ 0xa5;
        }
        fs::write(&file, &bytes).unwrap();
        let said = Process::start("look", folder.path(), &[]).unless_killed();
        noticed += usize::from(said.is_none_or(|lines| lines != ["scanned true put true"]));
    }
    assert!(noticed > 0, "nobody noticed any of it");
}
