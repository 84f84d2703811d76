//! One open folder per process, shared by all who open it, and opened anew after a fork.
use super::{NAME, committer::Committer, environment::Environment, fork, place, place::Folder};
use crate::{Error, ErrorKind, Result};
use std::{
    collections::BTreeMap,
    mem::{self, ManuallyDrop},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::Duration,
};

/// What this process has open, by device and inode.
pub(super) type Open = BTreeMap<(u64, u64), Known>;

static OPEN: Mutex<Open> = Mutex::new(BTreeMap::new());

/// An open folder. Dropping the last handle serves what waits and closes it.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) environment: Arc<Environment>,
    pub(super) committer: Committer,
    patience: Duration,
}

/// The environment outlives the handle while the committing thread ends.
#[derive(Debug)]
pub(super) struct Known {
    handle: Weak<Handle>,
    environment: Weak<Environment>,
}

/// The handle of this process, and those of the processes that it was forked from.
#[derive(Debug)]
pub(super) struct Handles {
    folder: Folder,
    map: u64,
    patience: Duration,
    first: Link,
}

#[derive(Debug)]
struct Link {
    generation: u64,
    // Of another process: its locks may be held by threads that are not here, so it is neither used nor dropped.
    handle: ManuallyDrop<Arc<Handle>>,
    after_fork: OnceLock<Box<Link>>,
}

impl Known {
    /// Whether it is open still, in this process or, inherited, in the one that forked it.
    pub(super) fn is_open(&self) -> bool {
        self.environment.strong_count() > 0
    }
}

impl Handles {
    /// Shares the folder's handle with whoever has it open, or opens it.
    pub(super) fn open(folder: Folder, map: u64, patience: Duration) -> Result<Self> {
        fork::watch();
        let first = Link::open(&folder, map, patience)?;
        Ok(Self { folder, map, patience, first })
    }

    /// The handle of this process.
    pub(super) fn current(&self) -> Result<&Arc<Handle>> {
        let (generation, mut link) = (fork::generation(), &self.first);
        while link.generation != generation {
            link = match link.after_fork.get() {
                Some(next) => next,
                None => {
                    let next = Box::new(Link::open(&self.folder, self.map, self.patience)?);
                    link.after_fork.get_or_init(|| next)
                }
            };
        }
        Ok(&link.handle)
    }
}

impl Link {
    fn open(folder: &Folder, map: u64, patience: Duration) -> Result<Self> {
        let handle = ManuallyDrop::new(share(folder, map, patience)?);
        Ok(Self { generation: handle.environment.generation(), handle, after_fork: OnceLock::new() })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if self.generation == fork::generation() {
            #[expect(unsafe_code, reason = "a handle that came along with a fork must not be dropped")]
            // SAFETY: dropped here and nowhere else.
            unsafe {
                ManuallyDrop::drop(&mut self.handle);
            }
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.committer.close(self.patience);
    }
}

/// What this process has open; held across forks.
pub(super) fn open() -> MutexGuard<'static, Open> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn share(folder: &Folder, map: u64, patience: Duration) -> Result<Arc<Handle>> {
    let mut shared = None;
    place::shortly(|| {
        shared = try_share(folder, map, patience).transpose();
        shared.is_some()
    });
    shared.unwrap_or_else(|| {
        let message = "the folder is still being closed by this process: another process holds its last write up";
        Err(Error::new(ErrorKind::Unavailable, NAME, message))
    })
}

/// `None` while the folder is being closed.
fn try_share(folder: &Folder, map: u64, patience: Duration) -> Result<Option<Arc<Handle>>> {
    let mut open = open();
    if let Some(known) = open.get(&folder.id)
        && let Some(environment) = known.environment.upgrade()
    {
        if environment.generation() == fork::generation() {
            return Ok(known.handle.upgrade());
        }
        environment.abandon();
        mem::forget(environment);
    }
    place::inspect(folder)?;
    let environment = Arc::new(Environment::open(folder, map)?);
    let known = Arc::downgrade(&environment);
    let handle = Arc::new(Handle { committer: Committer::start(environment.clone())?, environment, patience });
    open.retain(|_, known| known.environment.strong_count() > 0);
    open.insert(folder.id, Known { handle: Arc::downgrade(&handle), environment: known });
    Ok(Some(handle))
}
