//! A connector in one process: its runtime, its store with all layers, and what waits.
use super::{
    Answer, Options, Stats,
    deliver::deliver,
    direct::{Direct, not_started},
    following::follow,
    opening::Opening,
    stats::Counters,
    waiting::{Waiting, join},
};
use crate::{
    Assignment, AssignmentStore, AssignmentStoreExt, Claimed, Error, ErrorKind, Key, Kind, Offer, Over, Record, Result,
    ScanStore, StackOptions, User,
    layers::{BreakerOptions, BreakerState, Gate, NearCache, NearCacheOptions, Peek, SpoolOptions, SpoolQueue},
    retention, stack,
    uss::{Found, Readings, Unattributed, offer, wait_until},
};
use std::{
    slice,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::{Notify, oneshot},
    time::{Instant, timeout_at},
};

/// After so many waits in vain nobody waits any more until the store has answered something.
const STRIKES: u32 = 3;
/// So many may ask meanwhile, without anybody waiting, whether it answers.
const UNATTENDED: u32 = 64;
/// How long a caller waits whom waiting keeps from nothing else.
const PATIENCE: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct Engine {
    shared: Arc<Shared>,
    readings: Readings,
    handle: Handle,
    runtime: Mutex<Option<Runtime>>,
    direct: Mutex<Option<Direct>>,
    closed: AtomicBool,
}

/// What its tasks know of it.
#[derive(Debug)]
pub(super) struct Shared {
    /// The outermost layer.
    pub(super) store: Arc<dyn ScanStore>,
    cache: Option<NearCache<Arc<dyn ScanStore>>>,
    pub(super) breaker: Arc<Gate>,
    /// What no longer waits in memory, and not in the store yet.
    pub(super) spool: Option<Arc<SpoolQueue>>,
    /// How many offers the store has taken, and how many of them it had when it was flushed last.
    pub(super) delivered: AtomicU64,
    pub(super) flushed: AtomicU64,
    pub(super) waiting: Waiting,
    pub(super) counters: Arc<Counters>,
    /// How many are flushing.
    pub(super) flushing: AtomicU64,
    /// Wakes a delivery that is waiting to be tried again.
    pub(super) hurried: Notify,
    strikes: AtomicU32,
    unattended: AtomicU32,
    unattributed: Unattributed,
    options: Options,
}

