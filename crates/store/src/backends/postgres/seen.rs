//! What this process has seen in the table, so that a claim begins with the one statement that is likely to settle it.
//!
//! Only hints: what was seen may be gone, what was forgotten may be there. A wrong one costs a round trip and nothing else.
use crate::{Key, Name};
use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicU16, Ordering::Relaxed},
};

/// Half a megabyte. Of two that fall in one place the last is remembered.
const PLACES: usize = 1 << 18;

pub(super) struct Seen(Box<[AtomicU16]>);

impl Seen {
    /// `key` is held, with all of `goals`.
    pub(super) fn note(&self, key: &Key, goals: &[Name]) {
        self.mark(hash(key));
        if !goals.is_empty() {
            self.mark(hash((key, goals)));
        }
    }
    pub(super) fn is_held(&self, key: &Key) -> bool {
        self.is_marked(hash(key))
    }
    pub(super) fn has_goals(&self, key: &Key, goals: &[Name]) -> bool {
        self.is_marked(hash((key, goals)))
    }
    /// The user of `key` has many more campaigns of its kind than were asked for.
    pub(super) fn note_crowd(&self, key: &Key) {
        self.mark(hash((key.user(), key.kind())));
    }
    pub(super) fn is_crowded(&self, key: &Key) -> bool {
        self.is_marked(hash((key.user(), key.kind())))
    }

    fn mark(&self, hash: u64) {
        if let Some(place) = self.place(hash) {
            place.store(rest(hash), Relaxed);
        }
    }
    fn is_marked(&self, hash: u64) -> bool {
        self.place(hash).is_some_and(|place| place.load(Relaxed) == rest(hash))
    }
    fn place(&self, hash: u64) -> Option<&AtomicU16> {
        self.0.get(hash as usize % PLACES)
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self((0..PLACES).map(|_| AtomicU16::new(0)).collect())
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seen")
    }
}

/// What tells two apart that fall in one place; 0 is nobody.
fn rest(hash: u64) -> u16 {
    (hash >> 48).max(1) as u16
}

fn hash(what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
