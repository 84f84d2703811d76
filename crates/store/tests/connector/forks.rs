//! Opened before a fork, as by gunicorn's and uWSGI's prefork, it works in every child.
use crate::scene::{PATIENCE, flush, record, variation};
use stayput::connector::{Connector, Options};

#[test]
fn every_child_of_a_fork_reads_and_writes_and_so_does_its_parent() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file:{}", folder.path().display());
    let spool = Some(folder.path().join("spool"));
    for (near_cache, spool) in [(None, None), (Some(1 << 20), None), (None, spool)] {
        let options = Options { deadline: PATIENCE, near_cache, spool, ..Options::default() };
        let connector = Connector::open(&url, options).unwrap();
        connector.set(record("parent", "Control", ""));
        flush(&connector);
        assert_eq!(variation(&connector, "parent"), "Control");
        let children: Vec<i32> = (0..3).map(|number| in_child(|| serve(&connector, number, 2))).collect();
        connector.set(record("parent", "Control", "after"));
        flush(&connector);
        for child in children {
            assert_eq!(ended(child), 0, "the child's exit code");
        }
        for number in 0..3 {
            assert_eq!(variation(&connector, &format!("child-{number}-2")), "Control");
            assert_eq!(variation(&connector, &format!("child-{number}-1")), "Control");
        }
    }
}

/// What a worker does; then its own child does the same.
fn serve(connector: &Connector, number: usize, depth: usize) -> bool {
    let user = format!("child-{number}-{depth}");
    let sees_parent = variation(connector, "parent") == "Control";
    connector.set(record(&user, "Control", ""));
    let flushed = connector.wait(connector.flush(PATIENCE).unwrap()).is_ok_and(|flushed| flushed.is_ok());
    let shown = variation(connector, &user) == "Control";
    let below = depth == 1 || ended(in_child(|| serve(connector, number, depth - 1))) == 0;
    sees_parent && flushed && shown && below
}

#[expect(unsafe_code, reason = "that is what is tested")]
fn in_child(work: impl FnOnce() -> bool) -> i32 {
    // SAFETY: the child calls nothing that its parent's other threads could hold: the allocator is safe after a fork,
    // and it ends without running anybody's exit handlers.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: as above. A child that hangs is ended by its own alarm.
            unsafe { libc::alarm(120) };
            let fine = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or(false);
            // SAFETY: as above.
            unsafe { libc::_exit(if fine { 0 } else { 1 }) }
        }
        child => child,
    }
}

#[expect(unsafe_code, reason = "only the C library can wait for a child")]
fn ended(child: i32) -> i32 {
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    let waited = unsafe { libc::waitpid(child, &mut status, 0) };
    if waited == child { status } else { -1 }
}
