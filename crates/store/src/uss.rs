//! The two methods of VWO's User Storage Service, `get` and `set`, over any store.
//!
//! An SDK calls `get(userId, campaignKey)`, decides, and calls `set(record)` when it decided something new. Its `set`
//! means "this is the assignment now", which is right when its `get` just answered with a variation that is gone from
//! the campaign, and wrong when its `get` failed or when somebody else was quicker. So an adapter remembers what each
//! `get` found, and a `set` of another variation offers to replace *that* one and no other (the `over` of an
//! [`Offer`](crate::Offer)); after a `get` that failed or found nothing it may create but not replace.
//!
//! **Forgetting what was read is harmless.** An offer without `over` can only create or join, so the worst that
//! happens is that a variation which is gone stays held a little longer: the SDK decides again by the same hash, and
//! its next `get` and `set` replace it. Remembering too long is harmless as well, because what is remembered names
//! the claim that put the variation there, and that claim is replaced at most once.
//!
//! Two adapters: [`UserStorage`] for SDKs whose calls own a thread from `get` to `set` (all of them, in their
//! synchronous mode), [`AsyncUserStorage`] for those whose calls are interleaved.
mod blocking;
mod core;
mod found;
mod interleaved;
mod quiet;
mod readings;
mod unattributed;
mod wait;

use crate::{Clock, Dialect, Kind, Scope, SystemClock};
use std::{num::NonZeroUsize, sync::Arc, time::Duration};

pub use blocking::UserStorage;
pub use found::Found;
pub use interleaved::AsyncUserStorage;
#[cfg(feature = "connector")]
pub(crate) use {
    self::core::offer,
    readings::Readings,
    unattributed::Unattributed,
    wait::{wait, wait_until},
};

/// How many readings a thread remembers, of all its [`UserStorage`]s together; then the oldest is forgotten.
pub const READINGS_PER_THREAD: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();
/// How many readings an [`AsyncUserStorage`] remembers; then the oldest is forgotten.
pub const READINGS: NonZeroUsize = NonZeroUsize::new(8_192).unwrap();
/// How long an [`AsyncUserStorage`] replaces nothing under a key after a `get` of it that failed or found nothing.
pub const QUIET: Duration = Duration::from_secs(10);

/// What an SDK's records belong to, and how it spells them.
#[derive(Clone, Debug)]
pub struct Options {
    /// Account and environment.
    pub scope: Scope,
    /// Which family of records.
    pub kind: Kind,
    /// How the SDK spells its list of goals; both spellings are read.
    pub dialect: Dialect,
    /// Says when a variation was decided.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            scope: Scope::default(),
            kind: Kind::default(),
            dialect: Dialect::default(),
            clock: Arc::new(SystemClock),
        }
    }
}
