//! Claims of one moment share one call of the script: what a call costs besides is most of what a claim costs.
//!
//! Who claims alone, or among few, asks at once. Otherwise a task takes all that came before it got its turn, so that
//! nobody waits for anything but the tasks that can run already. In a cluster one call may only be about one slot, so
//! nothing is shared there.
use super::{
    link::{Deadline, Link, Repeat},
    script::{Call, Code},
};
use crate::{ErrorKind, Result};
use futures_util::future::join_all;
use redis::Value;
use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tokio::{sync::oneshot, task::yield_now, time::timeout_at};

/// From so many claims under way on, they are taken together.
const CROWD: usize = 4;
/// A call is about so many at most: the server does nothing else meanwhile.
const MOST: usize = 32;

/// Calls one script, for several callers at once.
#[derive(Debug)]
pub(super) struct Together {
    shared: Arc<Shared>,
    busy: AtomicUsize,
}

#[derive(Debug)]
struct Shared {
    link: Link,
    code: Code,
    waiting: Mutex<Waiting>,
    /// The server wants no call about several users.
    is_apart: AtomicBool,
}

#[derive(Debug, Default)]
struct Waiting {
    all: Vec<Waiter>,
    /// Whether a task will come for them.
    is_called: bool,
}

#[derive(Debug)]
struct Waiter {
    call: Arc<Call>,
    deadline: Deadline,
    answer: oneshot::Sender<Result<Value>>,
}

/// One claim under way.
struct Busy<'a>(&'a AtomicUsize);

/// Comes for all who wait. Whom it leaves behind, because the runtime ends, asks alone.
struct Collector {
    shared: Arc<Shared>,
    has_come: bool,
}

impl Together {
    pub(super) fn new(link: Link, code: Code, is_cluster: bool) -> Self {
        let shared = Shared { link, code, waiting: Mutex::default(), is_apart: AtomicBool::new(is_cluster) };
        Self { shared: Arc::new(shared), busy: AtomicUsize::new(0) }
    }
    /// The answers to `calls`.
    pub(super) async fn run(&self, calls: &[Call], deadline: Deadline) -> Result<Vec<Value>> {
        self.shared.code.run(&self.shared.link, calls, Repeat::Once, deadline).await
    }
    /// The answer to a call with one offer.
    pub(super) async fn run_one(&self, call: Call, deadline: Deadline) -> Result<Value> {
        let shared = &self.shared;
        let (before, _busy) = (self.busy.fetch_add(1, Ordering::Relaxed), Busy(&self.busy));
        if before < CROWD || shared.is_apart.load(Ordering::Relaxed) {
            return shared.alone(&call, deadline).await;
        }
        let (call, (answer, told)) = (Arc::new(call), oneshot::channel());
        if !shared.wait(Waiter { call: call.clone(), deadline, answer }) {
            tokio::spawn(Collector { shared: shared.clone(), has_come: false }.collect());
        }
        match timeout_at(deadline.0, told).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => shared.alone(&call, deadline).await,
            Err(_) => Err(shared.link.too_late()),
        }
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Collector {
    async fn collect(mut self) {
        // Whatever can run already comes first.
        yield_now().await;
        let mut all = self.shared.take();
        self.has_come = true;
        let mut asks = Vec::new();
        while !all.is_empty() {
            let rest = all.split_off(all.len().min(MOST));
            asks.push(self.shared.ask(mem::replace(&mut all, rest)));
        }
        join_all(asks).await;
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        if !self.has_come {
            self.shared.take();
        }
    }
}

impl Shared {
    /// True if somebody comes already.
    fn wait(&self, waiter: Waiter) -> bool {
        let mut waiting = self.waiting();
        waiting.all.push(waiter);
        mem::replace(&mut waiting.is_called, true)
    }
    fn take(&self) -> Vec<Waiter> {
        mem::take(&mut *self.waiting()).all
    }
    async fn ask(&self, waiters: Vec<Waiter>) {
        let Some(deadline) = waiters.iter().map(|waiter| waiter.deadline).max() else { return };
        let call = Call::united(waiters.iter().map(|waiter| &*waiter.call));
        let answers = match self.alone(&call, deadline).await {
            Ok(Value::Array(answers)) if answers.len() == waiters.len() => answers,
            Ok(answer) if waiters.len() == 1 => vec![answer],
            Ok(_) => return,
            // The server is away, for each of them.
            Err(error) if error.is_transient() => {
                return waiters.into_iter().for_each(|waiter| drop(waiter.answer.send(Err(error.again()))));
            }
            // It may be about one of them only, and that is not the others' business: each asks alone.
            Err(error) => {
                if error.kind() == ErrorKind::Refused {
                    self.is_apart.store(true, Ordering::Relaxed);
                }
                return;
            }
        };
        for (waiter, answer) in waiters.into_iter().zip(answers) {
            let _ = waiter.answer.send(Ok(answer)); // gone: it did not want to wait any longer
        }
    }
    async fn alone(&self, call: &Call, deadline: Deadline) -> Result<Value> {
        self.code.run_one(&self.link, call, Repeat::Once, deadline).await
    }
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
