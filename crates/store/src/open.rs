//! A store from one URL: `scheme:place?option=value&…`.
#[cfg(feature = "mongodb")]
use crate::backends::Mongodb;
#[cfg(feature = "postgres")]
use crate::backends::Postgres;
#[cfg(feature = "redis")]
use crate::backends::Redis;
#[cfg(feature = "stayput")]
use crate::backends::Stayput;
#[cfg(feature = "file")]
use crate::backends::{File, FileOptions};
#[cfg(feature = "memcached")]
use crate::backends::{Memcached, MemcachedLosses};
use crate::{Error, Result, ScanStore, backends::Memory, layers::Retention};
use percent_encoding::percent_decode_str;
use std::{fmt, sync::Arc, time::Duration};

/// The schemes that this build knows.
pub const SCHEMES: &[&str] = &[
    "memory",
    #[cfg(feature = "stayput")]
    "stayput",
    #[cfg(feature = "stayput")]
    "stayput+unix",
    #[cfg(feature = "file")]
    "file",
    #[cfg(feature = "memcached")]
    "memcached",
    #[cfg(feature = "mongodb")]
    "mongodb",
    #[cfg(feature = "mongodb")]
    "mongodb+srv",
    #[cfg(feature = "postgres")]
    "postgres",
    #[cfg(feature = "redis")]
    "redis",
    #[cfg(feature = "redis")]
    "rediss",
    #[cfg(feature = "redis")]
    "redis+cluster",
    #[cfg(feature = "redis")]
    "rediss+cluster",
    #[cfg(feature = "redis")]
    "redis+sentinel",
    #[cfg(feature = "redis")]
    "rediss+sentinel",
];

/// The parts of a store's URL. Options are taken out one by one; one that nobody takes is an error.
pub struct StoreUrl {
    scheme: String,
    place: String,
    raw_place: String,
    options: Vec<(String, String)>,
}

/// Opens the store at `url`.
///
/// Every store takes `?retention=180d`: how long an assignment is kept after it was claimed. A claim that finds less
/// than half of it left renews it. Without it assignments are kept for ever.
pub async fn open(url: &str) -> Result<Arc<dyn ScanStore>> {
    Ok(opened(url).await?.store)
}

/// How long what is claimed of the store at `url` lasts, if it says so. An opened store sees to that itself, but behind a
/// near cache, which must know it too: `StackOptions::retention`.
pub fn retention(url: &str) -> Result<Option<Duration>> {
    StoreUrl::parse(url)?.duration("retention")
}

/// Opens the store at `url`, and hears of what others change there from now on, if the store pushes that.
#[cfg(feature = "changes")]
pub async fn open_followed(url: &str) -> Result<(Arc<dyn ScanStore>, Option<crate::Changes>)> {
    let opened = opened(url).await?;
    Ok((opened.store, (opened.follow)()))
}

/// A store, and what is to be heard of it besides answers.
#[derive(Debug)]
#[non_exhaustive]
pub struct Observed {
    /// The store.
    pub store: Arc<dyn ScanStore>,
    /// What others change there from now on, if the store pushes that.
    #[cfg(feature = "changes")]
    pub changes: Option<crate::Changes>,
    /// What it loses, if it is Memcached.
    #[cfg(feature = "memcached")]
    pub losses: Option<MemcachedLosses>,
}

/// Opens the store at `url`, with everything that is to be heard of it.
pub async fn open_observed(url: &str) -> Result<Observed> {
    let opened = opened(url).await?;
    Ok(Observed {
        store: opened.store,
        #[cfg(feature = "changes")]
        changes: (opened.follow)(),
        #[cfg(feature = "memcached")]
        losses: opened.losses,
    })
}

/// A store, and how to hear of changes.
struct Opened {
    store: Arc<dyn ScanStore>,
    #[cfg(feature = "memcached")]
    losses: Option<MemcachedLosses>,
    #[cfg(feature = "changes")]
    follow: Box<dyn FnOnce() -> Option<crate::Changes> + Send>,
}

impl Opened {
    /// A store that pushes nothing.
    fn silent(store: impl ScanStore) -> Self {
        Self::of(Arc::new(store))
    }
    fn of(store: Arc<dyn ScanStore>) -> Self {
        Self {
            store,
            #[cfg(feature = "memcached")]
            losses: None,
            #[cfg(feature = "changes")]
            follow: Box::new(|| None),
        }
    }
    /// A store that pushes what `follow` hears.
    #[cfg(any(feature = "postgres", feature = "redis", feature = "stayput"))]
    fn pushing<S: ScanStore>(store: S, follow: fn(&S) -> Option<crate::Changes>) -> Self {
        let store = Arc::new(store);
        let opened = Self::of(store.clone());
        Self { follow: Box::new(move || follow(&store)), ..opened }
    }
}

