//! Where the servers are, and ways to them that are not a store's.
use stayput::{ClaimId, Clock, ScanStore, SystemClock, Timestamp, testing::Proxy};
use std::{net::SocketAddr, sync::Arc};
use tokio_postgres::{Client, Config, NoTls};

/// What `servers/up` starts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Server {
    Postgres,
    Tls,
    PgBouncer,
}

impl Server {
    pub(crate) fn url(self) -> Result<String, String> {
        let name = match self {
            Self::Postgres => "STAYPUT_TEST_POSTGRES",
            Self::Tls => "STAYPUT_TEST_POSTGRES_TLS",
            Self::PgBouncer => "STAYPUT_TEST_PGBOUNCER",
        };
        variable(name).ok_or_else(|| format!("{name} is not set: servers/up starts the server and says where it is"))
    }
}

#[expect(clippy::disallowed_methods, reason = "the script that starts servers says so in the environment")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// 1, and more in `./test --long`.
pub(crate) fn rounds(long: usize) -> usize {
    if variable("STAYPUT_LONG").is_some() { long } else { 1 }
}

pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// `url` with options, in a schema of its own if there is none among them.
pub(crate) fn with(url: &str, options: &str) -> String {
    format!("{url}?{options}")
}

/// A schema that no other test has.
pub(crate) fn fresh_schema() -> String {
    format!("stayput_test_{}", ClaimId::random().expect("random"))
}

pub(crate) async fn open(url: &str) -> Arc<dyn ScanStore> {
    stayput::open(url).await.expect("a server that runs can be opened")
}

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
