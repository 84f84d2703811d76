//! Violations that the checker must find: in histories made by hand, and in those of stores with a planted fault.
use crate::{
    bent::Bent,
    checker::{Event, Explained, explain},
    crowd::{Crowd, record},
    list::FAULTS,
    model::{Answer, Question, State, ask},
};
use stayput::{ClaimId, Key, Kind, Name, Offer, Scope, Timestamp};
use std::sync::Arc;

/// What a rival of the sound store does, and a crowd must notice.
const NOTICED: [&str; 12] = [
    "claims read, then write",
    "a claim overwrites",
    "reads are stale after writes",
    "absence is cached",
    "goals are lost",
    "goals are lost on replacement",
    "the loser's goals are dropped",
    "`over` is ignored",
    "every goal is new to everybody",
    "no goal is ever new",
    "the latest claim takes the credit",
    "revisions stand still",
];

/// Faults planted in a real store are found in what a crowd is told.
pub(crate) async fn stores() {
    for name in NOTICED {
        let fault = FAULTS.iter().find(|fault| fault.name == name).expect("tests/faults/list.rs has it");
        let mut found = false;
        for seed in 0..50 {
            let one = Bent::new(fault);
            let stores = [Arc::new(one.client()), Arc::new(one)];
            let crowd = Crowd { clients: 6, keys: 2, operations: 12, patience: 0 };
            found = record(&stores, crowd, seed).await.check(seed, true).is_err();
            if found {
                break;
            }
        }
        assert!(found, "nobody noticed that {name}");
    }
}

fn key() -> Key {
    Key::new(&Scope::default(), Kind::Classic, "user", "campaign").expect("legal")
}
fn name(name: &str) -> Name {
    Name::variation(name).expect("legal")
}
fn offer(claim: u64, variation: &str) -> Offer {
    Offer::new(key(), ClaimId(claim), Timestamp::from_millis(1)).offering(name(variation))
}
/// The answer that `question` gets after `before`.
fn told(before: &[&Offer], question: &Question) -> Answer {
    let mut state: State = None;
    before.iter().for_each(|offer| drop(ask(&mut state, &Question::Claim(Box::new((*offer).clone())))));
    ask(&mut state, question)
}
fn claims(asked: u64, answered: u64, offer: &Offer, before: &[&Offer]) -> Event {
    let question = Question::Claim(Box::new(offer.clone()));
    let answer = told(before, &question);
    Event { question, asked, answered: Some((answered, answer)) }
}
fn gets(asked: u64, answered: u64, before: &[&Offer]) -> Event {
    Event { question: Question::Get, asked, answered: Some((answered, told(before, &Question::Get))) }
}
fn fails(asked: u64, offer: &Offer) -> Event {
    Event { question: Question::Claim(Box::new(offer.clone())), asked, answered: None }
}

/// Each is wrong by one answer.
pub(crate) async fn histories() {
    let (a, b) = (offer(1, "A").bringing([name("g")]), offer(2, "B").bringing([name("h")]));
    let sound = |history: &[Event]| assert_eq!(explain(history, false), Ok(Explained::Once));
    let wrong = |history: &[Event]| assert!(explain(history, true).is_err(), "{history:?}");

    sound(&[claims(0, 1, &a, &[]), gets(2, 3, &[&a])]);
    wrong(&[claims(0, 1, &a, &[]), gets(2, 3, &[])]); // a stale read
    sound(&[claims(0, 3, &a, &[]), gets(1, 2, &[])]); // not while the claim is on its way
    wrong(&[claims(0, 3, &a, &[]), gets(1, 2, &[&a]), gets(4, 5, &[])]); // nor may it go back

    sound(&[claims(0, 1, &a, &[]), claims(2, 3, &b, &[&a]), gets(4, 5, &[&a, &b])]);
    wrong(&[claims(0, 1, &a, &[]), claims(2, 3, &b, &[&a]), gets(4, 5, &[&a])]); // a lost goal
    wrong(&[claims(0, 3, &a, &[]), claims(1, 2, &b, &[])]); // two winners
    let again = offer(3, "A").bringing([name("g")]);
    let mut twice = claims(2, 3, &again, &[&a]);
    if let Some((_, Answer::Claimed { new_goals, .. })) = &mut twice.answered {
        new_goals.push(name("g"));
    }
    wrong(&[claims(0, 1, &a, &[]), twice]); // one goal new to two
}

/// What failed may have come about, late, or not at all, and once.
pub(crate) async fn open() {
    let (a, b) = (offer(1, "A"), offer(2, "B"));
    let holds = |history: &[Event]| assert_eq!(explain(history, false), Ok(Explained::Once), "{history:?}");
    holds(&[fails(0, &a), gets(2, 3, &[])]); // never, so far
    holds(&[fails(0, &a), gets(2, 3, &[]), gets(4, 5, &[&a])]); // late
    holds(&[fails(0, &a), claims(2, 3, &b, &[&a])]);
    holds(&[fails(0, &a), claims(2, 3, &b, &[])]);
    let wrong = |history: &[Event]| assert!(explain(history, true).is_err(), "{history:?}");
    wrong(&[fails(4, &a), gets(2, 3, &[&a])]); // not before it was asked
    wrong(&[fails(0, &a), gets(2, 3, &[&a]), gets(4, 5, &[])]); // and not back again
    wrong(&[fails(0, &a), gets(2, 3, &[&b])]); // and nothing else
    // A client that repeats: the first attempt came, a rival replaced it, and the second was told so.
    let over = offer(3, "C").replacing(name("A"), Some(ClaimId(1)));
    let repeated = [claims(0, 5, &a, &[&a, &over]), claims(1, 2, &over, &[&a])];
    assert!(explain(&repeated, false).is_err());
    assert_eq!(explain(&repeated, true), Ok(Explained::WithRepeats));
}
