//! Assignments in a folder of this machine: LMDB, shared by every thread and process that opens it.
//!
//! | event | what is lost |
//! |---|---|
//! | the process ends, kill -9 included | nothing acknowledged; a write in progress happened or did not, never half |
//! | the machine or its operating system crashes | nothing acknowledged, if the disk keeps what `fdatasync` gave it |
//! | the disk lies about `fdatasync`, or dies | what it held: export, or copy the folder while nobody has it open |
//!
//! No setting changes this: a store that forgets on a crash would be faster by one `fdatasync` a commit, and would
//! have to be repaired afterwards.
//!
//! A read costs a microsecond or two and waits for nobody, so it runs inline in the future that asks. A write costs
//! one `fdatasync`, shared with all writes that arrived meanwhile (one thread commits for the whole process), and
//! waits for other processes that are writing, at most until its deadline. Expired assignments are purged by later
//! writes, each of which looks at two others.
//!
//! LMDB keeps no checksums. Opening notices a file that was cut off or is something else, and values that cannot be
//! read are found one by one, but bytes overwritten at random inside LMDB's own pages can crash the process.
mod committer;
mod damage;
mod environment;
mod fork;
mod handle;
mod place;
mod sweep;
mod trouble;
mod upkeep;

use crate::{
    Assignment, AssignmentStore, BoxFuture, Claimed, Clock, Cursor, Entry, Error, ErrorKind, Key, Offer, Page, Result,
    ScanStore, Scope, SystemClock, Unreadable, User, codec, distinct,
};
use committer::{Failure, Write};
use environment::Entries;
use handle::{Handle, Handles};
use heed::RoTxn;
use std::{ops::Bound, path::Path, sync::Arc, time::Duration};
use trouble::told;
pub use upkeep::{Compacted, FileFacts};

const NAME: &str = "file";
/// Entries and bytes that one durable transaction takes from one call.
const CHUNK: (usize, usize) = (16_384, 8 << 20);
/// How many entries one page looks at beyond those it returns, so that nobody reads one snapshot for long.
const LOOKED_AT: usize = 4_096;

/// A folder of this machine that holds assignments.
///
/// All who open one folder in one process share one handle; it closes when the last of them is dropped. Use it
/// within a tokio runtime that has time enabled. After a fork the child opens the folder anew by itself.
#[derive(Debug)]
pub struct File {
    handles: Handles,
    timeout: Duration,
    clock: Arc<dyn Clock>,
}

/// How a folder is opened.
#[derive(Clone, Debug)]
pub struct FileOptions {
    map: u64,
    timeout: Duration,
    network: bool,
    clock: Arc<dyn Clock>,
}

/// What the committing thread of this process has done for a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileStats {
    /// Durable transactions.
    pub commits: u64,
    /// Claims that these stored; those that changed nothing are not among them.
    pub claims: u64,
    /// Expired assignments that were purged.
    pub purged: u64,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self { map: 64 << 30, timeout: Duration::from_secs(5), network: false, clock: Arc::new(SystemClock) }
    }
}

impl FileOptions {
    /// How many bytes of address space to begin with, 64 GiB by default. It costs no memory and no disk, and doubles
    /// when it is full.
    pub fn map(self, bytes: u64) -> Self {
        Self { map: bytes, ..self }
    }
    /// How long a write may wait for other processes, 5 seconds by default.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }
    /// Accepts a network file system. Only one machine may then have the folder open, and nothing is promised.
    pub fn accept_network(self, accepted: bool) -> Self {
        Self { network: accepted, ..self }
    }
    /// Tells time by `clock` instead of the system's.
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }
}

impl File {
    /// Opens the folder at `path`, which is created if there is none. Blocks for some system calls.
    pub fn open(path: impl AsRef<Path>, options: FileOptions) -> Result<Self> {
        let FileOptions { map, timeout, network, clock } = options;
        let folder = place::prepare(path.as_ref(), network)?;
        Ok(Self { handles: Handles::open(folder, map, timeout)?, timeout, clock })
    }

    /// What the committing thread has done since this process opened the folder.
    pub fn stats(&self) -> Result<FileStats> {
        Ok(self.handle()?.committer.stats())
    }

    /// How the folder is doing.
    pub fn facts(&self) -> Result<FileFacts> {
        upkeep::facts(&self.handle()?.environment)
    }

    /// Copies what the folder at `path` holds into a file without unused room, which takes the old one's place. Needs
    /// as much disk as is used meanwhile, and is refused while anybody has the folder open. Blocks.
    pub fn compact(path: impl AsRef<Path>, options: FileOptions) -> Result<Compacted> {
        let FileOptions { map, network, .. } = options;
        upkeep::compact(&place::prepare(path.as_ref(), network)?, map)
    }

