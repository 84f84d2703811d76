//! Where the server is and how it is spoken to: the URL, taken apart.
use super::{NAME, schema::Schema, tls};
use crate::{Error, Result, StoreUrl};
use deadpool_postgres::tokio_postgres::{Config, config::LoadBalanceHosts};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::time::Duration;
use tokio_postgres_rustls::MakeRustlsConnect;

/// What a URL says.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) config: Config,
    pub(super) tls: MakeRustlsConnect,
    pub(super) schema: Schema,
    pub(super) connections: usize,
    /// How long an operation may take, retries and the wait for a connection included.
    pub(super) timeout: Duration,
    /// How long it may take to make a connection.
    pub(super) connect: Duration,
    /// How often expired rows are looked for; `None` is never.
    pub(super) purge: Option<Duration>,
    /// `None`: found out when opening.
    pub(super) pooler: Option<bool>,
    pub(super) listen: Listen,
}

/// Where changes are followed.
#[derive(Clone)]
pub(super) enum Listen {
    Off,
    /// Where everything else goes, if no pooler is there.
    Here,
    There(Box<Settings>),
}

/// What a URL may say, as an error lists it.
const OPTIONS: &[&str] = &[
    "retention",
    "schema",
    "pool",
    "timeout",
    "connect",
    "purge",
    "pooler",
    "listen",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "user",
    "password",
    "dbname",
    "application_name",
    "target_session_attrs",
    "load_balance_hosts",
    "channel_binding",
];
/// Those that libpq knows too and the client library reads itself.
const PASSED_ON: &[&str] = &[
    "host",
    "hostaddr",
    "port",
    "user",
    "password",
    "dbname",
    "application_name",
    "target_session_attrs",
    "load_balance_hosts",
    "channel_binding",
];

impl Settings {
    pub(super) fn from_url(mut url: StoreUrl) -> Result<Self> {
        let (mode, tls) = tls::from_url(&mut url)?;
        let timeout = url.duration("timeout")?.unwrap_or(Duration::from_secs(2));
        let connect = url.duration("connect")?.unwrap_or(Duration::from_secs(2));
        let purge = match url.option("purge").as_deref() {
            Some("off") => None,
            Some(text) => Some(
                humantime::parse_duration(text)
                    .ok()
                    .filter(|every| !every.is_zero())
                    .ok_or_else(|| Error::invalid("purge", "purge must be a length of time such as 60s, or off"))?,
            ),
            None => Some(Duration::from_secs(60)),
        };
        let connections = match url.option("pool").map(|text| text.parse()) {
            Some(Ok(connections @ 1..=1_000)) => connections,
            Some(_) => return Err(Error::invalid("pool", "pool must be a number of connections from 1 to 1000")),
            None => 16,
        };
        let pooler = match url.option("pooler").as_deref() {
            Some("transaction") => Some(true),
            Some("session" | "none") => Some(false),
            Some(_) => return Err(Error::invalid("pooler", "pooler must be transaction, session or none")),
            None => None,
        };
        let listen = match url.option("listen") {
            None => Listen::Here,
            Some(text) if text == "off" => Listen::Off,
            Some(text) => Listen::There(Box::new(listener(&text)?)),
        };
        let schema = Schema { name: url.option("schema").unwrap_or_else(|| "public".into()) };
        if schema.name.is_empty() || schema.name.len() > 63 || schema.name.contains('\0') {
            return Err(Error::invalid("schema", "schema must be 1 to 63 bytes"));
        }
        let mut config = config(&mut url)?;
        url.finish(OPTIONS)?;
        if config.get_application_name().is_none() {
            config.application_name("stayput");
        }
        config.ssl_mode(mode).load_balance_hosts(LoadBalanceHosts::Disable);
        // A peer that vanished is noticed by whoever waits for it, at the latest when the operation's time is over.
        config.tcp_user_timeout(timeout).keepalives_idle(Duration::from_secs(30));
        config.keepalives_interval(Duration::from_secs(10)).keepalives_retries(3);
        Ok(Self { config, tls, schema, connections, timeout, connect, purge, pooler, listen })
    }

    /// What a session of our own is told; behind a pooler there is none.
    ///
    /// Every statement is made for an index and a generic plan, also where a table was small when it was planned.
    pub(super) fn session(&self) -> String {
        format!(
            "-c statement_timeout={timeout} -c idle_in_transaction_session_timeout={timeout} -c enable_seqscan=off \
             -c jit=off -c plan_cache_mode=force_generic_plan -c default_transaction_isolation=read\\ committed",
            timeout = self.statement_timeout()
        )
    }
    /// In milliseconds; a little less than the operation has, so that a slow statement ends with the server's answer
    /// and the connection lives on.
    pub(super) fn statement_timeout(&self) -> u128 {
        (self.timeout * 9 / 10).as_millis().clamp(1, 2_147_483_647)
    }
}

/// Where `text`, a URL in a URL, says that there is no pooler.
fn listener(text: &str) -> Result<Settings> {
    let bad = |what: &str| {
        let message = format!(
            "listen must be off or the URL of the server itself, with %26 for an & in it and %25 for a %: {what}"
        );
        Error::invalid("listen", message)
    };
    let url = StoreUrl::parse(text).map_err(|error| bad(error.message()))?;
    match url.scheme() {
        "postgres" | "postgresql" => Settings::from_url(url).map_err(|error| bad(error.message())),
        _ => Err(bad("it begins with postgres:")),
    }
}

/// The client library's settings. Its errors may quote the URL, hence only the form is told.
fn config(url: &mut StoreUrl) -> Result<Config> {
    let bad = || {
        let message = "the URL must look like postgres://user:password@host:5432/database, with %40 for an @ in a \
                       password and the like";
        Error::invalid("store", message)
    };
    let mut text = format!("postgresql:{}", url.raw_place());
    if !url.raw_place().starts_with("//") {
        return Err(bad());
    }
    for (i, name) in PASSED_ON.iter().enumerate() {
        if let Some(value) = url.option(name) {
            let value = utf8_percent_encode(&value, NON_ALPHANUMERIC);
            text.push_str(&format!("{}{name}={value}", if i == 0 || !text.contains('?') { '?' } else { '&' }));
        }
    }
    let config: Config = text.parse().map_err(|_| bad())?;
    let named = !config.get_hosts().is_empty() || !config.get_hostaddrs().is_empty();
    if named { Ok(config) } else { Err(Error::invalid("store", format!("{NAME}: the URL names no host"))) }
}

// The tokio-postgres configuration hides the password in its own Debug.
impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("config", &self.config).field("schema", &self.schema).finish_non_exhaustive()
    }
}
