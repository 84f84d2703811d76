//! Whether there is an order of one key's operations that explains every answer (Wing and Gong, with Lowe's memory of
//! where the search has been).
use crate::model::{Answer, Question, State, ask};
use std::collections::HashSet;

/// One operation, and when it was asked and answered on a clock that only counts.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) question: Question,
    pub(crate) asked: u64,
    /// `None` if it failed: what it wanted may come about at any time after it was asked, or never.
    pub(crate) answered: Option<(u64, Answer)>,
}

/// How a history was explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Explained {
    /// Each operation takes effect once.
    Once,
    /// Some claim does so twice: the client has repeated it, and the first attempt had arrived.
    WithRepeats,
}

/// Explains `history`, or says how far the best try came. `repeats` says whether the client may send a claim twice.
pub(crate) fn explain(history: &[Event], repeats: bool) -> Result<Explained, String> {
    let plain = Search::new(history.to_vec()).run();
    if plain.is_ok() || !repeats {
        return plain.map(|()| Explained::Once);
    }
    let claims = history.iter().filter(|event| matches!(event.question, Question::Claim(_)));
    let attempts =
        claims.filter(|event| event.answered.is_some()).map(|event| Event { answered: None, ..event.clone() });
    Search::new(history.iter().cloned().chain(attempts).collect()).run().map(|()| Explained::WithRepeats)
}

struct Search {
    history: Vec<Event>,
    seen: HashSet<(u128, State)>,
    /// The longest order that was found, for whoever has to understand a failure.
    best: Vec<usize>,
}

impl Search {
    fn new(history: Vec<Event>) -> Self {
        assert!(history.len() <= 128, "{} operations are too many for one key", history.len());
        Self { history, seen: HashSet::new(), best: Vec::new() }
    }

    fn run(mut self) -> Result<(), String> {
        match self.step(0, &None, &mut Vec::new()) {
            true => Ok(()),
            false => Err(self.told()),
        }
    }

    /// Whether what is not `done` can follow on `state`.
    fn step(&mut self, done: u128, state: &State, order: &mut Vec<usize>) -> bool {
        let left = |place: &usize| done & (1 << place) == 0;
        let answers = self.history.iter().enumerate().filter(|(place, _)| left(place));
        // Whatever was asked after this one's answer comes after it.
        let Some(first) = answers.filter_map(|(_, event)| Some(event.answered.as_ref()?.0)).min() else { return true };
        if !self.seen.insert((done, state.clone())) {
            return false;
        }
        if order.len() > self.best.len() {
            self.best.clone_from(order);
        }
        let next = (0..self.history.len()).filter(left).filter(|place| self.history[*place].asked < first);
        for place in next.collect::<Vec<_>>() {
            let mut after = state.clone();
            let answer = ask(&mut after, &self.history[place].question);
            let may = match &self.history[place].answered {
                Some((_, told)) => *told == answer,
                None => after != *state, // one that changes nothing may as well never happen
            };
            order.push(place);
            if may && self.step(done | 1 << place, &after, order) {
                return true;
            }
            order.pop();
        }
        false
    }

    fn told(&self) -> String {
        let mut state = None;
        let mut told = vec!["no order explains these answers; the longest that explains some:".to_owned()];
        for place in &self.best {
            ask(&mut state, &self.history[*place].question);
            told.push(format!("  {:?}", self.history[*place]));
        }
        told.push(format!("leaves {state:?}, and then comes none of:"));
        let left = (0..self.history.len()).filter(|place| !self.best.contains(place));
        told.extend(left.map(|place| format!("  {:?}", self.history[place])));
        told.join("\n")
    }
}
