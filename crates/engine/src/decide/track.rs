//! Conversions: which campaigns they count for, and whether they count again.
use super::{Flow, Purpose, Source};
use crate::{
    decision::{Conversion, Conversions, Event},
    explain::{Reason, Step, Trace},
    held::{DELIMITER, GoalList, Storage},
    js::{self, Thrown},
    json::{Json, Object},
    request::{GoalTypes, Listed, Targets},
    settings::{Campaign, CampaignType, Goal, GoalType},
};
use std::borrow::Cow;

/// Of each campaign whether a conversion counts.
type Results<'a> = Vec<(Cow<'a, str>, bool)>;

impl<'a: 'h, 'h, T: Trace<'a>> Flow<'a, 'h, '_, T> {
    pub(super) fn track(&mut self, targets: &Targets<'a>, goal: &'a str) -> Result<Option<Results<'a>>, Thrown> {
        let settings = self.settings;
        let targets: Vec<(Cow<'a, str>, Option<&'a Campaign>)> = match targets {
            Targets::One(key) => {
                let campaign = settings.campaign(key);
                if campaign.is_some_and(|campaign| campaign.bandit) && matches!(self.storage, Storage::None) {
                    return Ok(self.refuse(key, Reason::NeedsStorage));
                }
                vec![(Cow::Borrowed(key), campaign)]
            }
            Targets::Several(keys) => keys.iter().map(|key| listed(settings.campaign(key.name()), key)).collect(),
            Targets::WithGoal => {
                let mut with_goal = Vec::new();
                for campaign in &settings.campaigns {
                    let known = self.goal(campaign, goal)?;
                    if known.is_some_and(|goal| self.context.goal_types().include(goal.kind)) {
                        with_goal.push((Cow::Borrowed(campaign.key.as_str()), Some(campaign)));
                    }
                }
                with_goal
            }
        };
        let mut conversions =
            Conversions { goal, each: Vec::new(), several: targets.len() > 1, revenue_properties: Vec::new() };
        let mut results = Vec::with_capacity(targets.len());
        for (key, campaign) in targets {
            let Some(campaign) = campaign else {
                if let Cow::Borrowed(key) = key {
                    self.refuse::<()>(key, Reason::UnknownCampaign);
                }
                results.push((key, false));
                continue;
            };
            match self.convert(campaign, goal, &mut conversions) {
                Ok(counts) => results.push((key, counts)),
                Err(thrown) => {
                    if self.context.launch.batch {
                        self.announce(conversions); // each was queued before the next campaign was looked at
                    }
                    return Err(thrown);
                }
            }
        }
        let results = in_order(results);
        if results.is_empty() {
            return Ok(None);
        }
        let posts = self.settings.event_architecture && !self.context.launch.batch && !conversions.each.is_empty();
        if posts && self.context.event_properties == Some(&Json::Null) {
            return Err(Thrown("eventProperties is null"));
        }
        self.announce(conversions);
        Ok(Some(results))
    }

    fn announce(&mut self, conversions: Conversions<'a>) {
        if !conversions.each.is_empty() {
            self.events.push(Event::Converted(conversions));
        }
    }

    /// Where keys repeat, the first campaign's goals count.
    fn goal(&self, campaign: &Campaign, goal: &str) -> Result<Option<&'a Goal>, Thrown> {
        self.settings.campaigns.get(campaign.first).map_or(Ok(None), |campaign| campaign.goal(goal))
    }

    /// Whether a conversion in `campaign` counts.
    fn convert(
        &mut self,
        campaign: &'a Campaign,
        identifier: &'a str,
        conversions: &mut Conversions<'a>,
    ) -> Result<bool, Thrown> {
        let mut refuse = |reason| Ok(self.refuse(&campaign.key, reason).unwrap_or(false));
        if !campaign.running {
            return refuse(Reason::NotRunning);
        }
        if campaign.kind == CampaignType::FeatureRollout {
            return refuse(Reason::WrongType);
        }
        let Some(goal) = self.goal(campaign, identifier)? else {
            return Ok(self.refuse(&campaign.key, Reason::UnknownGoal).unwrap_or(false));
        };
        let types = self.context.goal_types();
        if types != GoalTypes::All && !types.include(goal.kind) {
            return Ok(self.refuse(&campaign.key, Reason::OtherGoalType).unwrap_or(false));
        }
        if goal.kind == GoalType::Revenue && !js::truthy(self.context.revenue) && !self.revenue_follows(goal)? {
            return Ok(self.refuse(&campaign.key, Reason::NoRevenue).unwrap_or(false));
        }
        if let (GoalType::Revenue, Some(property)) = (goal.kind, &goal.revenue_property)
            && js::truthy(Some(property))
        {
            let property = js::text(property)?;
            if !conversions.revenue_properties.contains(&property) {
                conversions.revenue_properties.push(property);
            }
        }
        let Some(found) = self.variation(campaign, Purpose { activates: false, goal: Some(identifier) })? else {
            return Ok(false);
        };
        let before = match found.source {
            Source::Stored(held) => held.goals,
            Source::Forced | Source::Bucketed => GoalList::Joined(""),
        };
        let tracked_before = before.contains(identifier);
        let again = self.context.converts_returning() || goal.repeats;
        let counts = !tracked_before || again;
        self.trace.step(|| Step::Goal { campaign: &campaign.key, goal: identifier, tracked_before, counts });
        if !counts {
            return Ok(false);
        }
        let stores = !self.settings.event_architecture;
        if stores {
            if !before.is_empty() && !tracked_before {
                let list = before.joined() + DELIMITER + identifier;
                self.set(campaign, found.name, Some(Cow::Owned(list)));
            }
            self.set(campaign, found.name, Some(Cow::Borrowed(identifier)));
            self.offer(campaign, found, Some(identifier));
        }
        if self.context.launch.batch
            && self.settings.event_architecture
            && !(goal.kind == GoalType::Revenue && js::truthy(self.context.revenue))
            && self.context.event_properties == Some(&Json::Null)
        {
            return Err(Thrown("eventProperties is null"));
        }
        let seen = self.read(campaign).is_some_and(|held| held.goals.contains(identifier));
        let once = stores
            && !again
            && !seen
            && !matches!(self.storage, Storage::None)
            && !matches!(found.source, Source::Forced)
            && !identifier.contains(DELIMITER);
        conversions.each.push(Conversion { campaign, variation: found.variation, goal, once });
        Ok(true)
    }

    /// Whether a revenue goal may go without `revenueValue`: in the event architecture, if the event carries it.
    fn revenue_follows(&self, goal: &Goal) -> Result<bool, Thrown> {
        if !self.settings.event_architecture {
            return Ok(false);
        }
        if goal.repeats && !js::truthy(goal.revenue_property.as_ref()) {
            return Ok(true);
        }
        let property = goal.revenue_property.as_ref().map_or_else(|| Ok("undefined".to_owned()), js::text)?;
        match self.context.event_properties {
            None => Ok(false),
            properties => js::has_own(properties, &property),
        }
    }
}

impl<'a> Listed<'a> {
    fn name(&self) -> &str {
        match self {
            Self::Key(key) => key,
            Self::Odd(name) => name,
        }
    }
}

fn listed<'a>(campaign: Option<&'a Campaign>, key: &Listed<'a>) -> (Cow<'a, str>, Option<&'a Campaign>) {
    match key {
        Listed::Key(key) => (Cow::Borrowed(*key), campaign),
        Listed::Odd(name) => (Cow::Owned(name.clone()), None),
    }
}

/// As the keys of a JavaScript object: whole numbers first, each once, and `__proto__` is lost.
fn in_order(results: Results<'_>) -> Results<'_> {
    let plain = |(key, _): &(Cow<'_, str>, bool)| key != "__proto__" && crate::json::array_index(key).is_none();
    if results.len() < 2 && results.iter().all(plain) {
        return results;
    }
    let kept = results.into_iter().filter(|(key, _)| key != "__proto__");
    let ordered: Object = kept.map(|(key, counts)| (key.into_owned(), Json::Bool(counts))).collect();
    ordered.iter().map(|(key, counts)| (Cow::Owned(key.to_owned()), counts.is_true())).collect()
}
