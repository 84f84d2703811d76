//! What the client library says went wrong, in terms that a caller can act on.
use super::STORE;
use crate::{Error, ErrorKind};
use redis::{ErrorKind as Kind, RedisError, ServerErrorKind};
use std::time::Duration;

/// Whether the connection, rather than the request, failed: another one may serve.
pub(super) fn is_lost(error: &RedisError) -> bool {
    match error.kind() {
        // A master that was demoted under our feet.
        Kind::Server(kind) => kind == ServerErrorKind::ReadOnly,
        Kind::Extension => false,
        _ => true,
    }
}

pub(super) fn is_no_script(error: &RedisError) -> bool {
    error.kind() == Kind::Server(ServerErrorKind::NoScript)
}

/// While working.
pub(super) fn failed(error: RedisError) -> Error {
    let text = error.to_string();
    let (kind, message) = match (error.kind(), error.code().unwrap_or_default()) {
        (_, "WRONGTYPE") => {
            (ErrorKind::Corrupt, "something else is stored under a key of ours; give a prefix of its own")
        }
        (_, "OOM") => (ErrorKind::Unavailable, "the server has no memory left for writes (maxmemory)"),
        (_, "LOADING") => (ErrorKind::Unavailable, "the server is still loading its data"),
        (_, "READONLY") => (ErrorKind::Unavailable, "the server is a replica, which takes no writes"),
        (_, "MISCONF") => (ErrorKind::Unavailable, "the server takes no writes, because it cannot save them to disk"),
        (_, "NOREPLICAS") => (ErrorKind::Unavailable, "the server takes no writes, because it lacks replicas"),
        (_, "BUSY") => (ErrorKind::Unavailable, "the server is busy with a script"),
        (_, "CLUSTERDOWN" | "MASTERDOWN" | "TRYAGAIN" | "MOVED" | "ASK" | "UNBLOCKED") => {
            (ErrorKind::Unavailable, "the cluster cannot serve this part of its data now")
        }
        (_, "NOPERM") => (ErrorKind::Refused, "the user of the URL may not do this: see which commands Stayput needs"),
        (Kind::AuthenticationFailed, _) | (_, "NOAUTH" | "WRONGPASS") => {
            (ErrorKind::Refused, "the server did not accept the user or the password of the URL")
        }
        (Kind::Server(_) | Kind::Extension, _) if text.contains("max number of clients") => {
            (ErrorKind::Unavailable, "the server takes no more connections")
        }
        (Kind::Server(_) | Kind::Extension, _) => (ErrorKind::Refused, "the server turned a command down"),
        (Kind::InvalidClientConfig, _) => (ErrorKind::Invalid, "the connection cannot be set up like this"),
        (Kind::MasterNameNotFoundBySentinel | Kind::NoValidReplicasFoundBySentinel, _) => {
            (ErrorKind::Unavailable, "the sentinels name no master that answers")
        }
        (Kind::Parse | Kind::UnexpectedReturnType, _) => {
            (ErrorKind::Unavailable, "what answers does not speak as Redis does")
        }
        (Kind::Io, _) if error.is_timeout() => (ErrorKind::Timeout, "no answer in time"),
        _ => (ErrorKind::Unavailable, "the connection was lost"),
    };
    Error::new(kind, STORE, message).with_source(error)
}

/// While connecting to `place`.
pub(super) fn not_connected(place: &str, within: Duration, error: RedisError) -> Error {
    let text = error.to_string();
    if error.is_timeout() {
        let message = format!("{place} did not accept a connection within {within:?}");
        return Error::new(ErrorKind::Unavailable, STORE, message).with_source(error);
    }
    let sentence = if text.contains("UnknownIssuer") || text.contains("CaUsedAsEndEntity") {
        format!("the certificate of {place} is not signed by an authority that we trust; name it with ?ca=PATH")
    } else if text.contains("NotValidForName") {
        format!("the certificate of {place} is for another name")
    } else if text.contains("invalid peer certificate") {
        format!("the certificate of {place} is not valid")
    } else if text.contains("CertificateRequired") || text.contains("received fatal alert") {
        format!("{place} wants a certificate of ours that it trusts; give ?cert=PATH&key=PATH")
    } else if text.contains("PEM") {
        format!("a file with a certificate or a key for {place} is not PEM")
    } else if text.contains("cluster support disabled") {
        format!("{place} is not a cluster; use redis: for a server alone")
    } else if text.contains("switch database") || text.contains("DB index") {
        format!("{place} has no database with this number")
    } else if matches!(error.kind(), redis::ErrorKind::Io | redis::ErrorKind::ClusterConnectionNotFound) {
        let tls =
            if text.contains("InvalidContentType") || text.contains("corrupt message") { " with TLS" } else { "" };
        format!("{place} cannot be reached{tls}")
    } else {
        return failed(error);
    };
    let kind = match error.kind() {
        Kind::Io | Kind::ClusterConnectionNotFound if sentence.ends_with("reached") => ErrorKind::Unavailable,
        _ => ErrorKind::Refused,
    };
    Error::new(kind, STORE, sentence).with_source(error)
}
