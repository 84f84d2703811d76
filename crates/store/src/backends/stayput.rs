//! A Stayput server as a store: `stayput://host:port` or `stayput+unix:PATH`, over its internal routes `POST /v1/store/…`.
//!
//! | event | what is lost |
//! |---|---|
//! | this process ends | nothing that was acknowledged: the server had stored it |
//! | the server ends | what its own store loses then |
//!
//! The connection is plain HTTP: put it on a private network. Both sides must be of one version.
use crate::{
    Assignment, AssignmentStore, BoxFuture, Claimed, Cursor, Entry, Error, ErrorKind, Key, Offer, Page, Result,
    ScanStore, Scope, User, distinct,
};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Uri;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{ops::Range, path::Path, time::Duration};

mod exchange;
mod follow;
mod way;

use way::Way;

/// The port of a server that was not told another.
const PORT: u16 = 7717;
/// Elements and bytes of one request; larger batches become several.
const ELEMENTS: usize = 1_000;
const BYTES: usize = 4 * 1_024 * 1_024;

/// A client of a Stayput server, with a pool of connections.
#[derive(Clone, Debug)]
pub struct Stayput {
    client: Client<Way, Full<Bytes>>,
    /// Host and port, or the path of a socket.
    server: String,
    /// What requests are addressed to.
    host: String,
    timeout: Duration,
}

/// Whether a request that may have arrived can be sent once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    Safe,
    Never,
}

impl Stayput {
    /// How long a request may take unless `?timeout=` says otherwise.
    pub const TIMEOUT: Duration = Duration::from_secs(5);

    /// A client of the server at `server` (`host`, `host:port`), each of whose requests may take `timeout`. Nothing
    /// is sent yet.
    pub fn new(server: &str, timeout: Duration) -> Result<Self> {
        let wrong = || {
            let message = "a server is given as stayput://host:port, for example stayput://127.0.0.1:7717";
            Error::invalid("store", message)
        };
        let uri: Uri = format!("http://{server}/").parse().map_err(|_| wrong())?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(wrong)?;
        if uri.path() != "/" || uri.query().is_some() || authority.host().is_empty() {
            return Err(wrong());
        }
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => PORT,
            _ => authority.port_u16().filter(|port| *port > 0).ok_or_else(wrong)?,
        };
        let server = format!("{}:{port}", authority.host());
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Ok(Self::by(Way::Tcp(connector), server.clone(), server, timeout))
    }
    /// A client of the server that listens on the Unix socket at `path`. Nothing is sent yet.
    pub fn unix(path: &Path, timeout: Duration) -> Result<Self> {
        if path.as_os_str().is_empty() {
            let message = "a socket is given as stayput+unix:PATH, for example stayput+unix:/run/stayput/stayput.sock";
            return Err(Error::invalid("store", message));
        }
        Ok(Self::by(Way::Unix(path.into()), path.display().to_string(), "localhost".into(), timeout))
    }

    fn by(way: Way, server: String, host: String, timeout: Duration) -> Self {
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_timer(TokioTimer::new()).pool_idle_timeout(Duration::from_secs(20));
        Self { client: client.build(way), server, host, timeout }
    }

    /// Asks about `items` in requests of bearable size.
    async fn batches<T: Serialize, A: DeserializeOwned>(
        &self,
        method: &str,
        items: &[T],
        repeat: Repeat,
    ) -> Result<Vec<A>> {
        let mut answers = Vec::with_capacity(items.len());
        for (range, body) in bodies(items)? {
            let asked = range.len();
            let part: Vec<A> = self.ask(method, body, repeat).await?;
            if part.len() != asked {
                return Err(Error::new(ErrorKind::Corrupt, "stayput", "the server did not answer each question once"));
            }
            answers.extend(part);
        }
        Ok(answers)
    }
    /// Sends `items` in requests of bearable size.
    async fn send<T: Serialize>(&self, method: &str, items: &[T]) -> Result<()> {
        for (_, body) in bodies(items)? {
            self.ask::<()>(method, body, Repeat::Never).await?;
        }
        Ok(())
    }
}

