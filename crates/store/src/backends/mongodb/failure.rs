//! What went wrong, in words that say what to do.
//!
//! A server's error may quote a whole document, and with it a user id, and the library's may quote the URL. Hence neither
//! travels on: what is told is ours, with a code to look up.
use super::NAME;
use crate::{Error, ErrorKind, Result};
use mongodb::error::{Error as Failure, ErrorKind as Kind, WriteFailure};

const DUPLICATE: i32 = 11_000;

pub(super) fn done<T>(answer: Result<T, Failure>) -> Result<T> {
    answer.map_err(|error| of(&error))
}

/// While working.
pub(super) fn of(error: &Failure) -> Error {
    match &*error.kind {
        Kind::Authentication { .. } => {
            refused("the server did not accept the user, the password or how they were sent")
        }
        Kind::ServerSelection { message, .. } => not_found(message),
        Kind::Io(_) | Kind::ConnectionPoolCleared { .. } | Kind::Shutdown => unavailable("the connection was lost"),
        Kind::DnsResolve { .. } => unavailable("the servers' names cannot be resolved"),
        Kind::InvalidTlsConfig { .. } => refused("TLS cannot be set up with the files that the URL names"),
        Kind::IncompatibleServer { .. } => {
            refused("the server lacks what Stayput needs: 4.4 is the oldest that will do")
        }
        Kind::Command(error) => of_code(error.code),
        Kind::Write(WriteFailure::WriteError(error)) => of_code(error.code),
        Kind::Write(WriteFailure::WriteConcernError(error)) => of_concern(error.code),
        Kind::InsertMany(error) => match (&error.write_concern_error, &error.write_errors) {
            (Some(error), _) => of_concern(error.code),
            (None, errors) => of_code(errors.as_ref().and_then(|errors| errors.first()).map_or(0, |error| error.code)),
        },
        Kind::InvalidResponse { .. } => unavailable("what answers does not speak as MongoDB does"),
        _ => refused("the client library could not carry out an operation"),
    }
}

/// While the URL is read; for `mongodb+srv:` that asks the network.
pub(super) fn of_address(error: &Failure) -> Error {
    match &*error.kind {
        Kind::DnsResolve { .. } => unavailable("the servers' names cannot be looked up"),
        _ => malformed(),
    }
}

pub(super) fn malformed() -> Error {
    let message = "the URL must look like mongodb://user:password@host:27017,host/database?replicaSet=name, with %40 for \
                   an @ in a password and the like, and options as MongoDB spells them";
    Error::invalid("store", message)
}

/// Whether somebody else created the document first.
pub(super) fn is_duplicate(error: &Failure) -> bool {
    match &*error.kind {
        Kind::Write(WriteFailure::WriteError(error)) => error.code == DUPLICATE,
        Kind::Command(error) => error.code == DUPLICATE,
        _ => false,
    }
}

/// The places of those in one insert whom somebody else preceded; an error, if anything else went wrong.
pub(super) fn duplicates(error: &Failure) -> Result<Vec<usize>> {
    let Kind::InsertMany(failed) = &*error.kind else { return Err(of(error)) };
    let errors = failed.write_errors.as_deref().unwrap_or_default();
    match failed.write_concern_error.is_none() && errors.iter().all(|error| error.code == DUPLICATE) {
        true => Ok(errors.iter().map(|error| error.index).collect()),
        false => Err(of(error)),
    }
}

/// What was found is not what was asked for.
pub(super) fn collation() -> Error {
    refused("the collection compares strings by a collation; give a collection= of its own")
}

pub(super) fn refused(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Refused, NAME, message)
}
pub(super) fn unavailable(message: &'static str) -> Error {
    Error::new(ErrorKind::Unavailable, NAME, message)
}

/// Codes as `error_codes.yml` of MongoDB numbers them.
fn of_code(code: i32) -> Error {
    match code {
        13 => refused("the user of the URL may not do this: it needs the role readWrite on the database"),
        18 => refused("the server did not accept the user or the password of the URL"),
        50 | 202 | 262 => Error::new(ErrorKind::Timeout, NAME, "the server gave up: the operation took too long"),
        85 | 86 => refused("an index of ours is there with other settings: drop it, or give a collection= of its own"),
        11_000 => refused("a unique index that is not ours is in the way"),
        6 | 7 | 89 | 91 | 189 | 9_001 | 10_058 | 10_107 | 11_600 | 11_602 | 13_435 | 13_436 => {
            unavailable("the server is no primary now, or is shutting down")
        }
        10_334 | 17_280 => Error::invalid("metaData", "the assignment is larger than a document may be"),
        code => refused(format!("the server turned an operation down (code {code})")),
    }
}

/// Written, but not as widely as it was asked for: nobody knows whether it will stay.
fn of_concern(code: i32) -> Error {
    match code {
        64 => Error::new(ErrorKind::Timeout, NAME, "the write did not reach as many servers as asked for in time"),
        79 | 100 => refused("there are not as many servers as the write concern asks for: see w= in the URL"),
        code => Error::new(ErrorKind::Unavailable, NAME, format!("the write concern failed (code {code})")),
    }
}

/// No server to ask; why is somewhere in the description of them all, which is long.
fn not_found(description: &str) -> Error {
    let says = |what: &str| description.contains(what);
    if says("requires at least") || says("IncompatibleServer") || says("wire version") {
        refused("the server is older than version 4.4, or not MongoDB")
    } else if says("UnknownIssuer") || says("invalid peer certificate") {
        refused("the certificate of a server is not trusted; name its authority with tlsCAFile=FILE")
    } else if says("ReplicaSetNoPrimary") {
        unavailable("the replica set has no primary that answers")
    } else if says("Connection refused") {
        unavailable("no server can be reached: Connection refused")
    } else {
        unavailable("no server can be reached")
    }
}
