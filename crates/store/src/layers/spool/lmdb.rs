//! The disk of a spool for real: LMDB in a folder that all processes of a machine share.
//!
//! One thread of each process writes: whatever has arrived becomes one durable transaction. Reads wait for nobody.
use super::{
    NAME,
    disk::{List, Lock, Locked, NewRow, Of, Row, SpoolDisk, Used, weight},
};
use crate::{BoxFuture, Error, ErrorKind, Result, full_disk};
use heed::{
    CommitOrAbort, Database, Env, EnvOpenOptions, MdbError, RoTxn, RwTxn,
    types::{Bytes, Str},
};
use std::{
    fmt, fs,
    fs::TryLockError,
    io,
    mem::ManuallyDrop,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    ptr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};
use tokio::sync::oneshot;

/// Sparse: it costs address space and no disk. The same in every process, whatever limit each was given.
const MAP: usize = 64 << 30;
const READERS: u32 = 4_096;
const FORMAT: &str = "1";
/// Writes that share one transaction.
const GROUP: usize = 1_024;
/// How long a write may take: another process may be writing, the disk may be slow.
const PATIENCE: Duration = Duration::from_secs(5);

/// A folder that holds a spool. In one process it is open once; after a fork the child opens it anew.
pub struct SpoolFolder {
    shared: Arc<Shared>,
    writer: Mutex<Option<Sender<Job>>>,
    thread: Option<thread::JoinHandle<()>>,
}

struct Shared {
    path: PathBuf,
    // Never cloned: its drop, or `abandon`, is what closes it.
    env: ManuallyDrop<Env>,
    tables: Tables,
    /// LMDB forbids a child to use what its parent opened.
    process: u32,
    abandoned: AtomicBool,
}

type Table = Database<'static, Bytes, Bytes>;

#[derive(Clone, Copy)]
struct Tables {
    /// Number to key and body, for each list.
    rows: [Table; 2],
    /// Key, a zero byte and number, for each list.
    keys: [Table; 2],
    /// `next` number and `bytes`.
    meta: Table,
}

enum Job {
    Append { list: List, rows: Vec<NewRow>, most: u64, fits: bool, reply: oneshot::Sender<Result<bool>> },
    Remove { list: List, numbers: Vec<u64>, reply: oneshot::Sender<Result<bool>> },
}

impl SpoolFolder {
    /// Opens the folder at `path`, on a disk of this machine; it is created if there is none. Blocks for some system
    /// calls.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        match fs::DirBuilder::new().recursive(true).mode(0o700).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(refused(error)),
            _ => {}
        }
        let path = path.canonicalize().map_err(refused)?;
        let mut options = EnvOpenOptions::new();
        options.map_size(MAP).max_readers(READERS).max_dbs(8);
        #[expect(unsafe_code, reason = "whoever maps a file must see to it that nobody cuts it off")]
        // SAFETY: only LMDB writes to this file, with its locks and its synchronous commits left on.
        let env = unsafe { options.open(&path) }.map_err(told)?;
        env.clear_stale_readers().map_err(told)?;
        let tables = tables(&env)?;
        let (env, abandoned) = (ManuallyDrop::new(env), AtomicBool::new(false));
        let shared = Arc::new(Shared { path, env, tables, process: std::process::id(), abandoned });
        let (writer, jobs) = channel();
        let thread = thread::Builder::new().name("stayput-spool".into()).spawn({
            let shared = shared.clone();
            move || shared.write(&jobs)
        });
        let thread = thread.map_err(|error| unavailable("its thread cannot be started").with_source(error))?;
        Ok(Self { shared, writer: Mutex::new(Some(writer)), thread: Some(thread) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.shared.path
    }
    /// Whether another process opened it, of which this one is a child.
    pub(super) fn is_inherited(&self) -> bool {
        self.shared.check().is_err()
    }
    /// In a child after a fork: lets go of what the parent opened, so that the folder can be opened anew.
    pub(super) fn abandon(&self) {
        if !self.is_inherited() || self.shared.abandoned.swap(true, Ordering::AcqRel) {
            return;
        }
        #[expect(unsafe_code, reason = "heed opens a path only once, and its list came along with the fork")]
        // SAFETY: this is the only handle, it is read once (`abandoned`), and it is never used again: whoever would
        // asks for the process first, and drop skips it. The child has no thread in a transaction. Closing unmaps and
        // closes the child's own copies; in the shared lock file it clears slots of this process only, which has none,
        // and the locks of `fcntl` stay with the parent.
        drop(unsafe { ptr::read(&*self.shared.env) });
    }

    async fn submit(&self, job: impl FnOnce(oneshot::Sender<Result<bool>>) -> Job) -> Result<bool> {
        self.shared.check()?;
        let (reply, answer) = oneshot::channel();
        let ended = || unavailable("the thread that writes it has ended; restart this process");
        {
            let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            writer.as_ref().and_then(|writer| writer.send(job(reply)).ok()).ok_or_else(ended)?;
        }
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(answer) => answer.map_err(|_| ended())?,
            Err(_) => {
                let message = format!("nothing was written within {PATIENCE:?}: the disk is slow or a process hangs");
                Err(Error::new(ErrorKind::Timeout, NAME, message))
            }
        }
    }
}