#[deny(clippy::missing_trait_methods)]
impl AssignmentStore for Stayput {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        Box::pin(self.batches("get", keys, Repeat::Safe))
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        Box::pin(async move {
            distinct(offers.iter().map(|offer| &offer.key))?;
            self.batches("claim", offers, Repeat::Safe).await
        })
    }
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            distinct(entries.iter().map(|entry| &entry.key))?;
            self.send("put", entries).await
        })
    }
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            distinct(keys)?;
            self.send("remove", keys).await
        })
    }
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { self.ask("flush", json(&())?, Repeat::Safe).await })
    }
}

#[deny(clippy::missing_trait_methods)]
impl ScanStore for Stayput {
    fn user<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<Vec<Entry>>> {
        Box::pin(async move { self.ask("user", json(user)?, Repeat::Safe).await })
    }
    fn erase<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<u64>> {
        // A repeat would find nothing, and the receipt would say so.
        Box::pin(async move { self.ask("erase", json(user)?, Repeat::Never).await })
    }
    fn scan<'a>(
        &'a self,
        scope: Option<&'a Scope>,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page>> {
        Box::pin(async move { self.ask("scan", json(&(scope, after, limit))?, Repeat::Safe).await })
    }
}

/// `items` as JSON lists of at most [`ELEMENTS`] and about [`BYTES`], and which items each of them holds.
fn bodies<T: Serialize>(items: &[T]) -> Result<Vec<(Range<usize>, Bytes)>> {
    let (mut bodies, mut begun, mut first) = (Vec::new(), Vec::new(), 0);
    for (at, item) in items.iter().enumerate() {
        let item = json(item)?;
        if at > first && (at - first == ELEMENTS || begun.len() + item.len() > BYTES) {
            bodies.push((first..at, closed(std::mem::take(&mut begun))));
            first = at;
        }
        begun.push(if at == first { b'[' } else { b',' });
        begun.extend_from_slice(&item);
    }
    if !begun.is_empty() {
        bodies.push((first..items.len(), closed(begun)));
    }
    Ok(bodies)
}

fn closed(mut list: Vec<u8>) -> Bytes {
    list.push(b']');
    list.into()
}

fn json<T: Serialize + ?Sized>(value: &T) -> Result<Bytes> {
    serde_json::to_vec(value).map(Bytes::from).map_err(|error| {
        let message = "a request could not be written as JSON";
        Error::new(ErrorKind::Invalid, "stayput", message).with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use super::{BYTES, ELEMENTS, Stayput, bodies};
    use std::time::Duration;

    #[test]
    fn a_large_batch_becomes_several_requests_and_loses_nothing() {
        let small: Vec<usize> = (0..2 * ELEMENTS + 1).collect();
        let large = vec!["x".repeat(BYTES / 2); 3];
        assert_eq!(bodies(&small).expect("JSON").len(), 3);
        assert_eq!(bodies(&large).expect("JSON").len(), 3);
        assert!(bodies::<u8>(&[]).expect("JSON").is_empty());
        let parts = bodies(&small).expect("JSON");
        let joined = parts.iter().flat_map(|(_, body)| serde_json::from_slice::<Vec<usize>>(body).expect("a list"));
        assert_eq!(joined.collect::<Vec<_>>(), small);
        assert_eq!(parts.iter().map(|(range, _)| range.len()).sum::<usize>(), small.len());
    }

    #[test]
    fn a_server_is_a_host_and_perhaps_a_port() {
        let server = |text: &str| Stayput::new(text, Duration::from_secs(1)).map(|store| store.server);
        assert_eq!(server("localhost").expect("legal"), "localhost:7717");
        assert_eq!(server("[::1]:80").expect("legal"), "[::1]:80");
        for wrong in ["", ":1", "host:", "host:0", "host:99999", "host/path", "user:secret@host", "a b"] {
            assert!(server(wrong).is_err(), "{wrong}");
        }
    }
}
