//! Claims in the target what was found, and says what became of it; or only looks.
use super::source::{At, Found};
use crate::each;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use stayput::{Clock, Error, ErrorKind, Key, Name, Outcome, Result, ScanStore, SystemClock};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::time::sleep;

/// How many assignments one call carries; several calls are under way at once.
const CHUNK: usize = 250;
/// A target that is away for moments only does not end a migration of hours.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
];

/// What is done with what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Pass {
    /// Claimed.
    Move,
    /// Compared with what the target holds.
    Verify,
    /// Counted as if it were claimed.
    Rehearse,
}

/// What became of everything so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// Assignments that the source was found to hold.
    pub(crate) found: u64,
    pub(crate) created: u64,
    /// The target held the same variation, and got goals or metaData that it lacked.
    pub(crate) joined: u64,
    /// The target keeps another variation.
    pub(crate) kept: u64,
    /// The target held all of it.
    pub(crate) unchanged: u64,
    /// Entries of the source that could not be read, and assignments that the target did not take.
    pub(crate) failed: u64,
    /// Keys of the source that do not belong to the layout.
    pub(crate) others: u64,
    /// Assignments compared again with the target.
    pub(crate) verified: u64,
    /// Of those: not there, or without a part. One that the target keeps differently is not among them.
    pub(crate) differing: u64,
}

/// Something that people should know of one assignment.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) at: At,
    pub(crate) says: String,
}

/// Where everything goes.
#[derive(Clone, Debug)]
pub(crate) struct Mover {
    target: Arc<dyn ScanStore>,
    pass: Pass,
}

/// What became of one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Became {
    Created,
    Joined,
    Kept,
    Unchanged,
    /// Looking again: it is not there, or a part of it is not.
    Differing,
}

impl Mover {
    pub(crate) fn new(target: Arc<dyn ScanStore>, pass: Pass) -> Self {
        Self { target, pass }
    }
    /// Takes a batch; an error means that the target takes no more.
    pub(crate) async fn take(&self, found: Vec<Found>, report: &mut Report) -> Result<Vec<Told>> {
        let mut told = Vec::new();
        for mut round in rounds(found) {
            round.sort_by(|one, other| one.offer.key.cmp(&other.offer.key)); // how an embedded store fills best
            for chunk in try_join_all(round.chunks(CHUNK).map(|chunk| self.chunk(chunk))).await? {
                for (found, became) in chunk {
                    report.count(self.pass, &became);
                    told.extend(tell(found, became, self.pass));
                }
            }
        }
        Ok(told)
    }
    /// Returns once the target keeps what it was given.
    pub(crate) async fn flush(&self) -> Result<()> {
        self.target.flush().await
    }

    async fn chunk<'a>(&self, chunk: &'a [Found]) -> Result<Vec<(&'a Found, Result<(Became, Option<Name>)>)>> {
        let keys: Vec<Key> = chunk.iter().map(|found| found.offer.key.clone()).collect();
        let held = patiently(async || each::get(&*self.target, &keys).await).await?;
        let now = SystemClock.now();
        let (mut became, mut asked, mut offers) = (Vec::with_capacity(chunk.len()), Vec::new(), Vec::new());
        for (found, held) in chunk.iter().zip(held) {
            became.push(held.map(|held| {
                let was_held = held.is_some();
                let joined = found.offer.join(held, now);
                if self.pass == Pass::Move && joined.changed {
                    asked.push((became.len(), was_held));
                    offers.push(found.offer.clone());
                }
                let outcome = joined.claimed.outcome;
                let variation = joined.claimed.held.map(|held| held.variation);
                (became_of(self.pass, outcome, was_held, joined.changed), variation)
            }));
        }
        if !offers.is_empty() {
            let claimed = patiently(async || each::claim(&*self.target, &offers).await).await?;
            for ((at, was_held), claimed) in asked.into_iter().zip(claimed) {
                if let Some(became) = became.get_mut(at) {
                    *became = claimed.map(|claimed| {
                        let variation = claimed.held.map(|held| held.variation);
                        (became_of(self.pass, claimed.outcome, was_held, true), variation)
                    });
                }
            }
        }
        Ok(chunk.iter().zip(became).collect())
    }
}

impl Report {
    fn count(&mut self, pass: Pass, became: &Result<(Became, Option<Name>)>) {
        let count = match (pass, became) {
            (Pass::Verify, Ok((Became::Differing, _)) | Err(_)) => &mut self.differing,
            (Pass::Verify, Ok(_)) => return self.verified += 1,
            (_, Ok((Became::Created, _))) => &mut self.created,
            (_, Ok((Became::Joined | Became::Differing, _))) => &mut self.joined,
            (_, Ok((Became::Kept, _))) => &mut self.kept,
            (_, Ok((Became::Unchanged, _))) => &mut self.unchanged,
            (_, Err(_)) => &mut self.failed,
        };
        *count += 1;
        match pass {
            Pass::Verify => self.verified += 1,
            Pass::Move | Pass::Rehearse => {}
        }
    }
}

/// The outcome is the same for every repeat; what was held before tells more.
fn became_of(pass: Pass, outcome: Outcome, was_held: bool, changed: bool) -> Became {
    match outcome {
        _ if pass == Pass::Verify && changed => Became::Differing,
        Outcome::Kept => Became::Kept,
        _ if !changed => Became::Unchanged,
        Outcome::Created if !was_held => Became::Created,
        _ => Became::Joined,
    }
}

fn tell(found: &Found, became: Result<(Became, Option<Name>)>, pass: Pass) -> Option<Told> {
    let offered = found.offer.variation.as_ref().map(Name::as_str).unwrap_or_default();
    let campaign = found.offer.key.campaign();
    let says = match became {
        Ok((Became::Kept, held)) if pass != Pass::Verify => {
            let held = held.as_ref().map(Name::as_str).unwrap_or_default();
            format!("campaign {campaign:?}: the target keeps {held:?}, not {offered:?}")
        }
        Ok((Became::Differing, _)) => format!("campaign {campaign:?}: the target lacks it, or a part of it"),
        Ok(_) => return None,
        Err(error) => format!("campaign {campaign:?}: {error}"),
    };
    Some(Told { at: found.at.clone(), says })
}

/// A second assignment of one key comes after the first, never beside it.
fn rounds(found: Vec<Found>) -> Vec<Vec<Found>> {
    let (mut rounds, mut round, mut keys) = (Vec::new(), Vec::new(), HashSet::new());
    for found in found {
        if !keys.insert(found.offer.key.clone()) {
            rounds.push(std::mem::take(&mut round));
            keys = HashSet::from([found.offer.key.clone()]);
        }
        round.push(found);
    }
    rounds.push(round);
    rounds
}

/// Asks until no answer is that the target is away; claims keep their ids, so that repeating them is safe.
async fn patiently<T>(ask: impl AsyncFn() -> Vec<Result<T>>) -> Result<Vec<Result<T>>> {
    let mut pauses = PAUSES.iter();
    loop {
        let answers = ask().await;
        let ends = |error: &Error| error.is_transient() || error.kind() == ErrorKind::Refused;
        let Some(failed) = answers.iter().position(|answer| answer.as_ref().is_err_and(ends)) else {
            return Ok(answers);
        };
        let is_refused = |answer: &Result<T>| answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::Refused);
        match pauses.next() {
            Some(pause) if !answers.iter().any(is_refused) => sleep(*pause).await,
            _ => {
                let error = answers.into_iter().nth(failed).and_then(Result::err);
                return Err(error.unwrap_or_else(|| Error::new(ErrorKind::Unavailable, "migrate", "no answer")));
            }
        }
    }
}
