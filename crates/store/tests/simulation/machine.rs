//! Machines and the processes on them: what a process does reaches nobody any more once it is killed.
use crate::{dice::Dice, truth::Truth};
use stayput::{
    Assignment, AssignmentStore, BoxFuture, Claimed, Clock, Cursor, Entry, Error, ErrorKind, Key, Offer, Page, Result,
    ScanStore, Scope, Timestamp, User, codec,
    layers::{List, Lock, Locked, NewRow, Of, Row, SpoolDisk, Used},
    testing::ForgetfulDisk,
};
use std::{
    collections::HashMap,
    fmt,
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::time::sleep;

type Holding = Arc<Mutex<Option<Box<dyn Locked>>>>;

/// Whether a process lives, and the locks that it holds.
#[derive(Default)]
pub(crate) struct Life {
    dead: AtomicBool,
    holds: Mutex<Vec<Holding>>,
}

impl Life {
    pub(crate) fn ends(&self) {
        self.dead.store(true, SeqCst);
        for held in self.holds.lock().expect("no panic").drain(..) {
            held.lock().expect("no panic").take();
        }
    }
    pub(crate) fn is_over(&self) -> bool {
        self.dead.load(SeqCst)
    }
    /// The dead wait for ever.
    async fn goes_on(&self) {
        if self.is_over() {
            pending::<()>().await;
        }
    }
}

impl fmt::Debug for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Life").field("dead", &self.dead).finish_non_exhaustive()
    }
}

/// The backend, as one process reaches it.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    pub(crate) truth: Arc<Truth>,
    pub(crate) process: usize,
    pub(crate) life: Arc<Life>,
    pub(crate) dice: Arc<Dice>,
    /// Whether a claim may still be applied when nobody waits for its answer any more.
    pub(crate) is_late: bool,
}

#[deny(clippy::missing_trait_methods)]
impl AssignmentStore for Seat {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        Box::pin(async move {
            self.life.goes_on().await;
            self.truth.memory().get(keys).await
        })
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        Box::pin(async move {
            self.life.goes_on().await;
            if !self.is_late || self.dice.percent(70) {
                return self.truth.claim(offers).await;
            }
            let (truth, offers, late) = (self.truth.clone(), offers.to_vec(), self.dice.millis(600));
            let on_its_way = tokio::spawn(async move {
                sleep(late).await;
                truth.claim(&offers).await
            });
            on_its_way.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::Unavailable, "wire", "the world ended")))
        })
    }
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.life.goes_on().await;
            self.truth.put(entries, self.process).await
        })
    }
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.life.goes_on().await;
            self.truth.remove(keys, self.process).await
        })
    }
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        self.truth.memory().flush()
    }
}

#[deny(clippy::missing_trait_methods)]
impl ScanStore for Seat {
    fn user<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<Vec<Entry>>> {
        Box::pin(async move {
            self.life.goes_on().await;
            self.truth.memory().user(user).await
        })
    }
    fn erase<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            self.life.goes_on().await;
            self.truth.erase(user, self.process).await
        })
    }
    fn scan<'a>(
        &'a self,
        scope: Option<&'a Scope>,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page>> {
        self.truth.memory().scan(scope, after, limit)
    }
}

/// A disk that takes its time, so that a crash finds something between two of its steps.
#[derive(Clone, Debug)]
pub(crate) struct SlowDisk {
    pub(crate) disk: ForgetfulDisk,
    pub(crate) waited: Waited,
    pub(crate) life: Arc<Life>,
    pub(crate) dice: Arc<Dice>,
    /// A planted fault: it tells what waits with the latest first.
    pub(crate) is_backwards: bool,
}

impl SlowDisk {
    async fn takes_its_time(&self) {
        self.life.goes_on().await;
        if self.dice.percent(50) {
            sleep(Duration::from_millis(1 + self.dice.below(8))).await;
            self.life.goes_on().await;
        }
    }
}

impl SpoolDisk for SlowDisk {
    fn append(&self, list: List, rows: Vec<NewRow>, most: u64) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async move {
            self.takes_its_time().await;
            self.disk.append(list, rows, most).await
        })
    }
    fn sync(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.takes_its_time().await;
            self.disk.sync().await
        })
    }
    fn read(&self, list: List, of: Of<'_>, limit: usize) -> Result<Vec<Row>> {
        let mut rows = self.disk.read(list, of, limit)?;
        if self.is_backwards && matches!(of, Of::All) {
            rows.reverse();
        }
        Ok(rows)
    }
    fn remove(&self, list: List, numbers: Vec<u64>) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.takes_its_time().await;
            self.waited.note(&self.disk);
            self.disk.remove(list, numbers).await
        })
    }
    fn used(&self) -> Result<Used> {
        self.disk.used()
    }
    fn lock(&self, lock: Lock) -> Result<Option<Box<dyn Locked>>> {
        if self.life.is_over() {
            return Err(Error::new(ErrorKind::Unavailable, "disk", "the process was killed"));
        }
        let Some(locked) = self.disk.lock(lock)? else { return Ok(None) };
        let held: Holding = Arc::new(Mutex::new(Some(locked)));
        self.life.holds.lock().expect("no panic").push(held.clone());
        Ok(Some(Box::new(LetGo(held))))
    }
}

/// A lock that a process holds until it lets go or is killed.
struct LetGo(Holding);

impl Drop for LetGo {
    fn drop(&mut self) {
        self.0.lock().expect("no panic").take();
    }
}

/// Until when offers for a key have waited on a machine.
#[derive(Clone, Debug)]
pub(crate) struct Waited {
    until: Arc<Mutex<HashMap<Vec<u8>, Timestamp>>>,
    clock: Arc<dyn Clock>,
}

impl Waited {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { until: Arc::default(), clock }
    }
    /// What waits now is about to go.
    pub(crate) fn note(&self, disk: &ForgetfulDisk) {
        let rows = disk.read(List::Waiting, Of::All, usize::MAX).expect("memory");
        let (mut until, now) = (self.until.lock().expect("no panic"), self.clock.now());
        until.extend(rows.into_iter().map(|row| (row.key, now)));
    }
    /// Whether anything for `key` waited at or after `from`.
    pub(crate) fn since(&self, disk: &ForgetfulDisk, key: &Key, from: Timestamp) -> bool {
        self.note(disk);
        let until = self.until.lock().expect("no panic");
        until.get(&codec::encode_key(key)).is_some_and(|until| *until >= from)
    }
}
