//! Keeps forks and heed apart: LMDB forbids a child to use what its parent opened.
pub(super) use crate::fork::generation;
use std::{
    cell::RefCell,
    sync::{Mutex, MutexGuard, Once, PoisonError},
};

static WATCH: Once = Once::new();
/// Held while heed opens or closes an environment.
static QUIET: Mutex<()> = Mutex::new(());

thread_local! {
    static HELD: RefCell<Option<(MutexGuard<'static, super::handle::Open>, MutexGuard<'static, ()>)>> =
        const { RefCell::new(None) };
}

/// Begins to notice forks.
pub(super) fn watch() {
    crate::fork::watch();
    #[expect(unsafe_code, reason = "only the C library can tell of forks")]
    // SAFETY: the handlers are functions that live as long as the program and do not unwind.
    WATCH.call_once(|| unsafe {
        libc::pthread_atfork(Some(before), Some(after), Some(after));
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
extern "C" fn after() {
    let _ = HELD.try_with(|slot| slot.take());
}
