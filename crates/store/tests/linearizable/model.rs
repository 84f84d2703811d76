//! One key as a single-threaded object, written from the words of the rule and not from the crate's code for it.
use stayput::{Assignment, ClaimId, Claimed, Name, Offer, Outcome};

/// What is held; `None` before anybody has created.
pub(crate) type State = Option<Held>;

/// The parts of an assignment that a rival can notice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Held {
    pub(crate) variation: Name,
    pub(crate) by: ClaimId,
    pub(crate) in_place_of: Option<Name>,
    pub(crate) goals: Vec<(Name, ClaimId)>,
    pub(crate) revision: u64,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) enum Question {
    Get,
    Claim(Box<Offer>),
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Held(State),
    Claimed { held: State, outcome: Outcome, new_goals: Vec<Name> },
}

/// Answers `question` alone, and leaves what is held afterwards.
pub(crate) fn ask(state: &mut State, question: &Question) -> Answer {
    match question {
        Question::Get => Answer::Held(state.clone()),
        Question::Claim(offer) => claim(state, offer),
    }
}

fn claim(state: &mut State, offer: &Offer) -> Answer {
    let Some(held) = state else {
        // A variation belongs to the first writer; goals alone leave no trace.
        *state = offer.variation.clone().map(|variation| Held {
            variation,
            by: offer.claim,
            in_place_of: None,
            goals: offer.goals.iter().map(|goal| (goal.clone(), offer.claim)).collect(),
            revision: 1,
        });
        return answer(state, offer);
    };
    let before = held.clone();
    if let (Some(offered), Some(over)) = (&offer.variation, &offer.over) {
        let is_named = over.variation == held.variation && over.by.is_none_or(|by| by == held.by);
        if *offered != held.variation && is_named {
            held.in_place_of = Some(held.variation.clone());
            (held.variation, held.by) = (offered.clone(), offer.claim);
        }
    }
    for goal in &offer.goals {
        if !held.goals.iter().any(|(name, _)| name == goal) {
            held.goals.push((goal.clone(), offer.claim));
        }
    }
    if *held != before {
        held.revision += 1;
    }
    answer(state, offer)
}

/// The same for every repeat: it says what is held, and what of it this claim has put there.
fn answer(state: &State, offer: &Offer) -> Answer {
    let own = |goal: &Name| {
        state.as_ref().is_some_and(|held| held.goals.iter().any(|(name, by)| name == goal && *by == offer.claim))
    };
    let mut new_goals: Vec<Name> = offer.goals.iter().filter(|goal| own(goal)).cloned().collect();
    new_goals.sort();
    let outcome = match (state, &offer.variation) {
        (Some(held), Some(offered)) if held.variation != *offered => Outcome::Kept,
        (Some(held), Some(_)) if held.by == offer.claim => match held.in_place_of {
            Some(_) => Outcome::Replaced,
            None => Outcome::Created,
        },
        _ if new_goals.is_empty() => Outcome::Unchanged,
        _ => Outcome::Joined,
    };
    Answer::Claimed { held: state.clone(), outcome, new_goals }
}

impl From<Assignment> for Held {
    fn from(held: Assignment) -> Self {
        Self {
            goals: held.goals.iter().map(|goal| (goal.name.clone(), goal.by)).collect(),
            variation: held.variation,
            by: held.by,
            in_place_of: held.replaced,
            revision: held.revision,
        }
    }
}

impl From<Option<Assignment>> for Answer {
    fn from(held: Option<Assignment>) -> Self {
        Self::Held(held.map(Held::from))
    }
}

impl From<Claimed> for Answer {
    fn from(claimed: Claimed) -> Self {
        let mut new_goals = claimed.new_goals;
        new_goals.sort();
        Self::Claimed { held: claimed.held.map(Held::from), outcome: claimed.outcome, new_goals }
    }
}
