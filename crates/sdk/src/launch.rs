//! How a client is launched: settings, a store, and the official options.
use crate::{
    backing::Backing,
    batch::{Batch, Batcher},
    blocking,
    calls::{Sender, Usage},
    client::Client,
    core::{Core, Random},
    fetch::{self, Account, Place},
    http::Http,
    integration::Callback,
    policy::Policy,
    queue::{self, Queue, Queueing},
    stats::Counters,
    storage::UserStorage,
};
use bytes::Bytes;
use stayput::{AssignmentStore, Clock, Error, ErrorKind, Result, Scope, SystemClock};
use stayput_engine::{GoalTypes, Json, Launch, Settings};
use std::{
    fmt,
    sync::{Arc, RwLock},
    time::Duration,
};

/// Launches a client: give it settings, say more with [`Launcher`], then [`start`](Launcher::start) it.
pub fn launch(settings: impl Into<Source>) -> Launcher {
    Launcher::new(settings.into())
}

/// Where the settings come from.
#[derive(Debug)]
pub enum Source {
    /// The text of a settings file.
    Text(Bytes),
    /// Settings that were read before.
    Settings(Box<Settings>),
    /// The settings endpoint.
    Account(Account),
}

/// A client that is being launched.
pub struct Launcher {
    source: Source,
    backing: Backing,
    scope: Scope,
    policy: Policy,
    launch: Launch,
    sender: Sender,
    clock: Arc<dyn Clock>,
    random: Random,
    callback: Option<Callback>,
    batch: Option<Batch>,
    polling: Option<Duration>,
    sdk_key: Option<String>,
    queueing: Queueing,
}

impl Launcher {
    fn new(source: Source) -> Self {
        Self {
            source,
            backing: Backing::None,
            scope: Scope::default(),
            policy: Policy::default(),
            launch: Launch::default(),
            sender: Sender::default(),
            clock: Arc::new(SystemClock),
            random: Arc::new(random),
            callback: None,
            batch: None,
            polling: None,
            sdk_key: None,
            queueing: Queueing::default(),
        }
    }

    /// Keeps assignments in `store`.
    pub fn store(self, store: Arc<dyn AssignmentStore>) -> Self {
        Self { backing: Backing::Store { store, scope: Scope::default() }, ..self }
    }
    /// Keeps assignments in a storage of your own, in place of a store.
    pub fn user_storage(self, storage: Arc<dyn UserStorage>) -> Self {
        Self { backing: Backing::Own(storage), ..self }
    }
    /// Account and environment, where several share one store.
    pub fn scope(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }
    /// What happens when the store fails.
    pub fn policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }
    /// `isDevelopmentMode`: nothing is sent.
    pub fn development_mode(self, on: bool) -> Self {
        Self { launch: Launch { development: on, ..self.launch }, ..self }
    }
    /// `shouldTrackReturningUser`
    pub fn track_returning_users(self, track: bool) -> Self {
        Self { launch: Launch { track_returning: Some(track), ..self.launch }, ..self }
    }
    /// `goalTypeToTrack`
    pub fn goal_types(self, types: GoalTypes) -> Self {
        Self { launch: Launch { goal_types: Some(types), ..self.launch }, ..self }
    }
    /// `batchEvents`: sends events together.
    pub fn batch(self, batch: Batch) -> Self {
        Self { batch: Some(batch), launch: Launch { batch: true, ..self.launch }, ..self }
    }
    /// `pollingInterval`: asks for new settings this often. It needs the key of the environment, from the settings
    /// or from [`sdk_key`](Self::sdk_key).
    pub fn polling(self, interval: Duration) -> Self {
        Self { polling: Some(interval), ..self }
    }
    /// `sdkKey`, for polling.
    pub fn sdk_key(self, key: &str) -> Self {
        Self { sdk_key: Some(key.to_owned()), ..self }
    }
    /// `integrations`: is told of every decision, with the official payload.
    pub fn integration(self, callback: impl Fn(&Json) + Send + Sync + 'static) -> Self {
        Self { callback: Some(Arc::new(callback)), ..self }
    }
    /// The name and the version of the SDK that tracking calls carry; ours by default.
    pub fn sdk(self, name: &str, version: &str) -> Self {
        let sender = Sender { name: name.to_owned(), version: version.to_owned(), ..self.sender };
        Self { sender, ..self }
    }
    /// Where tracking calls go and settings come from: scheme and host, VWO's by default.
    pub fn endpoint(self, url: &str) -> Self {
        let endpoint = url.trim_end_matches('/').to_owned();
        Self { sender: Sender { endpoint, ..self.sender }, ..self }
    }
    /// How much the queue of tracking calls takes, and how often a call is repeated.
    pub fn queueing(self, queueing: Queueing) -> Self {
        Self { queueing, ..self }
    }
    /// Says what time it is; the system's clock by default.
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }
    /// Draws numbers from 0 up to 1 for tracking calls; from the operating system by default.
    pub fn random(self, random: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self { random: Arc::new(random), ..self }
    }

    /// Starts the client on the tokio runtime that this is awaited on: it needs time and I/O there.
    pub async fn start(self) -> Result<Client> {
        let http = Http::new(&self.sender.endpoint, self.queueing.timeout)?;
        let usage = Usage {
            integrations: self.callback.is_some(),
            storage: !matches!(self.backing, Backing::None),
            polling: self.polling.is_some(),
            ..Usage::default()
        };
        let sender = Sender { usage, ..self.sender };
        let (settings, text, account) = match self.source {
            Source::Settings(settings) => (*settings, Bytes::new(), None),
            Source::Text(text) => (fetch::parse(&text)?, text, None),
            Source::Account(account) => {
                let text = patiently(&http, &sender, &account, &self.random, &self.queueing.delays).await?;
                (fetch::parse(&text)?, text, Some(account))
            }
        };
        let account = account.or_else(|| {
            let sdk_key = self.sdk_key.or_else(|| settings.sdk_key.clone())?;
            Some(Account { id: settings.account.spelled(), sdk_key })
        });
        let polling = match (self.polling, account) {
            (None, _) => None,
            (Some(interval), Some(account)) => Some((interval, account)),
            (Some(_), None) => {
                return Err(Error::invalid("sdkKey", "polling needs an sdkKey: the settings have none, so name it"));
            }
        };
        let backing = match self.backing {
            Backing::Store { store, .. } => Backing::Store { store, scope: self.scope },
            other => other,
        };
        let core = Arc::new(Core {
            settings: RwLock::new(Some(Arc::new(settings))),
            backing,
            policy: self.policy,
            launch: Launch { integrations: self.callback.is_some(), ..self.launch },
            sender,
            clock: self.clock,
            random: self.random,
            callback: self.callback,
            batch: self.batch.map(Batcher::new),
            queue: Queue::new(self.queueing),
            http,
            counters: Counters::default(),
        });
        for _ in 0..queue::WORKERS {
            tokio::spawn(queue::work(core.clone()));
        }
        if let Some((interval, account)) = polling {
            tokio::spawn(fetch::poll(Arc::downgrade(&core), interval, account, text));
        }
        Ok(Client::new(core))
    }

    /// Starts a client for code that is not asynchronous, with a runtime of its own.
    pub fn start_blocking(self) -> Result<blocking::Client> {
        blocking::Client::start(self)
    }
}

