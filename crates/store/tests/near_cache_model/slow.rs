//! A store whose questions and answers take time to travel.
use shuttle::future::yield_now;
use stayput::{
    Assignment, AssignmentStore, BoxFuture, ClaimId, Claimed, Cursor, Entry, Error, ErrorKind, Key, Offer, Page,
    Result, ScanStore, Scope, User, backends::Memory,
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

/// A claim of this id is applied, and its answer is lost.
pub(crate) const LOST: u64 = 404;

/// How many of the next reads fail.
pub(crate) type Failing = Arc<AtomicUsize>;

#[derive(Debug)]
pub(crate) struct Slow(Arc<Memory>, Failing);

impl Slow {
    pub(crate) fn new(truth: Arc<Memory>, failing: Failing) -> Self {
        Self(truth, failing)
    }
    async fn read<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let answer = travelling(work).await;
        match self.1.try_update(SeqCst, SeqCst, |left| left.checked_sub(1)) {
            Ok(_) => Err(Error::new(ErrorKind::Unavailable, "slow", "the store is away")),
            Err(_) => answer,
        }
    }
}

async fn travelling<T>(work: impl Future<Output = T>) -> T {
    yield_now().await;
    let answer = work.await;
    yield_now().await;
    answer
}

impl AssignmentStore for Slow {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        Box::pin(self.read(self.0.get(keys)))
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        Box::pin(async move {
            let claimed = travelling(self.0.claim(offers)).await;
            match offers.iter().any(|offer| offer.claim == ClaimId(LOST)) {
                true => Err(Error::new(ErrorKind::Timeout, "slow", "the answer is lost")),
                false => claimed,
            }
        })
    }
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        Box::pin(travelling(self.0.put(entries)))
    }
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        Box::pin(travelling(self.0.remove(keys)))
    }
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        self.0.flush()
    }
}

impl ScanStore for Slow {
    fn user<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<Vec<Entry>>> {
        Box::pin(self.read(self.0.user(user)))
    }
    fn erase<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<u64>> {
        Box::pin(travelling(self.0.erase(user)))
    }
    fn scan<'a>(
        &'a self,
        scope: Option<&'a Scope>,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page>> {
        self.0.scan(scope, after, limit)
    }
}
