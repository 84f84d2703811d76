//! What is found out once, at the start: whether these servers can keep assignments at all.
use super::{
    STORE,
    link::Link,
    place::{Place, Topology},
};
use crate::{Error, ErrorKind, Result};
use redis::{Value, cmd, from_redis_value};
use std::collections::HashMap;

/// The oldest version that has every command that the scripts use (ZRANDMEMBER).
const OLDEST: (u32, u32) = (6, 2);

/// Refuses servers that are too old, of another kind than the URL says, or free to throw assignments away.
pub(super) async fn check(link: &Link, place: &Place, expires: bool) -> Result<()> {
    let deadline = link.deadline();
    let hello = link.ask_all(&cmd("HELLO"), deadline).await;
    let masters = match hello {
        Err(error) if error.kind() == ErrorKind::Refused && is_unknown_command(&error) => {
            return Err(refused(format!("{} is older than version 6.2", link.spelled())));
        }
        other => other?,
    };
    for master in masters {
        let about = fields(master);
        let field = |name: &str| about.get(name).map(String::as_str).unwrap_or_default();
        let mut version = field("version").split('.').map(|part| part.parse().unwrap_or(0));
        if (version.next().unwrap_or(0), version.next().unwrap_or(0)) < OLDEST {
            let message =
                format!("{} has version {}, and 6.2 is the oldest that will do", link.spelled(), field("version"));
            return Err(refused(message));
        }
        match (field("mode"), &place.topology) {
            ("cluster", Topology::Alone | Topology::Sentinel(_)) => {
                return Err(refused(format!("{} belongs to a cluster; use redis+cluster:", link.spelled())));
            }
            ("sentinel", _) => {
                return Err(refused(format!("{} is a sentinel; use redis+sentinel:", link.spelled())));
            }
            _ => {}
        }
        if matches!(field("role"), "replica" | "slave") {
            return Err(refused(format!("{} is a replica, which takes no writes; name its master", link.spelled())));
        }
    }
    if place.evictable { Ok(()) } else { keeps_assignments(link, expires).await }
}

async fn keeps_assignments(link: &Link, expires: bool) -> Result<()> {
    let deadline = link.deadline();
    let policies: Vec<String> = match link.ask_all(cmd("CONFIG").arg("GET").arg("maxmemory-policy"), deadline).await {
        Ok(answers) => answers.into_iter().filter_map(|answer| fields(answer).remove("maxmemory-policy")).collect(),
        Err(error) if error.is_transient() => return Err(error),
        // Hosted servers often forbid CONFIG and allow INFO, which says it too.
        Err(_) => match link.ask_all(cmd("INFO").arg("memory"), deadline).await {
            Ok(answers) => answers.into_iter().filter_map(policy_of_info).collect(),
            Err(error) if error.is_transient() => return Err(error),
            Err(_) => Vec::new(),
        },
    };
    if policies.is_empty() {
        let message = "this user may neither CONFIG GET nor INFO, so whether the server evicts assignments is unknown; \
                       if its maxmemory-policy is noeviction, say so with ?evictable=accepted";
        return Err(refused(message.to_owned()));
    }
    for policy in policies {
        if policy.starts_with("allkeys-") || expires && policy.starts_with("volatile-") {
            let message = format!(
                "the server may evict assignments (maxmemory-policy {policy}); set it to noeviction, or accept the loss \
                 with ?evictable=accepted"
            );
            return Err(refused(message));
        }
    }
    Ok(())
}

fn policy_of_info(answer: Value) -> Option<String> {
    let text: String = from_redis_value(answer).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("maxmemory_policy:"))?;
    Some(line.trim().to_owned())
}

/// An answer of names and values; what is neither is left out.
fn fields(answer: Value) -> HashMap<String, String> {
    let parts: Vec<Value> = match answer {
        Value::Map(pairs) => pairs.into_iter().flat_map(|(name, value)| [name, value]).collect(),
        Value::Array(parts) => parts,
        _ => Vec::new(),
    };
    let mut parts = parts.into_iter();
    let mut fields = HashMap::new();
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        if let (Ok(name), Ok(value)) = (from_redis_value(name), from_redis_value(value)) {
            fields.insert(name, value);
        }
    }
    fields
}

fn is_unknown_command(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.to_string().contains("unknown command"))
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::Refused, STORE, message)
}
