//! A store that fails on demand, and a clock that is set by hand.
use stayput::{
    Assignment, AssignmentStore, BoxFuture, Claimed, Clock, Entry, Error, ErrorKind, Key, Offer, Result, Timestamp,
    backends::Memory,
};
use std::{
    sync::{
        Mutex,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

/// A memory whose next reads or claims fail, and that notes which claims arrived.
#[derive(Debug, Default)]
pub(crate) struct Flaky {
    inner: Memory,
    /// How many reads fail from now on.
    pub(crate) reads: AtomicU32,
    /// How many claims are stored but not answered from now on.
    pub(crate) answers: AtomicU32,
    /// What kind of error an unanswered claim gives, if not a timeout.
    pub(crate) refuses: Mutex<bool>,
    /// Every offer that arrived.
    pub(crate) offers: Mutex<Vec<Offer>>,
    /// How long a read takes.
    pub(crate) takes: Mutex<Option<Duration>>,
}

impl Flaky {
    fn fails(left: &AtomicU32) -> bool {
        left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }
}

impl AssignmentStore for Flaky {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        Box::pin(async move {
            let takes = *self.takes.lock().unwrap();
            if let Some(takes) = takes {
                tokio::time::sleep(takes).await;
            }
            match Self::fails(&self.reads) {
                true => Err(Error::new(ErrorKind::Unavailable, "flaky", "no reads today")),
                false => self.inner.get(keys).await,
            }
        })
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        Box::pin(async move {
            self.offers.lock().unwrap().extend_from_slice(offers);
            let answer = self.inner.claim(offers).await;
            let kind = if *self.refuses.lock().unwrap() { ErrorKind::Refused } else { ErrorKind::Timeout };
            if Self::fails(&self.answers) { Err(Error::new(kind, "flaky", "the answer got lost")) } else { answer }
        })
    }
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        self.inner.put(entries)
    }
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        self.inner.remove(keys)
    }
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        self.inner.flush()
    }
}

/// Milliseconds that pass when told to.
#[derive(Debug, Default)]
pub(crate) struct Hand(AtomicU64);

impl Hand {
    pub(crate) fn pass(&self, time: Duration) {
        self.0.fetch_add(time.as_millis() as u64, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}
