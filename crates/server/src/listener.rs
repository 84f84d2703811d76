//! Listening, serving connections, and stopping without cutting anybody off.
use crate::{app::App, front::Front};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use std::{
    io,
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

/// How long a client may take to send the head of a request.
const HEAD: Duration = Duration::from_secs(30);
/// How long requests in flight may take after the stop.
const DRAIN: Duration = Duration::from_secs(10);
/// How long to wait when the system has no more connections to give.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// A bound port that does not answer yet.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
    app: App,
}

impl Listener {
    /// Takes the port at `address`; port 0 takes a free one.
    pub async fn bind(address: &str, app: App) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self { address: listener.local_addr()?, listener, app })
    }
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
    /// Answers HTTP/1.1 and h2c until `stop`, lets what is in flight finish (within ten seconds), and flushes.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> stayput::Result<()> {
        let Self { listener, app, .. } = self;
        let store = app.store.clone();
        let (server, open) = (server(), GracefulShutdown::new());
        let front = Front::new(app);
        tokio::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => connected(&server, &open, stream, front.for_connection()),
                // Out of file descriptors, most likely: those in use go on.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(EXHAUSTED).await;
                }
            }
        }
        drop(listener);
        if timeout(DRAIN, open.shutdown()).await.is_err() {
            tracing::warn!("some requests were still in flight after {} s and were cut off", DRAIN.as_secs());
        }
        store.flush().await
    }
}

fn server() -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    server.http2().timer(TokioTimer::new());
    server
}

fn connected(server: &auto::Builder<TokioExecutor>, open: &GracefulShutdown, stream: TcpStream, front: Front) {
    // Answers are small and written at once: waiting for more only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let asked = front.asked();
    let connection = open.watch(server.serve_connection(TokioIo::new(stream), front).into_owned());
    tokio::spawn(async move {
        tokio::select! {
            // The cause says nothing about the request, so no user id comes into the log.
            ended = connection => if let Err(error) = ended { tracing::debug!(error, "a connection broke") },
            () = silent(&asked) => tracing::debug!("a connection sent no request and was closed"),
        }
    });
}

/// Resolves if no request came in time: hyper's own limit begins only when it knows the version of HTTP.
async fn silent(asked: &AtomicBool) {
    sleep(HEAD).await;
    if asked.load(Ordering::Relaxed) {
        std::future::pending().await
    }
}
