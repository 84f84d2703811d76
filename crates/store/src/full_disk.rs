//! LMDB takes a write that a full disk cuts short for a failing disk.
use rustix::{fs::statvfs, io::Errno};
use std::path::Path;

/// `error` of a write below `path`, as what it is.
pub(crate) fn explain(path: &Path, error: heed::Error) -> heed::Error {
    let failed = matches!(&error, heed::Error::Io(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()));
    let full = || statvfs(path).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < 1 << 20);
    match failed && full() {
        true => heed::Error::Io(Errno::NOSPC.into()),
        false => error,
    }
}