    fn handle(&self) -> Result<&Arc<Handle>> {
        self.handles.current()
    }

    /// Looks at one snapshot. Waits only if another process has grown the file beyond this process's map while a
    /// write of this one is under way.
    async fn read<T>(&self, look: impl Fn(&RoTxn<'_>, Entries) -> Result<T> + Send + Sync) -> Result<T> {
        let environment = &self.handle()?.environment;
        if let Some(answer) = environment.try_read(&look)? {
            return Ok(answer);
        }
        let adopt = async {
            loop {
                tokio::time::sleep(Duration::from_millis(1)).await;
                if let Some(answer) = environment.try_read(&look)? {
                    return Ok(answer);
                }
            }
        };
        let late =
            || Err(Error::new(ErrorKind::Timeout, NAME, "the file grew, and a write is in the way of mapping it"));
        tokio::time::timeout(self.timeout, adopt).await.unwrap_or_else(|_| late())
    }

    /// Runs `work` in the next durable transaction. If the deadline passes before it began, it never runs.
    async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Write<'_>) -> Result<T, Failure> + Send + 'static,
    {
        self.answer(self.handle()?.committer.submit(work)?).await
    }

    /// A dropped receiver is what withdraws a request, so an elapsed deadline needs nothing but to return.
    async fn answer<T>(&self, reply: tokio::sync::oneshot::Receiver<Result<T>>) -> Result<T> {
        match tokio::time::timeout(self.timeout, reply).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => {
                Err(Error::new(ErrorKind::Unavailable, NAME, "the committing thread has ended; open it again"))
            }
            Err(_) => {
                let message =
                    format!("no commit within {:?}: the disk is slow, or another process is writing", self.timeout);
                Err(Error::new(ErrorKind::Timeout, NAME, message))
            }
        }
    }

    /// Answers offers that change nothing from a snapshot; `None` if one of them may have to be written.
    ///
    /// Such an answer is what a write transaction at the moment of the snapshot would have given, so the claim took
    /// place then. An expired or older holder is left to the write path, where nobody can move it meanwhile.
    async fn claim_unchanged(&self, offers: &[Offer]) -> Result<Option<Vec<Claimed>>> {
        self.read(|txn, entries| {
            let now = self.clock.now();
            let mut answers = Vec::with_capacity(offers.len());
            for offer in offers {
                let held = held(entries.get(txn, &codec::encode_key(&offer.key)).map_err(told)?)?;
                if held.as_ref().is_some_and(|held| !held.is_live(now) || held.epoch != offer.epoch) {
                    return Ok(None);
                }
                let joined = offer.join(held, now);
                if joined.changed {
                    return Ok(None);
                }
                answers.push(joined.claimed);
            }
            Ok(Some(answers))
        })
        .await
    }
}

#[deny(clippy::missing_trait_methods)]
impl AssignmentStore for File {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        Box::pin(async move {
            if keys.is_empty() {
                return Ok(Vec::new());
            }
            self.read(|txn, entries| {
                let now = self.clock.now();
                let get = |key| held(entries.get(txn, &codec::encode_key(key)).map_err(told)?);
                let mut all = Vec::with_capacity(keys.len());
                for key in keys {
                    all.push(get(key)?.filter(|held| held.is_live(now)));
                }
                Ok(all)
            })
            .await
        })
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        Box::pin(async move {
            distinct(offers.iter().map(|offer| &offer.key))?;
            if let Some(answers) = self.claim_unchanged(offers).await? {
                return Ok(answers);
            }
            let (offers, clock) = (offers.to_vec(), self.clock.clone());
            self.write(move |write| claim(write, &offers, clock.as_ref())).await
        })
    }
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            distinct(entries.iter().map(|entry| &entry.key))?;
            let encode = |entry: &Entry| (codec::encode_key(&entry.key), codec::encode(&entry.assignment));
            let mut rest = entries.iter().map(encode).peekable();
            while rest.peek().is_some() {
                let (mut chunk, mut bytes) = (Vec::new(), 0);
                while let Some((key, value)) = rest.next_if(|_| chunk.len() < CHUNK.0 && bytes < CHUNK.1) {
                    bytes += key.len() + value.len();
                    chunk.push((key, value));
                }
                let now = self.clock.now();
                self.write(move |write| {
                    write.at(now);
                    chunk.iter().try_for_each(|(key, value)| write.put(key, value))
                })
                .await?;
            }
            Ok(())
        })
    }
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            distinct(keys)?;
            for chunk in keys.chunks(CHUNK.0) {
                let (keys, now): (Vec<_>, _) = (chunk.iter().map(codec::encode_key).collect(), self.clock.now());
                self.write(move |write| {
                    write.at(now);
                    keys.iter().try_for_each(|key| write.delete(key).map(drop))
                })
                .await?;
            }
            Ok(())
        })
    }
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move { self.answer(self.handle()?.committer.flush()?).await })
    }
}

