//! A cache in front of a store that fails and dawdles on demand.
use stayput::{
    AssignmentStore, AssignmentStoreExt, ClaimId, Claimed, ErrorKind, Key, Kind, Name, Offer, Result, Scope, Timestamp,
    User,
    backends::Memory,
    layers::{NearCache, NearCacheOptions, Peek},
    testing::{Call, Faulty, ManualClock, Operation, Plan},
};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::task::JoinHandle;

pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

/// The cache, what is really stored, and the clock of both.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) cache: NearCache<Arc<Faulty<Arc<Memory>>>>,
    pub(crate) faulty: Arc<Faulty<Arc<Memory>>>,
    /// Another process's way to the same assignments.
    pub(crate) other: Arc<Memory>,
    pub(crate) clock: Arc<ManualClock>,
}

impl Scene {
    /// Nothing is stored, and nothing known ages unless `options` say so.
    pub(crate) fn new(options: impl FnOnce(NearCacheOptions) -> NearCacheOptions) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
        let other = Arc::new(Memory::new(clock.clone()));
        let faulty = Arc::new(Faulty::new(other.clone()));
        let options = options(NearCacheOptions::default().max_age(1_000 * HOUR).clock(clock.clone()));
        Self { cache: NearCache::new(faulty.clone(), options), faulty, other, clock }
    }
    pub(crate) fn lasting() -> Self {
        Self::new(|options| options)
    }
    /// The other process claims `variation` for user `u`.
    pub(crate) async fn held(&self, variation: &str) -> Claimed {
        let now = self.clock.advanced();
        self.other.claim_one(&offer("u", variation, now)).await.expect("claim")
    }
    /// What is known of `u` without asking.
    pub(crate) fn known(&self) -> Option<String> {
        match self.cache.peek(&key("u")) {
            Peek::Held(held) => Some(held.variation.to_string()),
            Peek::Absent => Some("absent".into()),
            Peek::Unknown => None,
        }
    }
    /// The revision known of `u`.
    pub(crate) fn revision(&self) -> Option<u64> {
        match self.cache.peek(&key("u")) {
            Peek::Held(held) => Some(held.revision),
            _ => None,
        }
    }
    /// Which variation a read of `u` answers.
    pub(crate) async fn read(&self) -> Result<Option<String>> {
        Ok(self.cache.get_one(&key("u")).await?.map(|held| held.variation.to_string()))
    }
    /// How often the store was asked so far.
    pub(crate) fn calls(&self) -> u64 {
        self.faulty.calls()
    }
    /// Begins a read of `u` whose answer is true now and arrives after `late`.
    pub(crate) async fn slow_read(&self, late: Duration) -> JoinHandle<Result<Option<String>>> {
        self.faulty.next([Plan::pass().answered_late(late)]);
        let scene = self.clone();
        let read = tokio::spawn(async move { scene.read().await });
        self.settle().await;
        read
    }
    /// Begins a claim of `u` that is applied now and whose answer arrives after `late`.
    pub(crate) async fn slow_claim(&self, offer: Offer, late: Duration) -> JoinHandle<Result<Claimed>> {
        self.faulty.next([Plan::pass().answered_late(late)]);
        let cache = self.cache.clone();
        let claim = tokio::spawn(async move { cache.claim_one(&offer).await });
        self.settle().await;
        claim
    }
    /// Lets everything go on until it waits for time to pass.
    pub(crate) async fn settle(&self) {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    /// Every read fails from now on.
    pub(crate) fn fail(&self, kind: ErrorKind) {
        self.faulty.always(Plan::fail(kind));
    }
    /// Nothing fails any more.
    pub(crate) fn heal(&self) {
        self.faulty.always(Plan::pass());
    }
}

/// A clock that gives every writer another moment.
pub(crate) trait Advanced {
    fn advanced(&self) -> Timestamp;
}
impl Advanced for ManualClock {
    fn advanced(&self) -> Timestamp {
        self.advance(Duration::from_millis(1));
        stayput::Clock::now(self)
    }
}

pub(crate) fn key(user: &str) -> Key {
    Key::new(&Scope::default(), Kind::Classic, user, "c").expect("legal")
}
pub(crate) fn user(id: &str) -> User {
    User::new(&Scope::default(), id).expect("legal")
}
pub(crate) fn name(text: &str) -> Name {
    Name::variation(text).expect("legal")
}
pub(crate) fn offer(user: &str, variation: &str, now: Timestamp) -> Offer {
    Offer::new(key(user), ClaimId::random().expect("a random number"), now).offering(name(variation))
}
pub(crate) fn goal(user: &str, goal: &str, now: Timestamp) -> Offer {
    Offer::new(key(user), ClaimId::random().expect("a random number"), now).bringing([name(goal)])
}
/// Delays reads, nothing else.
pub(crate) fn slow_gets(late: Duration) -> impl FnMut(Call<'_>) -> Plan + Send + 'static {
    move |call| match call.operation {
        Operation::Get(_) | Operation::User(_) => Plan::pass().answered_late(late),
        _ => Plan::pass(),
    }
}
/// All of them at once.
pub(crate) async fn all<T: Send + 'static>(many: Vec<impl Future<Output = T> + Send + 'static>) -> Vec<T> {
    let tasks: Vec<_> = many.into_iter().map(tokio::spawn).collect();
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.expect("no panic"));
    }
    done
}
/// A store of which nothing but the contract is known.
pub(crate) fn dynamic(scene: &Scene) -> Arc<dyn AssignmentStore> {
    Arc::new(scene.cache.clone())
}
