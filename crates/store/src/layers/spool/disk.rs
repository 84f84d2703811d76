//! What a spool asks of a disk: rows in one order, shared by all processes of a machine.
use crate::{BoxFuture, Result};
use std::fmt;

/// Keeps rows. The spool knows what they mean; a disk knows only bytes, so that tests can pull its plug.
pub trait SpoolDisk: fmt::Debug + Send + Sync + 'static {
    /// Adds rows behind all others, all of them or none; false, and none, if the disk would then hold more than `most`
    /// bytes. Everybody sees them at once, but before [`SpoolDisk::sync`] a crash may lose them.
    fn append(&self, list: List, rows: Vec<NewRow>, most: u64) -> BoxFuture<'_, Result<bool>>;
    /// Returns once no crash can undo what was added and removed so far.
    fn sync(&self) -> BoxFuture<'_, Result<()>>;
    /// At most `limit` rows: by number, or of one prefix by key and then by number. Quick: it is asked on every read.
    fn read(&self, list: List, of: Of<'_>, limit: usize) -> Result<Vec<Row>>;
    /// Removes rows by number; one that is not there is fine.
    fn remove(&self, list: List, numbers: Vec<u64>) -> BoxFuture<'_, Result<()>>;
    /// How much there is. Quick: it is asked on every read.
    fn used(&self) -> Result<Used>;
    /// Takes a lock that one process of the machine may hold at a time; `None` if somebody else does. It is given back
    /// when dropped, or when the process ends, however it ends.
    fn lock(&self, lock: Lock) -> Result<Option<Box<dyn Locked>>>;
}

/// A list of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Offers that wait.
    Waiting,
    /// Offers that can never be stored.
    Dead,
}

/// A row to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRow {
    /// Of [`codec::encode_key`](crate::codec::encode_key).
    pub key: Vec<u8>,
    /// What the spool wants to know later.
    pub body: Vec<u8>,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Grows with every row that is added to either list.
    pub number: u64,
    /// As it was added.
    pub key: Vec<u8>,
    /// As it was added.
    pub body: Vec<u8>,
}

/// Which rows.
#[derive(Clone, Copy, Debug)]
pub enum Of<'a> {
    /// All, the oldest first.
    All,
    /// Those whose key and a zero byte behind it begin so: of one key, or of one user.
    Prefix(&'a [u8]),
}

/// How much there is on a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Rows that wait.
    pub waiting: u64,
    /// Dead letters.
    pub dead: u64,
    /// Bytes of both.
    pub bytes: u64,
}

/// What one process at a time does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// Replays.
    Replay,
    /// Has offers on their way to the store, or sees to it that none are.
    Flight,
    /// Wants to see to that: whoever replays lets it go first.
    Purge,
}

/// A lock that is held.
pub trait Locked: Send + Sync {}
impl<T: Send + Sync> Locked for T {}

/// What a row counts for: its bytes, and what it takes to keep them.
pub(crate) fn weight(key: &[u8], body: &[u8]) -> u64 {
    (2 * key.len() + body.len() + 64) as u64
}
