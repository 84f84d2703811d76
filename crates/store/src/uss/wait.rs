//! Waits for a future on a thread that has nothing else to do.
use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};
use tokio::runtime::Handle;

/// Polls `future` here, and sleeps while `runtime` drives what it waits for.
///
/// Not `Handle::block_on`, which panics on a thread that runs tasks: a connector does not know whose thread it is
/// called on. A future that needs no waiting, as from memory or a cache, is one poll.
pub(crate) fn wait<T>(runtime: &Handle, future: impl Future<Output = T>) -> T {
    let _entered = runtime.enter();
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let (mut future, mut context) = (pin!(future), Context::from_waker(&waker));
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(), // a wake-up since the poll makes this return at once
        }
    }
}

/// The same, no longer than until `end`.
#[cfg(feature = "connector")]
pub(crate) fn wait_until<T>(runtime: &Handle, end: tokio::time::Instant, future: impl Future<Output = T>) -> Option<T> {
    let _entered = runtime.enter();
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let (mut future, mut context) = (pin!(future), Context::from_waker(&waker));
    loop {
        if let Poll::Ready(answer) = future.as_mut().poll(&mut context) {
            return Some(answer);
        }
        let left = end.saturating_duration_since(tokio::time::Instant::now());
        if left.is_zero() {
            return None;
        }
        thread::park_timeout(left);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