#[deny(clippy::missing_trait_methods)]
impl ScanStore for File {
    fn user<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<Vec<Entry>>> {
        Box::pin(async move {
            let prefix = codec::user_prefix(user);
            self.read(|txn, entries| {
                let (now, mut found) = (self.clock.now(), Vec::new());
                for item in entries.prefix_iter(txn, &prefix).map_err(told)? {
                    let (key, value) = item.map_err(told)?;
                    let entry = Entry { key: codec::decode_key(NAME, key)?, assignment: codec::decode(NAME, value)? };
                    found.extend(Some(entry).filter(|entry| entry.assignment.is_live(now)));
                }
                Ok(found)
            })
            .await
        })
    }
    fn erase<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let (prefix, now) = (codec::user_prefix(user), self.clock.now());
            self.write(move |write| {
                write.at(now);
                let keys = write.keys(&prefix)?;
                keys.iter().try_for_each(|key| write.delete(key).map(drop))?;
                Ok(keys.len() as u64)
            })
            .await
        })
    }
    fn scan<'a>(
        &'a self,
        scope: Option<&'a Scope>,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page>> {
        Box::pin(async move {
            let prefix = scope.map(codec::scope_prefix).unwrap_or_default();
            let after = after.map(|cursor| cursor.0.as_slice());
            if after.is_some_and(<[u8]>::is_empty) {
                return Err(Error::invalid("cursor", "the cursor is none that a scan of this store gave"));
            }
            self.read(|txn, entries| page(txn, entries, &prefix, after, limit.max(1), self.clock.as_ref())).await
        })
    }
}

/// Everything is joined before anything is written, so that one unreadable value fails its request and no other.
fn claim(write: &mut Write<'_>, offers: &[Offer], clock: &dyn Clock) -> Result<Vec<Claimed>, Failure> {
    let now = clock.now();
    write.at(now);
    let mut answers = Vec::with_capacity(offers.len());
    let mut changed = Vec::new();
    for offer in offers {
        let key = codec::encode_key(&offer.key);
        let joined = offer.join(held(write.get(&key)?).map_err(Failure::Request)?, now);
        if let Some(assignment) = joined.claimed.held.as_ref().filter(|_| joined.changed) {
            changed.push((key, codec::encode(assignment)));
        }
        answers.push(joined.claimed);
    }
    for (key, value) in &changed {
        write.put(key, value)?;
        write.claims += 1;
    }
    Ok(answers)
}

fn held(value: Option<&[u8]>) -> Result<Option<Assignment>> {
    value.map(|bytes| codec::decode(NAME, bytes)).transpose()
}

fn page(
    txn: &RoTxn<'_>,
    entries: Entries,
    prefix: &[u8],
    after: Option<&[u8]>,
    limit: usize,
    clock: &dyn Clock,
) -> Result<Page> {
    let begin = match after {
        Some(after) if after >= prefix => Bound::Excluded(after),
        _ if prefix.is_empty() => Bound::Unbounded,
        _ => Bound::Included(prefix),
    };
    let (now, mut page, mut last) = (clock.now(), Page::default(), None);
    for (looked_at, item) in entries.range(txn, &(begin, Bound::Unbounded)).map_err(told)?.enumerate() {
        let (key, value) = item.map_err(told)?;
        if !key.starts_with(prefix) {
            break;
        }
        if page.entries.len() == limit || looked_at >= limit.saturating_add(LOOKED_AT) {
            page.next = last.map(|key: &[u8]| Cursor(key.to_vec()));
            break;
        }
        last = Some(key);
        match (codec::decode_key(NAME, key), codec::decode(NAME, value)) {
            (Ok(key), Ok(assignment)) if assignment.is_live(now) => page.entries.push(Entry { key, assignment }),
            (Ok(_), Ok(_)) => {}
            (key, Err(error)) => page.unreadable.push(Unreadable { key: key.ok(), why: error.message().into() }),
            (Err(error), _) => page.unreadable.push(Unreadable { key: None, why: error.message().into() }),
        }
    }
    Ok(page)
}
