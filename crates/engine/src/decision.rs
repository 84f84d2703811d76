//! What comes out of a decision: the answer, what to offer to the store, what to send, all as data.
use crate::{
    js,
    json::{Json, Object},
    settings::{Campaign, Goal, Variation},
};
use stayput::{ClaimId, Key, Name, Offer, Timestamp};
use std::borrow::Cow;

/// A decision.
#[derive(Clone, Debug)]
pub struct Decision<'a> {
    /// What the caller gets.
    pub answer: Answer<'a>,
    /// What the store is to be offered, at most one offer per campaign.
    pub offers: Vec<Offered<'a>>,
    /// What the official SDK would pass to `set`, in its order: twice where it sets twice.
    pub sets: Vec<Set<'a>>,
    /// What VWO's servers are to be told, in order.
    pub events: Vec<Event<'a>>,
    /// What an integration's callback is to be told, in order, if there is one.
    pub seen: Vec<Seen<'a>>,
}

/// What the caller gets.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer<'a> {
    /// `activate`, `getVariationName`: a variation's name.
    Variation(Option<&'a str>),
    /// `isFeatureEnabled`
    Enabled(bool),
    /// `getFeatureVariableValue`: `None` is null.
    Value(Option<Cow<'a, Json>>),
    /// `getFeatureVariableValue` of a variable without a value: undefined.
    Undefined,
    /// `track`: of each campaign whether a conversion counts; `None` is null.
    Tracked(Option<Vec<(Cow<'a, str>, bool)>>),
    /// `push`
    Pushed(Pushed),
}

/// What `push` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// `false`: the arguments are wrong.
    Refused,
    /// The keys that were pushed.
    Keys(Vec<String>),
    /// `{"success": true}`: an account of the event architecture.
    Success,
}

/// An assignment to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Offered<'a> {
    /// `campaignKey`
    pub campaign: &'a str,
    /// `variationName`
    pub variation: &'a str,
    /// The goal to bring.
    pub goal: Option<&'a str>,
    /// `metaData`
    pub meta_data: Option<&'a Json>,
    /// What was read and is to make way for the variation, and who put it there.
    pub over: Option<(String, Option<ClaimId>)>,
    /// A forced variation is never overruled by what a claim finds.
    pub forced: bool,
    /// Decided just now, not read.
    pub fresh: bool,
}

/// What the official SDK passes to `set`.
#[derive(Clone, Debug, PartialEq)]
pub struct Set<'a> {
    /// `userId`
    pub user: &'a str,
    /// `variationName`
    pub variation: &'a str,
    /// `campaignKey`
    pub campaign: &'a str,
    /// `goalIdentifier`
    pub goal: Option<Cow<'a, str>>,
    /// `metaData`
    pub meta_data: Option<&'a Json>,
}

/// Something to tell VWO's servers.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The user sees a variation.
    Shown {
        /// The campaign that was called.
        campaign: &'a Campaign,
        /// What the user sees.
        variation: &'a Variation,
    },
    /// The user converted.
    Converted(Conversions<'a>),
    /// The user was tagged: keys and values.
    Tagged(Vec<(String, String)>),
}

/// The conversions of one call of `track`.
#[derive(Clone, Debug)]
pub struct Conversions<'a> {
    /// `goalIdentifier`
    pub goal: &'a str,
    /// Each conversion, in the order of the campaigns.
    pub each: Vec<Conversion<'a>>,
    /// More than one campaign was considered, even if only one converted: the call then takes the form for several.
    pub several: bool,
    /// `revenueProp` of every revenue goal that was considered, each once.
    pub revenue_properties: Vec<String>,
}

/// A conversion.
#[derive(Clone, Copy, Debug)]
pub struct Conversion<'a> {
    /// Where.
    pub campaign: &'a Campaign,
    /// What the user saw.
    pub variation: &'a Variation,
    /// Which goal.
    pub goal: &'a Goal,
    /// Counts only if the claim says that the goal is new.
    pub once: bool,
}

