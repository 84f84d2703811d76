//! What happens when the store fails: the one place that decides it.
use crate::{core::Case, stats::Counters};
use stayput::{Error, Result};
use stayput_engine::{Answer, CampaignType, Decision, GoalList, Held, Json, Request, Settings, Storage, decide};

/// What a call answers when the store fails. Whatever it is, a conversion that was decided on waits for its claim
/// and is sent once, or not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// What the settings say, as if there were no store: the user may see something else the next time.
    #[default]
    Bucket,
    /// The control: nobody new enters a campaign, features are off, nothing is counted.
    Control,
    /// The store's error.
    Error,
}

/// What the store did not do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    /// It did not say what is held.
    Read,
    /// It did not confirm what was decided.
    Claim,
    /// It confirmed what the user sees, and did not take a goal.
    Goal,
}

/// What to answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Instead {
    Decided,
    Control,
}

impl Policy {
    /// The store is down.
    pub(crate) fn answer(self, failure: Failure, error: Error, counters: &Counters) -> Result<Instead> {
        match (self, failure) {
            (Self::Bucket, _) | (Self::Control, Failure::Goal) => Ok(Instead::Decided),
            (Self::Control, Failure::Read | Failure::Claim) => {
                counters.answered_with_control.add(1);
                Ok(Instead::Control)
            }
            (Self::Error, _) => {
                counters.answered_with_error.add(1);
                Err(error)
            }
        }
    }
}

/// The decision of a user who is in the control of every campaign: an answer and nothing else.
pub(crate) fn control<'a>(case: &Case<'a>) -> Decision<'a> {
    let held = |key: &str| {
        let variation = control_of(case.settings, key)?;
        Some(Held { variation, goals: GoalList::Joined(""), by: None, named: true })
    };
    let mut decision = decide(case.settings, &case.context, &case.request, Storage::Read(&held));
    let rollout = |key: &str| case.settings.campaign(key).is_some_and(|campaign| is_rollout(campaign.kind));
    match &case.request {
        Request::FeatureEnabled(key) if rollout(key) => decision.answer = Answer::Enabled(false),
        Request::FeatureVariable { campaign, .. } if rollout(campaign) => decision.answer = Answer::Value(None),
        _ => {}
    }
    (decision.offers, decision.sets, decision.seen) = Default::default();
    uncounted(decision)
}

/// The same decision, but nothing counts.
pub(crate) fn uncounted(mut decision: Decision<'_>) -> Decision<'_> {
    decision.events.clear();
    if let Answer::Tracked(Some(results)) = &mut decision.answer {
        results.iter_mut().for_each(|(_, counts)| *counts = false);
    }
    decision
}

fn control_of<'a>(settings: &'a Settings, key: &str) -> Option<&'a str> {
    let campaign = settings.campaign(key).filter(|campaign| !is_rollout(campaign.kind))?;
    let control = campaign.variations.iter().find(|variation| variation.id == Some(Json::Number(1.0)));
    control.or(campaign.variations.first())?.name.as_deref()
}

fn is_rollout(kind: CampaignType) -> bool {
    kind == CampaignType::FeatureRollout
}
