//! What happened to one user while questions about that user are under way: which of two answers is the later one.
use super::{Key, fetch::Landing};
use std::collections::HashMap;

/// Exists only while something is under way, so its size follows the traffic and not the number of users.
#[derive(Debug, Default)]
pub(super) struct Flights {
    /// Counts what begins and what becomes known.
    clock: u64,
    /// When each question that is under way began.
    running: Vec<u64>,
    marks: HashMap<Key, Mark>,
    /// When everything about the user was forgotten, or doubted.
    forgotten: u64,
    /// When it was forgotten.
    gone: u64,
    /// Reads that others may wait for.
    open: Vec<Open>,
}

/// What happened to a key since the oldest question began.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    learnt: u64,
    forgotten: u64,
}

/// A read that is under way.
#[derive(Debug)]
struct Open {
    began: u64,
    era: u64,
    asked: Asked,
    landing: Landing,
}

/// What a read asks about a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// In order.
    Keys(Vec<Key>),
    Whole,
}

/// What happened to a key since a question began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    Nothing,
    /// Another answer came.
    Learnt,
    /// Somebody may have changed it, which may have been the question itself: an answer to it is only a guess.
    Doubted,
    /// Somebody did away with it, or may have: an answer to the question means nothing.
    Forgotten,
}

impl Flights {
    /// A question begins; this is its name until it ends.
    pub(super) fn begin(&mut self) -> u64 {
        self.clock += 1;
        self.running.push(self.clock);
        self.clock
    }
    /// It ended. True if nothing is under way any more, so that nothing needs to be remembered.
    pub(super) fn end(&mut self, began: u64) -> bool {
        self.running.retain(|running| *running != began);
        self.open.retain(|open| open.began != began);
        let oldest = self.running.iter().min().copied().unwrap_or(u64::MAX);
        self.marks.retain(|_, mark| mark.learnt.max(mark.forgotten) > oldest);
        self.running.is_empty()
    }
    pub(super) fn since(&self, began: u64, key: &Key) -> Since {
        let mark = self.marks.get(key).copied().unwrap_or_default();
        match () {
            () if mark.forgotten.max(self.gone) > began => Since::Forgotten,
            () if self.forgotten > began => Since::Doubted,
            () if mark.learnt > began => Since::Learnt,
            () => Since::Nothing,
        }
    }
    /// Whether another answer came since, whatever else happened.
    pub(super) fn is_learnt_since(&self, began: u64, key: &Key) -> bool {
        self.marks.get(key).is_some_and(|mark| mark.learnt > began)
    }
    /// Whether nothing at all was forgotten since a question began.
    pub(super) fn is_whole_since(&self, began: u64) -> bool {
        self.forgotten <= began && self.marks.values().all(|mark| mark.forgotten <= began)
    }
    pub(super) fn learnt(&mut self, key: &Key) {
        self.clock += 1;
        self.marks.entry(key.clone()).or_default().learnt = self.clock;
    }
    pub(super) fn forgotten(&mut self, key: &Key) {
        self.clock += 1;
        self.marks.entry(key.clone()).or_default().forgotten = self.clock;
    }
    pub(super) fn all_forgotten(&mut self) {
        self.all_doubted();
        self.gone = self.clock;
    }
    pub(super) fn all_doubted(&mut self) {
        self.clock += 1;
        self.forgotten = self.clock;
    }

    /// Lets others wait for a read.
    pub(super) fn open(&mut self, began: u64, era: u64, asked: Asked, landing: Landing) {
        self.open.push(Open { began, era, asked, landing });
    }
    /// A read under way that answers a question about `key` as well as a new one: nothing happened to it since.
    pub(super) fn answering(&self, key: &Key, era: u64) -> Option<Landing> {
        let answers = |open: &&Open| {
            let asked = match &open.asked {
                Asked::Keys(keys) => keys.binary_search(key).is_ok(),
                Asked::Whole => true,
            };
            asked && open.era == era && self.since(open.began, key) == Since::Nothing
        };
        self.open.iter().rev().find(answers).map(|open| open.landing.clone())
    }
    /// A read of everything that is as good as a new one.
    pub(super) fn answering_whole(&self, era: u64) -> Option<Landing> {
        let answers = |open: &&Open| {
            open.asked == Asked::Whole && open.era == era && self.is_whole_since(open.began) && {
                self.marks.values().all(|mark| mark.learnt <= open.began)
            }
        };
        self.open.iter().find(answers).map(|open| open.landing.clone())
    }
}
