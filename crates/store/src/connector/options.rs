//! How a connector is set up.
use crate::{Clock, Dialect, Error, Result, Scope, SystemClock, layers::SpoolDisk};
use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

/// Is told of errors that nobody else hears of, from the connector's threads; each kind at most once a second.
#[derive(Clone)]
pub struct OnError(Arc<dyn Fn(&Error) + Send + Sync>);

/// How a connector is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Account and environment.
    pub scope: Scope,
    /// How the SDK spells its list of goals.
    pub dialect: Dialect,
    /// How long a `get` may wait for what this process has not seen; 20 ms.
    pub deadline: Duration,
    /// How long opening may wait for the first connection; 1 s.
    pub connect: Duration,
    /// How many bytes of what was seen are kept, nothing for 0. By default 256 MiB, room for more than 100,000 users;
    /// nothing where a read costs no more than that, which is over `file:` and `memory:`.
    pub near_cache: Option<u64>,
    /// How old an answer from here may be where the store does not push what others change; 1 s.
    pub max_age: Duration,
    /// How old it may be where it does; a minute.
    pub max_age_followed: Duration,
    /// How old it may be while the store does not answer; a day.
    pub max_stale: Duration,
    /// How many bytes of what was set may wait for delivery; 64 MiB.
    pub waiting: u64,
    /// A folder of this machine where what the store does not answer is kept and delivered later, by this process or
    /// another one; nowhere by default. Processes may share it if they use one store.
    pub spool: Option<PathBuf>,
    /// Is told of what is swallowed.
    pub on_error: Option<OnError>,
    /// Tells time.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            scope: Scope::default(),
            dialect: Dialect::default(),
            deadline: Duration::from_millis(20),
            connect: Duration::from_secs(1),
            near_cache: None,
            max_age: Duration::from_secs(1),
            max_age_followed: Duration::from_secs(60),
            max_stale: Duration::from_secs(24 * 60 * 60),
            waiting: 64 << 20,
            spool: None,
            on_error: None,
            clock: Arc::new(SystemClock),
        }
    }
}

impl Options {
    const NEAR_CACHE: u64 = 256 << 20;

    /// How many bytes to keep of what is seen of the store at `url`.
    pub(super) fn kept(&self, url: &str) -> u64 {
        let local = ["file:", "memory:"].iter().any(|scheme| url.starts_with(scheme));
        self.near_cache.unwrap_or(if local { 0 } else { Self::NEAR_CACHE })
    }
    /// Opens the spool, or shares the one that is open.
    pub(super) fn disk(&self) -> Result<Option<Arc<dyn SpoolDisk>>> {
        self.spool.as_deref().map(disk).transpose()
    }
}

#[cfg(unix)]
fn disk(path: &std::path::Path) -> Result<Arc<dyn SpoolDisk>> {
    Ok(crate::layers::SpoolFolder::share(path)?)
}
#[cfg(not(unix))]
fn disk(_: &std::path::Path) -> Result<Arc<dyn SpoolDisk>> {
    Err(Error::new(crate::ErrorKind::Refused, "spool", "there is no spool on this operating system"))
}

impl OnError {
    /// Tells `listener`, which should return soon.
    pub fn new(listener: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }
    pub(super) fn tell(&self, error: &Error) {
        (self.0)(error);
    }
}

impl fmt::Debug for OnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnError")
    }
}