impl SpoolDisk for SpoolFolder {
    fn append(&self, list: List, rows: Vec<NewRow>, most: u64) -> BoxFuture<'_, Result<bool>> {
        Box::pin(self.submit(move |reply| Job::Append { list, rows, most, fits: false, reply }))
    }
    /// A commit is durable when it is answered.
    fn sync(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }
    fn read(&self, list: List, of: Of<'_>, limit: usize) -> Result<Vec<Row>> {
        self.shared.look(|txn, tables| {
            let (rows, keys) = (tables.rows[list as usize], tables.keys[list as usize]);
            match of {
                Of::All => {
                    rows.iter(txn)?.take(limit).map(|item| item.map(|(number, row)| read(number, row))).collect()
                }
                Of::Prefix(prefix) => {
                    let mut found = Vec::new();
                    for item in keys.prefix_iter(txn, prefix)?.take(limit) {
                        let number = item?.0.last_chunk::<8>().copied().unwrap_or_default();
                        found.extend(rows.get(txn, &number)?.map(|row| read(&number, row)));
                    }
                    Ok(found)
                }
            }
        })
    }
    fn remove(&self, list: List, numbers: Vec<u64>) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            match numbers.is_empty() {
                true => Ok(()),
                false => self.submit(move |reply| Job::Remove { list, numbers, reply }).await.map(drop),
            }
        })
    }
    fn used(&self) -> Result<Used> {
        self.shared.look(|txn, tables| {
            let count = |list: List| tables.rows[list as usize].len(txn);
            let (waiting, dead) = (count(List::Waiting)?, count(List::Dead)?);
            // Reads ask this all the time, and only want to know that nothing waits.
            let bytes = if waiting + dead == 0 { 0 } else { number(tables.meta.get(txn, b"bytes")?) };
            Ok(Used { waiting, dead, bytes })
        })
    }
    fn lock(&self, lock: Lock) -> Result<Option<Box<dyn Locked>>> {
        self.shared.check()?;
        let name = match lock {
            Lock::Replay => "replay.lock",
            Lock::Flight => "flight.lock",
            Lock::Purge => "purge.lock",
        };
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(self.shared.path.join(name)).map_err(refused)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))), // closing it gives it back
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(refused(error)),
        }
    }
}

