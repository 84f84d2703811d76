//! What a case works with: two clients, keys of its own, and the words in which cases are written.
use super::Clients;
use crate::{
    Assignment, AssignmentStoreExt, ClaimId, Claimed, Clock, Document, Entry, Key, Kind, Name, Offer, Outcome,
    ScanStore, Scope, SystemClock, Timestamp, User,
};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

pub(super) type Store = Arc<dyn ScanStore>;

/// Two clients, and a scope that no other case and no other run uses.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) one: Store,
    pub(super) other: Store,
    pub(super) scope: Scope,
}

impl Scene {
    pub(super) fn new(case: &str, Clients { one, other }: Clients, run: u64) -> Self {
        Self { one, other, scope: scope(&format!("{run:016x}-{case}")) }
    }
    pub(super) fn user(&self, id: &str) -> User {
        User::new(&self.scope, id).expect("a legal user id")
    }
    pub(super) fn key(&self, user: &str) -> Key {
        self.user(user).key(Kind::Classic, "campaign").expect("a legal campaign key")
    }
    /// An offer of `variation` and `goals` for `user`, decided now.
    pub(super) fn offer(&self, user: &str, variation: &str, goals: &[&str]) -> Offer {
        offer(self.key(user), variation, goals)
    }
    /// An offer of goals only.
    pub(super) fn goals(&self, user: &str, goals: &[&str]) -> Offer {
        Offer { variation: None, ..self.offer(user, "none", goals) }
    }
    /// What an offer of `variation` and `goals` would leave for `user`, to be put there.
    pub(super) fn entry(&self, user: &str, variation: &str, goals: &[&str]) -> Entry {
        entry(self.key(user), variation, goals)
    }
    /// The same with an end.
    pub(super) fn ending(&self, user: &str, variation: &str, goals: &[&str], end: Timestamp) -> Entry {
        let Entry { key, assignment } = self.entry(user, variation, goals);
        Entry { key, assignment: Assignment { expires_at: Some(end), ..assignment } }
    }
}

pub(super) fn offer(key: Key, variation: &str, goals: &[&str]) -> Offer {
    let claim = ClaimId::random().expect("a random claim id");
    Offer::new(key, claim, now()).offering(name(variation)).bringing(goals.iter().map(|goal| name(goal)))
}
pub(super) fn entry(key: Key, variation: &str, goals: &[&str]) -> Entry {
    let offer = offer(key, variation, goals);
    let held = offer.join(None, now()).claimed.held;
    Entry { key: offer.key, assignment: held.expect("an offer of a variation creates") }
}
pub(super) fn name(name: &str) -> Name {
    Name::variation(name).expect("a legal name")
}
pub(super) fn scope(name: &str) -> Scope {
    Scope::new(name).expect("a legal scope")
}
pub(super) fn document(value: Value) -> Option<Document> {
    Some(Document::new("metaData", &value).expect("a legal document"))
}

pub(super) fn now() -> Timestamp {
    SystemClock.now()
}
pub(super) fn hours_ago(hours: u64) -> Timestamp {
    Timestamp::from_millis(now().as_millis().saturating_sub(hours * 3_600_000))
}
pub(super) fn in_hours(hours: u64) -> Timestamp {
    now().plus(lasting(hours))
}
pub(super) fn lasting(hours: u64) -> Duration {
    Duration::from_secs(hours * 3_600)
}
/// Whether two clocks that may be minutes apart could both have shown `time` about now.
pub(super) fn is_recent(time: Timestamp) -> bool {
    hours_ago(1) < time && time < in_hours(1)
}

pub(super) async fn held(store: &Store, key: &Key) -> Option<Assignment> {
    store.get_one(key).await.expect("get")
}
pub(super) async fn claim(store: &Store, offer: &Offer) -> Claimed {
    store.claim_one(offer).await.expect("claim")
}
pub(super) async fn put(store: &Store, entries: &[Entry]) {
    store.put(entries).await.expect("put");
}
pub(super) async fn remove(store: &Store, keys: &[Key]) {
    store.remove(keys).await.expect("remove");
}

/// What became of an offer, which variation is held, and which goals are new.
pub(super) fn told(claimed: &Claimed) -> (Outcome, Option<&str>, Vec<&str>) {
    let variation = claimed.held.as_ref().map(|held| held.variation.as_str());
    (claimed.outcome, variation, claimed.new_goals.iter().map(Name::as_str).collect())
}
/// What is held after a claim that must leave something.
pub(super) fn left(claimed: &Claimed) -> &Assignment {
    claimed.held.as_ref().expect("something is held after this claim")
}
pub(super) fn goals_of(held: &Assignment) -> Vec<&str> {
    held.goals.iter().map(|goal| goal.name.as_str()).collect()
}
pub(super) fn variation(held: &Option<Assignment>) -> Option<&str> {
    held.as_ref().map(|held| held.variation.as_str())
}