/// What an integration's callback is told about a campaign.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The campaign that was called.
    pub campaign: &'a Campaign,
    /// The type of the campaign that decided.
    pub decided: &'a Campaign,
    /// What the user sees; nothing in a gap between the ranges.
    pub variation: Option<&'a Variation>,
    /// `fromUserStorageService`
    pub stored: bool,
    /// `isUserWhitelisted`
    pub forced: bool,
    /// The goal, of `track`.
    pub goal: Option<&'a str>,
}

impl Answer<'_> {
    /// As the official SDK answers; `None` is undefined.
    pub fn to_json(&self, development: bool) -> Option<Json> {
        let map = |pairs: &mut dyn Iterator<Item = (String, bool)>| {
            let mut pairs: Vec<(String, Json)> = pairs.map(|(key, truth)| (key, truth.into())).collect();
            if development {
                pairs.push(("isDevelopmentMode".to_owned(), true.into()));
            }
            Json::Object(pairs.into_iter().collect::<Object>())
        };
        Some(match self {
            Self::Variation(name) => name.map_or(Json::Null, Json::from),
            Self::Enabled(enabled) => Json::Bool(*enabled),
            Self::Value(value) => value.as_ref().map_or(Json::Null, |value| value.as_ref().clone()),
            Self::Undefined => return None,
            Self::Tracked(None) => Json::Null,
            Self::Tracked(Some(results)) => map(&mut results.iter().map(|(key, truth)| (key.to_string(), *truth))),
            Self::Pushed(Pushed::Refused) => Json::Bool(false),
            Self::Pushed(Pushed::Success) => map(&mut [("success".to_owned(), true)].into_iter()),
            Self::Pushed(Pushed::Keys(keys)) => map(&mut keys.iter().map(|key| (key.clone(), true))),
        })
    }
}

impl Offered<'_> {
    /// The offer to be claimed under `key`. `metaData` is not in it: it is JSON, which needs a feature of `stayput`.
    pub fn offer(&self, key: Key, claim: ClaimId, now: Timestamp) -> stayput::Result<Offer> {
        let offer = Offer::new(key, claim, now).offering(Name::variation(self.variation)?);
        let offer = offer.bringing(self.goals().map(Name::goal).collect::<stayput::Result<Vec<_>>>()?);
        Ok(match &self.over {
            Some((variation, by)) => offer.replacing(Name::variation(variation)?, *by),
            None => offer,
        })
    }
    /// The goal as it is kept: one that contains the delimiter is several.
    pub fn goals(&self) -> impl Iterator<Item = &str> {
        self.goal.unwrap_or_default().split(crate::held::DELIMITER).filter(|goal| !goal.is_empty())
    }
}

impl Set<'_> {
    /// The record, with its keys in the official order.
    pub fn to_json(&self) -> Json {
        let text = |key: &str, text: &str| (key.to_owned(), Json::from(text));
        let mut fields =
            vec![text("userId", self.user), text("variationName", self.variation), text("campaignKey", self.campaign)];
        fields.extend(self.goal.as_deref().map(|goal| text("goalIdentifier", goal)));
        fields.extend(self.meta_data.map(|meta_data| ("metaData".to_owned(), meta_data.clone())));
        Json::Object(fields.into_iter().collect())
    }
}

impl Conversions<'_> {
    /// Ids of campaigns and goals as the event architecture lists them: each campaign once, the last goal counts.
    pub fn metrics(&self) -> Vec<(String, String)> {
        let goal = |goal: &Goal| goal.id.as_ref().and_then(|id| js::text(id).ok()).unwrap_or("undefined".to_owned());
        let pairs = self.each.iter().map(|each| (each.campaign.id_text.clone(), Json::String(goal(each.goal))));
        let ordered: Object = pairs.collect();
        ordered
            .iter()
            .map(|(campaign, goal)| (campaign.to_owned(), goal.as_str().unwrap_or_default().to_owned()))
            .collect()
    }
}
