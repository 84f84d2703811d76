//! What somebody wants stored, and the one rule that joins it with what is held.
use super::{Assignment, ClaimId, Document, Entry, Goals, Key, Kind, MetaData, Name, fme, limits};
use crate::Timestamp;
use std::{collections::HashSet, time::Duration};

/// Up to so many offered goals are found sooner by looking at each than by building a set.
const FEW: usize = 8;

/// The one holder that an offer may replace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct Over {
    /// What it must hold.
    pub variation: Name,
    /// Who must have put it there, where the writer read that: a late retry then cannot replace a later holder of
    /// the same name.
    pub by: Option<ClaimId>,
}

/// The times that an imported assignment keeps if nothing is held yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "camelCase"))]
pub struct Imported {
    /// When it last changed.
    pub changed_at: Timestamp,
    /// When it stops counting; `None` is never, whatever the store's retention.
    pub expires_at: Option<Timestamp>,
}

/// An assignment that somebody wants stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "camelCase"))]
pub struct Offer {
    /// Where.
    pub key: Key,
    /// Tells a retry from a rival.
    pub claim: ClaimId,
    /// `None` only brings goals and never creates.
    pub variation: Option<Name>,
    /// Goals to add, whoever holds.
    pub goals: Vec<Name>,
    /// Replaces the `metaData` that is held with the same variation, unless that is newer.
    pub meta_data: Option<Document>,
    /// Fields that Stayput does not know; stored together with the variation.
    pub extra: Option<Document>,
    /// Without it, an offer may create but never replace.
    pub over: Option<Over>,
    /// When the variation was decided.
    pub decided_at: Timestamp,
    /// Retention: how long it lasts, from now on. Travels with the offer, so that a cache sees as well as the
    /// backend when renewal is due.
    pub lasts: Option<Duration>,
    /// The times of an import.
    pub imported: Option<Imported>,
    /// Which life of the campaign it was decided in.
    pub epoch: u32,
}

/// How an offer and what was held came together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Outcome {
    /// Nothing was held; the offer is.
    Created,
    /// The offered variation was held (or none was offered), and goals were new.
    Joined,
    /// The holder named by `over` made way.
    Replaced,
    /// Another variation stays; goals may still have joined.
    Kept,
    /// The offer brought nothing that was not held, or goals for nobody.
    Unchanged,
    /// The store could not be reached and the offer waits on a disk: what is `held` is only what will be held if nobody
    /// else was earlier, so do not remember it, and which goals are new is not known yet.
    Spooled,
}

/// The answer to a claim: a function of the offer and of what is held afterwards, hence the same for every repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "camelCase"))]
pub struct Claimed {
    /// What is held now; `None` only if goals, or an import that has already expired, came where nothing is held.
    pub held: Option<Assignment>,
    /// What became of the offer.
    pub outcome: Outcome,
    /// The offered goals that count for this claim id: send these conversions and no others, and none yet of an offer
    /// that was [spooled](Outcome::Spooled).
    pub new_goals: Vec<Name>,
    /// How many of the offered goals found no room ([`limits::GOALS`](super::limits::GOALS)).
    pub dropped_goals: usize,
}

/// An offer joined with what was held.
#[derive(Clone, Debug)]
pub struct Joined {
    /// The answer.
    pub claimed: Claimed,
    /// Whether `claimed.held` has to be written; a repeat finds nothing to write.
    pub changed: bool,
}

impl Outcome {
    /// `created`, `joined`, `replaced`, `kept`, `unchanged` or `spooled`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Joined => "joined",
            Self::Replaced => "replaced",
            Self::Kept => "kept",
            Self::Unchanged => "unchanged",
            Self::Spooled => "spooled",
        }
    }
}

impl Claimed {
    /// Whether this offer put the variation there.
    pub fn won(&self) -> bool {
        matches!(self.outcome, Outcome::Created | Outcome::Replaced)
    }
}

