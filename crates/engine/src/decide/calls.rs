//! The calls about one campaign: activate, getVariationName, isFeatureEnabled, getFeatureVariableValue; and push.
use super::{Flow, Found, Purpose, Source};
use crate::{
    decision::{Answer, Event, Pushed},
    explain::{Reason, Trace},
    held::Storage,
    js::{self, Thrown},
    json::Json,
    settings::{Campaign, CampaignType, Variable},
};
use std::borrow::Cow;

const ACTIVATING: Purpose<'_> = Purpose { activates: true, goal: None };
const ASKING: Purpose<'_> = Purpose { activates: false, goal: None };

impl<'a: 'h, 'h, T: Trace<'a>> Flow<'a, 'h, '_, T> {
    pub(super) fn activate(&mut self, key: &'a str) -> Result<Option<&'a str>, Thrown> {
        let Some(campaign) = self.callable(key, true, |kind| kind == CampaignType::Ab) else { return Ok(None) };
        let found = self.variation(campaign, ACTIVATING)?;
        Ok(found.map(|found| {
            self.show(campaign, found);
            found.name
        }))
    }

    pub(super) fn variation_name(&mut self, key: &'a str) -> Result<Option<&'a str>, Thrown> {
        let Some(campaign) = self.callable(key, false, |kind| kind != CampaignType::FeatureRollout) else {
            return Ok(None);
        };
        Ok(self.variation(campaign, ASKING)?.map(|found| found.name))
    }

    pub(super) fn feature_enabled(&mut self, key: &'a str) -> Result<bool, Thrown> {
        let Some(campaign) = self.callable(key, true, |kind| kind != CampaignType::Ab) else { return Ok(false) };
        let Some(found) = self.variation(campaign, ACTIVATING)? else { return Ok(false) };
        self.show(campaign, found);
        Ok(campaign.kind == CampaignType::FeatureRollout || found.variation.enabled)
    }

    pub(super) fn feature_variable(&mut self, key: &'a str, variable: &'a str) -> Result<Answer<'a>, Thrown> {
        const NULL: Answer<'_> = Answer::Value(None);
        let Some(campaign) = self.callable(key, false, |kind| kind != CampaignType::Ab) else { return Ok(NULL) };
        let Some(found) = self.variation(campaign, ASKING)? else { return Ok(NULL) };
        let variable = match campaign.kind {
            CampaignType::FeatureRollout => campaign.variable(variable)?,
            CampaignType::FeatureTest if found.variation.variables.is_none() => None,
            CampaignType::FeatureTest if found.variation.enabled => found.variation.variable(variable)?,
            CampaignType::FeatureTest => match campaign.control() {
                Some(control) => control.variable(variable)?,
                None => None,
            },
            CampaignType::Ab | CampaignType::Other => None,
        };
        Ok(match variable {
            Some(variable) => value(variable),
            None => self.refuse(key, Reason::UnknownVariable).unwrap_or(NULL),
        })
    }

    pub(super) fn push(&mut self, tags: &[(String, String)]) -> Pushed {
        self.events.push(Event::Tagged(tags.to_vec()));
        match self.settings.event_architecture && !self.context.launch.batch {
            true => Pushed::Success,
            false => Pushed::Keys(tags.iter().map(|(key, _)| key.clone()).collect()),
        }
    }

    /// The campaign, if it is running and of a type that the call is for.
    fn callable(&mut self, key: &'a str, counts: bool, right: fn(CampaignType) -> bool) -> Option<&'a Campaign> {
        let Some(campaign) = self.settings.campaign(key) else { return self.refuse(key, Reason::UnknownCampaign) };
        if counts && campaign.bandit && matches!(self.storage, Storage::None) {
            return self.refuse(key, Reason::NeedsStorage);
        }
        if !campaign.running {
            return self.refuse(key, Reason::NotRunning);
        }
        if right(campaign.kind) { Some(campaign) } else { self.refuse(key, Reason::WrongType) }
    }

    /// Counts the user, unless that happened when the variation was stored.
    fn show(&mut self, campaign: &'a Campaign, found: Found<'a, 'h>) {
        if !matches!(found.source, Source::Stored(_)) || self.context.counts_returning() {
            self.events.push(Event::Shown { campaign, variation: found.variation });
        }
    }
}

/// The value of a variable as its type says.
fn value(variable: &Variable) -> Answer<'_> {
    let text = || variable.value.as_ref().map_or_else(|| Ok("undefined".to_owned()), js::text);
    let number = |read: fn(&str) -> f64| {
        let number = text().map_or(f64::NAN, |text| read(&text));
        Answer::Value((!number.is_nan()).then_some(Cow::Owned(Json::Number(number))))
    };
    let only = |right: fn(&Json) -> bool| {
        Answer::Value(variable.value.as_ref().filter(|value| right(value)).map(Cow::Borrowed))
    };
    match (variable.kind.as_deref(), &variable.value) {
        (Some("integer"), _) => number(js::parse_int),
        (Some("double"), _) => number(js::parse_float),
        (Some("boolean"), _) => only(|value| matches!(value, Json::Bool(_))),
        (Some("json"), _) => only(|value| matches!(value, Json::Object(_))),
        (_, Some(value)) => Answer::Value(Some(Cow::Borrowed(value))),
        (_, None) => Answer::Undefined,
    }
}
