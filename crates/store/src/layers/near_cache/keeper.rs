//! Keeps what is known, and decides what an answer may change.
use super::{
    Assignment, Key, NearCacheOptions, NearCacheStats, Peek, Timestamp, User,
    fetch::{self, Flight, Landing},
    flights::{Asked, Flights, Since},
    known::{Draft, Known, Read},
    stats::Counters,
    sync::{AtomicU64, Mutex, MutexGuard, Ordering, PoisonError},
};
use quick_cache::{DefaultHashBuilder, Equivalent, Lifecycle, Weighter, sync::Cache};
use std::{
    collections::{HashMap, hash_map},
    hash::{Hash, Hasher},
    ptr,
    sync::Arc,
};

/// What assignments take on average, for the size of the table to begin with.
const TYPICAL: u64 = 1024;

/// How late, in milliseconds, `Clock::recent` may be and change nothing: a system's tick ten times over.
const LATE: u64 = 100;

/// Readers look at the table and nothing else. Whoever changes an entry holds the stripe of its user, so that what
/// is known and what happened meanwhile change together.
#[derive(Debug)]
pub(super) struct Keeper {
    table: Cache<User, Known, Weight, DefaultHashBuilder, Evictions>,
    stripes: Box<[Mutex<HashMap<User, Flights>>]>,
    /// What was read in an earlier era is not fresh.
    era: AtomicU64,
    /// What is younger is fresh.
    max_age: u64,
    /// And what is younger than this tells what is absent.
    absent_for: u64,
    options: NearCacheOptions,
    pub(super) counters: Arc<Counters>,
}

/// A question about one user that is under way.
#[derive(Debug)]
pub(super) struct Ticket {
    keeper: Arc<Keeper>,
    user: User,
    began: u64,
    read: Read,
    ended: bool,
}

/// How a question will be answered: by reads that others began, and perhaps by one that is to be sent off.
#[derive(Debug, Default)]
pub(super) struct Trip {
    pub(super) ways: HashMap<Key, Way>,
    pub(super) joined: Vec<Landing>,
    pub(super) own: Option<Own>,
}

/// How one key will be answered.
#[derive(Debug)]
pub(super) enum Way {
    /// Another read has landed since the caller looked.
    Known(Peek),
    /// By the read of this number that others began.
    Joined(usize),
    Own,
}

/// A read that is to be sent off.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) keys: Vec<Key>,
    pub(super) tickets: Vec<Ticket>,
    pub(super) flight: Flight,
    pub(super) landing: Landing,
}

impl Keeper {
    pub(super) fn new(options: NearCacheOptions) -> Self {
        let counters = Arc::new(Counters::default());
        let items = usize::try_from(options.bytes / TYPICAL).unwrap_or(usize::MAX).clamp(1, 1 << 20);
        let evictions = Evictions(counters.clone());
        let table = Cache::with(items, options.bytes, Weight, DefaultHashBuilder::default(), evictions);
        let stripes = (0..table.num_shards()).map(|_| Mutex::default()).collect();
        let (max_age, absent_for) = (millis(options.max_age), millis(options.absent_for));
        Self { table, stripes, era: AtomicU64::new(1), max_age, absent_for, options, counters }
    }
    pub(super) fn stats(&self) -> NearCacheStats {
        self.counters.seen(self.table.len() as u64, self.table.weight())
    }

    /// What may be answered without asking anybody.
    #[inline]
    pub(super) fn peek(&self, key: &Key) -> Peek {
        let Some(known) = self.table.get(&Sought(key.user())) else { return Peek::Unknown };
        self.told(known, key)
    }
    /// What may be answered if nobody else can be asked.
    pub(super) fn stale(&self, key: &Key) -> Option<Arc<Assignment>> {
        let (known, now) = (self.table.get(key.user())?, self.options.clock.now());
        let (_, slot) = known.slot(key).filter(|(_, slot)| now.as_millis() < slot.ends())?;
        let age = age(slot.read(), now)?;
        (age <= self.options.max_stale).then(|| slot.held().clone())
    }
    /// The moment, by the clock that judges everything here.
    pub(super) fn now(&self) -> Timestamp {
        self.options.clock.now()
    }

