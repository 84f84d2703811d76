//! Clients that get and claim a few keys at once, and the history of what they asked and were told.
use crate::{
    checker::{Event, Explained, explain},
    dice::Dice,
    model::Question,
};
use stayput::{Assignment, AssignmentStore, AssignmentStoreExt, ClaimId, Key, Kind, Name, Offer, Scope, Timestamp};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};
use tokio::{task::JoinSet, time::sleep};

/// How many ask at once, about how many keys, how often each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowd {
    pub(crate) clients: usize,
    pub(crate) keys: usize,
    pub(crate) operations: usize,
    /// How long at most a client that failed waits before it goes on, in milliseconds.
    pub(crate) patience: u64,
}

/// The histories of several keys, each on its own: what happens to one says nothing about another.
#[derive(Debug, Default)]
pub(crate) struct Histories {
    pub(crate) events: HashMap<Key, Vec<Event>>,
}

/// What came of checking histories.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    pub(crate) histories: usize,
    pub(crate) operations: usize,
    pub(crate) open: usize,
    pub(crate) repeated: usize,
}

/// Lets a crowd loose on `stores`, whose clients take them in turns.
pub(crate) async fn record<S: AssignmentStore + Clone>(stores: &[S], crowd: Crowd, seed: u64) -> Histories {
    let scope = Scope::new(&format!("crowd-{}", random())).expect("legal");
    let key = |number| Key::new(&scope, Kind::Classic, &format!("user-{number}"), "campaign").expect("legal");
    let keys: Arc<Vec<Key>> = Arc::new((0..crowd.keys).map(key).collect());
    let (time, histories) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Histories::default())));
    let mut clients = JoinSet::new();
    for number in 0..crowd.clients {
        let client = Client {
            store: stores[number % stores.len()].clone(),
            keys: keys.clone(),
            dice: Dice::new(seed.wrapping_mul(1_000).wrapping_add(number as u64)),
            time: time.clone(),
            histories: histories.clone(),
            read: HashMap::new(),
            failed: None,
        };
        clients.spawn(client.run(crowd));
    }
    clients.join_all().await;
    std::mem::take(&mut *histories.lock().expect("no client panicked"))
}

impl Histories {
    /// Explains every history, or says which seed has one that cannot be.
    pub(crate) fn check(&self, seed: u64, repeats: bool) -> Result<Sum, String> {
        let mut sum = Sum::default();
        for history in self.events.values() {
            let explained = explain(history, repeats).map_err(|why| format!("seed {seed}: {why}"))?;
            sum.histories += 1;
            sum.operations += history.len();
            sum.open += history.iter().filter(|event| event.answered.is_none()).count();
            sum.repeated += usize::from(explained == Explained::WithRepeats);
        }
        Ok(sum)
    }
}

impl std::ops::AddAssign for Sum {
    fn add_assign(&mut self, more: Self) {
        self.histories += more.histories;
        self.operations += more.operations;
        self.open += more.open;
        self.repeated += more.repeated;
    }
}

struct Client<S> {
    store: S,
    keys: Arc<Vec<Key>>,
    dice: Dice,
    time: Arc<AtomicU64>,
    histories: Arc<Mutex<Histories>>,
    /// What this client saw last of each key: an offer may name it.
    read: HashMap<Key, Option<Assignment>>,
    failed: Option<Offer>,
}

impl<S: AssignmentStore> Client<S> {
    async fn run(mut self, crowd: Crowd) {
        for _ in 0..crowd.operations {
            let key = self.keys[self.dice.below(self.keys.len() as u64) as usize].clone();
            match self.failed.take() {
                // As a caller does: the same offer again, with its claim id.
                Some(offer) if self.dice.percent(50) => self.claim(offer).await,
                _ if self.dice.percent(45) => self.get(key).await,
                _ => self.claim(self.offer(key)).await,
            }
            if self.failed.is_some() {
                sleep(self.dice.millis(crowd.patience)).await;
            }
        }
    }

    async fn get(&mut self, key: Key) {
        let asked = self.time.fetch_add(1, SeqCst);
        let answer = self.store.get_one(&key).await;
        let answered = self.time.fetch_add(1, SeqCst);
        // A read that failed says nothing and does nothing.
        if let Ok(held) = answer {
            self.read.insert(key.clone(), held.clone());
            self.note(key, Event { question: Question::Get, asked, answered: Some((answered, held.into())) });
        }
    }

    async fn claim(&mut self, offer: Offer) {
        let asked = self.time.fetch_add(1, SeqCst);
        let answer = self.store.claim_one(&offer).await;
        let answered = self.time.fetch_add(1, SeqCst);
        let answered = match answer {
            Ok(claimed) => {
                self.read.insert(offer.key.clone(), claimed.held.clone());
                Some((answered, claimed.into()))
            }
            Err(error) => {
                assert!(error.is_transient(), "{error}");
                self.failed = Some(offer.clone());
                None
            }
        };
        self.note(offer.key.clone(), Event { question: Question::Claim(Box::new(offer)), asked, answered });
    }

    fn offer(&self, key: Key) -> Offer {
        let dice = &self.dice;
        let mut offer = Offer::new(key, ClaimId(random()), Timestamp::from_millis(1));
        if !dice.percent(15) {
            offer.variation = Some(Name::variation(dice.of(&["A", "B", "C"])).expect("legal"));
        }
        let goals = ["g1", "g2", "g3", "g4", "g5", "g6"].into_iter().filter(|_| dice.percent(20));
        offer.goals = goals.map(|goal| Name::goal(goal).expect("legal")).collect();
        match self.read.get(&offer.key) {
            Some(Some(held)) if dice.percent(40) => offer.replacing(held.variation.clone(), Some(held.by)),
            _ => offer,
        }
    }

    fn note(&self, key: Key, event: Event) {
        let mut histories = self.histories.lock().expect("no client panicked");
        histories.events.entry(key).or_default().push(event);
    }
}

fn random() -> u64 {
    ClaimId::random().expect("random").0
}
