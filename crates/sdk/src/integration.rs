//! What an integration's callback is told about a decision, in the official form and order.
use crate::{calls::Sender, core::Case};
use stayput_engine::{CampaignType, Json, Member, Object, Request, Seen};
use std::sync::Arc;

/// An integration's callback.
pub(crate) type Callback = Arc<dyn Fn(&Json) + Send + Sync>;

/// The official payload; what JavaScript would call undefined is left out.
pub(crate) fn payload(case: &Case<'_>, seen: &Seen<'_>, sender: &Sender) -> Json {
    let (campaign, context) = (seen.campaign, &case.context);
    let rollout = seen.decided.kind == CampaignType::FeatureRollout;
    let text = |text: &str| Some(Json::from(text));
    let object = |object: Option<&Object>| object.cloned().map(Json::Object);
    let group = match campaign.group {
        Member::Of(place) => case.settings.groups.get(place),
        Member::Free | Member::OfNothing => None,
    };
    let fields = [
        ("fromUserStorageService", Some(seen.stored.into())),
        ("isUserWhitelisted", Some(seen.forced.into())),
        ("isFeatureEnabled", rollout.then(|| seen.variation.is_some().into())),
        ("variationName", seen.variation.filter(|_| !rollout).and_then(|variation| text(variation.name.as_deref()?))),
        ("variationId", seen.variation.filter(|_| !rollout).and_then(|variation| variation.id.clone())),
        ("campaignId", Some(campaign.id.clone())),
        ("campaignKey", text(&campaign.key)),
        ("campaignType", kind(campaign.kind).and_then(text)),
        ("campaignName", campaign.name.as_deref().and_then(text)),
        ("customVariables", object(context.custom_variables)),
        ("event", text("CAMPAIGN_DECISION")),
        ("goalIdentifier", seen.goal.and_then(text)),
        ("isForcedVariationEnabled", Some(campaign.forces.into())),
        ("sdkVersion", text(&sender.version)),
        ("source", text(source(&case.request))),
        ("userId", text(context.user)),
        (
            "variationTargetingVariables",
            Some(object(context.targeting_variables).unwrap_or(Json::Object(Object::default()))),
        ),
        ("vwoUserId", text(&case.settings.vwo_uuid(context.user))),
        ("groupId", group.map(|group| group.id.into())),
        ("groupName", group.and_then(|group| group.name.clone())),
    ];
    Json::Object(fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect())
}

fn kind(kind: CampaignType) -> Option<&'static str> {
    match kind {
        CampaignType::Ab => Some("VISUAL_AB"),
        CampaignType::FeatureTest => Some("FEATURE_TEST"),
        CampaignType::FeatureRollout => Some("FEATURE_ROLLOUT"),
        CampaignType::Other => None,
    }
}

fn source(request: &Request<'_>) -> &'static str {
    match request {
        Request::Activate(_) => "activate",
        Request::VariationName(_) => "getVariation",
        Request::FeatureEnabled(_) => "isFeatureEnabled",
        Request::FeatureVariable { .. } => "getFeatureVariableValue",
        Request::Track { .. } => "track",
        Request::Push(_) => "push",
    }
}
