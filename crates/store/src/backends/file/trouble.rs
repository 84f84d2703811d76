//! What LMDB and the operating system complain about, in terms that a caller can act on.
use super::NAME;
use crate::{Error, ErrorKind};
use heed::MdbError;
use std::io;

/// `error` as this crate's error, with advice.
pub(super) fn told(error: heed::Error) -> Error {
    let (kind, message) = match &error {
        heed::Error::Io(error) => return refused(io::Error::from_raw_os_error(error.raw_os_error().unwrap_or(0))),
        heed::Error::Mdb(MdbError::MapFull) => {
            (ErrorKind::Refused, "the file has reached the size of its map, which cannot grow further")
        }
        heed::Error::Mdb(MdbError::TxnFull) => {
            (ErrorKind::Refused, "too much for one transaction: write fewer at once")
        }
        heed::Error::Mdb(MdbError::ReadersFull) => {
            (ErrorKind::Unavailable, "too many threads read this folder at once: stop some of its processes")
        }
        heed::Error::Mdb(MdbError::Panic) => {
            (ErrorKind::Unavailable, "a write failed halfway, and the folder must be opened anew: restart this process")
        }
        heed::Error::Mdb(MdbError::VersionMismatch) => {
            (ErrorKind::Refused, "the folder is in use by, or was written by, another version of LMDB")
        }
        heed::Error::EnvAlreadyOpened => (
            ErrorKind::Refused,
            "this process already has that folder open by other means, or it was replaced meanwhile",
        ),
        heed::Error::Mdb(_) => (
            ErrorKind::Corrupt,
            "the file is damaged, and nothing was changed: restore the folder from a copy or an export",
        ),
        heed::Error::Encoding(_) | heed::Error::Decoding(_) => (ErrorKind::Corrupt, "stored bytes cannot be read"),
    };
    Error::new(kind, NAME, message).with_source(error)
}

/// What the operating system said to an attempt at a file or a folder, with advice.
pub(super) fn refused(error: io::Error) -> Error {
    use io::ErrorKind::{OutOfMemory, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let (kind, message) = match error.kind() {
        StorageFull | QuotaExceeded => (
            ErrorKind::Refused,
            "no space is left on the disk of the folder: make room; nothing acknowledged is lost, and reads go on",
        ),
        PermissionDenied => (
            ErrorKind::Refused,
            "the folder cannot be written: give this user read and write permission on it and on the files in it",
        ),
        ReadOnlyFilesystem => (
            ErrorKind::Refused,
            "the folder is on a read-only file system: mount it writable or choose another folder with file:PATH",
        ),
        OutOfMemory => (
            ErrorKind::Refused,
            "the operating system grants too little address space (ulimit -v): open the folder with a smaller map, such as ?map=1GiB",
        ),
        _ => (ErrorKind::Unavailable, "the operating system failed to read or write the folder"),
    };
    Error::new(kind, NAME, message).with_source(error)
}