impl Engine {
    pub(super) fn open(url: &str, options: &Options) -> Result<Self> {
        let (mut opened, mut changes, mut way) = (None, None, None);
        // Until it is known whether the store pushes, and if it does not, what is kept is outdated by a task.
        let patient = Options { max_age: options.max_age.max(options.max_age_followed), ..options.clone() };
        let engine = Self::start((options.kept(url), retention(url)?), &patient, |counters| {
            way = Direct::to(url, &Handle::current())?;
            let (opening, first, pushed) = Opening::begin(url.to_owned(), way.clone(), counters)?;
            (opened, changes) = (Some(first), Some(pushed));
            Ok(Arc::new(opening))
        })?;
        *engine.direct() = way;
        if let (Some(cache), Some(changes)) = (engine.shared.cache.clone(), changes) {
            engine.handle.spawn(follow(cache, changes, options.max_age));
        }
        let opened = async { opened?.await.ok()?.err() };
        match wait_until(&engine.handle, Instant::now() + options.connect, opened).flatten() {
            Some(error) => Err(error),
            None => Ok(engine),
        }
    }
    pub(super) fn over(store: Arc<dyn ScanStore>, options: &Options) -> Result<Self> {
        Self::start((options.kept(""), None), options, |_| Ok(store))
    }
    /// `backend` is called in the new runtime.
    fn start(
        (bytes, lasts): (u64, Option<Duration>),
        options: &Options,
        backend: impl FnOnce(Arc<Counters>) -> Result<Arc<dyn ScanStore>>,
    ) -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("stayput").enable_all().build();
        let runtime = runtime.map_err(not_started)?;
        let handle = runtime.handle().clone();
        let counters = Arc::new(Counters::new(options.on_error.clone(), options.clock.clone()));
        let entered = handle.enter();
        let shared = Arc::new(Shared::new(backend(counters.clone())?, (bytes, lasts), counters, options)?);
        drop(entered);
        handle.spawn(deliver(shared.clone()));
        let (readings, runtime) = (Readings::default(), Mutex::new(Some(runtime)));
        Ok(Self { shared, readings, handle, runtime, direct: Mutex::default(), closed: AtomicBool::new(false) })
    }

    pub(super) fn get(&self, key: Key) -> Answer {
        self.seen(key).unwrap_or_else(|key| {
            let mut waiting = self.shared.waiting.of(&key); // before the store is looked at
            self.shared.spooled(&key, &mut waiting);
            let held = self.ask(&key);
            self.answer(key, held, &waiting)
        })
    }
    /// The answer, if nobody need be asked; else the key again.
    pub(super) fn seen(&self, key: Key) -> std::result::Result<Answer, Key> {
        let shared = &*self.shared;
        let waiting = shared.waiting.of(&key); // before the cache is looked at
        let Some(held) = shared.peek(&key) else {
            self.readings.take(&key); // first, so that a read which fails leaves nothing to replace
            return Err(key);
        };
        shared.counters.hits.fetch_add(1, Relaxed);
        Ok(self.answer(key, Some(held), &waiting))
    }
    /// The same for callers that nothing tells apart, and without a thread that waits.
    pub(super) fn find(&self, key: Key) -> Result<impl Future<Output = Answer> + Send + use<>> {
        self.must_be_open()?;
        let (shared, handle) = (self.shared.clone(), self.handle.clone());
        Ok(async move {
            let doubt = shared.unattributed.begin(&key);
            let mut waiting = shared.waiting.of(&key); // before the store is looked at
            let held = match shared.peek(&key) {
                Some(held) => {
                    shared.counters.hits.fetch_add(1, Relaxed);
                    Some(held)
                }
                None => {
                    shared.spooled(&key, &mut waiting);
                    Shared::ask_patiently(&shared, &handle, &key).await
                }
            };
            let answer = shared.answer(&key, held, &waiting);
            if let Answer::Held(found) = &answer {
                doubt.dispel(found.over());
            }
            answer
        })
    }
    /// An id that nothing can be held for.
    pub(super) fn refuse(&self, error: &Error) -> Answer {
        self.shared.counters.invalid.fetch_add(1, Relaxed);
        self.shared.counters.tell(error);
        Answer::Absent
    }

    pub(super) fn set(&self, key: Key, record: Record) {
        if let Err(error) = self.offer(key, record, None) {
            self.shared.counters.lost.fetch_add(1, Relaxed);
            self.shared.counters.tell(&error);
        }
    }
    pub(super) fn claim(
        &self,
        key: Key,
        record: Record,
    ) -> Result<impl Future<Output = Result<Claimed>> + Send + use<>> {
        let (listener, answer) = oneshot::channel();
        self.offer(key, record, Some(listener))?;
        Ok(async { answer.await.unwrap_or_else(|_| Err(closed())) })
    }
    fn offer(&self, key: Key, record: Record, listener: Option<oneshot::Sender<Result<Claimed>>>) -> Result<()> {
        let shared = &*self.shared;
        shared.counters.sets.fetch_add(1, Relaxed);
        let read = self.readings.take(&key).or_else(|| shared.unattributed_reading(&key));
        if self.closed.load(Relaxed) {
            return Err(closed());
        }
        shared.waiting.push(offer(key, record, read, shared.options.clock.now())?, listener)
    }

    pub(super) fn prefetch(
        &self,
        user: User,
        keys: Vec<Key>,
    ) -> Result<impl Future<Output = Result<()>> + Send + use<>> {
        self.must_be_open()?;
        let shared = self.shared.clone();
        Ok(async move {
            let Some(cache) = &shared.cache else { return Ok(()) };
            match shared.prefetch(cache, &user).await {
                Err(error) if !error.is_transient() => cache.get(&keys).await.map(drop),
                answer => answer,
            }
        })
    }
    pub(super) fn flush(&self, limit: Duration) -> Result<impl Future<Output = Result<()>> + Send + use<>> {
        self.must_be_open()?;
        let (shared, mark) = (self.shared.clone(), self.shared.waiting.mark());
        Ok(async move { shared.flush(mark, limit).await })
    }
    pub(super) fn close(&self) {
        self.closed.store(true, Relaxed);
        drop(self.direct().take());
        if let Some(runtime) = self.runtime.lock().unwrap_or_else(PoisonError::into_inner).take() {
            runtime.shutdown_background(); // works on threads that run tasks, too
        }
    }
    pub(super) fn stats(&self) -> Stats {
        self.shared.stats()
    }
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        self.must_be_open()?;
        self.handle.spawn(future);
        Ok(())
    }
    pub(super) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        crate::uss::wait(&self.handle, future)
    }

    /// `held` and what waits, together; remembered for the next `set`.
    fn answer(&self, key: Key, held: Option<Option<Arc<Assignment>>>, waiting: &[Arc<Offer>]) -> Answer {
        let answer = self.shared.answer(&key, held, waiting);
        match &answer {
            Answer::Held(found) => self.readings.remember(&key, found.over()),
            Answer::Absent | Answer::Unknown => drop(self.readings.take(&key)),
        }
        answer
    }
    /// What the store says, or said; nothing if nobody can tell in time.
    fn ask(&self, key: &Key) -> Option<Option<Arc<Assignment>>> {
        let shared = &self.shared;
        if self.closed.load(Relaxed) {
            return None;
        }
        if shared.strikes.load(Relaxed) >= STRIKES {
            Shared::ask_unattended(shared, &self.handle, key);
            return shared.stale(key);
        }
        let limit = shared.options.deadline;
        let direct = self.direct().clone().filter(Direct::is_open);
        let answer = match direct {
            Some(direct) => {
                let (shared, key) = (shared.clone(), key.clone());
                direct.wait(limit, async move { shared.read(&key).await })
            }
            None => wait_until(&self.handle, Instant::now() + limit, shared.read(key)),
        };
        shared.judged(answer, limit, key)
    }
    fn direct(&self) -> MutexGuard<'_, Option<Direct>> {
        self.direct.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn must_be_open(&self) -> Result<()> {
        if self.closed.load(Relaxed) { Err(closed()) } else { Ok(()) }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    /// All layers around `backend`, keeping `bytes` of what is seen, for offers that last so long. Needs a tokio runtime.
    fn new(
        backend: Arc<dyn ScanStore>,
        (bytes, retention): (u64, Option<Duration>),
        counters: Arc<Counters>,
        options: &Options,
    ) -> Result<Self> {
        let breaker = BreakerOptions { clock: options.clock.clone(), ..BreakerOptions::default() };
        let near = NearCacheOptions::default().bytes(bytes).clock(options.clock.clone());
        let near = near.max_age(options.max_age).max_stale(options.max_stale).absent_for(options.max_age);
        let near_cache = (bytes > 0).then_some(near);
        let spool = options
            .disk()?
            .map(|disk| (disk, SpoolOptions { clock: options.clock.clone(), ..SpoolOptions::default() }));
        let layers = StackOptions { breaker, near_cache, spool, retention, ..StackOptions::default() };
        let layers = stack(backend, Arc::new(()), layers);
        Ok(Self {
            store: layers.store,
            cache: layers.near_cache,
            breaker: layers.breaker,
            spool: layers.spool,
            delivered: AtomicU64::new(0),
            flushed: AtomicU64::new(0),
            waiting: Waiting::new(options.waiting),
            counters,
            flushing: AtomicU64::new(0),
            hurried: Notify::new(),
            strikes: AtomicU32::new(0),
            unattended: AtomicU32::new(0),
            unattributed: Unattributed::new(options.clock.clone()),
            options: options.clone(),
        })
    }

    /// What is to be answered, given what the store holds, if that is known, and what waits for it.
    fn answer(&self, key: &Key, held: Option<Option<Arc<Assignment>>>, waiting: &[Arc<Offer>]) -> Answer {
        if held.is_none() && waiting.iter().all(|offer| offer.variation.is_none()) {
            self.counters.unknown.fetch_add(1, Relaxed);
            return Answer::Unknown;
        }
        if held.is_none() {
            self.counters.undelivered.fetch_add(1, Relaxed);
        }
        let held = match waiting {
            [] => held.flatten(),
            waiting => join(held.flatten(), waiting, self.options.clock.now()),
        };
        match held {
            Some(held) => Answer::Held(Found { key: key.clone(), held, dialect: self.options.dialect }),
            None => Answer::Absent,
        }
    }
    /// What callers that nothing tells apart have read: SDKs of FME are such, and no others.
    fn unattributed_reading(&self, key: &Key) -> Option<Over> {
        (key.kind() == Kind::Fme).then(|| self.unattributed.take(key)).flatten()
    }

    /// What came of asking for `key` within `limit`; nothing if nobody can tell.
    fn judged(
        &self,
        answer: Option<Result<Option<Arc<Assignment>>>>,
        limit: Duration,
        key: &Key,
    ) -> Option<Option<Arc<Assignment>>> {
        match answer {
            Some(Ok(held)) => {
                self.counters.asked.fetch_add(1, Relaxed);
                return Some(held);
            }
            Some(Err(error)) => self.counters.tell(&error),
            None => {
                self.strikes.fetch_add(1, Relaxed);
                let message = format!("no answer within {limit:?}; get goes on without");
                self.counters.tell(&Error::new(ErrorKind::Timeout, "connector", message));
            }
        }
        self.stale(key)
    }
    /// As [`Engine::ask`] does, but it keeps no thread from its work, so it can wait longer.
    async fn ask_patiently(shared: &Arc<Self>, handle: &Handle, key: &Key) -> Option<Option<Arc<Assignment>>> {
        if shared.strikes.load(Relaxed) >= STRIKES {
            Self::ask_unattended(shared, handle, key);
            return shared.stale(key);
        }
        let limit = PATIENCE.max(shared.options.deadline);
        let answer = timeout_at(Instant::now() + limit, shared.read(key)).await.ok();
        shared.judged(answer, limit, key)
    }
    /// Asks for `key` while nobody waits: the answer is for others, and tells that the store is back.
    fn ask_unattended(shared: &Arc<Self>, handle: &Handle, key: &Key) {
        let (shared, key) = (shared.clone(), key.clone());
        if shared.unattended.fetch_add(1, Relaxed) >= UNATTENDED {
            shared.unattended.fetch_sub(1, Relaxed);
            return;
        }
        handle.spawn(async move {
            if let Err(error) = shared.read(&key).await {
                shared.counters.tell(&error);
            }
            shared.unattended.fetch_sub(1, Relaxed);
        });
    }

    /// The store has answered something.
    pub(super) fn answers(&self) {
        self.strikes.store(0, Relaxed);
    }

    /// What is known without asking.
    fn peek(&self, key: &Key) -> Option<Option<Arc<Assignment>>> {
        match self.cache.as_ref()?.peek(key) {
            Peek::Held(held) => Some(Some(held.shared())),
            Peek::Absent => Some(None),
            Peek::Unknown => None,
        }
    }
    /// What is held. Everything of the user is read at once: the SDK mostly asks for several campaigns.
    async fn read(&self, key: &Key) -> Result<Option<Arc<Assignment>>> {
        if let Some(cache) = &self.cache {
            match self.prefetch(cache, key.user()).await {
                Err(error) if error.is_transient() => return Err(error),
                _ => {} // a store that cannot tell all of a user, or something else of the user is unreadable
            }
            if let Some(held) = self.peek(key) {
                return Ok(held);
            }
            let seen = cache.look(slice::from_ref(key)).await?;
            return Ok(seen.into_iter().next().and_then(|seen| seen.held).map(Arc::new));
        }
        let held = self.store.get_one(key).await?;
        self.answers();
        Ok(held.map(Arc::new))
    }
    async fn prefetch(&self, cache: &NearCache<Arc<dyn ScanStore>>, user: &User) -> Result<()> {
        let answer = cache.prefetch(user).await;
        match &answer {
            Ok(()) => self.answers(),
            Err(error) if error.kind() == ErrorKind::Corrupt => self.counters.tell(error), // the key may be fine
            Err(_) => {}
        }
        answer
    }
    /// Puts what waits in the spool in front of what waits in memory, for answers that the store does not give. To be
    /// asked before the store is, as what waits in memory.
    fn spooled(&self, key: &Key, waiting: &mut Vec<Arc<Offer>>) {
        let Some(spool) = &self.spool else { return };
        match spool.waiting(key) {
            Ok(spooled) => drop(waiting.splice(..0, spooled.into_iter().map(Arc::new))),
            Err(error) => self.counters.tell(&error),
        }
    }
    /// What the store said before it stopped answering.
    fn stale(&self, key: &Key) -> Option<Option<Arc<Assignment>>> {
        let held = self.cache.as_ref()?.stale(key)?;
        self.counters.stale.fetch_add(1, Relaxed);
        Some(Some(held))
    }

    fn stats(&self) -> Stats {
        let (waiting, waiting_bytes) = self.waiting.size();
        let near = self.cache.as_ref().map(NearCache::stats).unwrap_or_default();
        let spool_waiting = self.spool.as_ref().and_then(|spool| Some(spool.stats().ok()?.waiting));
        Stats {
            waiting,
            waiting_bytes,
            spool_waiting: spool_waiting.unwrap_or_default(),
            breaker_opened: self.breaker.opened(),
            breaker_open: self.breaker.state() != BreakerState::Closed,
            users: near.users,
            bytes: near.bytes,
            evictions: near.evictions,
            invalidations: near.invalidations,
            ..self.counters.stats()
        }
    }
}

pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Unavailable, "connector", "the connector is closed")
}
