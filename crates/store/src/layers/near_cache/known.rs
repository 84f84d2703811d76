//! What is known of one user: an immutable picture that readers share and writers replace.
use super::{Assignment, Key, Timestamp, User};
use std::{mem::size_of, sync::Arc};

/// About what an entry costs beside its assignments: its place in the table, and those that are kept free.
const ENTRY: usize = 2 * (size_of::<User>() + size_of::<Known>() + 21);

/// All that is known of one user.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// In the order of keys.
    slots: Arc<[Slot]>,
    /// When the whole record was read, if nothing was forgotten since: what has no slot was absent then.
    whole: Option<Read>,
    weight: u64,
}

/// What is held for one key.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    key: Key,
    held: Arc<Assignment>,
    expires_at: Option<Timestamp>,
    read: Read,
    weight: usize,
}

/// When something was asked for, which is before it was true: by the clock, and in which era of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) at: Timestamp,
    pub(super) era: u64,
}

/// A picture that is being changed.
#[derive(Debug, Default)]
pub(super) struct Draft {
    slots: Vec<Slot>,
    pub(super) whole: Option<Read>,
}

impl Known {
    /// What is held for `key`, as far as is known.
    pub(super) fn slot(&self, key: &Key) -> Option<&Slot> {
        self.slots.get(place(&self.slots, key).ok()?)
    }
    /// When the whole record was read, if absence can be told at all.
    pub(super) fn whole(&self) -> Option<Read> {
        self.whole
    }
    /// About how many bytes it takes.
    pub(super) fn weight(&self) -> u64 {
        self.weight
    }
    /// A copy to change.
    pub(super) fn draft(&self) -> Draft {
        Draft { slots: self.slots.to_vec(), whole: self.whole }
    }
}

impl Slot {
    pub(super) fn held(&self) -> &Arc<Assignment> {
        &self.held
    }
    pub(super) fn read(&self) -> Read {
        self.read
    }
    /// Whether it still counts at `now`, without looking at the assignment itself.
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

impl Read {
    /// What was learnt by no means that could be trusted: it is never fresh.
    pub(super) fn doubtful(self) -> Self {
        Self { era: 0, ..self }
    }
}

impl Draft {
    pub(super) fn slot(&self, key: &Key) -> Option<&Slot> {
        self.slots.get(place(&self.slots, key).ok()?)
    }
    /// The keys that have a slot.
    pub(super) fn keys(&self) -> Vec<Key> {
        self.slots.iter().map(|slot| slot.key.clone()).collect()
    }
    /// `key` held `held` when it was read; what a spool only guesses is never fresh, and no claim is answered by it.
    pub(super) fn keep(&mut self, key: &Key, held: &Arc<Assignment>, read: Read) {
        let read = if held.is_guess() { read.doubtful() } else { read };
        let (held, expires_at, weight) = (held.clone(), held.expires_at, weight(key, held));
        let slot = Slot { key: key.clone(), held, expires_at, read, weight };
        match place(&self.slots, key) {
            Ok(at) => self.slots[at] = slot,
            Err(at) => self.slots.insert(at, slot),
        }
    }
    /// Nothing is held for `key`, and nothing else is in doubt.
    pub(super) fn keep_absent(&mut self, key: &Key) {
        if let Ok(at) = place(&self.slots, key) {
            self.slots.remove(at);
        }
    }
    /// Nothing is known about `key` any more.
    pub(super) fn forget(&mut self, key: &Key) {
        self.keep_absent(key);
        self.whole = None;
    }
    /// What is known about `key` may be wrong: it counts only while there is no better answer.
    pub(super) fn doubt(&mut self, key: &Key) {
        if let Ok(at) = place(&self.slots, key) {
            let slot = &mut self.slots[at];
            slot.read = slot.read.doubtful();
        }
        self.whole = None;
    }
    /// The picture, unless it shows nothing.
    pub(super) fn finish(self) -> Option<Known> {
        if self.slots.is_empty() && self.whole.is_none() {
            return None;
        }
        let weight = ENTRY + self.slots.iter().map(|slot| slot.weight).sum::<usize>();
        Some(Known { slots: self.slots.into(), whole: self.whole, weight: weight as u64 })
    }
}

/// Slots are all of one user, so kind and campaign tell them apart.
fn place(slots: &[Slot], key: &Key) -> Result<usize, usize> {
    slots.binary_search_by(|slot| (slot.key.kind(), slot.key.campaign()).cmp(&(key.kind(), key.campaign())))
}

/// About how many bytes a slot takes, with what it points to; shared names count wherever they are.
fn weight(key: &Key, held: &Assignment) -> usize {
    const POINTED: usize = 32; // the counts in front of a shared text, and what an allocator rounds up
    let text = |text: &str| text.len() + POINTED;
    let goals: usize = held.goals.iter().map(|goal| size_of_val(goal) + text(&goal.name)).sum();
    let documents = held.meta_data.iter().map(|meta_data| &meta_data.document).chain(&held.extra);
    let documents: usize = documents.map(|document| text(document.as_str())).sum();
    let names = text(key.campaign()) + text(&held.variation) + held.replaced.as_deref().map_or(0, text);
    let ids = text(key.user_id()) + text(key.scope().as_str());
    size_of::<Slot>() + size_of::<Assignment>() + 2 * POINTED + names + ids + goals + documents
}
