//! What records of FME ask of the rule beyond the common one: whom a decision may replace unasked, and which holdouts go.
//!
//! The *variation* of such an assignment is its identity, `rollout:ID:VARIATION`, `experiment:ID:VARIATION`, both with a
//! `+` between, or [`NONE`]; its *goals* are its holdouts, each with the list that it stands in: `notInHoldoutId:7`. So
//! every store holds them as it holds all others. What else the record says is its *extra*.
use super::{Document, Goals, Name};

/// The identity of a record that says neither a rollout nor an experiment.
pub(super) const NONE: &str = "none";
/// What stands between a rollout and an experiment.
pub(super) const AND: char = '+';
/// How an identity begins that has a rollout.
pub(super) const ROLLOUT: &str = "rollout:";
/// How an identity begins that has an experiment and no rollout.
pub(super) const EXPERIMENT: &str = "experiment:";

/// The field of a record that lists holdouts which never go.
#[cfg(feature = "json")]
pub(super) const STAYING: &str = "notInHoldoutId";
/// The fields that list holdouts which a later decision may clear.
pub(super) const CLEARED: [&str; 2] = ["isInHoldoutId", "holdoutGroupId"];
/// The fields that make up a decision; all others belong to the feature and outlive it.
#[cfg(feature = "json")]
pub(super) const DECISION: [&str; 6] =
    ["rolloutId", "rolloutKey", "rolloutVariationId", "experimentId", "experimentKey", "experimentVariationId"];

/// Whether `offered` may take the place of another, `held`, which it does not name: of none, or of the same rollout
/// to which it adds an experiment.
pub(super) fn makes_way(held: &str, offered: &str) -> bool {
    let adds = |rest: &str| rest.strip_prefix(AND).is_some_and(|added| added.starts_with(EXPERIMENT));
    let is_rollout_alone = held.starts_with(ROLLOUT) && !held.contains(AND);
    held == NONE || is_rollout_alone && offered.strip_prefix(held).is_some_and(adds)
}

/// Clears what goes when a decision that brings `offered` has read what is held; true if there was any.
pub(super) fn clear(held: &mut Goals, offered: &[Name]) -> bool {
    let before = held.len();
    held.retain(|goal| !goes(&goal.name, offered));
    held.len() < before
}
fn goes(holdout: &Name, offered: &[Name]) -> bool {
    let list = holdout.split_once(':').map(|(list, _)| list);
    list.is_some_and(|list| CLEARED.contains(&list)) && !offered.contains(holdout)
}

/// What is held of one decision, with the fields that it lacks: not every SDK says all of them.
pub(super) fn completed(held: Option<&Document>, offered: Option<&Document>) -> Option<Document> {
    united(held, offered, |_| true)
}
/// What is offered instead of what is held, with those fields of that which do not belong to the decision.
pub(super) fn succeeding(offered: Option<&Document>, held: Option<&Document>) -> Option<Document> {
    united(offered, held, |field| !is_of_decision(field)).or_else(|| offered.cloned())
}

#[cfg(feature = "json")]
fn united(one: Option<&Document>, more: Option<&Document>, takes: impl Fn(&str) -> bool) -> Option<Document> {
    match (one, more) {
        (Some(one), Some(more)) if one == more => None,
        (one, Some(more)) => more.added_to(one, takes),
        (_, None) => None,
    }
}
/// Without JSON nobody can make a document to offer.
#[cfg(not(feature = "json"))]
fn united(_: Option<&Document>, _: Option<&Document>, _: impl Fn(&str) -> bool) -> Option<Document> {
    None
}
#[cfg(feature = "json")]
fn is_of_decision(field: &str) -> bool {
    DECISION.contains(&field)
}
#[cfg(not(feature = "json"))]
fn is_of_decision(_: &str) -> bool {
    false
}
