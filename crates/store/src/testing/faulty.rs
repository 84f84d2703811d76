//! A store that fails on demand.
use crate::{
    Assignment, AssignmentStore, BoxFuture, Claimed, Cursor, Entry, Error, ErrorKind, Key, Offer, Page, Result,
    ScanStore, Scope, User,
};
use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Asks a script before each call what shall become of it; forwards everything until it is given one.
///
/// ```
/// # use stayput::{AssignmentStore, ErrorKind, backends::Memory, testing::{Faulty, Operation, Plan}};
/// # use std::time::Duration;
/// let store = Faulty::new(Memory::default());
/// store.plan(|call| match call.operation {
///     Operation::Claim(_) if call.number < 3 => Plan::apply_then_fail(ErrorKind::Timeout),
///     Operation::Get(_) => Plan::pass().delayed(Duration::from_secs(2)),
///     _ => Plan::pass(),
/// });
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert_eq!(store.claim(&[]).await.unwrap_err().kind(), ErrorKind::Timeout);
/// # });
/// ```
///
/// Delays use tokio's clock, which tests can pause.
pub struct Faulty<S> {
    inner: S,
    calls: AtomicU64,
    script: Mutex<Box<Script>>,
}

type Script = dyn FnMut(Call<'_>) -> Plan + Send;

/// One call that a script decides about.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// How many calls came before it, whatever they asked for.
    pub number: u64,
    /// What it asks for.
    pub operation: Operation<'a>,
}

/// What a call asks for.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "named after the methods that they stand for")]
pub enum Operation<'a> {
    Get(&'a [Key]),
    Claim(&'a [Offer]),
    Put(&'a [Entry]),
    Remove(&'a [Key]),
    Flush,
    User(&'a User),
    Erase(&'a User),
    Scan,
}

/// What becomes of a call: it waits, is applied or not, waits again, and is answered or fails.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    before: Duration,
    applied: bool,
    after: Duration,
    failure: Option<ErrorKind>,
}

impl Plan {
    /// Nothing happens to it.
    pub fn pass() -> Self {
        Self { before: Duration::ZERO, applied: true, after: Duration::ZERO, failure: None }
    }
    /// It is never applied and fails.
    pub fn fail(kind: ErrorKind) -> Self {
        Self { applied: false, failure: Some(kind), ..Self::pass() }
    }
    /// It is applied, and then the answer is lost.
    pub fn apply_then_fail(kind: ErrorKind) -> Self {
        Self { failure: Some(kind), ..Self::pass() }
    }
    /// Waits this long before it is applied, or would be.
    pub fn delayed(self, before: Duration) -> Self {
        Self { before, ..self }
    }
    /// Waits this long once it is applied, or would be: what the answer says may be outdated by then.
    pub fn answered_late(self, after: Duration) -> Self {
        Self { after, ..self }
    }
}

impl<S> Faulty<S> {
    /// A store that forwards everything to `inner`.
    pub fn new(inner: S) -> Self {
        Self { inner, calls: AtomicU64::new(0), script: Mutex::new(Box::new(|_| Plan::pass())) }
    }
    /// Asks `script` from now on; it must not call this store.
    pub fn plan(&self, script: impl FnMut(Call<'_>) -> Plan + Send + 'static) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(script);
    }
    /// Does the same with every call from now on.
    pub fn always(&self, plan: Plan) {
        self.plan(move |_| plan);
    }
    /// Does `plans` with the next calls, one each, and forwards what follows.
    pub fn next(&self, plans: impl IntoIterator<Item = Plan>) {
        let mut plans: VecDeque<Plan> = plans.into_iter().collect();
        self.plan(move |_| plans.pop_front().unwrap_or_else(Plan::pass));
    }
    /// How many calls there were so far.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }
    /// What is really there.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    async fn perform<'a, T>(
        &'a self,
        operation: Operation<'_>,
        call: impl FnOnce(&'a S) -> BoxFuture<'a, Result<T>>,
    ) -> Result<T> {
        let plan = {
            let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
            let number = self.calls.fetch_add(1, Ordering::SeqCst);
            script(Call { number, operation })
        };
        wait(plan.before).await;
        let answer = match plan.applied {
            true => Some(call(&self.inner).await),
            false => None,
        };
        wait(plan.after).await;
        match (answer, plan.failure) {
            (Some(answer), None) => answer,
            (Some(Err(error)), Some(_)) => Err(error),
            (_, kind) => Err(planned(kind.unwrap_or(ErrorKind::Unavailable))),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Faulty<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").field("inner", &self.inner).finish_non_exhaustive()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: AssignmentStore> AssignmentStore for Faulty<S> {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        Box::pin(self.perform(Operation::Get(keys), move |inner| inner.get(keys)))
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        Box::pin(self.perform(Operation::Claim(offers), move |inner| inner.claim(offers)))
    }
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.perform(Operation::Put(entries), move |inner| inner.put(entries)))
    }
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.perform(Operation::Remove(keys), move |inner| inner.remove(keys)))
    }
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.perform(Operation::Flush, move |inner| inner.flush()))
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: ScanStore> ScanStore for Faulty<S> {
    fn user<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<Vec<Entry>>> {
        Box::pin(self.perform(Operation::User(user), move |inner| inner.user(user)))
    }
    fn erase<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.perform(Operation::Erase(user), move |inner| inner.erase(user)))
    }
    fn scan<'a>(
        &'a self,
        scope: Option<&'a Scope>,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page>> {
        Box::pin(self.perform(Operation::Scan, move |inner| inner.scan(scope, after, limit)))
    }
}

fn planned(kind: ErrorKind) -> Error {
    Error::new(kind, "faulty", "this call was planned to fail")
}

/// No time means no clock, so that nothing depends on a runtime without need.
async fn wait(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}