impl Drop for SpoolFolder {
    fn drop(&mut self) {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = self.thread.take().filter(|_| self.shared.process == std::process::id()) {
            let _ = thread.join(); // a panic has been reported by the thread itself
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.process == std::process::id() {
            #[expect(unsafe_code, reason = "what a parent opened must not be closed by its child")]
            // SAFETY: dropped here and nowhere else; `abandon` acts only in other processes.
            unsafe {
                ManuallyDrop::drop(&mut self.env);
            }
        }
    }
}

impl fmt::Debug for SpoolFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpoolFolder({})", self.shared.path.display())
    }
}

impl Shared {
    fn check(&self) -> Result<()> {
        match std::process::id() == self.process {
            true => Ok(()),
            false => Err(unavailable("it was opened before this process was forked: open it in the child")),
        }
    }
    /// Looks at one snapshot.
    fn look<T>(&self, look: impl Fn(&RoTxn<'_>, &Tables) -> heed::Result<T>) -> Result<T> {
        self.check()?;
        let txn = match self.env.read_txn() {
            Err(heed::Error::Mdb(MdbError::ReadersFull)) => {
                self.env.clear_stale_readers().map_err(told)?; // of processes that were killed
                self.env.read_txn()
            }
            txn => txn,
        };
        let txn = txn.map_err(told)?;
        look(&txn, &self.tables).map_err(told)
    }

    /// Until nobody can send any more.
    fn write(&self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let mut group = vec![first];
            group.extend(jobs.try_iter().take(GROUP - 1));
            self.serve(group);
        }
    }
    fn serve(&self, mut group: Vec<Job>) {
        let error = match self.commit(&mut group) {
            Ok(()) => return group.into_iter().for_each(Job::done),
            Err(error) => told(full_disk::explain(&self.path, error)),
        };
        let (added, removed): (Vec<_>, Vec<_>) = group.into_iter().partition(|job| matches!(job, Job::Append { .. }));
        // What is added where there is no room must not keep what was delivered from making some.
        match added.is_empty() || removed.is_empty() {
            true => {
                let copy = || Error::new(error.kind(), NAME, error.message().to_owned());
                added.into_iter().chain(removed).for_each(|job| job.failed(copy()));
            }
            false => [removed, added].into_iter().for_each(|part| self.serve(part)),
        }
    }
    fn commit(&self, group: &mut [Job]) -> heed::Result<()> {
        let mut txn = self.env.write_txn()?;
        let meta = self.tables.meta;
        let mut bytes = number(meta.get(&txn, b"bytes")?);
        let mut next = number(meta.get(&txn, b"next")?);
        for job in group.iter_mut() {
            match job {
                Job::Append { list, rows, most, fits, .. } => {
                    let more: u64 = rows.iter().map(|row| weight(&row.key, &row.body)).sum();
                    *fits = bytes.saturating_add(more) <= *most;
                    if *fits {
                        rows.iter().try_for_each(|row| {
                            next += 1;
                            self.tables.put(&mut txn, *list, next, row)
                        })?;
                        bytes = bytes.saturating_add(more);
                    }
                }
                Job::Remove { list, numbers, .. } => {
                    for number in numbers.iter() {
                        bytes = bytes.saturating_sub(self.tables.delete(&mut txn, *list, *number)?);
                    }
                }
            }
        }
        meta.put(&mut txn, b"bytes", &bytes.to_le_bytes())?;
        meta.put(&mut txn, b"next", &next.to_le_bytes())?;
        txn.commit()
    }
}

impl Tables {
    fn put(&self, txn: &mut RwTxn<'_>, list: List, number: u64, row: &NewRow) -> heed::Result<()> {
        let number = number.to_be_bytes();
        let value = [&(row.key.len() as u32).to_le_bytes()[..], &row.key, &row.body].concat();
        self.rows[list as usize].put(txn, &number, &value)?;
        self.keys[list as usize].put(txn, &index(&row.key, number), b"")
    }
    /// How much it weighed.
    fn delete(&self, txn: &mut RwTxn<'_>, list: List, number: u64) -> heed::Result<u64> {
        let rows = self.rows[list as usize];
        let number = number.to_be_bytes();
        let Some(Row { key, body, .. }) = rows.get(txn, &number)?.map(|row| read(&number, row)) else { return Ok(0) };
        rows.delete(txn, &number)?;
        self.keys[list as usize].delete(txn, &index(&key, number))?;
        Ok(weight(&key, &body))
    }
}

