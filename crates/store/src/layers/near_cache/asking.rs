//! Reads and claims: from what is known where that is enough, else by the store behind, and never twice at once.
use super::{
    Assignment, AssignmentStore, Claimed, Error, ErrorKind, Key, Kind, NAME, Offer, Outcome, Peek, Result, ScanStore,
    User, again, distinct,
    fetch::Found,
    keeper::{Keeper, Own, Ticket, Way},
    sync,
};
use std::{collections::HashMap, sync::Arc};

/// A store, and what is known of it.
#[derive(Debug)]
pub(super) struct Asking<S> {
    pub(super) inner: S,
    pub(super) keeper: Arc<Keeper>,
}

/// What a key holds, and whether that may be outdated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it holds, or held.
    pub held: Option<Assignment>,
    /// Whether the store failed, and this is what it said some time ago: at most `max_stale`.
    pub is_stale: bool,
}

impl<S: AssignmentStore> Asking<S> {
    /// What each key holds.
    pub(super) async fn look(self: &Arc<Self>, keys: &[Key]) -> Result<Vec<Seen>> {
        let known: Vec<Option<Seen>> = keys.iter().map(|key| known(self.keeper.peek(key))).collect();
        let open = unanswered(keys, &known);
        self.keeper.counters.hit(keys.len() - open.len());
        if open.is_empty() {
            return Ok(known.into_iter().flatten().collect());
        }
        self.keeper.counters.missed(open.len());
        let found = self.find(open).await?;
        let told = keys.iter().zip(known).map(|(key, known)| known.or_else(|| found.get(key).cloned()));
        // Each key that was not known was asked for.
        told.map(|seen| seen.ok_or_else(unanswered_key)).collect()
    }

    /// Joins each offer with what is held.
    pub(super) async fn claim(self: &Arc<Self>, offers: &[Offer]) -> Result<Vec<Claimed>> {
        distinct(offers.iter().map(|offer| &offer.key))?;
        let known: Vec<Option<Claimed>> = offers.iter().map(|offer| self.settled(offer)).collect();
        let open = unanswered(offers, &known);
        self.keeper.counters.hit(offers.len() - open.len());
        if open.is_empty() {
            return Ok(known.into_iter().flatten().collect());
        }
        let claiming = Claiming::new(&self.keeper, &open);
        let mut claimed = self.inner.claim(&open).await?;
        if claimed.len() != open.len() {
            return Err(unanswered_key());
        }
        for (offer, claimed) in open.iter().zip(&mut claimed).filter(|(_, claimed)| is_guess(claimed)) {
            // A spool knows only what waits there; what the store said last is a better guess than nothing.
            if let Some(held) = self.keeper.stale(&offer.key) {
                claimed.held = offer.join(Some(Assignment::clone(&held)), self.keeper.now()).claimed.held;
            }
        }
        claiming.answered(&claimed);
        let mut rest = claimed.into_iter();
        Ok(known.into_iter().filter_map(|known| known.or_else(|| rest.next())).collect())
    }

    /// The answer to an offer that changes nothing. Goals always go to the store: what is known may be older than
    /// another process's conversion. Not so those of FME, holdouts, which an SDK repeats with every decision and nobody
    /// counts. So does a replacement of somebody else than is known here.
    fn settled(&self, offer: &Offer) -> Option<Claimed> {
        let Peek::Held(held) = self.keeper.peek(&offer.key) else { return None };
        if !offer.goals.is_empty() && offer.key.kind() != Kind::Fme {
            return None;
        }
        let joined = offer.join(Some(Assignment::clone(&held)), self.keeper.now());
        let outdated = offer.over.is_some() && joined.claimed.outcome == Outcome::Kept;
        (!joined.changed && !outdated).then_some(joined.claimed)
    }

