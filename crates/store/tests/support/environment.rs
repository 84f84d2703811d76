//! What tests that need a server ask their environment for, and names that no other test has.
use stayput::{ClaimId, Clock, ScanStore, SystemClock, Timestamp};
use std::sync::Arc;

/// Where the server of this variable is, or why its tests are ignored.
pub(crate) fn place(name: &str) -> Result<String, String> {
    variable(name).ok_or_else(|| format!("{name} is not set: servers/up starts the server and says where it is"))
}

#[expect(clippy::disallowed_methods, reason = "the script that starts servers says so in the environment")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// 1, and more in `./test --long`.
pub(crate) fn rounds(long: usize) -> usize {
    if variable("STAYPUT_LONG").is_some() { long } else { 1 }
}

pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// `url` with more options.
pub(crate) fn with(url: &str, options: &str) -> String {
    format!("{url}{}{options}", if url.contains('?') { '&' } else { '?' })
}

/// A name that no other test has, for a scope, a schema or a collection.
pub(crate) fn fresh_schema() -> String {
    format!("stayput_test_{}", ClaimId::random().expect("random"))
}

pub(crate) async fn open(url: &str) -> Arc<dyn ScanStore> {
    stayput::open(url).await.unwrap_or_else(|error| panic!("{error}"))
}
