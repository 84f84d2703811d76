//! Listening, serving connections, and stopping without cutting anybody off.
use crate::{
    app::App,
    cli::Failed,
    config::Config,
    endpoint::{Endpoint, Socket},
    front::Front,
    hot::{Ended, Rewound},
    metrics::Refused,
    wire::{Marks, Stream, Wire},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto,
        graceful::{GracefulShutdown, Watcher},
    },
};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::AsyncWriteExt,
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

/// How long to wait when the system has no more connections to give.
const EXHAUSTED: Duration = Duration::from_millis(100);
/// What a client that is one too many is told. Its protocol is not known yet, so it is the most likely one.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n\
    Connection: close\r\nContent-Length: 82\r\n\r\n\
    {\"error\":{\"kind\":\"unavailable\",\"message\":\"too many connections; try again later\"}}";
/// Header fields that hyper reads without an allocation of their own.
const FREE_HEADERS: usize = 100;
/// What one connection of h2 may hold.
const STREAMS: u32 = 100;
const WINDOW: u32 = 64 * 1024;

/// Bound sockets that do not answer yet.
#[derive(Debug)]
pub struct Listener {
    sockets: Vec<Socket>,
    app: App,
}

/// What every connection is served with.
#[derive(Debug, Clone)]
struct Serving {
    server: auto::Builder<TokioExecutor>,
    front: Front,
    app: App,
    /// Becomes true at the stop.
    stop: watch::Receiver<bool>,
}

impl Listener {
    /// Takes the TCP port at `address`; port 0 takes a free one.
    pub async fn bind(address: &str, app: App) -> io::Result<Self> {
        let socket = Socket::bind(&Endpoint::Tcp(address.to_owned()), 0o600).await?;
        Ok(Self { sockets: vec![socket], app })
    }
    /// Takes every socket that `config` names.
    pub async fn bind_all(config: &Config, app: App) -> Result<Self, Failed> {
        let mut sockets = Vec::new();
        for endpoint in &config.listen {
            let bound = Socket::bind(endpoint, config.socket_mode).await;
            sockets.push(bound.map_err(|error| Failed::new(cannot_listen(endpoint, &error)))?);
        }
        Ok(Self { sockets, app })
    }
    /// The first TCP address.
    pub fn address(&self) -> Option<SocketAddr> {
        self.sockets.iter().find_map(Socket::address)
    }
    /// Where it listens, for people.
    pub fn shown(&self) -> String {
        self.sockets.iter().map(Socket::to_string).collect::<Vec<_>>().join(" and ")
    }
    /// Answers HTTP/1.1 and h2c until `stop`, lets what is in flight finish (within the limit), and flushes.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> stayput::Result<()> {
        let Self { sockets, app } = self;
        let (store, drain, endless) = (app.store.clone(), app.limits.drain_time, app.stopping.clone());
        let open = Arc::new(GracefulShutdown::new());
        let (stopping, stopped) = watch::channel(false);
        let serving = Arc::new(Serving { server: server(&app), front: Front::new(app.clone()), app, stop: stopped });
        let mut accepting = JoinSet::new();
        for socket in sockets {
            let (serving, open) = (serving.clone(), open.clone());
            accepting.spawn(async move { serving.accept(&socket, &open).await });
        }
        stop.await;
        // Sockets close, and files of Unix sockets go, before anything is waited for.
        accepting.shutdown().await;
        endless.send_replace(true);
        let _ = stopping.send(true); // there may be no connection to hear it
        if let Some(open) = Arc::into_inner(open)
            && timeout(drain, open.shutdown()).await.is_err()
        {
            tracing::warn!("some requests were still in flight after {drain:?} and were cut off");
        }
        store.flush().await
    }
}

impl Serving {
    async fn accept(&self, socket: &Socket, open: &GracefulShutdown) {
        loop {
            match socket.accept().await {
                Ok(stream) => self.connected(stream, open.watcher()),
                // Out of file descriptors, most likely: those in use go on.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(EXHAUSTED).await;
                }
            }
        }
    }

    fn connected(&self, stream: Stream, watcher: Watcher) {
        let (server, front, app) = (self.server.clone(), self.front.clone(), self.app.clone());
        let mut stop = self.stop.clone();
        tokio::spawn(async move {
            let (_open, connections) = app.metrics.connection();
            let marks = Arc::new(Marks::default());
            let mut wire = Wire::new(stream, marks.clone());
            if connections > app.limits.connections {
                app.metrics.refused(Refused::Connections);
                // Its buffer is empty: this does not wait for the client.
                let _ = timeout(EXHAUSTED, wire.write_all(FULL)).await;
                let _ = timeout(EXHAUSTED, wire.shutdown()).await;
                return;
            }
            let front = front.for_connection(marks.clone());
            let connection = async {
                let Ended::Over(read) = front.hot(&mut wire, &mut stop).await? else { return Ok(()) };
                let stream = TokioIo::new(Rewound::new(read, wire));
                watcher.watch(server.serve_connection(stream, front).into_owned()).await
            };
            tokio::select! {
                // The cause says nothing about the request, so no user id comes into the log.
                ended = connection => if let Err(error) = ended { tracing::debug!(error, "a connection broke") },
                why = marks.watch(&app.limits) => {
                    app.metrics.closed(why);
                    tracing::debug!(reason = why.name(), "a connection was closed on a slow client");
                }
            }
        });
    }
}

fn server(app: &App) -> auto::Builder<TokioExecutor> {
    let limits = &app.limits;
    let head = u32::try_from(limits.head_limit).unwrap_or(u32::MAX);
    let mut server = auto::Builder::new(TokioExecutor::new());
    // The watch over marks keeps the time of the head: hyper's own arms a timer per request.
    server.http1().header_read_timeout(None).max_buf_size(limits.head_limit);
    if limits.header_limit != FREE_HEADERS {
        server.http1().max_headers(limits.header_limit);
    }
    server
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(head)
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(4 * WINDOW)
        .max_send_buf_size(WINDOW as usize);
    server
}

fn cannot_listen(endpoint: &Endpoint, error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => "; stop what listens there, or choose another address with --listen",
        io::ErrorKind::AddrNotAvailable => "; this machine does not have that address",
        io::ErrorKind::PermissionDenied => "; this user may not, choose a port above 1023 or another path",
        io::ErrorKind::NotFound => "; the folder of a socket, or the name of a host, must exist",
        io::ErrorKind::AlreadyExists => "; remove it, or choose another path with --listen",
        _ => "",
    };
    let error = error.to_string();
    let error = error.split(" (os error").next().unwrap_or(&error);
    format!("cannot listen on {endpoint}: {error}{advice}")
}

#[cfg(test)]
mod tests {
    use super::FULL;

    #[test]
    fn the_answer_to_one_too_many_has_the_length_that_it_says() {
        let text = std::str::from_utf8(FULL).expect("UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{}", body.len());
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
    }
}