    async fn find(self: &Arc<Self>, keys: Vec<Key>) -> Result<HashMap<Key, Seen>> {
        let mut found = HashMap::with_capacity(keys.len());
        let mut trip = self.keeper.board(keys, true);
        let own = match trip.own.take() {
            Some(own) => self.send(own).await,
            None => None,
        };
        let mut joined = Vec::with_capacity(trip.joined.len());
        for landing in trip.joined {
            joined.push(landing.found().await);
        }
        let mut alone = Vec::new();
        for (key, way) in trip.ways {
            let seen = match way {
                Way::Known(told) => known(told),
                Way::Own => Some(self.seen(&key, own.as_deref())?),
                Way::Joined(number) => match joined.get(number).and_then(Option::as_deref) {
                    // What was wrong may have been another key, that only the other one asked for.
                    Some(Err(error)) if !error.is_transient() => None,
                    None => None,
                    landed => Some(self.seen(&key, landed)?),
                },
            };
            match seen {
                Some(seen) => drop(found.insert(key, seen)),
                None => alone.push(key),
            }
        }
        if !alone.is_empty() {
            let mut trip = self.keeper.board(alone, false);
            if let Some(own) = trip.own.take() {
                let landed = self.send(own).await;
                for key in trip.ways.into_keys() {
                    let seen = self.seen(&key, landed.as_deref())?;
                    found.insert(key, seen);
                }
            }
        }
        Ok(found)
    }

    /// What a read says about `key`. If the store failed, what it said before may have to do.
    fn seen(&self, key: &Key, landed: Option<&Found>) -> Result<Seen> {
        let error = match landed {
            Some(Ok(found)) => {
                let held = found.get(key).map(|held| Assignment::clone(held));
                return Ok(Seen { held, is_stale: false });
            }
            Some(Err(error)) => again(error),
            None => Error::new(ErrorKind::Unavailable, NAME, "a read was given up; it can be asked again"),
        };
        match self.keeper.stale(key).filter(|_| error.is_transient()) {
            Some(held) => {
                self.keeper.counters.stale(1);
                Ok(Seen { held: Some(Assignment::clone(&held)), is_stale: true })
            }
            None => Err(error),
        }
    }

    /// Sends a read off in a task of its own: whoever asked first may lose interest while others wait.
    async fn send(self: &Arc<Self>, own: Own) -> Option<Arc<Found>> {
        let (asking, landing) = (self.clone(), own.landing.clone());
        let Own { keys, tickets, flight, .. } = own;
        sync::spawn(async move {
            asking.keeper.counters.read();
            let found: Found = asking.inner.get(&keys).await.and_then(|held| match held.len() == keys.len() {
                true => {
                    Ok(keys.iter().cloned().zip(held).filter_map(|(key, held)| Some((key, held?.into()))).collect())
                }
                false => Err(unanswered_key()),
            });
            match &found {
                Ok(found) => {
                    let users = keys.chunk_by(|one, other| one.user() == other.user());
                    for (ticket, keys) in tickets.into_iter().zip(users) {
                        ticket.learn(keys.iter().map(|key| (key, found.get(key))));
                    }
                }
                Err(_) => drop(tickets), // before anybody hears of it: who asks then is to ask anew
            }
            flight.land(found);
        });
        landing.found().await
    }
}

impl<S: ScanStore> Asking<S> {
    /// Makes everything of `user` known.
    pub(super) async fn prefetch(self: &Arc<Self>, user: &User) -> Result<()> {
        // The second time alone, should the read that others began be given up.
        for _ in 0..2 {
            let mut trip = self.keeper.board_whole(user);
            let landed = match (trip.own.take(), trip.joined.pop()) {
                (Some(own), _) => self.send_whole(user, own).await,
                (None, Some(landing)) => landing.found().await,
                (None, None) => return Ok(()),
            };
            if let Some(found) = landed {
                return found.as_ref().as_ref().map(drop).map_err(again);
            }
        }
        Err(Error::new(ErrorKind::Unavailable, NAME, "a read was given up; it can be asked again"))
    }

