//! Notices forks: LMDB forbids a child to use what its parent opened.
use std::{
    cell::RefCell,
    sync::{
        Mutex, MutexGuard, Once, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

static GENERATION: AtomicU64 = AtomicU64::new(0);
static WATCH: Once = Once::new();
/// Held while heed opens or closes an environment.
static QUIET: Mutex<()> = Mutex::new(());

thread_local! {
    static HELD: RefCell<Option<(MutexGuard<'static, super::handle::Open>, MutexGuard<'static, ()>)>> =
        const { RefCell::new(None) };
}

/// How many forks lie between the first process and this one: another number means another process.
pub(super) fn generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}

/// Begins to notice forks.
pub(super) fn watch() {
    #[expect(unsafe_code, reason = "only the C library can tell of forks")]
    // SAFETY: the handlers are functions that live as long as the program and do not unwind.
    WATCH.call_once(|| unsafe {
        libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child));
    });
}

/// Keeps forks off while the answer lives: a child must not inherit heed's list of environments half changed.
pub(super) fn keep_off() -> MutexGuard<'static, ()> {
    QUIET.lock().unwrap_or_else(PoisonError::into_inner)
}

// Both locks are taken before the fork and let go on both sides of it, always in this order, so that the child finds
// neither held by a thread that it does not have.
extern "C" fn before() {
    let held = (super::handle::open(), keep_off());
    let _ = HELD.try_with(|slot| slot.replace(Some(held)));
}
extern "C" fn in_parent() {
    let _ = HELD.try_with(|slot| slot.take());
}
extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    in_parent();
}
