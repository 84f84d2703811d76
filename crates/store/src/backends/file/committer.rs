//! The one thread of a process that writes to a folder: it commits whatever has arrived as one durable transaction.
use super::{
    FileStats, NAME,
    environment::{Entries, Environment},
    sweep::Sweep,
    trouble::told,
};
use crate::{Error, ErrorKind, Result, Timestamp};
use heed::{MdbError, PutFlags, RwTxn};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};
use tokio::sync::oneshot;

/// Requests that may wait; withdrawn ones make room first.
const WAITING: usize = 8_192;
/// Requests that share one transaction.
const GROUP: usize = 1_024;

/// Takes requests for the committing thread.
#[derive(Debug)]
pub(super) struct Committer {
    queue: Arc<Queue>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

/// Why a request came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// For a reason of its own, having written nothing.
    Request(Error),
    /// The transaction failed, with everything in it.
    Transaction(heed::Error),
}

/// A write transaction, as requests see it.
pub(super) struct Write<'a> {
    txn: RwTxn<'a>,
    entries: Entries,
    changes: usize,
    earliest: Option<Timestamp>,
    append_after: Option<Vec<u8>>,
    /// How many claims were stored.
    pub(super) claims: u64,
}

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    commits: AtomicU64,
    claims: AtomicU64,
    purged: AtomicU64,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Box<dyn Job>>,
    closing: bool,
    ended: bool,
}

