//! LMDB's environment: opened, told from other people's, grown, read, and never used across a fork.
use super::{NAME, fork, place::Folder, trouble::told};
use crate::{Error, ErrorKind, Result, full_disk};
use heed::{
    CommitOrAbort, Database, DatabaseStat, Env, EnvInfo, EnvOpenOptions, MdbError, RoTxn, RwTxn,
    types::{Bytes, DecodeIgnore, Str},
};
use std::{
    fmt,
    mem::ManuallyDrop,
    path::{Path, PathBuf},
    ptr,
    sync::{
        PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Keys and values as `record/codec.rs` writes them.
pub(super) type Entries = Database<'static, Bytes, Bytes>;

/// The layout of the folder, written once into the database `meta`.
pub(super) const FORMAT: u32 = 1;
/// One for every thread that reads, in all processes together: a slot belongs to its thread until that ends.
const READERS: u32 = 4_096;
const SMALLEST_MAP: u64 = 64 << 10;

/// One folder, opened once in this process.
pub(super) struct Environment {
    // Never cloned: its drop, or `abandon`, is what closes it.
    env: ManuallyDrop<Env>,
    entries: Entries,
    /// Shared by transactions, exclusive while the map moves; false if the map was lost in moving.
    mapped: RwLock<bool>,
    path: PathBuf,
    generation: u64,
    abandoned: AtomicBool,
}

enum Found {
    Nothing,
    Others,
    Format(String),
}

impl Environment {
    /// Opens the folder, with a first map of `map` bytes, and marks it as a store if it is empty.
    pub(super) fn open(folder: &Folder, map: u64) -> Result<Self> {
        let page = rustix::param::page_size() as u64;
        let map = usize::try_from(map.max(SMALLEST_MAP).div_ceil(page).saturating_mul(page)).unwrap_or(usize::MAX);
        let mut options = EnvOpenOptions::new();
        options.map_size(map).max_readers(READERS).max_dbs(2);
        let _quiet = fork::keep_off();
        #[expect(unsafe_code, reason = "whoever maps a file must see to it that nobody cuts it off")]
        // SAFETY: the folder is on a local disk, its file is as long as its header says, and only LMDB writes to it,
        // with its locks and its synchronous commits left on.
        let env = unsafe { options.open(&folder.path) }.map_err(told)?;
        env.clear_stale_readers().map_err(told)?;
        let entries = match find(&env)? {
            Ok(entries) => entries,
            Err(Found::Nothing) => create(&env)?,
            Err(other) => return Err(other.refusal()),
        };
        Ok(Self {
            env: ManuallyDrop::new(env),
            entries,
            mapped: RwLock::new(true),
            path: folder.path.clone(),
            generation: fork::generation(),
            abandoned: AtomicBool::new(false),
        })
    }

    /// Which process this belongs to.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
    /// What LMDB says about its map and its readers.
    pub(super) fn info(&self) -> EnvInfo {
        self.env.info()
    }
    /// What LMDB says about the pages of assignments.
    pub(super) fn stat(&self) -> Result<DatabaseStat> {
        let _gate = self.enter().map_err(told)?;
        let txn = self.env.read_txn().map_err(told)?;
        self.entries.stat(&txn).map_err(told)
    }

    /// Looks at one snapshot; `None` if the map must move first and a transaction of this process is in its way.
    pub(super) fn try_read<T>(&self, look: impl Fn(&RoTxn<'_>, Entries) -> Result<T>) -> Result<Option<T>> {
        let mut cleared = false;
        loop {
            let gate = self.enter().map_err(told)?;
            match self.env.read_txn() {
                Ok(txn) => return look(&txn, self.entries).map(Some),
                Err(heed::Error::Mdb(MdbError::MapResized)) => {
                    drop(gate);
                    match self.mapped.try_write() {
                        Ok(gate) => self.remap(gate, 0).map_err(told)?,
                        Err(TryLockError::Poisoned(gate)) => self.remap(gate.into_inner(), 0).map_err(told)?,
                        Err(TryLockError::WouldBlock) => return Ok(None),
                    }
                }
                Err(heed::Error::Mdb(MdbError::ReadersFull)) if !cleared => {
                    self.env.clear_stale_readers().map_err(told)?;
                    cleared = true;
                }
                Err(error) => return Err(told(error)),
            }
        }
    }

    /// Keeps the map where it is; to be held by every transaction.
    pub(super) fn enter(&self) -> heed::Result<RwLockReadGuard<'_, bool>> {
        let gate = self.mapped.read().unwrap_or_else(PoisonError::into_inner);
        if *gate { Ok(gate) } else { Err(heed::Error::Mdb(MdbError::Panic)) }
    }

    /// Begins to write, once no other process does.
    pub(super) fn write(&self) -> heed::Result<(RwTxn<'_>, Entries)> {
        Ok((self.env.write_txn()?, self.entries))
    }

    /// Doubles the map.
    pub(super) fn grow(&self) -> heed::Result<()> {
        let gate = self.mapped.write().unwrap_or_else(PoisonError::into_inner);
        let doubled = self.env.info().map_size.checked_mul(2).ok_or(heed::Error::Mdb(MdbError::MapFull))?;
        self.remap(gate, doubled)
    }

    /// Takes on the size that another process has given the map.
    pub(super) fn adopt(&self) -> heed::Result<()> {
        self.remap(self.mapped.write().unwrap_or_else(PoisonError::into_inner), 0)
    }

    #[expect(unsafe_code, reason = "the map may move only while nobody uses it")]
    fn remap(&self, mut gate: RwLockWriteGuard<'_, bool>, size: usize) -> heed::Result<()> {
        let before = self.env.info().map_size;
        // SAFETY: every transaction of this process holds the gate shared, so none is live.
        let moved = unsafe { self.env.resize(size) };
        // A failure has unmapped the file already; going on without a map would kill the process.
        // SAFETY: as above.
        *gate = moved.is_ok() || unsafe { self.env.resize(before) }.is_ok();
        moved
    }

    pub(super) fn explain(&self, error: heed::Error) -> heed::Error {
        full_disk::explain(&self.path, error)
    }

    /// In a child after a fork: lets go of what the parent opened, so that the folder can be opened anew.
    pub(super) fn abandon(&self) {
        if self.generation == fork::generation() || self.abandoned.swap(true, Ordering::AcqRel) {
            return;
        }
        let _quiet = fork::keep_off();
        #[expect(unsafe_code, reason = "heed opens a path only once, and its list came along with the fork")]
        // SAFETY: this is the only handle, it is read once (`abandoned`), and it is never used again: whoever would
        // asks for the generation first, and drop skips it. The child has no thread in a transaction. Closing unmaps
        // and closes the child's own copies; in the shared lock file it clears slots of this process only, which has
        // none, and the locks of `fcntl` stay with the parent.
        drop(unsafe { ptr::read(&*self.env) });
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        if self.generation == fork::generation() {
            let _quiet = fork::keep_off();
            #[expect(unsafe_code, reason = "what a parent opened must not be closed by its child")]
            // SAFETY: dropped here and nowhere else; `abandon` acts only on other generations.
            unsafe {
                ManuallyDrop::drop(&mut self.env);
            }
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What the folder holds, without writing to it.
fn find(env: &Env) -> Result<Result<Entries, Found>> {
    let txn = env.read_txn().map_err(told)?;
    let found = env.open_databases_and_commit(txn, |opener, txn| -> heed::Result<_> {
        let other = CommitOrAbort::Abort;
        let empty = match opener.open_database::<Bytes, DecodeIgnore>(txn, None)? {
            Some(main) => main.is_empty(txn)?,
            None => true,
        };
        if empty {
            return Ok(other(Found::Nothing));
        }
        let meta = match opener.open_database::<Str, Str>(txn, Some("meta")) {
            Ok(Some(meta)) => meta,
            Ok(None) | Err(heed::Error::Mdb(MdbError::Incompatible)) => return Ok(other(Found::Others)),
            Err(error) => return Err(error),
        };
        let format = match meta.get(txn, "stayput") {
            Ok(Some(format)) => format.to_owned(),
            Ok(None) | Err(heed::Error::Decoding(_)) => return Ok(other(Found::Others)),
            Err(error) => return Err(error),
        };
        match opener.open_database::<Bytes, Bytes>(txn, Some("assignments"))? {
            Some(entries) if format == FORMAT.to_string() => Ok(CommitOrAbort::Commit(entries)),
            _ => Ok(other(Found::Format(format))),
        }
    });
    match found.map_err(told)? {
        CommitOrAbort::Commit(entries) => Ok(Ok(entries)),
        CommitOrAbort::Abort(found) => Ok(Err(found)),
    }
}

/// Marks an empty folder as a store; if another process was faster, this writes the same once more.
fn create(env: &Env) -> Result<Entries> {
    let txn = env.write_txn().map_err(told)?;
    let created = env.create_databases_and_commit(txn, |opener, txn| -> heed::Result<_> {
        let main = opener.open_database::<Bytes, DecodeIgnore>(txn, None)?;
        let meta = opener.open_database::<Str, Str>(txn, Some("meta"));
        let others = match (main, meta) {
            (Some(main), Ok(None)) => !main.is_empty(txn)?,
            (_, meta) => meta.is_err(),
        };
        if others {
            return Ok(CommitOrAbort::Abort(Found::Others));
        }
        let meta = opener.create_database::<Str, Str>(txn, Some("meta"))?;
        meta.put(txn, "stayput", &FORMAT.to_string())?;
        Ok(CommitOrAbort::Commit(opener.create_database::<Bytes, Bytes>(txn, Some("assignments"))?))
    });
    match created.map_err(told)? {
        CommitOrAbort::Commit(entries) => Ok(entries),
        CommitOrAbort::Abort(found) => Err(found.refusal()),
    }
}

impl Found {
    fn refusal(&self) -> Error {
        let message = match self {
            Self::Format(format) => format!(
                "the folder has format {format} and this version of Stayput reads {FORMAT}: use a newer version, or \
                 export with the one that wrote it"
            ),
            Self::Nothing | Self::Others => {
                "the folder holds another program's LMDB data, which was not changed: choose another folder".into()
            }
        };
        Error::new(ErrorKind::Refused, NAME, message)
    }
}