impl Offer {
    /// An offer of nothing yet, decided at `now`.
    pub fn new(key: Key, claim: ClaimId, now: Timestamp) -> Self {
        Self {
            key,
            claim,
            variation: None,
            goals: Vec::new(),
            meta_data: None,
            extra: None,
            over: None,
            decided_at: now,
            lasts: None,
            imported: None,
            epoch: 0,
        }
    }
    /// What carries `entry` over to another store, with its times and under its own claim id, so that whoever read it
    /// there can replace it here. All its goals are credited to that id.
    pub fn carrying(entry: Entry) -> Self {
        let Entry { key, assignment: held } = entry;
        Self {
            key,
            claim: held.by,
            variation: Some(held.variation),
            goals: held.goals.iter().map(|goal| goal.name.clone()).collect(),
            meta_data: held.meta_data.map(|meta_data| meta_data.document),
            extra: held.extra,
            over: None,
            decided_at: held.assigned_at,
            lasts: None,
            imported: Some(Imported { changed_at: held.changed_at, expires_at: held.expires_at }),
            epoch: held.epoch,
        }
    }
    /// Offers `variation`.
    pub fn offering(self, variation: Name) -> Self {
        Self { variation: Some(variation), ..self }
    }
    /// Brings `goals`.
    pub fn bringing(self, goals: impl IntoIterator<Item = Name>) -> Self {
        Self { goals: goals.into_iter().collect(), ..self }
    }
    /// Replaces `variation`, if it is still the one put there `by`.
    pub fn replacing(self, variation: Name, by: Option<ClaimId>) -> Self {
        Self { over: Some(Over { variation, by }), ..self }
    }

    /// Whether it brings a decision: a variation that is not the `none` of FME.
    pub(crate) fn is_decision(&self) -> bool {
        let is_none = |offered: &Name| self.key.kind() == Kind::Fme && offered.as_str() == fme::NONE;
        self.variation.as_ref().is_some_and(|offered| !is_none(offered))
    }

    /// The rule: joins this offer with what is held, expired or not, at `now` by the clock of whoever holds it.
    ///
    /// 1. Nothing live is held: the offer is stored if it has a variation. Without one it leaves no trace: a writer
    ///    who repeats it later, when somebody else has created, listens to that answer too.
    /// 2. The same variation is held: goals unite, newer `metaData` replaces older.
    /// 3. Another variation is held and `over` names it: the variation is replaced; goals stay and unite.
    /// 4. Another variation is held otherwise: it stays, and the offer's goals still unite.
    ///
    /// Of kind [`Fme`](Kind::Fme) the variation is the identity of a decision, or `none`, and goals are holdouts. Then:
    ///
    /// - `none` never replaces, whatever `over` names. Any identity replaces `none`, and one that adds an experiment to
    ///   the rollout that is held replaces that, both without `over`.
    /// - A decision whose `over` names what is held clears the holdouts that the user is in, but for those it brings;
    ///   if it is the same decision and nothing else changes, it still counts as a replacement.
    /// - Fields of `extra` that the same decision lacks are added; those that do not belong to the decision outlive it.
    pub fn join(&self, held: Option<Assignment>, now: Timestamp) -> Joined {
        let held = held.filter(|held| held.is_live(now) && held.epoch >= self.epoch);
        let (held, changed) = match held {
            None => {
                let created = self.create(now);
                let changed = created.is_some();
                (created, changed)
            }
            Some(held) if held.epoch > self.epoch => (Some(held), false), // decided before a reset: dropped whole
            Some(mut held) => {
                let changed = self.unite(&mut held, now);
                (Some(held), changed)
            }
        };
        Joined { claimed: self.answer(held), changed }
    }

    fn create(&self, now: Timestamp) -> Option<Assignment> {
        let mut goals = Goals::default();
        goals.bring(&self.goals, self.claim);
        let created = Assignment {
            variation: self.variation.clone()?,
            by: self.claim,
            replaced: None,
            goals,
            meta_data: self.own_meta_data(),
            extra: self.extra.clone(),
            assigned_at: self.decided_at,
            changed_at: self.imported.map_or(now, |imported| imported.changed_at),
            expires_at: match self.imported {
                Some(imported) => imported.expires_at,
                None => self.lasts.map(|lasts| now.plus(lasts)),
            },
            revision: 1,
            epoch: self.epoch,
            unknown: Default::default(),
        };
        Some(created).filter(|created| created.is_live(now))
    }