    /// A write about `user` begins, or a read that nobody may share.
    pub(super) fn begin(self: &Arc<Self>, user: &User) -> Ticket {
        let read = self.reading();
        let began = self.flights(user).entry(user.clone()).or_default().begin();
        self.ticket(user, began, read)
    }
    /// Finds reads under way that answer for `keys`, and begins one for the others. `shared` says whether what others
    /// began is good enough.
    pub(super) fn board(self: &Arc<Self>, mut keys: Vec<Key>, shared: bool) -> Trip {
        let mut trip = Trip::default();
        keys.sort_unstable();
        keys.dedup();
        for keys in keys.chunk_by(|one, other| one.user() == other.user()) {
            if let Some(key) = keys.first() {
                self.board_user(key.user(), keys, shared, &mut trip);
            }
        }
        trip
    }
    fn board_user(self: &Arc<Self>, user: &User, keys: &[Key], shared: bool, trip: &mut Trip) {
        let (mut stripe, mut own) = (self.flights(user), Vec::new());
        let read = self.reading();
        for key in keys {
            let told = if shared { self.peek(key) } else { Peek::Unknown };
            let open = stripe.get(user).and_then(|flights| flights.answering(key, read.era));
            let way = match (told, open.filter(|_| shared)) {
                (Peek::Unknown, None) => {
                    own.push(key.clone());
                    Way::Own
                }
                (Peek::Unknown, Some(landing)) => Way::Joined(trip.join(landing)),
                (told, _) => Way::Known(told),
            };
            trip.ways.insert(key.clone(), way);
        }
        if !own.is_empty() {
            let flights = stripe.entry(user.clone()).or_default();
            let (began, trip) = (flights.begin(), trip.own.get_or_insert_with(Own::new));
            flights.open(began, read.era, Asked::Keys(own.clone()), trip.landing.clone());
            trip.tickets.push(self.ticket(user, began, read));
            trip.keys.append(&mut own);
        }
    }
    /// The same for everything of `user`; nothing if that is known.
    pub(super) fn board_whole(self: &Arc<Self>, user: &User) -> Trip {
        let mut flights = self.flights(user);
        let (read, mut trip) = (self.reading(), Trip::default());
        if self.table.get(user).and_then(|known| known.whole()).is_some_and(|whole| self.tells_absence(whole)) {
            return trip;
        }
        let flights = flights.entry(user.clone()).or_default();
        if let Some(landing) = flights.answering_whole(read.era) {
            trip.join(landing);
            return trip;
        }
        let (began, mut own) = (flights.begin(), Own::new());
        own.tickets.push(self.ticket(user, began, read));
        flights.open(began, read.era, Asked::Whole, own.landing.clone());
        trip.own = Some(own);
        trip
    }

    /// Somebody changed something about `user`: nothing is known, and what is being asked means nothing.
    pub(super) fn forget(&self, user: &User) {
        let mut stripe = self.flights(user);
        if let Some(flights) = stripe.get_mut(user) {
            flights.all_forgotten();
        }
        self.table.remove(user);
    }
    /// The same, where what is known is still the best guess as long as nobody can be asked.
    pub(super) fn doubt(&self, user: &User) {
        let mut stripe = self.flights(user);
        if let Some(flights) = stripe.get_mut(user) {
            flights.all_doubted();
        }
        if let Some(known) = self.table.peek(user) {
            let mut draft = known.draft();
            draft.doubt_all();
            self.replace(user, draft);
        }
    }
    /// Forgets one key.
    pub(super) fn forget_key(&self, key: &Key) {
        self.unsettle(key, Draft::forget);
    }
    /// Doubts one key.
    pub(super) fn doubt_key(&self, key: &Key) {
        self.unsettle(key, Draft::doubt);
    }
    /// Anything may have changed: what is known, and what is being asked, counts only while nobody can be asked.
    pub(super) fn outdate(&self) {
        self.era.fetch_add(1, Ordering::SeqCst);
        if self.options.max_stale.is_zero() {
            self.table.clear();
        }
    }

