//! Notices forks: a child has none of its parent's threads, and may hold its parent's locks for ever.
use std::sync::{
    Once,
    atomic::{AtomicU64, Ordering},
};

static GENERATION: AtomicU64 = AtomicU64::new(0);
static WATCH: Once = Once::new();

/// How many forks lie between the first process and this one: another number means another process.
pub(crate) fn generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}

/// Begins to notice forks.
pub(crate) fn watch() {
    WATCH.call_once(|| {
        #[cfg(unix)]
        #[expect(unsafe_code, reason = "only the C library can tell of forks")]
        // SAFETY: the handler is a function that lives as long as the program, does nothing but count, and does not
        // unwind.
        unsafe {
            libc::pthread_atfork(None, None, Some(in_child));
        }
    });
}

#[cfg(unix)]
extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}