    fn unite(&self, held: &mut Assignment, now: Timestamp) -> bool {
        let mut changed = match (&self.variation, self.key.kind()) {
            (Some(offered), Kind::Fme) => self.decide(held, offered),
            (Some(offered), Kind::Classic) if *offered == held.variation => self.renew_meta_data(held),
            (Some(offered), Kind::Classic) if self.names(held) => {
                self.replace(held, offered);
                held.extra = self.extra.clone();
                true
            }
            _ => false,
        };
        changed |= held.goals.bring(&self.goals, self.claim);
        if let (Some(end), Some(lasts)) = (held.expires_at, self.lasts)
            && now.until(end) < lasts / 2
        {
            held.expires_at = Some(now.plus(lasts));
            changed = true;
        }
        if changed {
            (held.revision, held.changed_at) = (held.revision.saturating_add(1), now);
        }
        changed
    }

    /// What rules 2 to 4 become for a decision of FME.
    fn decide(&self, held: &mut Assignment, offered: &Name) -> bool {
        let has_read = self.is_decision() && self.names(held);
        let clears = has_read && fme::clear(&mut held.goals, &self.goals);
        if *offered != held.variation {
            let replaces = has_read || self.is_decision() && fme::makes_way(&held.variation, offered);
            if replaces {
                self.replace(held, offered);
                held.extra = fme::succeeding(self.extra.as_ref(), held.extra.as_ref());
            }
            return replaces;
        }
        if clears {
            // So that a late repeat of this very offer does not clear what comes in between.
            (held.by, held.replaced) = (self.claim, Some(held.variation.clone()));
        }
        let completed = fme::completed(held.extra.as_ref(), self.extra.as_ref());
        let is_completed = completed.is_some();
        held.extra = completed.or(held.extra.take());
        let is_newer = self.renew_meta_data(held);
        clears || is_completed || is_newer
    }

    fn replace(&self, held: &mut Assignment, offered: &Name) {
        held.replaced = Some(std::mem::replace(&mut held.variation, offered.clone()));
        (held.by, held.assigned_at) = (self.claim, self.decided_at);
        held.meta_data = self.own_meta_data().or(held.meta_data.take());
    }

    fn names(&self, held: &Assignment) -> bool {
        self.over.as_ref().is_some_and(|over| over.names(held))
    }

    fn own_meta_data(&self) -> Option<MetaData> {
        self.meta_data.clone().map(|document| MetaData { document, at: self.decided_at })
    }

    /// Of two offers decided in one millisecond the one that arrives last is taken for the newer.
    fn renew_meta_data(&self, held: &mut Assignment) -> bool {
        let newer = held.meta_data.as_ref().is_none_or(|held| held.at <= self.decided_at);
        let Some(offered) = self.own_meta_data().filter(|_| newer) else { return false };
        let changed = held.meta_data.as_ref().is_none_or(|held| held.document != offered.document);
        if changed {
            held.meta_data = Some(offered);
        }
        changed
    }

    /// The answer, given what is held afterwards.
    pub(crate) fn answer(&self, held: Option<Assignment>) -> Claimed {
        let (mut new_goals, mut dropped_goals) = (Vec::new(), 0);
        if let (Some(held), false) = (&held, self.goals.is_empty()) {
            let is_full = held.goals.len() >= limits::GOALS;
            if self.goals.len() > FEW || is_full {
                let mut missing: HashSet<_> = self.goals.iter().collect();
                let offered = held.goals.iter().filter(|goal| missing.remove(&goal.name));
                new_goals.extend(offered.filter(|goal| goal.by == self.claim).map(|goal| goal.name.clone()));
                dropped_goals = if is_full { missing.len() } else { 0 };
            } else {
                let own = held.goals.iter().filter(|goal| goal.by == self.claim && self.goals.contains(&goal.name));
                new_goals.extend(own.map(|goal| goal.name.clone()));
            }
        }
        let outcome = match (&held, &self.variation) {
            (Some(held), Some(offered)) if held.variation != *offered => Outcome::Kept,
            (Some(held), Some(_)) if held.by == self.claim && held.replaced.is_some() => Outcome::Replaced,
            (Some(held), Some(_)) if held.by == self.claim => Outcome::Created,
            _ if new_goals.is_empty() => Outcome::Unchanged,
            _ => Outcome::Joined,
        };
        Claimed { held, outcome, new_goals, dropped_goals }
    }
}

impl Over {
    fn names(&self, held: &Assignment) -> bool {
        self.variation == held.variation && self.by.is_none_or(|by| by == held.by)
    }
}
