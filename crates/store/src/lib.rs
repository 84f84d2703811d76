//! Keeps A/B-test assignments where they are: one rule, one trait, many places to store them.
//!
//! Server-side A/B-testing SDKs compute a user's variation from a hash, so it moves when somebody edits the
//! campaign. This crate remembers it. A variation belongs to the first writer, goals only grow, a miss is not a
//! failure, and nothing acknowledged is lost.
//!
//! Start at [`Offer::join`] (the rule) and [`AssignmentStore`] (the contract); then [`backends`] (where bytes
//! live), [`layers`] (stores around stores) and `conformance` (what each of them must obey).

#[cfg(feature = "changes")]
mod changes;
mod clock;
mod error;
#[cfg(any(feature = "connector", feature = "file"))]
mod fork;
#[cfg(any(feature = "file", feature = "spool"))]
mod full_disk;
#[cfg(any(feature = "memcached", feature = "mongodb", feature = "postgres"))]
mod queues;
mod record;
#[cfg(any(feature = "memcached", feature = "mongodb"))]
mod several;
#[cfg(any(feature = "memcached", feature = "redis"))]
mod spread;
mod store;
#[cfg(any(feature = "breaker", feature = "spool"))]
mod sync;

pub mod backends;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "connector")]
pub mod connector;
pub mod layers;
#[cfg(feature = "open")]
mod open;
#[cfg(feature = "stack")]
mod stack;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "uss")]
pub mod uss;

#[cfg(feature = "changes")]
pub use changes::{Change, Changes, Feed};
pub use clock::{Clock, SystemClock, Timestamp};
pub use error::{Error, ErrorKind, Result};
#[cfg(all(feature = "changes", feature = "open"))]
pub use open::open_followed;
#[cfg(feature = "open")]
pub use open::{Observed, SCHEMES, StoreUrl, open, open_observed, retention};
pub use record::{
    Assignment, ClaimId, Claimed, Document, Entry, Goal, Goals, Imported, Joined, Key, Kind, MetaData, Name, Offer,
    Outcome, Over, Scope, Unknown, User, codec, limits,
};
#[cfg(feature = "json")]
pub use record::{Dialect, Line, Record};
#[cfg(feature = "stack")]
pub use stack::{Stack, StackOptions, stack};
pub use store::{AssignmentStore, AssignmentStoreExt, BoxFuture, Cursor, Page, ScanStore, Unreadable, distinct};

#[cfg(all(doctest, feature = "open"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
