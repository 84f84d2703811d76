//! What a URL of this store says, before anything is connected.
use crate::{Error, Result, StoreUrl};
use std::{fmt, fs, time::Duration};

/// Where the servers are and how to talk to them.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) topology: Topology,
    /// At least one; the sentinels, where there are some.
    pub(super) hosts: Vec<(String, u16)>,
    pub(super) login: Login,
    pub(super) sentinel_login: Login,
    pub(super) database: i64,
    pub(super) tls: Option<Tls>,
    pub(super) prefix: String,
    /// For one whole operation.
    pub(super) timeout: Duration,
    /// For one attempt to connect.
    pub(super) connect: Duration,
    /// Whether a server that may throw assignments away is taken.
    pub(super) evictable: bool,
}

/// How several servers make one store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Topology {
    Alone,
    Cluster,
    /// The name of the master.
    Sentinel(String),
}

/// Who we are; the password is never printed.
#[derive(Clone, Default)]
pub(super) struct Login {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
}

/// PEM, as the files hold it; never printed either.
#[derive(Clone, Default)]
pub(super) struct Tls {
    pub(super) authority: Option<Vec<u8>>,
    pub(super) certificate: Option<(Vec<u8>, Vec<u8>)>,
}

const OPTIONS: [&str; 11] = [
    "retention",
    "prefix",
    "timeout",
    "connect",
    "evictable",
    "ca",
    "cert",
    "key",
    "db",
    "sentinel-user",
    "sentinel-password",
];

impl Place {
    /// Takes everything out of `url`.
    pub(super) fn parse(url: &mut StoreUrl) -> Result<Self> {
        let (is_tls, kind) = match url.scheme().strip_prefix("rediss") {
            Some(kind) => (true, kind),
            None => (false, url.scheme().strip_prefix("redis").unwrap_or_default()),
        };
        let kind = kind.to_owned();
        let place = url.place().strip_prefix("//").ok_or_else(|| wrong("two slashes follow the scheme"))?.to_owned();
        // The last @, because a password may contain one; no host does.
        let (login, place) = match place.rsplit_once('@') {
            Some((login, place)) => (Login::parse(login), place),
            None => (Login::default(), place.as_str()),
        };
        let (hosts, path) = place.split_once('/').unwrap_or((place, ""));
        let default_port = if kind == "+sentinel" { 26379 } else { 6379 };
        let hosts: Vec<_> = hosts.split(',').map(|host| parse_host(host, default_port)).collect::<Result<_>>()?;
        let mut database = url.option("db").unwrap_or_default();
        let topology = match kind.as_str() {
            "+sentinel" if path.is_empty() => return Err(wrong("the master's name follows the sentinels")),
            "+sentinel" => Topology::Sentinel(path.to_owned()),
            "+cluster" if !path.is_empty() || !database.is_empty() => {
                return Err(wrong("a cluster has no numbered databases"));
            }
            "+cluster" => Topology::Cluster,
            _ if hosts.len() > 1 => return Err(wrong("several servers are a cluster (redis+cluster:) or sentinels")),
            _ => {
                if !path.is_empty() {
                    database = path.to_owned();
                }
                Topology::Alone
            }
        };
        let database = match database.as_str() {
            "" => 0,
            number => number.parse().map_err(|_| wrong("the database is a number"))?,
        };
        let prefix = url.option("prefix").unwrap_or_else(|| "stayput:".to_owned());
        if prefix.contains(['{', '}', '\0']) || prefix.len() > 128 {
            return Err(Error::invalid("prefix", "prefix must be at most 128 bytes without braces"));
        }
        let evictable = match url.option("evictable").as_deref() {
            None => false,
            Some("accepted") => true,
            Some(_) => return Err(Error::invalid("evictable", "evictable can only be accepted: ?evictable=accepted")),
        };
        let tls = Tls::parse(url, is_tls)?;
        let sentinel_login = Login { user: url.option("sentinel-user"), password: url.option("sentinel-password") };
        let timeout = url.duration("timeout")?.unwrap_or(Duration::from_secs(2));
        let connect = url.duration("connect")?.unwrap_or(Duration::from_secs(1));
        url.finish(&OPTIONS)?;
        Ok(Self { topology, hosts, login, sentinel_login, database, tls, prefix, timeout, connect, evictable })
    }
    /// The servers as people write them.
    pub(super) fn spelled(&self) -> String {
        let hosts: Vec<String> = self.hosts.iter().map(|(host, port)| format!("{host}:{port}")).collect();
        hosts.join(", ")
    }
}

impl Login {
    fn parse(text: &str) -> Self {
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Self { user: some(user), password: some(password) }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({})", if self.password.is_some() { "***" } else { "none" })
    }
}

impl Tls {
    fn parse(url: &mut StoreUrl, is_tls: bool) -> Result<Option<Self>> {
        let mut read = |option: &'static str| match url.option(option) {
            None => Ok(None),
            Some(_) if !is_tls => Err(Error::invalid(option, format!("{option} needs a scheme with TLS (rediss:)"))),
            Some(path) => fs::read(&path).map(Some).map_err(|error| {
                Error::invalid(option, format!("{option}: the file {path} cannot be read")).with_source(error)
            }),
        };
        let (authority, certificate, key) = (read("ca")?, read("cert")?, read("key")?);
        let certificate = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(Error::invalid("cert", "cert and key are given together")),
        };
        Ok(is_tls.then_some(Self { authority, certificate }))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// `host`, `host:port`, `[::1]:port`.
fn parse_host(text: &str, default_port: u16) -> Result<(String, u16)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()),
        _ => (text, Some(default_port)),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match port {
        Some(port) if !host.is_empty() => Ok((host.to_owned(), port)),
        _ => Err(wrong("each server is host or host:port")),
    }
}

fn wrong(rule: &str) -> Error {
    let examples = "redis://host:6379/0, redis+cluster://a,b,c or redis+sentinel://a,b,c/master-name";
    Error::invalid("store", format!("this is no address of Redis, where {rule}: {examples}"))
}
