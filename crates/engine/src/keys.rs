//! Which assignments a decision could depend on, so that they are read in one go.
use crate::{
    request::{Context, Listed as Key, Request, Targets},
    settings::{Campaign, CampaignType, Member, Settings},
    whitelist::{self, Listed},
};

/// Keys of campaigns; a few need no allocation.
pub type Keys<'a> = smallvec::SmallVec<[&'a str; 4]>;

/// The keys of the campaigns whose assignments `request` could depend on: the called one first, then the others of
/// its group. None at all if the settings alone decide.
pub fn keys_needed<'a>(settings: &'a Settings, context: &Context<'_>, request: &Request<'_>) -> Keys<'a> {
    let mut keys = Keys::new();
    let mut one = |campaign: Option<&'a Campaign>, tracks: bool, right: fn(CampaignType) -> bool| {
        let callable = campaign.filter(|campaign| campaign.running && right(campaign.kind));
        callable.into_iter().for_each(|campaign| need(settings, context, campaign, tracks, &mut keys));
    };
    match request {
        Request::Activate(key) => one(settings.campaign(key), false, |kind| kind == CampaignType::Ab),
        Request::VariationName(key) => one(settings.campaign(key), false, not_rollout),
        Request::FeatureEnabled(key) | Request::FeatureVariable { campaign: key, .. } => {
            one(settings.campaign(key), false, |kind| kind != CampaignType::Ab);
        }
        Request::Track { campaigns: Targets::One(key), .. } => one(settings.campaign(key), true, not_rollout),
        Request::Track { campaigns: Targets::Several(listed), .. } => {
            for key in listed {
                if let Key::Key(key) = key {
                    one(settings.campaign(key), true, not_rollout);
                }
            }
        }
        Request::Track { campaigns: Targets::WithGoal, goal } => {
            for campaign in &settings.campaigns {
                let first = settings.campaigns.get(campaign.first);
                let has = first.is_some_and(|campaign| campaign.goal(goal).is_ok_and(|goal| goal.is_some()));
                one(Some(campaign).filter(|_| has), true, not_rollout);
            }
        }
        Request::Push(_) => {}
    }
    keys
}

fn need<'a>(settings: &'a Settings, context: &Context<'_>, campaign: &'a Campaign, tracks: bool, keys: &mut Keys<'a>) {
    let mut add = |key: &'a str| {
        if !keys.contains(&key) {
            keys.push(key);
        }
    };
    let listed = Listed::new(settings, campaign, context.user);
    let forced = whitelist::forced(settings, campaign, context, &listed).is_ok_and(|variation| variation.is_some());
    if !forced || tracks {
        add(&campaign.key); // a forced conversion is stored, and must know whom it replaces
    }
    if let (Member::Of(place), false) = (campaign.group, forced) {
        let members = settings.groups.get(place).and_then(|group| group.members.as_deref()).unwrap_or_default();
        members.iter().filter_map(|place| settings.campaigns.get(*place)).for_each(|member| add(&member.key));
    }
}

fn not_rollout(kind: CampaignType) -> bool {
    kind != CampaignType::FeatureRollout
}
