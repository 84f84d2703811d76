//! What native connectors of official SDKs share: a store that answers at once, in a runtime of its own.
//!
//! An SDK calls `get` on a thread that must not wait, decides, and calls `set` without listening to what comes of it.
//! So a [`Connector`] answers from what this process has seen lately; what it has not seen it waits for, but never
//! longer than the deadline; and what is set it shows at once, delivers in the background, and tries again until the
//! store has answered. A binding for a language converts types and does nothing else.
//!
//! | event | what is lost |
//! |---|---|
//! | the store is away | nothing: what was seen is answered from here, what is set waits in memory |
//! | the store is away, and a user comes whom this process has not seen | the user may be shown something else meanwhile |
//! | the process is killed | what waits in memory, nothing of that with [`Options::spool`]; [`Connector::flush`] first |
//! | more waits than there is room for | what is set then; counted, and told to `on_error` |
mod answer;
mod deliver;
mod direct;
mod engine;
mod flushing;
mod fme;
mod following;
mod opening;
mod options;
mod stats;
mod waiting;

use crate::{Error, Key, Kind, Record, Result, ScanStore, User, fork};
use engine::Engine;
use serde_json::{Map, Value};
use std::{
    mem,
    sync::{Arc, OnceLock},
    time::Duration,
};

pub use answer::{Answer, Told};
pub use fme::Fme;
pub use options::{OnError, Options};
pub use stats::Stats;

/// A User Storage Service for an SDK in another language. Share one among all threads.
///
/// It survives a fork: a child that uses it opens the store anew. What its parent had set and not delivered is the
/// parent's to deliver.
#[derive(Debug)]
pub struct Connector {
    /// Nothing if it cannot be opened anew.
    url: Option<String>,
    options: Options,
    first: Link,
}

/// The engine of one process, and those of the processes that were forked from it.
#[derive(Debug)]
struct Link {
    generation: u64,
    /// Of another process: its locks may be held by threads that are not here, so it is neither used nor dropped.
    engine: Option<Engine>,
    after_fork: OnceLock<Box<Link>>,
}

impl Connector {
    /// Opens the store at `url` and waits a while ([`Options::connect`]) until it can be reached; then it goes on
    /// without. Fails only if waiting longer cannot help: a wrong URL or option, a store that turns us away.
    pub fn open(url: &str, options: Options) -> Result<Self> {
        fork::watch();
        let first = Link::new(Engine::open(url, &options)?);
        Ok(Self { url: Some(url.to_owned()), options, first })
    }
    /// Over a store of your own, which must not need the runtime that it was opened in. It does not survive a fork.
    pub fn over(store: Arc<dyn ScanStore>, options: Options) -> Result<Self> {
        fork::watch();
        let first = Link::new(Engine::over(store, &options)?);
        Ok(Self { url: None, options, first })
    }

