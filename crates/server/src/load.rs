//! How much is done at once: what is too much is told so at once instead of waiting without end.
use crate::{
    config::Limits,
    failure::{Failure, Result},
    metrics::{Metrics, Refused},
};
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

/// What is being done, counted against the limits.
#[derive(Debug)]
pub(crate) struct Load {
    requests: Count,
    transfers: Count,
    bodies: Count,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct Count {
    now: AtomicUsize,
    limit: usize,
}

/// One of the requests that may wait for the store; given back when dropped.
#[derive(Debug)]
pub(crate) struct Working<'a>(&'a Count);

/// One of the exports and imports; given back when dropped.
#[derive(Debug)]
pub(crate) struct Transfer(Arc<Load>);

/// The bytes of one request's body that are held in memory; given back when dropped, after the answer.
#[derive(Debug)]
pub(crate) struct Weight {
    load: Arc<Load>,
    held: AtomicUsize,
}

/// A body whose bytes count.
#[derive(Debug)]
pub(crate) struct Weighed {
    body: Incoming,
    weight: Arc<Weight>,
}

/// There is no room for this body now.
#[derive(Debug)]
pub(crate) struct NoRoom;

impl Load {
    /// Nothing yet.
    pub(crate) fn new(limits: &Limits, metrics: Arc<Metrics>) -> Self {
        let count = |limit| Count { now: AtomicUsize::new(0), limit };
        let (requests, transfers) = (count(limits.requests), count(limits.transfers));
        Self { requests, transfers, bodies: count(limits.body_memory), metrics }
    }
    /// Lets a request ask the store. Asked after its body has come, so that a slow client takes nobody's place.
    pub(crate) fn enter(&self) -> Result<Working<'_>> {
        match self.requests.add(1) {
            true => Ok(Working(&self.requests)),
            false => Err(self.refused(Refused::Requests)),
        }
    }
    /// Lets an export or an import begin.
    pub(crate) fn transfer(self: &Arc<Self>) -> Result<Transfer> {
        match self.transfers.add(1) {
            true => Ok(Transfer(self.clone())),
            false => Err(self.refused(Refused::Transfers)),
        }
    }
    /// `body`, counted; keep the weight until the request is answered.
    pub(crate) fn weigh(self: &Arc<Self>, body: Incoming) -> (Weighed, Arc<Weight>) {
        let weight = Arc::new(Weight { load: self.clone(), held: AtomicUsize::new(0) });
        (Weighed { body, weight: weight.clone() }, weight)
    }
    /// Refuses, and counts it.
    pub(crate) fn refused(&self, what: Refused) -> Failure {
        self.metrics.refused(what);
        Failure::overloaded(what)
    }
}

impl Count {
    fn add(&self, number: usize) -> bool {
        let fits = self.now.fetch_add(number, Relaxed).saturating_add(number) <= self.limit;
        if !fits {
            self.now.fetch_sub(number, Relaxed);
        }
        fits
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Relaxed);
    }
}
impl Drop for Transfer {
    fn drop(&mut self) {
        self.0.transfers.now.fetch_sub(1, Relaxed);
    }
}
impl Drop for Weight {
    fn drop(&mut self) {
        self.load.bodies.now.fetch_sub(*self.held.get_mut(), Relaxed);
    }
}

impl Body for Weighed {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        let Some(frame) = ready!(Pin::new(&mut this.body).poll_frame(cx)) else { return Poll::Ready(None) };
        let frame = frame?;
        if let Some(data) = frame.data_ref() {
            if !this.weight.load.bodies.add(data.len()) {
                return Poll::Ready(Some(Err(NoRoom.into())));
            }
            this.weight.held.fetch_add(data.len(), Relaxed);
        }
        Poll::Ready(Some(Ok(frame)))
    }
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl std::fmt::Display for NoRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the bodies of other requests take all the memory there is for them")
    }
}
impl std::error::Error for NoRoom {}
