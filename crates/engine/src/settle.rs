//! After the claims: whoever was first decides for everybody, and a goal that is not new does not count.
use crate::{
    decide::decide,
    decision::{Answer, Decision, Event, Offered},
    held::{DELIMITER, GoalList, Held, Storage},
    request::{Context, Request},
    settings::Settings,
};
use stayput::{Assignment, Claimed};

/// A decision that knows what its claims found.
#[derive(Clone, Debug)]
pub enum Settled<'a> {
    /// It stands: answer, and send the events.
    Done(Decision<'a>),
    /// A claim found a variation that these settings do not have (another process has newer ones). The new offers
    /// replace it: claim them once. If the answer is `Again` once more, answer with it and leave it at that.
    Again(Decision<'a>),
}

/// What a claim found, and the goals it found that were there before.
struct Found<'c> {
    campaign: &'c str,
    held: &'c Assignment,
    /// As a list, when it has to be seen without the goals that this claim brought.
    before: String,
}

/// Settles `decision`, made of the other arguments, by the answers to its offers, in their order.
pub fn settle<'a>(
    settings: &'a Settings,
    context: &Context<'a>,
    request: &Request<'a>,
    storage: Storage<'_>,
    mut decision: Decision<'a>,
    claims: &[Claimed],
) -> Settled<'a> {
    let lost: Vec<Found<'_>> =
        decision.offers.iter().zip(claims).filter_map(|(offer, claim)| lost(offer, claim)).collect();
    if lost.is_empty() {
        drop_old_goals(&mut decision, claims);
        return Settled::Done(decision);
    }
    let overlay = |key: &str| match (lost.iter().find(|found| found.campaign == key), storage) {
        (Some(Found { held, before, .. }), _) => {
            Some(Held { variation: &held.variation, goals: GoalList::Joined(before), by: Some(held.by) })
        }
        (None, Storage::Read(read)) => read(key),
        (None, Storage::None | Storage::Unread) => None,
    };
    let mut again = decide(settings, context, request, Storage::Read(&overlay));
    let claimed = decision.offers;
    let answered = |offer: &Offered<'_>| {
        let known = claimed.iter().zip(claims).find(|(known, _)| known.campaign == offer.campaign);
        known.is_some_and(|(_, claim)| claim.held.as_ref().is_some_and(|held| *held.variation == *offer.variation))
    };
    let mut open = std::mem::take(&mut again.offers);
    open.retain(|offer| !answered(offer));
    again.offers = claimed;
    drop_old_goals(&mut again, claims);
    again.offers = open;
    if again.offers.is_empty() { Settled::Done(again) } else { Settled::Again(again) }
}

/// Whether a claim speaks against the decision: somebody else put the variation there.
fn lost<'c>(offer: &Offered<'c>, claim: &'c Claimed) -> Option<Found<'c>> {
    let held = claim.held.as_ref()?;
    let stands = offer.forced || (offer.fresh && claim.won()) || (!offer.fresh && *held.variation == *offer.variation);
    if stands {
        return None;
    }
    let new = |goal: &str| claim.new_goals.iter().any(|new| new.as_str() == goal);
    let before: Vec<&str> = held.goals.iter().map(|goal| goal.name.as_str()).filter(|goal| !new(goal)).collect();
    Some(Found { campaign: offer.campaign, held, before: before.join(DELIMITER) })
}

/// Takes back the conversions that wait for a claim and turned out not to be new.
fn drop_old_goals(decision: &mut Decision<'_>, claims: &[Claimed]) {
    let mut dropped = Vec::new();
    for event in &mut decision.events {
        let Event::Converted(conversions) = event else { continue };
        let goal = conversions.goal;
        conversions.each.retain(|conversion| {
            let campaign = conversion.campaign.key.as_str();
            let claim = decision.offers.iter().zip(claims).find(|(offer, _)| offer.campaign == campaign);
            let new = claim.is_none_or(|(_, claim)| claim.new_goals.iter().any(|new| new.as_str() == goal));
            if conversion.once && !new {
                dropped.push(campaign);
                return false;
            }
            true
        });
    }
    decision.events.retain(|event| !matches!(event, Event::Converted(conversions) if conversions.each.is_empty()));
    if let Answer::Tracked(Some(results)) = &mut decision.answer {
        for (key, counts) in results {
            *counts &= !dropped.contains(&key.as_ref());
        }
    }
}
