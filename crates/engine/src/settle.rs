//! After the claims: whoever was first decides for everybody, and a goal that is not new does not count.
use crate::{
    decide::decide,
    decision::{Answer, Decision, Event, Offered},
    held::{DELIMITER, GoalList, Held, Storage},
    request::{Context, Request},
    settings::Settings,
};
use stayput::{Assignment, Claimed, Outcome};

/// A decision that knows what its claims found.
#[derive(Clone, Debug)]
pub enum Settled<'a> {
    /// It stands: answer, and send the events.
    Done(Decision<'a>),
    /// A claim found a variation that these settings do not have (another process has newer ones). The new offers
    /// replace it: claim them once, and settle once more what [`both`] makes of the two rounds, of which these were the
    /// first's offers. If the answer is `Again` once more, answer with it and leave it at that.
    Again(Decision<'a>, Vec<Offered<'a>>),
}

/// What a claim found, and the goals it found that were there before.
struct Found<'c> {
    campaign: &'c str,
    held: &'c Assignment,
    /// As a list, when it has to be seen without the goals that this claim brought.
    before: String,
    /// It confirmed what had been decided afresh.
    created: bool,
}

/// The offers and answers of two rounds, to be settled together: where both speak of a campaign, the second counts, and
/// what the first found elsewhere still holds.
pub fn both<'a>(
    mut again: Decision<'a>,
    mut claims: Vec<Claimed>,
    first: Vec<Offered<'a>>,
    answered: Vec<Claimed>,
) -> (Decision<'a>, Vec<Claimed>) {
    for (offer, claim) in first.into_iter().zip(answered) {
        if again.offers.iter().all(|later| later.campaign != offer.campaign) {
            again.offers.push(offer);
            claims.push(claim);
        }
    }
    (again, claims)
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
    if !decision.offers.iter().zip(claims).any(|(offer, claim)| is_lost(offer, claim)) {
        drop_old_goals(&mut decision, claims);
        return Settled::Done(decision);
    }
    // All that was claimed is seen as the claims found it, also what stands: it may have been decided without a read.
    let found: Vec<Found<'_>> =
        decision.offers.iter().zip(claims).filter_map(|(offer, claim)| found(offer, claim)).collect();
    let overlay = |key: &str| match (found.iter().find(|found| found.campaign == key), storage) {
        (Some(Found { held, before, .. }), _) => {
            Some(Held { variation: &held.variation, goals: GoalList::Joined(before), by: Some(held.by), named: true })
        }
        (None, Storage::Read(read)) => read(key),
        (None, Storage::None | Storage::Unread) => None,
    };
    let mut again = decide(settings, context, request, Storage::Read(&overlay));
    for seen in &mut again.seen {
        seen.stored &= !found.iter().any(|found| found.created && found.campaign == seen.campaign.key);
    }
    let claimed = decision.offers;
    let answered = |offer: &Offered<'_>| {
        let known = claimed.iter().zip(claims).find(|(known, _)| known.campaign == offer.campaign);
        known.is_some_and(|(_, claim)| claim.held.as_ref().is_some_and(|held| *held.variation == *offer.variation))
    };
    let mut open = std::mem::take(&mut again.offers);
    open.retain(|offer| !answered(offer));
    again.offers = claimed;
    drop_old_goals(&mut again, claims);
    let claimed = std::mem::replace(&mut again.offers, open);
    if again.offers.is_empty() { Settled::Done(again) } else { Settled::Again(again, claimed) }
}

/// Whether a claim speaks against the decision: somebody else put the variation there.
fn is_lost(offer: &Offered<'_>, claim: &Claimed) -> bool {
    let Some(held) = &claim.held else { return false };
    // Spooled, nobody knows yet who was first; what waits on this machine is the best guess.
    let sure = offer.fresh && claim.outcome != Outcome::Spooled;
    let stands = offer.forced || (sure && claim.won()) || (!sure && *held.variation == *offer.variation);
    !stands
}

fn found<'c>(offer: &Offered<'c>, claim: &'c Claimed) -> Option<Found<'c>> {
    let held = claim.held.as_ref().filter(|_| !offer.forced)?;
    let new = |goal: &str| claim.new_goals.iter().any(|new| new.as_str() == goal);
    let before: Vec<&str> = held.goals.iter().map(|goal| goal.name.as_str()).filter(|goal| !new(goal)).collect();
    let created = offer.fresh && claim.won();
    Some(Found { campaign: offer.campaign, held, before: before.join(DELIMITER), created })
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
