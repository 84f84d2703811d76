//! Where the servers are, and ways to them that are not a store's.
pub(crate) use crate::environment::{fresh_schema, now, open, rounds, variable, with};
use stayput::testing::Proxy;
use std::net::SocketAddr;
use tokio_postgres::{Client, Config, NoTls};

/// Why `url` cannot be opened.
pub(crate) async fn refusal(url: &str) -> stayput::Error {
    match stayput::open(url).await {
        Ok(_) => panic!("this should not have been opened"),
        Err(error) => error,
    }
}

/// A connection of the bare client.
pub(crate) async fn bare(url: &str) -> Client {
    let (client, connection) = url.parse::<Config>().expect("a URL").connect(NoTls).await.expect("a server");
    tokio::spawn(connection);
    client
}

/// A proxy before the server of `url`, and the URL through it.
pub(crate) async fn proxied(url: &str) -> (Proxy, String) {
    let config: Config = url.parse().expect("a URL");
    let port = config.get_ports().first().copied().expect("a port");
    let proxy = Proxy::before(SocketAddr::from(([127, 0, 0, 1], port))).await.expect("a proxy");
    let through = url.replace(&format!(":{port}/"), &format!(":{}/", proxy.address().port()));
    (proxy, through)
}
