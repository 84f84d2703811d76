//! What operators want to know about a folder, and compaction.
//!
//! Compaction must be alone: LMDB's users share a lock on the first byte of `lock.mdb`, so whoever gets that byte
//! exclusively is. The copy takes the place of `data.mdb` by a rename, and LMDB itself sets the lock file right for it
//! before anybody else is let in: those who wait have not looked at the data yet.
use super::{NAME, damage, environment::Environment, fork, handle, place::Folder, trouble::refused, trouble::told};
use crate::{Error, ErrorKind, Result};
use heed::{CompactionOption, EnvFlags, EnvOpenOptions};
use std::{
    fs::{self, File, OpenOptions},
    io,
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, OpenOptionsExt, fchown},
    },
    path::Path,
};

/// The file in which a folder keeps its assignments.
const DATA: &str = "data.mdb";
const LOCK: &str = "lock.mdb";
/// The copy, until it is whole.
const PARTIAL: &str = "data.mdb.compacting";

/// How a folder is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// Bytes of the file, those in between that hold nothing included.
    pub size: u64,
    /// Bytes that hold assignments.
    pub used: u64,
    /// Bytes that the file may have before the map must grow.
    pub map: u64,
    /// Assignments, expired and unreadable ones included.
    pub entries: u64,
    /// Slots for reading threads that are, or were, in use.
    pub readers: u32,
    /// Slots that there are.
    pub most_readers: u32,
    /// The layout of the folder.
    pub format: u32,
    /// LMDB's version.
    pub lmdb: (i32, i32, i32),
}

/// What a compaction came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// Bytes of the file before.
    pub before: u64,
    /// Bytes of the file now.
    pub after: u64,
}

/// Looks at an open folder.
pub(super) fn facts(environment: &Environment) -> Result<FileFacts> {
    let (info, stat) = (environment.info(), environment.stat()?);
    let pages = stat.branch_pages + stat.leaf_pages + stat.overflow_pages;
    let lmdb = heed::lmdb_version();
    Ok(FileFacts {
        size: length(&environment.path().join(DATA))?,
        used: pages as u64 * u64::from(stat.page_size),
        map: info.map_size as u64,
        entries: stat.entries as u64,
        readers: info.number_of_readers,
        most_readers: info.maximum_number_of_readers,
        format: super::environment::FORMAT,
        lmdb: (lmdb.major, lmdb.minor, lmdb.patch),
    })
}

/// Copies the folder's file without the room that nothing uses. Refused while anybody has the folder open.
pub(super) fn compact(folder: &Folder, map: u64) -> Result<Compacted> {
    // Held to the end, so that nobody in this process opens the folder meanwhile.
    let open = handle::open();
    if open.get(&folder.id).is_some_and(handle::Known::is_open) {
        return Err(in_use());
    }
    let data = folder.path.join(DATA);
    damage::check(&data)?;
    let before = length(&data)?;
    let alone = alone(&folder.path.join(LOCK))?;
    let partial = folder.path.join(PARTIAL);
    remove(&partial)?;
    let copied = copy(folder, &partial).and_then(|()| length(&partial));
    let after = match copied {
        Ok(after) => after,
        Err(error) => {
            let _ = fs::remove_file(&partial); // the first error is the one to tell
            return Err(error);
        }
    };
    fs::rename(&partial, &data).map_err(refused)?;
    File::open(&folder.path).and_then(|folder| folder.sync_all()).map_err(refused)?;
    // LMDB takes over the lock of this process, writes the state of the new file into the lock file, and then shares.
    drop(Environment::open(folder, map)?);
    drop(alone);
    Ok(Compacted { before, after })
}

/// A durable copy of what is used.
fn copy(folder: &Folder, partial: &Path) -> Result<()> {
    let _quiet = fork::keep_off();
    let mut options = EnvOpenOptions::new();
    options.max_dbs(2);
    #[expect(unsafe_code, reason = "LMDB's own locks would replace the one that keeps others out")]
    // SAFETY: nobody else has the folder open or can open it, and nothing is written to it through this environment.
    let env = unsafe { options.flags(EnvFlags::READ_ONLY | EnvFlags::NO_LOCK).open(&folder.path) }.map_err(told)?;
    let like = fs::metadata(folder.path.join(DATA)).map_err(refused)?;
    let created = OpenOptions::new().write(true).create_new(true).mode(like.mode()).open(partial);
    let mut file = created.map_err(refused)?;
    // Whoever compacts need not be who serves.
    fchown(&file, Some(like.uid()), Some(like.gid())).map_err(refused)?;
    env.copy_to_file(&mut file, CompactionOption::Enabled).map_err(told)?;
    file.sync_all().map_err(refused)
}

/// The lock file, with its first byte ours alone until it is dropped.
fn alone(path: &Path) -> Result<File> {
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = opened.map_err(refused)?;
    #[expect(unsafe_code, reason = "only fcntl's locks meet LMDB's, and of one byte only")]
    // SAFETY: the descriptor is open, and the structure lives as long as the call.
    let locked = unsafe {
        let mut first: libc::flock = std::mem::zeroed();
        first.l_type = libc::F_WRLCK as libc::c_short;
        first.l_whence = libc::SEEK_SET as libc::c_short;
        first.l_len = 1;
        libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &first)
    };
    match locked {
        0 => Ok(file),
        _ => match io::Error::last_os_error() {
            held if matches!(held.raw_os_error(), Some(libc::EACCES | libc::EAGAIN)) => Err(in_use()),
            error => Err(refused(error)),
        },
    }
}

fn in_use() -> Error {
    let message = "the folder is in use: stop the server, or whatever has it open, and compact again";
    Error::new(ErrorKind::Refused, NAME, message)
}

fn length(path: &Path) -> Result<u64> {
    fs::metadata(path).map(|found| found.len()).map_err(refused)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(refused(error)),
        _ => Ok(()),
    }
}