    /// What is held for this user in this campaign. Waits no longer than the deadline, and not at all once the store
    /// is known not to answer.
    pub fn get(&self, user_id: &str, campaign_key: &str) -> Answer {
        self.get_as(Kind::Classic, user_id, campaign_key)
    }
    /// The same, if it is known without asking the store, and so without waiting; nothing else happens then. For those
    /// who must let go of something before they wait.
    pub fn seen(&self, user_id: &str, campaign_key: &str) -> Option<Answer> {
        self.seen_as(Kind::Classic, user_id, campaign_key)
    }
    /// Stores what an SDK decided, in the background; the next `get` of this process shows it. Never waits; what is
    /// wrong with a record is counted and told to `on_error`.
    pub fn set(&self, record: Map<String, Value>) {
        self.set_as(Kind::Classic, record);
    }
    /// For SDKs of FME.
    pub fn fme(&self) -> Fme<'_> {
        Fme(self)
    }
    /// Counts, and tells `on_error`, what a binding could not even hand over.
    pub fn refuse(&self, error: &Error) {
        if let Ok(engine) = self.engine() {
            engine.refuse(error);
        }
    }
    /// The same as [`Connector::set`], and tells what is held now and which goals are new; to be run by [`Connector::spawn`] or
    /// [`Connector::wait`].
    ///
    /// After an error that may pass, what was set is still shown here and delivered later: only the answer is lost.
    pub fn claim(&self, record: Map<String, Value>) -> Result<impl Future<Output = Result<Told>> + Send + use<>> {
        self.claim_as(Kind::Classic, record)
    }
    /// Reads what is held for a user, so that `get` need not wait; to be run likewise. Nothing is to be done where
    /// nothing is kept, as over `file:`.
    pub fn prefetch(
        &self,
        user_id: &str,
        campaign_keys: &[String],
    ) -> Result<impl Future<Output = Result<()>> + Send + use<>> {
        let user = User::new(&self.options.scope, user_id)?;
        let keys =
            campaign_keys.iter().map(|campaign| self.key(Kind::Classic, user_id, campaign)).collect::<Result<_>>()?;
        self.engine()?.prefetch(user, keys)
    }
    /// Returns once all that was set so far is delivered, or spooled; asks at once, also a store that is being left alone. Fails
    /// at `limit`, and what was not delivered goes on waiting. To be run likewise.
    pub fn flush(&self, limit: Duration) -> Result<impl Future<Output = Result<()>> + Send + use<>> {
        self.engine()?.flush(limit)
    }
    /// Ends the connections and the threads. What waits is lost: flush first. Then `get` knows nothing and `set` keeps
    /// nothing.
    pub fn close(&self) {
        if let Ok(engine) = self.engine() {
            engine.close();
        }
    }
    /// What it did so far.
    pub fn stats(&self) -> Stats {
        self.engine().map(Engine::stats).unwrap_or_default()
    }

    /// Runs `future` on the connector's own threads.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        self.engine()?.spawn(future)
    }
    /// Waits for `future` on this thread.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> Result<T> {
        Ok(self.engine()?.wait(future))
    }

    fn get_as(&self, kind: Kind, user_id: &str, campaign_key: &str) -> Answer {
        let Ok(engine) = self.engine() else { return Answer::Unknown };
        match self.key(kind, user_id, campaign_key) {
            Ok(key) => engine.get(key),
            Err(error) => engine.refuse(&error),
        }
    }
    fn seen_as(&self, kind: Kind, user_id: &str, campaign_key: &str) -> Option<Answer> {
        let engine = self.opened()?;
        match self.key(kind, user_id, campaign_key) {
            Ok(key) => engine.seen(key).ok(),
            Err(error) => Some(engine.refuse(&error)),
        }
    }
    fn find_as(
        &self,
        kind: Kind,
        user_id: &str,
        campaign_key: &str,
    ) -> Result<impl Future<Output = Answer> + Send + use<>> {
        self.engine()?.find(self.key(kind, user_id, campaign_key)?)
    }
    fn set_as(&self, kind: Kind, record: Map<String, Value>) {
        let Ok(engine) = self.engine() else { return };
        match self.parse(kind, record) {
            Ok((key, record)) => engine.set(key, record),
            Err(error) => drop(engine.refuse(&error)),
        }
    }
    fn claim_as(
        &self,
        kind: Kind,
        record: Map<String, Value>,
    ) -> Result<impl Future<Output = Result<Told>> + Send + use<>> {
        let (key, record) = self.parse(kind, record)?;
        let (answer, dialect) = (self.engine()?.claim(key.clone(), record)?, self.options.dialect);
        Ok(async move { Ok(Told { key, claimed: answer.await?, dialect }) })
    }
    fn key(&self, kind: Kind, user_id: &str, campaign_key: &str) -> Result<Key> {
        Key::new(&self.options.scope, kind, user_id, campaign_key)
    }
    fn parse(&self, kind: Kind, record: Map<String, Value>) -> Result<(Key, Record)> {
        let record = Record::parse_as(kind, record)?;
        Ok((record.key(&self.options.scope, kind)?, record))
    }
    /// The engine of this process, if it has one already.
    fn opened(&self) -> Option<&Engine> {
        let (generation, mut link) = (fork::generation(), &self.first);
        while link.generation != generation {
            link = link.after_fork.get()?;
        }
        link.engine.as_ref()
    }
    /// The engine of this process.
    fn engine(&self) -> Result<&Engine> {
        let (generation, mut link) = (fork::generation(), &self.first);
        while link.generation != generation {
            link = match link.after_fork.get() {
                Some(next) => next,
                None => {
                    let url = self.url.as_ref().ok_or_else(engine::closed)?;
                    let next = Link::new(Engine::open(url, &self.options)?);
                    link.after_fork.get_or_init(|| Box::new(next))
                }
            };
        }
        link.engine.as_ref().ok_or_else(engine::closed)
    }
}

impl Link {
    fn new(engine: Engine) -> Self {
        Self { generation: fork::generation(), engine: Some(engine), after_fork: OnceLock::new() }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if self.generation != fork::generation() {
            mem::forget(self.engine.take());
        }
    }
}