/// The text of the settings of an account, as VWO's servers give it.
pub async fn get_settings_file(account: &Account) -> Result<String> {
    settings_file_from(crate::calls::ENDPOINT, account).await
}

/// The same from another endpoint: scheme and host.
pub async fn settings_file_from(endpoint: &str, account: &Account) -> Result<String> {
    let Queueing { timeout, delays, .. } = Queueing::default();
    let sender = Sender { endpoint: endpoint.trim_end_matches('/').to_owned(), ..Sender::default() };
    let random: Random = Arc::new(random);
    fetch::text(patiently(&Http::new(&sender.endpoint, timeout)?, &sender, account, &random, &delays).await?)
}

/// Repeats what fails.
async fn patiently(
    http: &Http,
    sender: &Sender,
    account: &Account,
    random: &Random,
    delays: &[Duration],
) -> Result<Bytes> {
    let mut delays = delays.iter();
    loop {
        match (fetch::fetch(http, sender, Place::Settings, account, random()).await, delays.next()) {
            (Err(error), Some(delay)) if error.kind() != ErrorKind::Refused => {
                tracing::warn!(%error, "settings could not be fetched");
                tokio::time::sleep(*delay).await;
            }
            (fetched, _) => return fetched,
        }
    }
}

/// Only caches on the way look at it, so 0 does where there is no randomness.
fn random() -> f64 {
    const STEPS: f64 = (1u64 << 53) as f64;
    getrandom::u64().map_or(0.0, |bits| (bits >> 11) as f64 / STEPS)
}

impl From<&str> for Source {
    fn from(text: &str) -> Self {
        Self::Text(Bytes::copy_from_slice(text.as_bytes()))
    }
}
impl From<String> for Source {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}
impl From<Vec<u8>> for Source {
    fn from(text: Vec<u8>) -> Self {
        Self::Text(text.into())
    }
}
impl From<Settings> for Source {
    fn from(settings: Settings) -> Self {
        Self::Settings(Box::new(settings))
    }
}
impl From<Account> for Source {
    fn from(account: Account) -> Self {
        Self::Account(account)
    }
}

impl fmt::Debug for Launcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Launcher").field("backing", &self.backing).field("policy", &self.policy).finish_non_exhaustive()
    }
}
