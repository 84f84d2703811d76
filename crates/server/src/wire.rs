//! The bytes of one connection, and a watch over a client that is too slow.
//!
//! No timer is armed per request: reading, writing and requests only leave marks, and one task looks at them now and
//! then. A limit is kept within half of its length more.
use crate::{config::Limits, metrics::Closed};
use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
    time::{Instant, sleep},
};

/// An accepted connection.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// What happened on a connection so far.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// Requests that are being answered.
    in_flight: AtomicU32,
    /// Requests so far.
    requests: AtomicU32,
    /// Something was read that is not yet a request.
    begun: AtomicBool,
    /// One connection carries many requests: what is read between them need not be one.
    multiplexed: AtomicBool,
    /// The client does not take what was written.
    stalled: AtomicBool,
    /// Counts reads and writes.
    moves: AtomicU32,
}

/// A stream that leaves marks.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: Stream,
    marks: Arc<Marks>,
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Marks>);

impl Marks {
    /// A request has come.
    pub(crate) fn request(self: &Arc<Self>, multiplexed: bool) -> InFlight {
        self.in_flight.fetch_add(1, Relaxed);
        self.requests.fetch_add(1, Relaxed);
        self.begun.store(false, Relaxed);
        if multiplexed {
            self.multiplexed.store(true, Relaxed);
        }
        InFlight(self.clone())
    }
    /// Resolves when the client is too slow.
    pub(crate) async fn watch(&self, limits: &Limits) -> Closed {
        let shortest = limits.head_time.min(limits.idle_time).min(limits.write_time);
        let pause = (shortest / 2).max(Duration::from_millis(1));
        let (mut moves, mut moved_at) = (self.moves.load(Relaxed), Instant::now());
        let (mut requests, mut begun_at) = (0, None::<Instant>);
        loop {
            sleep(pause).await;
            let now = Instant::now();
            let seen = self.moves.load(Relaxed);
            if std::mem::replace(&mut requests, self.requests.load(Relaxed)) != requests {
                begun_at = None;
            }
            let (moved, busy) = (seen != moves, self.in_flight.load(Relaxed) > 0);
            if moved || busy {
                moved_at = now;
            }
            if self.stalled.load(Relaxed) {
                // A request may be in flight and its answer be read by nobody.
                if !moved && begun_at.get_or_insert(now).elapsed() >= limits.write_time {
                    return Closed::Reader;
                }
                begun_at = if moved { None } else { begun_at };
            } else if self.begun.load(Relaxed) && !busy && !self.multiplexed.load(Relaxed) {
                if begun_at.get_or_insert(now).elapsed() >= limits.head_time {
                    return Closed::Head;
                }
            } else {
                begun_at = None;
                if now - moved_at >= limits.idle_time {
                    return Closed::Idle;
                }
            }
            moves = seen;
        }
    }

    fn moved(&self) {
        // Only one task reads and writes a connection, so that no count is lost.
        self.moves.store(self.moves.load(Relaxed).wrapping_add(1), Relaxed);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.begun.store(false, Relaxed);
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

impl Wire {
    /// `stream`, which leaves `marks`.
    pub(crate) fn new(stream: Stream, marks: Arc<Marks>) -> Self {
        Self { stream, marks }
    }

    fn written(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &result {
            Poll::Pending => self.marks.stalled.store(true, Relaxed),
            Poll::Ready(_) => {
                self.marks.stalled.store(false, Relaxed);
                self.marks.moved();
            }
        }
        result
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let result = match &mut this.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        };
        if buffer.filled().len() > before {
            this.marks.begun.store(true, Relaxed);
            this.marks.moved();
        }
        result
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = match &mut this.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        };
        this.written(result)
    }
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = match &mut this.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
            Stream::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
        };
        this.written(result)
    }
    fn is_write_vectored(&self) -> bool {
        true
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Marks;
    use crate::{config::Limits, metrics::Closed};
    use std::{
        sync::{Arc, atomic::Ordering::Relaxed},
        time::Duration,
    };
    use tokio::time::{Instant, timeout};

    fn limits() -> Limits {
        let second = Duration::from_secs(1);
        Limits { head_time: 10 * second, write_time: 30 * second, idle_time: 300 * second, ..Limits::default() }
    }
    async fn closed_after(marks: &Arc<Marks>) -> Option<(Closed, u64)> {
        let started = Instant::now();
        let slow = timeout(Duration::from_secs(3_600), marks.watch(&limits())).await.ok()?;
        Some((slow, started.elapsed().as_secs()))
    }

    #[tokio::test(start_paused = true)]
    async fn each_kind_of_slowness_ends_a_connection_within_its_limit_and_a_half() {
        let marks = Arc::new(Marks::default());
        assert_eq!(closed_after(&marks).await, Some((Closed::Idle, 300)));
        marks.begun.store(true, Relaxed);
        assert_eq!(closed_after(&marks).await, Some((Closed::Head, 15)));
        drop(marks.request(true));
        marks.begun.store(true, Relaxed);
        assert_eq!(closed_after(&marks).await, Some((Closed::Idle, 300)), "pings of h2 are not half a request");
        marks.stalled.store(true, Relaxed);
        assert_eq!(closed_after(&marks).await, Some((Closed::Reader, 35)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_in_flight_is_never_idle() {
        let marks = Arc::new(Marks::default());
        let _request = marks.request(false);
        marks.begun.store(true, Relaxed); // its body
        assert_eq!(closed_after(&marks).await, None);
    }
}
