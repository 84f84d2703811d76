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
pub(super) fn wait<T>(runtime: &Handle, future: impl Future<Output = T>) -> T {
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

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