    async fn send_whole(self: &Arc<Self>, user: &User, own: Own) -> Option<Arc<Found>> {
        let (asking, landing, user) = (self.clone(), own.landing.clone(), user.clone());
        let Own { tickets, flight, .. } = own;
        sync::spawn(async move {
            asking.keeper.counters.read();
            let found: Found = asking.inner.user(&user).await.and_then(|held| {
                match held.iter().all(|entry| entry.key.user() == &user) {
                    true => Ok(held.into_iter().map(|entry| (entry.key, entry.assignment.into())).collect()),
                    false => Err(of_others()),
                }
            });
            match &found {
                Ok(found) => tickets.into_iter().for_each(|ticket| ticket.learn_whole(found)),
                Err(_) => drop(tickets), // as above
            }
            flight.land(found);
        });
        landing.found().await
    }
}

/// Claims that are under way. Dropped without an answer they may or may not have changed something.
struct Claiming<'a> {
    keeper: &'a Keeper,
    offers: &'a [Offer],
    /// The user's ticket, and which offers are about the user.
    users: Vec<(Ticket, Vec<usize>)>,
    is_answered: bool,
}

impl<'a> Claiming<'a> {
    fn new(keeper: &'a Arc<Keeper>, offers: &'a [Offer]) -> Self {
        let mut numbers: HashMap<&User, usize> = HashMap::new();
        let mut users: Vec<(Ticket, Vec<usize>)> = Vec::new();
        for (place, offer) in offers.iter().enumerate() {
            let user = offer.key.user();
            let number = *numbers.entry(user).or_insert_with(|| {
                users.push((keeper.begin(user), Vec::new()));
                users.len() - 1
            });
            if let Some((_, places)) = users.get_mut(number) {
                places.push(place);
            }
        }
        Self { keeper, offers, users, is_answered: false }
    }
    fn answered(mut self, claimed: &[Claimed]) {
        self.is_answered = true;
        let held: Vec<_> = claimed.iter().map(|claimed| claimed.held.clone().map(Arc::new)).collect();
        for (ticket, places) in self.users.drain(..) {
            let about = places.iter().filter_map(|place| {
                let (offer, held) = (self.offers.get(*place)?, held.get(*place)?.as_ref());
                // Who guesses does not know of absence.
                (held.is_some() || !is_guess(claimed.get(*place)?)).then_some((&offer.key, held))
            });
            ticket.learn(about);
        }
        for (offer, _) in self.offers.iter().zip(claimed).filter(|(_, claimed)| is_guess(claimed)) {
            self.keeper.doubt_key(&offer.key);
        }
    }
}

impl Drop for Claiming<'_> {
    fn drop(&mut self) {
        for offer in self.offers.iter().filter(|_| !self.is_answered) {
            match offer.over {
                Some(_) => self.keeper.forget_key(&offer.key),
                None => self.keeper.doubt_key(&offer.key),
            }
        }
    }
}

/// Whether the store has not answered yet.
fn is_guess(claimed: &Claimed) -> bool {
    claimed.outcome == Outcome::Spooled
}

fn known(told: Peek) -> Option<Seen> {
    let held = match told {
        Peek::Held(held) => Some(Assignment::clone(&held)),
        Peek::Absent => None,
        Peek::Unknown => return None,
    };
    Some(Seen { held, is_stale: false })
}

fn unanswered<Q: Clone, A>(questions: &[Q], known: &[Option<A>]) -> Vec<Q> {
    questions.iter().zip(known).filter(|(_, known)| known.is_none()).map(|(question, _)| question.clone()).collect()
}

/// Entries of another user would be shown to this one: what is known of a user is told apart by campaign alone.
pub(super) fn of_others() -> Error {
    Error::new(ErrorKind::Corrupt, NAME, "the store behind told of another user than was asked for")
}

fn unanswered_key() -> Error {
    Error::new(ErrorKind::Corrupt, NAME, "the store behind did not give one answer to each question")
}
