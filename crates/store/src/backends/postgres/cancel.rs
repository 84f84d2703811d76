//! Cancels a statement without hanging up before the other side does.
//!
//! The driver closes a request to cancel as soon as it is sent. PgBouncer up to 1.18 ends with "bad client state" if
//! that reaches it while it is still passing the request on, and then serves nobody; so this waits until it hangs up.
use deadpool_postgres::tokio_postgres::{CancelToken, Config, config::Host, tls::MakeTlsConnect};
use futures_util::future::join_all;
use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Where a request to cancel may have to go.
#[derive(Clone, Debug)]
pub(super) struct Places(Vec<(String, u16)>);

impl Places {
    pub(super) fn of(config: &Config) -> Self {
        let ports = config.get_ports();
        let host = |(i, host): (usize, &Host)| match host {
            Host::Tcp(host) => Some((host.clone(), ports.get(i).or(ports.first()).copied().unwrap_or(5432))),
            _ => None,
        };
        Self(config.get_hosts().iter().enumerate().filter_map(host).collect())
    }
    /// Asks each: only that which the connection goes to knows what is meant. Returns when all have hung up. Nobody can
    /// be told that it could not be told.
    pub(super) async fn cancel(&self, token: CancelToken, tls: MakeRustlsConnect) {
        join_all(self.0.iter().map(|(host, port)| cancel(host, *port, token.clone(), tls.clone()))).await;
    }
}

async fn cancel(host: &str, port: u16, token: CancelToken, mut tls: MakeRustlsConnect) {
    let Ok(stream) = TcpStream::connect((host, port)).await else { return };
    let mut stream = Kept(Arc::new(Mutex::new(stream)));
    let Ok(tls) = MakeTlsConnect::<Kept>::make_tls_connect(&mut tls, host); // cannot fail
    if token.cancel_query_raw(stream.clone(), tls).await.is_ok() {
        let mut rest = [0; 64];
        while matches!(stream.read(&mut rest).await, Ok(1..)) {}
    }
}

/// A stream that stays open when its user shuts it down or drops it.
#[derive(Clone)]
struct Kept(Arc<Mutex<TcpStream>>);

impl Kept {
    fn stream(&self) -> MutexGuard<'_, TcpStream> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner) // held while polling, never while waiting
    }
}

impl AsyncRead for Kept {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_read(context, to)
    }
}
impl AsyncWrite for Kept {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream()).poll_write(context, from)
    }
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_flush(context)
    }
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}
