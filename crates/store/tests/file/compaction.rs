//! Compaction: less room, the same assignments, and never under anybody's feet.
use super::support::{Process, Test, entry, held, key, long, open, run};
use stayput::{AssignmentStore, ErrorKind, ScanStore, User, backends::File, backends::FileOptions};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

pub(crate) const TESTS: &[Test] = &[
    ("compaction_gives_room_back_and_loses_nothing", gives_room_back),
    ("compaction_is_refused_while_this_process_has_the_folder_open", refused_here),
    ("compaction_is_refused_while_another_process_has_the_folder_open", refused_elsewhere),
    ("whoever_opens_the_folder_during_a_compaction_finds_everything", opened_meanwhile),
    ("a_compacted_folder_is_written_and_read_by_several_processes", written_afterwards),
];

const USERS: usize = 20_000;

/// A store of which most was erased again.
fn fill(path: &Path) {
    let store = open(path);
    run(async {
        let entries: Vec<_> = (0..USERS).map(|user| entry(&key(&format!("{user:05}"), "c"), "A")).collect();
        store.put(&entries).await.unwrap();
        let gone: Vec<_> = entries.iter().skip(USERS / 10).map(|entry| entry.key.clone()).collect();
        store.remove(&gone).await.unwrap();
    });
}
fn all(path: &Path) -> Vec<stayput::Entry> {
    let store = open(path);
    run(async { store.scan(None, None, USERS).await.unwrap().entries })
}
fn compact(path: &Path) -> stayput::Result<stayput::backends::Compacted> {
    File::compact(path, FileOptions::default())
}

fn gives_room_back() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let before = all(folder.path());
    let mode = fs::metadata(folder.path().join("data.mdb")).unwrap().mode();
    let compacted = compact(folder.path()).unwrap();
    assert!(compacted.after * 2 < compacted.before, "{compacted:?}");
    let found = fs::metadata(folder.path().join("data.mdb")).unwrap();
    assert_eq!((found.len(), found.mode()), (compacted.after, mode));
    assert_eq!(before.len(), USERS / 10);
    assert_eq!(all(folder.path()), before);
    let files = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 2, "nothing partial is left");
    let facts = open(folder.path()).facts().unwrap();
    assert_eq!(facts.entries, USERS as u64 / 10);
    assert!(facts.used <= facts.size && facts.size <= facts.map, "{facts:?}");
}

fn refused_here() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let store = open(folder.path());
    let refused = compact(folder.path()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);
    assert!(refused.message().contains("in use"), "{refused}");
    drop(store);
    compact(folder.path()).unwrap();
}

fn refused_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let mut other = Process::start("hold", folder.path(), &[]);
    assert_eq!(other.line().as_deref(), Some("open"));
    assert_eq!(compact(folder.path()).unwrap_err().kind(), ErrorKind::Refused);
    other.kill();
    drop(other);
    compact(folder.path()).unwrap();
}

fn opened_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let (done, path) = (Arc::new(AtomicBool::new(false)), folder.path().to_owned());
    let compacting = thread::spawn({
        let done = done.clone();
        move || {
            let mut compactions = 0;
            while !done.load(Ordering::Relaxed) {
                match compact(&path) {
                    Ok(_) => compactions += 1,
                    Err(error) => assert!(error.message().contains("in use"), "{error}"),
                }
            }
            compactions
        }
    });
    // Each adds one, so that transactions are numbered otherwise than in the copy that comes next.
    let rounds = if long() { 300 } else { 30 };
    for round in 0..rounds {
        let mut other = Process::start("count-and-add", folder.path(), &[&format!("added {round}")]);
        assert_eq!(other.line(), Some((USERS / 10 + round).to_string()));
        assert!(other.rest().is_empty());
    }
    done.store(true, Ordering::Relaxed);
    assert!(compacting.join().unwrap() > 0);
    assert_eq!(all(folder.path()).len(), USERS / 10 + rounds);
}

fn written_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    // More transactions than the copy has: its numbers begin anew.
    let store = open(folder.path());
    run(async {
        for user in 0..7 {
            store.put(&[entry(&key(&format!("early {user}"), "c"), "A")]).await.unwrap();
        }
    });
    drop(store);
    compact(folder.path()).unwrap();
    let mut other = Process::start("hold", folder.path(), &[]);
    assert_eq!(other.line().as_deref(), Some("open"));
    let store = open(folder.path());
    run(async {
        store.put(&[entry(&key("late", "c"), "B")]).await.unwrap();
        assert!(held(&store, &key("early 6", "c")).await.is_some());
        assert!(held(&store, &key("late", "c")).await.is_some());
        let nobody = User::new(&stayput::Scope::default(), "nobody").unwrap();
        assert!(store.user(&nobody).await.unwrap().is_empty());
    });
    drop(other);
    assert_eq!(all(folder.path()).len(), USERS / 10 + 8);
}
