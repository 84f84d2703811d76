//! One open folder per process, shared by all who ask for it, and opened anew after a fork.
use super::{NAME, SpoolFolder};
use crate::{Error, ErrorKind, Result};
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, TryLockError, Weak},
    thread,
    time::Duration,
};

static OPEN: Mutex<Option<Known>> = Mutex::new(None);

/// How often is tried what somebody else is about to finish, and how often before giving up.
const KNOCK: Duration = Duration::from_millis(5);
const KNOCKS: usize = 1_000;

impl SpoolFolder {
    /// The same as [`SpoolFolder::open`], for threads and libraries that do not know of each other: whoever has it open in
    /// this process shares it. A child that was forked from this process opens it anew.
    pub fn share(path: impl AsRef<Path>) -> Result<Arc<Self>> {
        let path = path.as_ref();
        for _ in 0..KNOCKS {
            let mut open = open()?;
            let known = open.get_or_insert_default();
            if let Some(folder) = fs::canonicalize(path).ok().and_then(|path| known.get(&path)?.upgrade()) {
                if !folder.is_inherited() {
                    return Ok(folder);
                }
                folder.abandon();
            }
            match Self::open(path) {
                // Whoever had it is just closing it.
                Err(error) if error.kind() == ErrorKind::Refused && is_open(&error) => {
                    drop(open);
                    thread::sleep(KNOCK);
                }
                Err(error) => return Err(error),
                Ok(folder) => {
                    let folder = Arc::new(folder);
                    known.retain(|_, folder| folder.strong_count() > 0);
                    known.insert(folder.path().to_owned(), Arc::downgrade(&folder));
                    return Ok(folder);
                }
            }
        }
        Err(busy())
    }
}

/// The spools of a process, by their folders.
type Known = HashMap<PathBuf, Weak<SpoolFolder>>;

/// What this process has open. A child may have inherited the lock from a thread that it does not have: it does not
/// wait for ever.
fn open() -> Result<MutexGuard<'static, Option<Known>>> {
    for _ in 0..KNOCKS {
        match OPEN.try_lock() {
            Ok(open) => return Ok(open),
            Err(TryLockError::Poisoned(open)) => return Ok(open.into_inner()),
            Err(TryLockError::WouldBlock) => thread::sleep(KNOCK),
        }
    }
    Err(busy())
}

fn is_open(error: &Error) -> bool {
    use std::error::Error as _;
    error
        .source()
        .and_then(|source| source.downcast_ref())
        .is_some_and(|error| matches!(error, heed::Error::EnvAlreadyOpened))
}

fn busy() -> Error {
    Error::new(ErrorKind::Refused, NAME, "this process has that spool open by other means: share the one that is")
}
