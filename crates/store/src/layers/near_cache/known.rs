//! What is known of one user: an immutable picture that readers share and writers replace.
use super::{Assignment, Key, Kind, Timestamp, User};
use std::{fmt, mem::size_of, ops::Deref, ptr, sync::Arc};

/// About what an entry costs beside its assignments: its place in the table, and those that are kept free.
const ENTRY: usize = 2 * (size_of::<User>() + size_of::<Known>() + 21) + size_of::<Picture>();

/// All that is known of one user. One pointer, so that the table has its entries close together.
#[derive(Clone, Debug)]
pub(super) struct Known(Arc<Picture>);

/// What a reader of the first campaign looks at lies in one place: a hit costs what the memory takes that it comes across.
#[derive(Debug)]
#[repr(C)]
struct Picture {
    /// Most users are in one campaign, or seen in one.
    first: Option<Slot>,
    /// The others, in the order of keys as all.
    others: Box<[Slot]>,
    /// When the whole record was read, if nothing was forgotten since: what has no slot was absent then.
    whole: Option<Read>,
    weight: u64,
}

/// What is held for one key.
#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct Slot {
    read: Read,
    /// When it expires, in milliseconds; the last there are if never.
    ends: u64,
    campaign: Arc<str>,
    kind: Kind,
    held: Arc<Assignment>,
    weight: usize,
}

/// What a key holds, as the cache knows it; cheap to clone. It keeps alive what was known of its user at that time.
#[derive(Clone)]
pub struct Held {
    known: Known,
    /// Whose slot there is.
    place: usize,
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
    /// What is held for `key`, as far as is known, and where it stands.
    #[inline]
    pub(super) fn slot(&self, key: &Key) -> Option<(usize, &Slot)> {
        let first = self.0.first.as_ref()?;
        if first.is_of(key) {
            return Some((0, first));
        }
        let place = place(&self.0.others, key).ok()?;
        Some((place + 1, self.0.others.get(place)?))
    }
    /// What stands at `place`. The picture itself is handed out: a count of the assignment's own would be one more
    /// far-away line of memory to write, twice.
    #[inline]
    pub(super) fn held(self, place: usize) -> Held {
        Held { known: self, place }
    }
    /// When the whole record was read, if absence can be told at all.
    pub(super) fn whole(&self) -> Option<Read> {
        self.0.whole
    }
    /// About how many bytes it takes.
    pub(super) fn weight(&self) -> u64 {
        self.0.weight
    }
    /// A copy to change.
    pub(super) fn draft(&self) -> Draft {
        Draft { slots: self.0.first.iter().chain(&self.0.others).cloned().collect(), whole: self.0.whole }
    }
}

impl Picture {
    fn held(&self, place: usize) -> &Arc<Assignment> {
        match (place.checked_sub(1), &self.first) {
            (None, Some(first)) => &first.held,
            (others, _) => &self.others[others.unwrap_or_default()].held,
        }
    }
}

impl Slot {
    /// Slots are all of one user, so kind and campaign tell them apart.
    #[inline]
    fn is_of(&self, key: &Key) -> bool {
        let (own, asked) = (&*self.campaign, key.campaign());
        self.kind == key.kind() && (ptr::eq(own, asked) || own == asked)
    }
    #[inline]
    pub(super) fn held(&self) -> &Arc<Assignment> {
        &self.held
    }
    #[inline]
    pub(super) fn read(&self) -> Read {
        self.read
    }
    /// When it expires, in milliseconds, without looking at the assignment itself.
    #[inline]
    pub(super) fn ends(&self) -> u64 {
        self.ends
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
    /// The keys of `user` that have a slot.
    pub(super) fn keys(&self, user: &User) -> Vec<Key> {
        self.slots.iter().filter_map(|slot| user.key(slot.kind, &slot.campaign).ok()).collect()
    }
    /// `key` held `held` when it was read; what a spool only guesses is never fresh, and no claim is answered by it.
    pub(super) fn keep(&mut self, key: &Key, held: &Arc<Assignment>, read: Read) {
        let read = if held.is_guess() { read.doubtful() } else { read };
        let ends = held.expires_at.map_or(u64::MAX, Timestamp::as_millis);
        let slot = Slot {
            read,
            ends,
            campaign: key.shared_campaign().clone(),
            kind: key.kind(),
            held: held.clone(),
            weight: weight(key, held),
        };
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
    /// The same of all that is known.
    pub(super) fn doubt_all(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.read = slot.read.doubtful());
        self.whole = None;
    }
    /// The picture, unless it shows nothing.
    pub(super) fn finish(self) -> Option<Known> {
        if self.slots.is_empty() && self.whole.is_none() {
            return None;
        }
        let weight = ENTRY + self.slots.iter().map(|slot| slot.weight).sum::<usize>();
        let (whole, mut slots) = (self.whole, self.slots.into_iter());
        let (first, others) = (slots.next(), slots.collect());
        Some(Known(Arc::new(Picture { first, others, whole, weight: weight as u64 })))
    }
}

impl Held {
    /// The same, by itself.
    pub fn shared(&self) -> Arc<Assignment> {
        self.known.0.held(self.place).clone()
    }
}

impl Deref for Held {
    type Target = Assignment;
    fn deref(&self) -> &Assignment {
        self.known.0.held(self.place)
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Held {}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Where the slot for `key` is, or would be.
fn place(slots: &[Slot], key: &Key) -> std::result::Result<usize, usize> {
    slots.binary_search_by(|slot| (slot.kind, &*slot.campaign).cmp(&(key.kind(), key.campaign())))
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