    fn unsettle(&self, key: &Key, change: impl FnOnce(&mut Draft, &Key)) {
        let mut stripe = self.flights(key.user());
        if let Some(flights) = stripe.get_mut(key.user()) {
            flights.forgotten(key);
        }
        if let Some(known) = self.table.peek(key.user()) {
            let mut draft = known.draft();
            change(&mut draft, key);
            self.replace(key.user(), draft);
        }
    }
    fn ticket(self: &Arc<Self>, user: &User, began: u64, read: Read) -> Ticket {
        Ticket { keeper: self.clone(), user: user.clone(), began, read, ended: false }
    }
    #[inline]
    fn told(&self, known: Known, key: &Key) -> Peek {
        match known.slot(key) {
            Some((place, slot)) if self.counts(slot.read(), self.max_age, slot.ends()) => Peek::Held(known.held(place)),
            None if known.whole().is_some_and(|whole| self.tells_absence(whole)) => Peek::Absent,
            _ => Peek::Unknown,
        }
    }
    fn tells_absence(&self, whole: Read) -> bool {
        self.counts(whole, self.max_age.min(self.absent_for), u64::MAX)
    }
    /// Whether what was read is younger than `max_age` and has not ended.
    #[inline]
    fn counts(&self, read: Read, max_age: u64, ends: u64) -> bool {
        if read.era != self.era.load(Ordering::SeqCst) {
            return false;
        }
        // What comes from the future is older than anything: the difference wraps around.
        let counts = |now: u64, left: u64| {
            now.wrapping_sub(read.at.as_millis()) < max_age.saturating_sub(left) && now + left < ends
        };
        counts(self.options.clock.recent().as_millis(), LATE) || counts(self.options.clock.now().as_millis(), 0)
    }
    fn reading(&self) -> Read {
        Read { at: self.options.clock.recent(), era: self.era.load(Ordering::SeqCst) }
    }
    fn flights(&self, user: &User) -> MutexGuard<'_, HashMap<User, Flights>> {
        // There are as many stripes as shards.
        self.stripes[self.table.shard_index(user)].lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn replace(&self, user: &User, draft: Draft) {
        match draft.finish() {
            Some(known) => self.table.insert(user.clone(), known),
            None => drop(self.table.remove(user)),
        }
    }
}