/// A request whose answer can be of any type.
trait Job: Send {
    /// Whether nobody waits for the answer any more.
    fn withdrawn(&self) -> bool;
    fn writes(&self) -> bool;
    /// Runs in a transaction, and again in the next one if that one fails.
    fn run(&mut self, write: &mut Write<'_>) -> heed::Result<()>;
    fn finish(self: Box<Self>, failed: Option<Error>);
}

struct Flush(oneshot::Sender<Result<()>>);

struct Request<T, F> {
    work: F,
    answer: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl Committer {
    /// Starts the thread.
    pub(super) fn start(environment: Arc<Environment>) -> Result<Self> {
        let queue = Arc::new(Queue::default());
        let mut worker = Worker { queue: queue.clone(), environment, sweep: Sweep::default() };
        let started = thread::Builder::new().name("stayput-commit".into()).spawn(move || worker.run());
        let thread = started.map_err(|error| {
            Error::new(ErrorKind::Unavailable, NAME, "the committing thread cannot be started").with_source(error)
        })?;
        Ok(Self { queue, thread: Mutex::new(Some(thread)) })
    }

    /// Queues `work`; dropping the receiver before it began withdraws it.
    pub(super) fn submit<T, F>(&self, work: F) -> Result<oneshot::Receiver<Result<T>>>
    where
        T: Send + 'static,
        F: FnMut(&mut Write<'_>) -> Result<T, Failure> + Send + 'static,
    {
        let (reply, receiver) = oneshot::channel();
        self.queue(Box::new(Request { work, answer: None, reply }))?;
        Ok(receiver)
    }

    /// Queues what only waits for everything before it.
    pub(super) fn flush(&self) -> Result<oneshot::Receiver<Result<()>>> {
        let (reply, receiver) = oneshot::channel();
        self.queue(Box::new(Flush(reply)))?;
        Ok(receiver)
    }

    fn queue(&self, job: Box<dyn Job>) -> Result<()> {
        let mut state = self.queue.lock();
        if state.waiting.len() >= WAITING {
            state.waiting.retain(|job| !job.withdrawn());
        }
        if state.waiting.len() >= WAITING {
            let message = format!("{WAITING} writes are waiting already: the disk or another process holds them up");
            return Err(Error::new(ErrorKind::Refused, NAME, message));
        }
        // After the thread has ended, which only a defect brings about, the dropped sender is the answer.
        if !state.ended {
            state.waiting.push_back(job);
        }
        self.queue.changed.notify_all();
        Ok(())
    }

    /// What has been done so far.
    pub(super) fn stats(&self) -> FileStats {
        FileStats {
            commits: self.queue.commits.load(Ordering::Relaxed),
            claims: self.queue.claims.load(Ordering::Relaxed),
            purged: self.queue.purged.load(Ordering::Relaxed),
        }
    }

    /// Ends the thread once it has served what waits. One that is stuck behind another process is left to end later.
    pub(super) fn close(&self, patience: Duration) {
        let mut state = self.queue.lock();
        state.closing = true;
        self.queue.changed.notify_all();
        let stopped = self.queue.changed.wait_timeout_while(state, patience, |state| !state.ended);
        let ended = stopped.unwrap_or_else(PoisonError::into_inner).0.ended;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread.filter(|_| ended) {
            let _ = thread.join(); // a panic has been reported by the thread itself
        }
    }
}

struct Worker {
    queue: Arc<Queue>,
    environment: Arc<Environment>,
    sweep: Sweep,
}

impl Worker {
    fn run(&mut self) {
        let _ended = Ended(self.queue.clone());
        while let Some(group) = self.queue.next() {
            self.serve(group);
        }
    }

    fn serve(&mut self, mut group: Vec<Box<dyn Job>>) {
        match self.commit(&mut group) {
            Ok(()) => group.into_iter().for_each(|job| job.finish(None)),
            // One of them may be too large, which must not fail the others.
            Err(heed::Error::Mdb(_)) if group.len() > 1 => group.into_iter().for_each(|job| self.serve(vec![job])),
            Err(error) => {
                let error = told(self.environment.explain(error));
                let copy = || Error::new(error.kind(), NAME, error.message().to_owned());
                group.into_iter().for_each(|job| job.finish(Some(copy())));
            }
        }
    }

    fn commit(&mut self, group: &mut Vec<Box<dyn Job>>) -> heed::Result<()> {
        loop {
            match self.attempt(group) {
                Err(heed::Error::Mdb(MdbError::MapFull)) => self.environment.grow()?,
                Err(heed::Error::Mdb(MdbError::MapResized)) => self.environment.adopt()?,
                done => return done,
            }
        }
    }

    fn attempt(&mut self, group: &mut Vec<Box<dyn Job>>) -> heed::Result<()> {
        if !group.iter().any(|job| job.writes()) {
            return Ok(());
        }
        let environment = self.environment.clone();
        let _gate = environment.enter()?;
        let mut write = Write::begin(&environment)?; // waits for other processes
        group.retain(|job| !job.withdrawn());
        for job in group.iter_mut() {
            job.run(&mut write)?;
        }
        if write.changes == 0 {
            return Ok(()); // dropping the transaction aborts it
        }
        let Write { mut txn, entries, changes, earliest, claims, .. } = write;
        let purged = match earliest {
            Some(now) => self.sweep.go(&mut txn, entries, changes, now)?,
            None => 0,
        };
        txn.commit()?;
        self.queue.commits.fetch_add(1, Ordering::Relaxed);
        self.queue.claims.fetch_add(claims, Ordering::Relaxed);
        self.queue.purged.fetch_add(purged, Ordering::Relaxed);
        Ok(())
    }
}

impl<'a> Write<'a> {
    fn begin(environment: &'a Environment) -> heed::Result<Self> {
        let (txn, entries) = environment.write()?;
        Ok(Self { txn, entries, changes: 0, earliest: None, append_after: None, claims: 0 })
    }
    /// Tells what time it is for the caller. Only what has expired for all callers is purged.
    pub(super) fn at(&mut self, now: Timestamp) {
        self.earliest = Some(self.earliest.map_or(now, |earliest| earliest.min(now)));
    }
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<&[u8]>, Failure> {
        Ok(self.entries.get(&self.txn, key)?)
    }
    /// The keys that begin with `prefix`.
    pub(super) fn keys(&self, prefix: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
        let found = self.entries.prefix_iter(&self.txn, prefix)?;
        Ok(found.map(|item| item.map(|(key, _)| key.to_vec())).collect::<heed::Result<_>>()?)
    }
    /// Writes a value. Keys that come in order, behind all others, are appended, which fills pages and is faster.
    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), Failure> {
        let last = match self.append_after.take() {
            Some(last) => Some(last),
            None => self.entries.last(&self.txn)?.map(|(last, _)| last.to_vec()),
        };
        let behind = last.as_deref().is_none_or(|last| key > last);
        match behind {
            true => self.entries.put_with_flags(&mut self.txn, PutFlags::APPEND, key, value)?,
            false => self.entries.put(&mut self.txn, key, value)?,
        }
        self.append_after = if behind { Some(key.to_vec()) } else { last };
        self.changes += 1;
        Ok(())
    }
    pub(super) fn delete(&mut self, key: &[u8]) -> Result<bool, Failure> {
        self.append_after = None;
        let deleted = self.entries.delete(&mut self.txn, key)?;
        self.changes += usize::from(deleted);
        Ok(deleted)
    }
}

impl<T, F> Job for Request<T, F>
where
    T: Send,
    F: FnMut(&mut Write<'_>) -> Result<T, Failure> + Send,
{
    fn withdrawn(&self) -> bool {
        self.reply.is_closed()
    }
    fn writes(&self) -> bool {
        true
    }
    fn run(&mut self, write: &mut Write<'_>) -> heed::Result<()> {
        self.answer = Some(match (self.work)(write) {
            Ok(answer) => Ok(answer),
            Err(Failure::Request(error)) => Err(error),
            Err(Failure::Transaction(error)) => return Err(error),
        });
        Ok(())
    }
    fn finish(self: Box<Self>, failed: Option<Error>) {
        let answer = failed.map(Err).or(self.answer);
        if let Some(answer) = answer {
            let _ = self.reply.send(answer); // nobody may be waiting any more
        }
    }
}

impl Job for Flush {
    fn withdrawn(&self) -> bool {
        self.0.is_closed()
    }
    fn writes(&self) -> bool {
        false
    }
    fn run(&mut self, _: &mut Write<'_>) -> heed::Result<()> {
        Ok(())
    }
    /// Those that failed were told so themselves; what was accepted is on disk.
    fn finish(self: Box<Self>, _: Option<Error>) {
        let _ = self.0.send(Ok(())); // nobody may be waiting any more
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// What has arrived, at least one request; `None` once nothing waits and nothing will come.
    fn next(&self) -> Option<Vec<Box<dyn Job>>> {
        let idle = |state: &mut State| state.waiting.is_empty() && !state.closing;
        let mut state = self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        let group = state.waiting.len().min(GROUP);
        Some(state.waiting.drain(..group).collect()).filter(|group: &Vec<_>| !group.is_empty())
    }
}

/// Says that the thread has ended, however it did.
struct Ended(Arc<Queue>);

impl Drop for Ended {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.ended = true;
        state.waiting.clear();
        self.0.changed.notify_all();
    }
}

impl From<heed::Error> for Failure {
    fn from(error: heed::Error) -> Self {
        Self::Transaction(error)
    }
}
impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "State({} waiting)", self.waiting.len())
    }
}
