//! One deadline for a request: whatever the store does, an answer or an error comes in time.
use crate::{
    Assignment, AssignmentStore, BoxFuture, Claimed, Cursor, Entry, Error, ErrorKind, Key, Offer, Page, Result,
    ScanStore, Scope, User,
};
use std::{future::poll_fn, task::Poll, time::Duration};
use tokio::time::{Instant, timeout_at};

/// Ends every operation that has no answer within a limit with `Timeout`; a claim may or may not have been stored.
///
/// Stores over a network have shorter deadlines of their own (`?timeout=`), which tell better what was waited for;
/// this one holds where they have none, and for all that an operation asks of them together.
#[derive(Debug)]
pub struct Timeout<S> {
    inner: S,
    limit: Duration,
    repeats: bool,
}

impl<S: Sync> Timeout<S> {
    /// Lets an operation of `inner` take `limit`.
    pub fn new(inner: S, limit: Duration) -> Self {
        Self { inner, limit, repeats: false }
    }
    /// Asks once more, within the same deadline, when the store was unavailable for a read or a claim: the same
    /// offers with the same claim ids, so that the answer is the one that was lost.
    ///
    /// For stores of your own. Those of this crate do it themselves where it helps, and twice is too often.
    pub fn repeating(self) -> Self {
        Self { repeats: true, ..self }
    }

    async fn once<T>(&self, attempt: BoxFuture<'_, Result<T>>) -> Result<T> {
        self.until(&mut None, attempt).await
    }
    async fn twice<'a, T>(&'a self, ask: impl Fn(&'a S) -> BoxFuture<'a, Result<T>>) -> Result<T> {
        let mut deadline = None;
        match self.until(&mut deadline, ask(&self.inner)).await {
            Err(error) if self.repeats && error.kind() == ErrorKind::Unavailable => match deadline {
                Some(deadline) if Instant::now() >= deadline => Err(error),
                _ => self.until(&mut deadline, ask(&self.inner)).await,
            },
            answer => answer,
        }
    }
    /// The answer of `attempt`. What has one at once never asks the clock: the deadline begins when something is waited
    /// for.
    async fn until<T>(&self, deadline: &mut Option<Instant>, mut attempt: BoxFuture<'_, Result<T>>) -> Result<T> {
        if let Poll::Ready(answer) = poll_fn(|context| Poll::Ready(attempt.as_mut().poll(context))).await {
            return answer;
        }
        let deadline = *deadline.get_or_insert_with(|| Instant::now() + self.limit);
        timeout_at(deadline, attempt).await.unwrap_or_else(|_| {
            let message = format!("the store gave no answer within {:?}", self.limit);
            Err(Error::new(ErrorKind::Timeout, "timeout", message))
        })
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: AssignmentStore> AssignmentStore for Timeout<S> {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        Box::pin(self.twice(move |inner| inner.get(keys)))
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        Box::pin(self.twice(move |inner| inner.claim(offers)))
    }
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.once(self.inner.put(entries)))
    }
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.once(self.inner.remove(keys)))
    }
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.once(self.inner.flush()))
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: ScanStore> ScanStore for Timeout<S> {
    fn user<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<Vec<Entry>>> {
        Box::pin(self.twice(move |inner| inner.user(user)))
    }
    fn erase<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.once(self.inner.erase(user)))
    }
    fn scan<'a>(
        &'a self,
        scope: Option<&'a Scope>,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page>> {
        Box::pin(self.twice(move |inner| inner.scan(scope, after, limit)))
    }
}
