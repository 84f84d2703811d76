//! What a folder promises to a spool.
use super::{Test, helper::run_on};
use stayput::{
    ErrorKind,
    layers::{List, Lock, NewRow, Of, SpoolDisk, SpoolFolder},
};
use std::collections::BTreeSet;

pub(crate) const TESTS: &[Test] = &[
    ("rows_keep_their_order_and_are_found_by_key_and_by_user", rows_are_found),
    ("room_is_counted_to_the_byte_and_comes_back", room_is_counted),
    ("what_was_added_is_there_when_it_is_opened_again", opened_again),
    ("a_lock_is_held_by_one_and_given_back", locks),
    ("a_folder_that_is_open_says_so", open_already),
    ("many_writers_share_commits_and_none_is_lost", many_writers),
];

fn row(key: &str, body: &str) -> NewRow {
    NewRow { key: key.into(), body: body.into() }
}
fn bodies(disk: &SpoolFolder, list: List, of: Of<'_>, limit: usize) -> Vec<String> {
    let rows = disk.read(list, of, limit).unwrap();
    rows.into_iter().map(|row| String::from_utf8(row.body).unwrap()).collect()
}

fn rows_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SpoolFolder::open(folder.path()).unwrap();
    run_on(async {
        let rows = [("s\0u\0ca", "1"), ("s\0v\0ca", "2"), ("s\0u\0cab", "3"), ("s\0u\0ca", "4")];
        let rows = rows.map(|(key, body)| row(key, body));
        assert!(disk.append(List::Waiting, rows.to_vec(), u64::MAX).await.unwrap());
        assert!(disk.append(List::Dead, vec![row("s\0u\0ca", "dead")], u64::MAX).await.unwrap());
    });
    assert_eq!(bodies(&disk, List::Waiting, Of::All, 9), ["1", "2", "3", "4"]);
    assert_eq!(bodies(&disk, List::Waiting, Of::All, 2), ["1", "2"]);
    assert_eq!(bodies(&disk, List::Waiting, Of::Prefix(b"s\0u\0ca\0"), 9), ["1", "4"], "one key, in order");
    assert_eq!(bodies(&disk, List::Waiting, Of::Prefix(b"s\0u\0"), 9), ["1", "4", "3"], "one user, by key");
    assert_eq!(bodies(&disk, List::Dead, Of::All, 9), ["dead"]);
    let second = disk.read(List::Waiting, Of::All, 2).unwrap()[1].number;
    run_on(async { disk.remove(List::Waiting, vec![second, second, 4_711]).await.unwrap() });
    assert_eq!(bodies(&disk, List::Waiting, Of::All, 9), ["1", "3", "4"]);
}

fn room_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SpoolFolder::open(folder.path()).unwrap();
    run_on(async {
        assert!(disk.append(List::Waiting, vec![row("key", "body")], u64::MAX).await.unwrap());
        let each = disk.used().unwrap().bytes;
        assert!(!disk.append(List::Waiting, vec![row("key", "body"), row("key", "body")], 3 * each - 1).await.unwrap());
        assert_eq!(disk.used().unwrap().waiting, 1, "all or none");
        assert!(disk.append(List::Dead, vec![row("key", "body"), row("key", "body")], 3 * each).await.unwrap());
        let used = disk.used().unwrap();
        assert_eq!((used.waiting, used.dead, used.bytes), (1, 2, 3 * each));
        for list in [List::Waiting, List::Dead] {
            let numbers = disk.read(list, Of::All, 9).unwrap().into_iter().map(|row| row.number).collect();
            disk.remove(list, numbers).await.unwrap();
        }
        assert!(disk.append(List::Waiting, vec![row("key", "body")], each).await.unwrap(), "all of it came back");
        assert_eq!(disk.used().unwrap().bytes, each);
    });
}

fn opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut last = 0;
    for round in 0..3 {
        let disk = SpoolFolder::open(folder.path()).unwrap();
        assert_eq!(disk.used().unwrap().waiting, round);
        run_on(async { disk.append(List::Waiting, vec![row("key", "body")], u64::MAX).await.unwrap() });
        let number = disk.read(List::Waiting, Of::All, 9).unwrap().pop().unwrap().number;
        assert!(number > last, "numbers go on");
        last = number;
    }
}

fn locks() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SpoolFolder::open(folder.path()).unwrap();
    let held = disk.lock(Lock::Replay).unwrap().unwrap();
    assert!(disk.lock(Lock::Replay).unwrap().is_none());
    assert!(disk.lock(Lock::Flight).unwrap().is_some(), "another lock");
    drop(held);
    assert!(disk.lock(Lock::Replay).unwrap().is_some());
}

fn open_already() {
    let folder = tempfile::tempdir().unwrap();
    let _disk = SpoolFolder::open(folder.path()).unwrap();
    let error = SpoolFolder::open(folder.path()).unwrap_err();
    assert_eq!((error.kind(), error.message().contains("open already")), (ErrorKind::Refused, true), "{error}");
}

fn many_writers() {
    let folder = tempfile::tempdir().unwrap();
    let disk = std::sync::Arc::new(SpoolFolder::open(folder.path()).unwrap());
    run_on(async {
        let add = |writer: usize| {
            let disk = disk.clone();
            tokio::spawn(async move {
                for number in 0..20 {
                    let rows = vec![row("key", &format!("{writer}-{number}"))];
                    disk.append(List::Waiting, rows, u64::MAX).await.unwrap();
                }
            })
        };
        for added in (0..32).map(add).collect::<Vec<_>>() {
            added.await.unwrap();
        }
    });
    let all = bodies(&disk, List::Waiting, Of::All, 1_000);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 640);
    let ordered = |writer: usize| all.iter().filter(move |body| body.starts_with(&format!("{writer}-")));
    for writer in 0..32 {
        assert!(ordered(writer).map(String::as_str).eq((0..20).map(|number| format!("{writer}-{number}"))));
    }
}
