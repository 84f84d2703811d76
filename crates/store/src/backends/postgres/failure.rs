//! What went wrong, in words that say what to do.
//!
//! A database's error may quote a whole row in its details, and with it a user id. Hence neither the details nor the
//! error itself travel on; its own sentence does only where it speaks of roles, databases and the server.
use super::NAME;
use crate::{Error, ErrorKind};
use deadpool_postgres::{
    PoolError,
    tokio_postgres::{
        self,
        error::{DbError, SqlState},
    },
};
use std::{error::Error as StdError, io};

pub(super) fn of(error: &tokio_postgres::Error) -> Error {
    if let Some(error) = error.as_db_error() {
        return of_database(error);
    }
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        causes.push(error);
        cause = error.source();
    }
    let said = causes.last().map_or_else(|| error.to_string(), ToString::to_string);
    if let Some(error) = causes.iter().find_map(|cause| tls_error(*cause)) {
        let message = match error {
            rustls::Error::InvalidCertificate(_) => {
                format!("the server's certificate is not trusted ({error}); name its authority with sslrootcert=FILE")
            }
            error => format!("no TLS connection could be made ({error})"),
        };
        return Error::new(ErrorKind::Refused, NAME, message);
    }
    if error.to_string().contains("TLS") {
        return Error::new(ErrorKind::Refused, NAME, format!("no TLS connection could be made: {said}"));
    }
    // "invalid configuration" is a password that is asked for and was not given.
    if ["authentication", "invalid configuration"].iter().any(|what| error.to_string().contains(what)) {
        return Error::new(ErrorKind::Refused, NAME, format!("the server did not let us in: {said}"));
    }
    let message = match error.is_closed() {
        true => "the connection to the server was lost".to_string(),
        false => format!("the server cannot be reached: {said}"),
    };
    Error::new(ErrorKind::Unavailable, NAME, message)
}

pub(super) fn of_pool(error: &PoolError) -> Error {
    match error {
        PoolError::Backend(error) => of(error),
        PoolError::Timeout(_) => unavailable("no connection could be made in time; is the server there?"),
        _ => unavailable("the store is closed"),
    }
}

pub(super) fn unavailable(message: &'static str) -> Error {
    Error::new(ErrorKind::Unavailable, NAME, message)
}

pub(super) fn refused(message: String) -> Error {
    Error::new(ErrorKind::Refused, NAME, message)
}

/// Whether the connection is of no more use, and another may be.
pub(super) fn is_lost(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(code) => {
            // The last is what a pooler that changes servers between statements makes of a prepared one.
            code.code().starts_with("08")
                || [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::INVALID_SQL_STATEMENT_NAME]
                    .contains(code)
        }
        None => error.is_closed() || error.source().is_some_and(|cause| cause.is::<io::Error>()),
    }
}

/// Whether the same may succeed at once: the server gave one of several that stood in each other's way precedence.
pub(super) fn is_collision(error: &tokio_postgres::Error) -> bool {
    matches!(error.code(), Some(code) if [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(code))
}

/// Whether the server answers to what it does not know as PgBouncer does.
pub(super) fn is_pooler(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|error| error.message().starts_with("unsupported startup parameter"))
}

fn of_database(error: &DbError) -> Error {
    use ErrorKind::{Invalid, Refused, Timeout, Unavailable};
    let said = error.message();
    let (kind, message) = match error.code().code() {
        "57014" | "55P03" => (Timeout, "the server did not finish in time".into()),
        "25006" => (Unavailable, "the server takes no writes now: it is a standby, or read-only".into()),
        "26000" => {
            (Unavailable, "a pooler is in between that forgets statements; add pooler=transaction to the URL".into())
        }
        "40001" | "40P01" => (Unavailable, "too many writers stood in each other's way".into()),
        "53100" => (Refused, "the server's disk is full".into()),
        "42501" => (Refused, format!("the role lacks a privilege: {said}")),
        "3D000" => (Refused, format!("{said}; create it, or name another after the host in the URL")),
        "42P01" | "3F000" | "42703" | "42883" => {
            (Refused, "the tables are not what they were when the store was opened; restart Stayput".into())
        }
        code if code.starts_with("28") => (Refused, format!("the server did not let us in: {said}")),
        // PgBouncer says so of wrong passwords and of databases it does not have.
        "08P01" if said.contains("authentication") || said.contains("password") || said.contains("no such") => {
            (Refused, format!("the pooler did not let us in: {said}"))
        }
        code if ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class)) => {
            (Unavailable, format!("the server cannot serve now: {said}"))
        }
        code if code.starts_with("22") || code.starts_with("23") => (
            Invalid,
            format!("the table does not take this assignment (SQLSTATE {code}); was a constraint added to it?"),
        ),
        code => (Refused, format!("the server refused a statement (SQLSTATE {code})")),
    };
    Error::new(kind, NAME, message)
}

/// rustls errors come wrapped in I/O errors, whose `source` skips what they wrap.
fn tls_error<'a>(cause: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    inner.and_then(|inner| inner.downcast_ref()).or_else(|| cause.downcast_ref())
}