impl Job {
    fn done(self) {
        let (reply, answer) = match self {
            Self::Append { fits, reply, .. } => (reply, fits),
            Self::Remove { reply, .. } => (reply, true),
        };
        let _ = reply.send(Ok(answer)); // nobody may be waiting any more
    }
    fn failed(self, error: Error) {
        let (Self::Append { reply, .. } | Self::Remove { reply, .. }) = self;
        let _ = reply.send(Err(error)); // nobody may be waiting any more
    }
}

fn tables(env: &Env) -> Result<Tables> {
    let txn = env.write_txn().map_err(told)?;
    let made = env.create_databases_and_commit(txn, |opener, txn| -> heed::Result<_> {
        let format = opener.create_database::<Str, Str>(txn, Some("format"))?;
        if format.get(txn, "spool")?.is_some_and(|format| format != FORMAT) {
            return Ok(CommitOrAbort::Abort(()));
        }
        format.put(txn, "spool", FORMAT)?;
        let mut table = |name| opener.create_database::<Bytes, Bytes>(txn, Some(name));
        let rows = (table("waiting")?, table("dead")?);
        let keys = (table("waiting_keys")?, table("dead_keys")?);
        Ok(CommitOrAbort::Commit((rows, keys, table("meta")?)))
    });
    match made.map_err(told)? {
        CommitOrAbort::Commit((rows, keys, meta)) => {
            Ok(Tables { rows: [rows.0, rows.1], keys: [keys.0, keys.1], meta })
        }
        CommitOrAbort::Abort(()) => {
            let message = "the folder is a spool of another version: let that version deliver what waits in it";
            Err(Error::new(ErrorKind::Refused, NAME, message))
        }
    }
}

fn index(key: &[u8], number: [u8; 8]) -> Vec<u8> {
    [key, &[0], &number].concat()
}
fn read(number: &[u8], value: &[u8]) -> Row {
    let number = number.try_into().map_or(0, u64::from_be_bytes);
    let (length, rest) = value.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
    let (key, body) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).unwrap_or((&[], rest));
    Row { number, key: key.to_vec(), body: body.to_vec() }
}
fn number(value: Option<&[u8]>) -> u64 {
    value.and_then(|value| value.try_into().ok()).map_or(0, u64::from_le_bytes)
}

fn unavailable(message: &'static str) -> Error {
    Error::new(ErrorKind::Unavailable, NAME, format!("the spool cannot be used: {message}"))
}
fn told(error: heed::Error) -> Error {
    match error {
        heed::Error::Io(error) => refused(error),
        heed::Error::EnvAlreadyOpened => {
            let message = "this process has that spool open already: share the one that is";
            Error::new(ErrorKind::Refused, NAME, message).with_source(heed::Error::EnvAlreadyOpened)
        }
        error @ heed::Error::Mdb(MdbError::MapFull) => {
            Error::new(ErrorKind::Refused, NAME, "the spool's file cannot grow further").with_source(error)
        }
        error => unavailable("its file cannot be read or written").with_source(error),
    }
}
fn refused(error: io::Error) -> Error {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let (kind, message) = match error.kind() {
        StorageFull | QuotaExceeded => (ErrorKind::Refused, "no space is left on the disk of the spool: make room"),
        PermissionDenied => (ErrorKind::Refused, "the spool's folder cannot be written: give this user permission"),
        ReadOnlyFilesystem => (ErrorKind::Refused, "the spool's folder is on a read-only file system"),
        _ => (ErrorKind::Unavailable, "the operating system failed to read or write the spool's folder"),
    };
    Error::new(kind, NAME, message).with_source(error)
}
