//! A server that seems to be another than it is, by a proxy that changes single bytes of what passes.
use std::net::SocketAddr;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Where the server seems to be; `change` sees what passes, piece by piece, in both directions.
pub(crate) async fn before(server: SocketAddr, change: impl Fn(&mut [u8]) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its number");
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(server) = TcpStream::connect(server).await else { return };
            let ((from, to), (back, forth)) = (client.into_split(), server.into_split());
            tokio::spawn(pass(from, forth, change.clone()));
            tokio::spawn(pass(back, to, change.clone()));
        }
    });
    address
}

/// Puts `instead` in the place of `what`, which is as long.
pub(crate) fn replace(bytes: &mut [u8], what: &[u8], instead: &[u8]) {
    assert_eq!(what.len(), instead.len());
    for at in 0..bytes.len().saturating_sub(what.len() - 1) {
        if bytes[at..].starts_with(what) {
            bytes[at..at + what.len()].copy_from_slice(instead);
        }
    }
}

async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, change: impl Fn(&mut [u8])) {
    let mut piece = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        change(&mut piece[..read]);
        if to.write_all(&piece[..read]).await.is_err() {
            return;
        }
    }
}
