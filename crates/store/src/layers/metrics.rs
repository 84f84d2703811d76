//! Tells somebody how long each operation took, how it ended, and what claims came to.
use crate::{
    Assignment, AssignmentStore, BoxFuture, Claimed, Cursor, Entry, ErrorKind, Key, Offer, Page, Result, ScanStore,
    Scope, User,
};
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::Instant;

/// Who is told. It is told on the path of every operation, so it must be quick.
pub trait Meter: fmt::Debug + Send + Sync + 'static {
    /// An operation, whole batches alike, ended after `elapsed`. One whose future was dropped is not told.
    fn operation(&self, operation: Operation, result: Result<(), ErrorKind>, elapsed: Duration);
    /// These claims were answered.
    fn claimed(&self, claimed: &[Claimed]);
}

/// Listens to nothing.
impl Meter for () {
    fn operation(&self, _: Operation, _: Result<(), ErrorKind>, _: Duration) {}
    fn claimed(&self, _: &[Claimed]) {}
}

/// A method of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they are the methods' names")]
pub enum Operation {
    Get,
    Claim,
    Put,
    Remove,
    Flush,
    User,
    Erase,
    Scan,
}

impl Operation {
    /// All of them, each at its number.
    pub const ALL: [Self; 8] =
        [Self::Get, Self::Claim, Self::Put, Self::Remove, Self::Flush, Self::User, Self::Erase, Self::Scan];

    /// The method's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Claim => "claim",
            Self::Put => "put",
            Self::Remove => "remove",
            Self::Flush => "flush",
            Self::User => "user",
            Self::Erase => "erase",
            Self::Scan => "scan",
        }
    }
}

/// A store that is measured.
#[derive(Debug)]
pub struct Metered<S, M> {
    inner: S,
    meter: Arc<M>,
}

impl<S: Sync, M: Meter> Metered<S, M> {
    /// Measures `inner`.
    pub fn new(inner: S, meter: Arc<M>) -> Self {
        Self { inner, meter }
    }

    fn timed<'a, T: Send + 'a>(
        &'a self,
        operation: Operation,
        work: BoxFuture<'a, Result<T>>,
    ) -> BoxFuture<'a, Result<T>> {
        Box::pin(async move {
            let started = Instant::now();
            let result = work.await;
            let ended = result.as_ref().map(|_| ()).map_err(|error| error.kind());
            self.meter.operation(operation, ended, started.elapsed());
            result
        })
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: AssignmentStore, M: Meter> AssignmentStore for Metered<S, M> {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        self.timed(Operation::Get, self.inner.get(keys))
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        Box::pin(async move {
            let claimed = self.timed(Operation::Claim, self.inner.claim(offers)).await?;
            self.meter.claimed(&claimed);
            Ok(claimed)
        })
    }
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        self.timed(Operation::Put, self.inner.put(entries))
    }
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        self.timed(Operation::Remove, self.inner.remove(keys))
    }
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        self.timed(Operation::Flush, self.inner.flush())
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: ScanStore, M: Meter> ScanStore for Metered<S, M> {
    fn user<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<Vec<Entry>>> {
        self.timed(Operation::User, self.inner.user(user))
    }
    fn erase<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<u64>> {
        self.timed(Operation::Erase, self.inner.erase(user))
    }
    fn scan<'a>(
        &'a self,
        scope: Option<&'a Scope>,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page>> {
        self.timed(Operation::Scan, self.inner.scan(scope, after, limit))
    }
}