impl Ticket {
    /// The question was answered: these keys are held so, or absent.
    pub(super) fn learn<'a>(self, answers: impl IntoIterator<Item = (&'a Key, Option<&'a Arc<Assignment>>)>) {
        self.change(|draft, flights, ticket| {
            for (key, held) in answers {
                ticket.settle(draft, flights, key, held);
            }
        });
    }
    /// Everything of the user was read.
    pub(super) fn learn_whole(self, held: &HashMap<Key, Arc<Assignment>>) {
        self.change(|draft, flights, ticket| {
            let whole = flights.is_whole_since(ticket.began);
            let gone = draft.keys(&ticket.user).into_iter().filter(|key| !held.contains_key(key));
            draft.whole = whole.then_some(ticket.read);
            for key in gone {
                ticket.settle(draft, flights, &key, None);
            }
            for (key, held) in held {
                ticket.settle(draft, flights, key, Some(held));
            }
        });
    }

    /// One answer. What was learnt since the question began overlaps with it: under one `by` revisions tell which is
    /// later, and otherwise nothing does.
    fn settle(&self, draft: &mut Draft, flights: &mut Flights, key: &Key, held: Option<&Arc<Assignment>>) {
        match (flights.since(self.began, key), draft.slot(key).map(|slot| slot.held().clone()), held) {
            // Not only this answer is in doubt: if it was a claim's, one that began later and was applied earlier
            // would hide it.
            (since @ (Since::Forgotten | Since::Doubted), known, held) => {
                let overlaps = flights.is_learnt_since(self.began, key);
                flights.forgotten(key);
                match (known, held) {
                    // Forgotten, and not only doubted: it does not come back.
                    (None, _) if since == Since::Forgotten => {}
                    // What is known was true before this was asked, and what the store pushed may have been this very
                    // claim. While nobody can be asked, this is the better guess: a process is never told again what its
                    // own claim has replaced.
                    (_, Some(held)) if !overlaps => {
                        flights.learnt(key);
                        draft.keep(key, held, self.read);
                    }
                    (Some(known), Some(held)) if known.by == held.by => {}
                    _ => draft.forget(key),
                }
                draft.doubt(key);
            }
            (Since::Nothing, _, Some(held)) => {
                flights.learnt(key);
                draft.keep(key, held, self.read);
            }
            (Since::Nothing, _, None) => {
                flights.learnt(key);
                draft.keep_absent(key);
            }
            (Since::Learnt, Some(known), Some(held)) if known.by == held.by => {
                if known.revision < held.revision {
                    flights.learnt(key);
                    draft.keep(key, held, self.read);
                }
            }
            (Since::Learnt, _, _) => {
                flights.forgotten(key);
                draft.forget(key);
            }
        }
    }
    fn change(mut self, change: impl FnOnce(&mut Draft, &mut Flights, &Self)) {
        let keeper = self.keeper.clone();
        let mut stripe = keeper.flights(&self.user);
        let hash_map::Entry::Occupied(mut flights) = stripe.entry(self.user.clone()) else { return };
        let mut draft = keeper.table.peek(&self.user).map(|known| known.draft()).unwrap_or_default();
        change(&mut draft, flights.get_mut(), &self);
        keeper.replace(&self.user, draft);
        // Under the same lock, so that nobody finds neither the read nor what it found.
        self.ended = true;
        if flights.get_mut().end(self.began) {
            flights.remove();
        }
    }
}

impl Drop for Ticket {
    /// Without an answer nothing was learnt.
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let mut stripe = self.keeper.flights(&self.user);
        if let hash_map::Entry::Occupied(mut flights) = stripe.entry(self.user.clone())
            && flights.get_mut().end(self.began)
        {
            flights.remove();
        }
    }
}

impl Trip {
    fn join(&mut self, landing: Landing) -> usize {
        let known = self.joined.iter().position(|known| known.is(&landing));
        known.unwrap_or_else(|| {
            self.joined.push(landing);
            self.joined.len() - 1
        })
    }
}

impl Own {
    fn new() -> Self {
        let (flight, landing) = fetch::flight();
        Self { keys: Vec::new(), tickets: Vec::new(), flight, landing }
    }
}

/// Milliseconds, of which a fraction counts as one; less than the distance of whatever wraps around.
fn millis(age: std::time::Duration) -> u64 {
    u64::try_from(age.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).min(u64::MAX / 2)
}

/// How old it is; what comes from the future does not tell.
fn age(read: Read, now: Timestamp) -> Option<std::time::Duration> {
    (read.at <= now).then(|| read.at.until(now))
}

/// A user who is looked for: texts that are one in memory need not be compared.
struct Sought<'a>(&'a User);

impl Hash for Sought<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Equivalent<User> for Sought<'_> {
    #[inline]
    fn equivalent(&self, known: &User) -> bool {
        let same = |one: &str, other: &str| ptr::eq(one, other) || one == other;
        same(self.0.id(), known.id()) && same(self.0.scope().as_str(), known.scope().as_str())
    }
}

#[derive(Clone, Debug)]
struct Weight;

impl Weighter<User, Known> for Weight {
    fn weight(&self, _: &User, known: &Known) -> u64 {
        known.weight()
    }
}

/// Counts what had to go.
#[derive(Clone, Debug)]
struct Evictions(Arc<Counters>);

impl Lifecycle<User, Known> for Evictions {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), _: User, _: Known) {
        self.0.evicted();
    }
}
