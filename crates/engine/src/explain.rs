//! Why a decision is what it is: the same algorithm, telling every step.
use crate::{
    decide::Flow,
    decision::Decision,
    held::Storage,
    request::{Context, Request},
    settings::Settings,
};
use serde::Serialize;
use std::{borrow::Cow, fmt};

/// Where the steps of a decision go; [`Silent`] costs nothing.
pub(crate) trait Trace<'a> {
    fn step(&mut self, step: impl FnOnce() -> Step<'a>);
}

/// Tells nobody.
pub(crate) struct Silent;

/// The steps of a decision, in order.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Explanation<'a> {
    /// The steps.
    pub steps: Vec<Step<'a>>,
}

/// One step of a decision about a campaign.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "step", rename_all = "camelCase")]
pub enum Step<'a> {
    /// The call cannot be answered for this campaign.
    Refused {
        /// The campaign.
        campaign: &'a str,
        /// Why.
        reason: Reason,
    },
    /// Somebody forced a variation on the user, or nobody did.
    Forced {
        /// The campaign.
        campaign: &'a str,
        /// The variation.
        variation: Option<&'a str>,
    },
    /// What storage says.
    Stored {
        /// The campaign.
        campaign: &'a str,
        /// The stored variation.
        variation: Option<Cow<'a, str>>,
        /// Whether the campaign has it.
        known: bool,
    },
    /// There is no storage, or it could not be read.
    NotStored {
        /// The campaign.
        campaign: &'a str,
        /// A storage is configured, but could not be read.
        failed: bool,
    },
    /// Whether the campaign is for this user.
    Segments {
        /// The campaign.
        campaign: &'a str,
        /// Whether it is.
        passed: bool,
    },
    /// Whether the user is in the campaign's traffic.
    Traffic {
        /// The campaign.
        campaign: &'a str,
        /// The user's bucket, 1 to 100.
        bucket: f64,
        /// How many buckets take part.
        percent: f64,
        /// Whether the user does.
        passed: bool,
    },
    /// Another campaign of the group has the user already.
    Taken {
        /// The campaign.
        campaign: &'a str,
        /// The other campaign.
        by: &'a str,
        /// Whether by force; else by storage.
        forced: bool,
    },
    /// Which campaign of the group gets the user.
    Winner {
        /// The campaign.
        campaign: &'a str,
        /// Which campaigns could have the user.
        eligible: Vec<&'a str>,
        /// Which one has.
        winner: Option<&'a str>,
        /// The user's bucket in the group, where chance decides.
        bucket: Option<f64>,
    },
    /// Where the user falls among the variations.
    Bucketed {
        /// The campaign.
        campaign: &'a str,
        /// The user's bucket.
        bucket: f64,
        /// Its multiplier, 1 except in the oldest kind of bucketing.
        multiplier: f64,
        /// The variation that holds it.
        variation: Option<&'a str>,
    },
    /// A conversion.
    Goal {
        /// The campaign.
        campaign: &'a str,
        /// The goal.
        goal: &'a str,
        /// Whether it had been counted before.
        tracked_before: bool,
        /// Whether it counts.
        counts: bool,
    },
    /// The official SDK throws here and answers nothing.
    Thrown {
        /// Why.
        reason: &'static str,
    },
}

/// Why a call cannot be answered for a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Reason {
    /// No campaign has this key.
    UnknownCampaign,
    /// The campaign is not running.
    NotRunning,
    /// The call is not for campaigns of this type.
    WrongType,
    /// A multi-armed bandit needs a store.
    NeedsStorage,
    /// The campaign has no such goal.
    UnknownGoal,
    /// The goal is not of the type to be tracked.
    OtherGoalType,
    /// A revenue goal without its revenue.
    NoRevenue,
    /// Nothing is stored, and this call decides nothing new.
    NotActivated,
    /// The feature has no such variable.
    UnknownVariable,
}

/// Decides, and tells why.
pub fn explain<'a: 'h, 'h>(
    settings: &'a Settings,
    context: &Context<'a>,
    request: &Request<'a>,
    storage: Storage<'h>,
) -> (Decision<'a>, Explanation<'a>) {
    let mut explanation = Explanation::default();
    let decision = Flow::new(settings, context, storage, &mut explanation).decide(request);
    (decision, explanation)
}

impl<'a> Trace<'a> for Silent {
    #[inline(always)]
    fn step(&mut self, _: impl FnOnce() -> Step<'a>) {}
}
impl<'a> Trace<'a> for Explanation<'a> {
    fn step(&mut self, step: impl FnOnce() -> Step<'a>) {
        self.steps.push(step());
    }
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = |truth: &bool| if *truth { "" } else { "not " };
        match self {
            Self::Refused { campaign, reason } => write!(f, "{campaign}: {reason}"),
            Self::Forced { campaign, variation: Some(name) } => write!(f, "{campaign}: {name} is forced on the user"),
            Self::Forced { campaign, .. } => write!(f, "{campaign}: no variation is forced on the user"),
            Self::Stored { campaign, variation: None, .. } => write!(f, "{campaign}: nothing is stored"),
            Self::Stored { campaign, variation: Some(name), known: true } => write!(f, "{campaign}: {name} is stored"),
            Self::Stored { campaign, variation: Some(name), .. } => {
                write!(f, "{campaign}: {name} is stored, but the campaign has no such variation")
            }
            Self::NotStored { campaign, failed: true } => write!(f, "{campaign}: storage could not be read"),
            Self::NotStored { campaign, .. } => write!(f, "{campaign}: there is no storage"),
            Self::Segments { campaign, passed } => write!(f, "{campaign}: the user is {}in its segments", not(passed)),
            Self::Traffic { campaign, bucket, percent, passed } => {
                write!(f, "{campaign}: the user is {}in its traffic (bucket {bucket} of {percent})", not(passed))
            }
            Self::Taken { campaign, by, forced } => {
                write!(
                    f,
                    "{campaign}: {by} of the same group has the user ({})",
                    if *forced { "forced" } else { "stored" }
                )
            }
            Self::Winner { campaign, eligible, winner, bucket } => {
                write!(f, "{campaign}: of its group {} could have the user, ", eligible.join(", "))?;
                write!(f, "{} has", winner.unwrap_or("none"))?;
                bucket.map_or(Ok(()), |bucket| write!(f, " (bucket {bucket})"))
            }
            Self::Bucketed { campaign, bucket, variation, .. } => {
                write!(f, "{campaign}: bucket {bucket} is {}", variation.unwrap_or("in no variation"))
            }
            Self::Goal { campaign, goal, tracked_before, counts } => {
                let before = if *tracked_before { "was tracked before and" } else { "is new and" };
                write!(f, "{campaign}: the goal {goal} {before} {}", if *counts { "counts" } else { "does not count" })
            }
            Self::Thrown { reason } => write!(f, "nothing can be answered: {reason}"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownCampaign => "no campaign has this key",
            Self::NotRunning => "the campaign is not running",
            Self::WrongType => "the call is not for campaigns of this type",
            Self::NeedsStorage => "a multi-armed bandit needs a storage",
            Self::UnknownGoal => "the campaign has no such goal",
            Self::OtherGoalType => "the goal is not of the type to be tracked",
            Self::NoRevenue => "the goal needs a revenue",
            Self::NotActivated => "nothing is stored, and only activate and isFeatureEnabled decide anew",
            Self::UnknownVariable => "the feature has no such variable",
        })
    }
}
