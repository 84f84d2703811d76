//! A spool on a disk without room.
use super::{
    Test,
    helper::{key, offer, run_on},
    mount::Mount,
};
use stayput::{
    AssignmentStoreExt, ErrorKind, Name, Offer, Outcome, ScanStore,
    backends::Memory,
    layers::{Spool, SpoolFolder, SpoolOptions, SpoolQueue},
    testing::{Faulty, Plan},
};
use std::{fs, sync::Arc, time::Duration};

/// Those that need to mount a file system.
pub(crate) const ON_MOUNTS: &[Test] =
    &[("a_disk_without_room_refuses_and_delivers_what_was_acknowledged", refuses_and_delivers)];

/// Of some kilobytes, for `user`.
fn big(user: usize) -> Offer {
    let goals = (0..100).map(|goal| Name::goal(&format!("{}{goal}", "g".repeat(100))).unwrap());
    offer(&format!("u{user}")).bringing(goals)
}

async fn drained(queue: &SpoolQueue) {
    let drained = async {
        while queue.stats().unwrap().waiting > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), drained).await.expect("delivered");
}

fn refuses_and_delivers() {
    let disk = Mount::new("4m").expect("a tmpfs");
    fs::write(disk.path().join("ballast"), vec![1; 2 << 20]).unwrap();
    let backend = Arc::new(Faulty::new(Memory::default()));
    let folder = Arc::new(SpoolFolder::open(disk.path().join("spool")).unwrap());
    let (spool, replay) = Spool::new(backend.clone(), folder, SpoolOptions::default());
    run_on(async {
        tokio::spawn(replay);
        for round in 0..3 {
            if round == 2 {
                fs::remove_file(disk.path().join("ballast")).unwrap();
            }
            backend.always(Plan::fail(ErrorKind::Unavailable));
            let (first, mut next) = (round * 10_000, round * 10_000);
            let error = loop {
                match spool.claim_one(&big(next)).await {
                    Ok(claimed) => assert_eq!(claimed.outcome, Outcome::Spooled),
                    Err(error) => break error,
                }
                next += 1;
            };
            assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
            assert!(error.message().contains("make room"), "{error}");
            // Not in the second round: what was freed may lie in pieces, and a large offer wants pages in a row.
            assert!(next > first + 10 || round == 1, "{}", next - first);
            assert_eq!(spool.queue().stats().unwrap().waiting as usize, next - first, "the refused one was kept");

            // The store is back, and the disk is as full as it was.
            backend.always(Plan::pass());
            drained(&spool.queue()).await;
            for user in first..next {
                let held = backend.inner().get_one(&key(&format!("u{user}"))).await.unwrap().expect("delivered");
                assert_eq!(held.goals.len(), 100);
            }
            assert_eq!(backend.inner().get_one(&key(&format!("u{next}"))).await.unwrap(), None);
        }
        assert_eq!(backend.inner().user(key("u0").user()).await.unwrap().len(), 1);
    });
}
