//! What the layers promise, over a store that fails on demand, in paused time.
mod breaker;
mod guesses;
mod retention;
mod shadow;
mod spool;
mod timeout;

use stayput::{ClaimId, Key, Kind, Name, Offer, Scope, Timestamp, backends::Memory, testing::Faulty};
use std::sync::Arc;

/// A store that fails on demand, also for whoever made it.
pub(crate) type Backend = Arc<Faulty<Memory>>;

pub(crate) fn backend() -> Backend {
    Arc::new(Faulty::new(Memory::default()))
}
pub(crate) fn key(user: &str) -> Key {
    Key::new(&Scope::default(), Kind::Classic, user, "campaign").expect("legal")
}
pub(crate) fn name(text: &str) -> Name {
    Name::variation(text).expect("legal")
}
/// An offer of `variation` for `user`, with a claim id of its own.
pub(crate) fn offer(user: &str, variation: &str) -> Offer {
    let claim = ClaimId::random().expect("random");
    Offer::new(key(user), claim, Timestamp::from_millis(1)).offering(name(variation))
}