async fn opened(url: &str) -> Result<Opened> {
    let mut url = StoreUrl::parse(url)?;
    let retention = url.duration("retention")?;
    let opened = match url.scheme() {
        "memory" => {
            url.finish(&["retention"])?;
            if !url.place().is_empty() {
                return Err(Error::invalid("store", "memory: has no place: each that is opened is another store"));
            }
            Opened::silent(Memory::default())
        }
        #[cfg(feature = "stayput")]
        "stayput+unix" => {
            let timeout = url.duration("timeout")?.unwrap_or(Stayput::TIMEOUT);
            url.finish(&["retention", "timeout"])?;
            Opened::pushing(Stayput::unix(url.place().as_ref(), timeout)?, |store| Some(store.changes()))
        }
        #[cfg(feature = "stayput")]
        "stayput" => {
            let timeout = url.duration("timeout")?.unwrap_or(Stayput::TIMEOUT);
            url.finish(&["retention", "timeout"])?;
            Opened::pushing(Stayput::new(url.host(), timeout)?, |store| Some(store.changes()))
        }
        #[cfg(feature = "file")]
        "file" => Opened::silent(open_file(url)?),
        #[cfg(feature = "memcached")]
        "memcached" => {
            let store = Memcached::open(url).await?;
            Opened { losses: Some(store.losses()), ..Opened::silent(store) }
        }
        #[cfg(feature = "mongodb")]
        "mongodb" | "mongodb+srv" => Opened::silent(Mongodb::open(url).await?),
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => Opened::pushing(Postgres::open(url).await?, Postgres::changes),
        #[cfg(feature = "redis")]
        "redis" | "rediss" | "redis+cluster" | "rediss+cluster" | "redis+sentinel" | "rediss+sentinel" => {
            Opened::pushing(Redis::open(url, retention.is_some()).await?, |store| Some(store.changes()))
        }
        other => {
            let known: Vec<String> = SCHEMES.iter().map(|scheme| format!("{scheme}:")).collect();
            let message = format!("there is no store \"{other}:\"; this build has {}", known.join(", "));
            return Err(Error::invalid("store", message));
        }
    };
    Ok(match retention {
        Some(lasts) => Opened { store: Arc::new(Retention::new(opened.store, lasts)), ..opened },
        None => opened,
    })
}

/// `file:PATH`; `file:///PATH` is understood as well.
#[cfg(feature = "file")]
fn open_file(mut url: StoreUrl) -> Result<File> {
    let mut options = FileOptions::default();
    if let Some(bytes) = url.size("map")? {
        options = options.map(bytes);
    }
    if let Some(timeout) = url.duration("timeout")? {
        options = options.timeout(timeout);
    }
    match url.option("network").as_deref() {
        None => {}
        Some("accepted") => options = options.accept_network(true),
        Some(_) => return Err(Error::invalid("network", "network can only be accepted: ?network=accepted")),
    }
    url.finish(&["retention", "map", "timeout", "network"])?;
    let path = url.place().strip_prefix("//").unwrap_or(url.place());
    if path.len() != url.place().len() && !path.starts_with('/') {
        return Err(Error::invalid("store", "a folder is given as file:PATH or file:///PATH, without a host"));
    }
    File::open(path, options)
}

impl StoreUrl {
    /// Takes `url` apart; percent escapes in the place and in options are decoded.
    pub fn parse(url: &str) -> Result<Self> {
        let (scheme, rest) = url.split_once(':').ok_or_else(|| {
            Error::invalid("store", "a store is given as a URL such as memory: or file:./stayput-data")
        })?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let decode = |text: &str| {
            let text = percent_decode_str(text).decode_utf8();
            text.map(String::from).map_err(|_| Error::invalid("store", "the store's URL must be UTF-8"))
        };
        let mut options = Vec::new();
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            options.push((decode(name)?, decode(value)?));
        }
        Ok(Self { scheme: scheme.to_ascii_lowercase(), place: decode(place)?, raw_place: place.into(), options })
    }
    /// What stands before the colon, in lower case.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }
    /// What stands between the colon and the question mark.
    pub fn place(&self) -> &str {
        &self.place
    }
    /// The place of a server: without the slashes around it.
    pub fn host(&self) -> &str {
        let place = self.place.strip_prefix("//").unwrap_or(&self.place);
        place.strip_suffix('/').unwrap_or(place)
    }
    /// The same before percent escapes were decoded, for stores whose place has parts: a password may hold any of the
    /// characters that part them.
    pub fn raw_place(&self) -> &str {
        &self.raw_place
    }
    /// Takes the option `name`; given twice, the last one counts.
    pub fn option(&mut self, name: &str) -> Option<String> {
        let mut value = None;
        self.options.retain(|(option, given)| {
            let taken = option == name;
            if taken {
                value = Some(given.clone());
            }
            !taken
        });
        value
    }
    /// Takes the option `name` as a length of time such as `180d` or `500ms`, more than nothing.
    pub fn duration(&mut self, name: &'static str) -> Result<Option<Duration>> {
        let Some(text) = self.option(name) else { return Ok(None) };
        match humantime::parse_duration(&text) {
            Ok(duration) if !duration.is_zero() => Ok(Some(duration)),
            _ => Err(Error::invalid(name, format!("{name} must be a length of time such as 180d, 12h or 500ms"))),
        }
    }
    /// Takes the option `name` as a number of bytes such as `1GiB` or `65536`.
    pub fn size(&mut self, name: &'static str) -> Result<Option<u64>> {
        let Some(text) = self.option(name) else { return Ok(None) };
        let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = match unit {
            "" | "B" => Some(1u64),
            "KiB" => Some(1 << 10),
            "MiB" => Some(1 << 20),
            "GiB" => Some(1 << 30),
            "TiB" => Some(1 << 40),
            _ => None,
        };
        let bytes = number.parse().ok().zip(unit).and_then(|(number, unit): (u64, u64)| number.checked_mul(unit));
        match bytes.filter(|bytes| *bytes > 0) {
            Some(bytes) => Ok(Some(bytes)),
            None => Err(Error::invalid(name, format!("{name} must be a number of bytes such as 65536, 64MiB or 1GiB"))),
        }
    }
    /// Refuses options that nobody took; `known` are those that there are.
    pub fn finish(&self, known: &[&str]) -> Result<()> {
        let Some((name, _)) = self.options.first() else { return Ok(()) };
        let message = format!("{}: has no option \"{name}\"; it has {}", self.scheme, known.join(", "));
        Err(Error::invalid("store", message))
    }
}

// Places and options may hold passwords.
impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({}:…)", self.scheme)
    }
}
