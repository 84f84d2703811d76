//! The decision: forced, stored, or bucketed, in this order, for every call alike.
mod calls;
mod track;

use crate::{
    bucket::{draw, find, traffic_bucket},
    decision::{Answer, Decision, Event, Offered, Seen, Set},
    explain::{Reason, Silent, Step, Trace},
    groups,
    held::{GoalList, Held, Storage},
    js::Thrown,
    request::{Context, Request},
    segments::Variables,
    settings::{Campaign, Group, Member, Settings, Variation},
    whitelist::{self, Listed},
};
use std::borrow::Cow;

/// Decides. The same arguments give the same decision.
pub fn decide<'a: 'h, 'h>(
    settings: &'a Settings,
    context: &Context<'a>,
    request: &Request<'a>,
    storage: Storage<'h>,
) -> Decision<'a> {
    Flow::new(settings, context, storage, &mut Silent).decide(request)
}

/// A decision in the making.
pub(crate) struct Flow<'a, 'h, 't, T> {
    settings: &'a Settings,
    context: Context<'a>,
    storage: Storage<'h>,
    trace: &'t mut T,
    offers: Vec<Offered<'a>>,
    sets: Vec<Set<'a>>,
    events: Vec<Event<'a>>,
    seen: Vec<Seen<'a>>,
}

/// Why a variation is needed.
#[derive(Clone, Copy, Debug)]
struct Purpose<'a> {
    /// Whether the user is assigned now; other calls only ask for what was assigned before.
    activates: bool,
    /// The goal, of `track`.
    goal: Option<&'a str>,
}

/// A variation, and where it comes from.
#[derive(Clone, Copy, Debug)]
struct Found<'a, 'h> {
    variation: &'a Variation,
    name: &'a str,
    source: Source<'h>,
}

#[derive(Clone, Copy, Debug)]
enum Source<'h> {
    Forced,
    Stored(Held<'h>),
    Bucketed,
}

/// What storage says about the called campaign.
enum Lookup<'a, 'h> {
    Unasked,
    Nothing,
    Unknown,
    Known(Found<'a, 'h>),
}

impl<'a: 'h, 'h, 't, T: Trace<'a>> Flow<'a, 'h, 't, T> {
    pub(crate) fn new(settings: &'a Settings, context: &Context<'a>, storage: Storage<'h>, trace: &'t mut T) -> Self {
        let (offers, sets, events, seen) = Default::default();
        Self { settings, context: *context, storage, trace, offers, sets, events, seen }
    }

    pub(crate) fn decide(mut self, request: &Request<'a>) -> Decision<'a> {
        let answer = match request {
            Request::Activate(campaign) => Answer::Variation(self.ask(|flow| flow.activate(campaign)).flatten()),
            Request::VariationName(campaign) => {
                Answer::Variation(self.ask(|flow| flow.variation_name(campaign)).flatten())
            }
            Request::FeatureEnabled(campaign) => {
                Answer::Enabled(self.ask(|flow| flow.feature_enabled(campaign)).unwrap_or(false))
            }
            Request::FeatureVariable { campaign, variable } => {
                self.ask(|flow| flow.feature_variable(campaign, variable)).unwrap_or(Answer::Value(None))
            }
            Request::Track { campaigns, goal } => {
                Answer::Tracked(self.ask(|flow| flow.track(campaigns, goal)).flatten())
            }
            Request::Push(tags) => Answer::Pushed(self.push(tags)),
        };
        let Self { offers, sets, events, seen, .. } = self;
        Decision { answer, offers, sets, events, seen }
    }

    fn ask<R>(&mut self, call: impl FnOnce(&mut Self) -> Result<R, Thrown>) -> Option<R> {
        match call(self) {
            Ok(answer) => Some(answer),
            Err(Thrown(reason)) => {
                self.trace.step(|| Step::Thrown { reason });
                None
            }
        }
    }

    fn refuse<R>(&mut self, campaign: &'a str, reason: Reason) -> Option<R> {
        self.trace.step(|| Step::Refused { campaign, reason });
        None
    }

    /// The variation that the user sees in `campaign`.
    fn variation(&mut self, campaign: &'a Campaign, purpose: Purpose<'a>) -> Result<Option<Found<'a, 'h>>, Thrown> {
        let group = self.group(campaign)?;
        let context = self.context;
        let listed = Listed::new(self.settings, campaign, context.user);
        let forced = whitelist::forced(self.settings, campaign, &context, &listed)?;
        if campaign.forces {
            self.trace.step(|| Step::Forced { campaign: &campaign.key, variation: forced.map(Variation::name) });
        }
        if let Some(variation) = forced {
            let found = Found { variation, name: variation.name(), source: Source::Forced };
            self.see(campaign, campaign, Some(found), purpose);
            return Ok(Some(found).filter(|found| !found.name.is_empty()));
        }
        match self.lookup(campaign) {
            Lookup::Known(found) => {
                self.see(campaign, campaign, Some(found), purpose);
                return Ok(Some(found));
            }
            Lookup::Nothing if !purpose.activates => return Ok(self.refuse(&campaign.key, Reason::NotActivated)),
            Lookup::Nothing | Lookup::Unknown | Lookup::Unasked => {}
        }
        if !self.eligible(campaign) {
            return Ok(None);
        }
        let Some(group) = group else { return self.assign(campaign, campaign, purpose) };
        match self.winner(campaign, group, &listed)? {
            Some(winner) => self.assign(campaign, winner, purpose),
            None => Ok(None),
        }
    }

    fn group(&self, campaign: &Campaign) -> Result<Option<&'a Group>, Thrown> {
        match campaign.group {
            Member::Free => Ok(None),
            Member::Of(place) => Ok(self.settings.groups.get(place)),
            Member::OfNothing => Err(Thrown("the campaign's group does not exist")),
        }
    }

    fn lookup(&mut self, campaign: &'a Campaign) -> Lookup<'a, 'h> {
        let failed = match self.storage {
            Storage::None => {
                self.trace.step(|| Step::NotStored { campaign: &campaign.key, failed: false });
                return Lookup::Unasked;
            }
            Storage::Unread => true,
            Storage::Read(_) => false,
        };
        let held = self.latest(campaign);
        let held = match self.context.user_storage_data {
            Some(record) => Held::overlaid(held, record, self.context.user, &campaign.key),
            None => held,
        };
        let held = held.filter(Held::is_complete);
        if failed && held.is_none() {
            self.trace.step(|| Step::NotStored { campaign: &campaign.key, failed });
            return Lookup::Unasked;
        }
        let name = held.map(|held| held.variation);
        let found = held.and_then(|held| self.stored(campaign, held));
        self.trace.step(|| Step::Stored {
            campaign: &campaign.key,
            variation: name.map(|name| name.to_owned().into()),
            known: found.is_some(),
        });
        match (held, found) {
            (_, Some(found)) => Lookup::Known(found),
            (Some(_), None) => Lookup::Unknown,
            (None, None) => Lookup::Nothing,
        }
    }

    /// What storage has for a campaign by now: in one call of `track`, a campaign sees what those before it stored.
    fn latest(&self, campaign: &Campaign) -> Option<Held<'h>> {
        let own = self.sets.iter().rev().find(|set| set.campaign == campaign.key);
        match (own, self.storage) {
            (Some(set), _) => {
                let goal = if let Some(Cow::Borrowed(goal)) = set.goal { goal } else { "" };
                Some(Held { variation: set.variation, goals: GoalList::Joined(goal), by: None, named: true })
            }
            (None, Storage::Read(read)) => read(&campaign.key),
            (None, Storage::None | Storage::Unread) => None,
        }
    }

    /// What was read.
    fn read(&self, campaign: &Campaign) -> Option<Held<'h>> {
        match self.storage {
            Storage::Read(read) => read(&campaign.key).filter(Held::is_complete),
            Storage::None | Storage::Unread => None,
        }
    }

    fn stored(&self, campaign: &'a Campaign, held: Held<'h>) -> Option<Found<'a, 'h>> {
        let campaign = self.settings.campaigns.get(campaign.first)?; // where keys repeat, the first counts
        let variation = campaign.variation(held.variation).filter(|_| !campaign.key.is_empty())?;
        Some(Found { variation, name: variation.name(), source: Source::Stored(held) })
    }

    /// Whether the campaign's segments and traffic admit the user.
    fn eligible(&mut self, campaign: &'a Campaign) -> bool {
        let passed = campaign.segments.matches(Variables::custom(self.context.custom_variables));
        if !campaign.segments.is_empty() {
            self.trace.step(|| Step::Segments { campaign: &campaign.key, passed });
        }
        passed && self.in_traffic(campaign)
    }

    fn in_traffic(&mut self, campaign: &'a Campaign) -> bool {
        let (bucket, percent) = (traffic_bucket(self.settings, campaign, self.context.user), campaign.traffic);
        let passed = bucket != 0.0 && bucket <= percent;
        self.trace.step(|| Step::Traffic { campaign: &campaign.key, bucket, percent, passed });
        passed
    }

    /// The campaign of the group that decides for the user, if it is the called one, or the only one that may.
    fn winner(
        &mut self,
        called: &'a Campaign,
        group: &'a Group,
        listed: &Listed<'_>,
    ) -> Result<Option<&'a Campaign>, Thrown> {
        let places = group.members.as_deref().ok_or(Thrown("the group has no list of campaigns"))?;
        let settings = self.settings;
        let members = || places.iter().filter_map(|place| settings.campaigns.get(*place));
        if members().next().is_none() {
            return Ok(None);
        }
        for other in members().filter(|other| !other.id.same(&called.id)) {
            let forced = whitelist::forced(settings, other, &self.context, listed)?.is_some();
            let held = self.latest(other).filter(Held::is_complete);
            if forced || held.is_some_and(|held| self.stored(other, held).is_some()) {
                self.trace.step(|| Step::Taken { campaign: &called.key, by: &other.key, forced });
                return Ok(None);
            }
        }
        let mut eligible = Vec::new();
        for member in members() {
            if self.eligible(member) {
                eligible.push(member);
            }
        }
        if let [only] = eligible.as_slice() {
            return Ok(Some(only));
        }
        let won = groups::winner(group, &eligible, self.context.user)?;
        self.trace.step(|| Step::Winner {
            campaign: &called.key,
            eligible: eligible.iter().map(|campaign| campaign.key.as_str()).collect(),
            winner: won.winner.map(|campaign| campaign.key.as_str()),
            bucket: won.bucket,
        });
        Ok(won.winner.filter(|winner| winner.id.same(&called.id)))
    }

    /// Assigns the user to a variation of `campaign`, and offers that to the store.
    fn assign(
        &mut self,
        called: &'a Campaign,
        campaign: &'a Campaign,
        purpose: Purpose<'a>,
    ) -> Result<Option<Found<'a, 'h>>, Thrown> {
        let mut found = None;
        if self.in_traffic(campaign) {
            let drawn = draw(self.settings, campaign, self.context.user);
            let variation = find(&campaign.variations, drawn.bucket).filter(|variation| !variation.name().is_empty());
            if campaign.variations_are_odd == Some(true) && variation.is_none() {
                return Err(Thrown("variations is no list"));
            }
            self.trace.step(|| Step::Bucketed {
                campaign: &campaign.key,
                bucket: drawn.bucket,
                multiplier: drawn.multiplier,
                variation: variation.map(Variation::name),
            });
            found = variation.map(|variation| Found { variation, name: variation.name(), source: Source::Bucketed });
        }
        if let Some(found) = found {
            self.set(campaign, found.name, purpose.goal.map(Cow::Borrowed));
            self.offer(campaign, found, purpose.goal);
        }
        self.see(called, campaign, found, purpose);
        Ok(found)
    }

    fn see(
        &mut self,
        campaign: &'a Campaign,
        decided: &'a Campaign,
        found: Option<Found<'a, 'h>>,
        purpose: Purpose<'a>,
    ) {
        if !self.context.launch.integrations {
            return;
        }
        let source = found.map(|found| found.source);
        self.seen.push(Seen {
            campaign,
            decided,
            variation: found.map(|found| found.variation),
            stored: matches!(source, Some(Source::Stored(_))),
            forced: matches!(source, Some(Source::Forced)),
            goal: purpose.goal,
        });
    }

    /// Notes what the official SDK would store.
    fn set(&mut self, campaign: &'a Campaign, variation: &'a str, goal: Option<Cow<'a, str>>) {
        if !matches!(self.storage, Storage::None) {
            let (user, meta_data) = (self.context.user, self.context.meta_data);
            self.sets.push(Set { user, variation, campaign: &campaign.key, goal, meta_data });
        }
    }

    /// Offers a variation, and a goal with it: one offer per campaign.
    fn offer(&mut self, campaign: &'a Campaign, found: Found<'a, 'h>, goal: Option<&'a str>) {
        if matches!(self.storage, Storage::None) {
            return;
        }
        let held = self.read(campaign).filter(|held| held.variation != found.name);
        let offered = Offered {
            campaign: &campaign.key,
            variation: found.name,
            goal,
            meta_data: self.context.meta_data,
            over: held.map(|held| (held.variation.to_owned(), held.by)),
            forced: matches!(found.source, Source::Forced),
            fresh: matches!(found.source, Source::Bucketed),
        };
        match self.offers.iter_mut().find(|known| known.campaign == offered.campaign) {
            Some(known) if known.fresh => *known = Offered { fresh: true, ..offered },
            Some(known) => *known = offered,
            None => self.offers.push(offered),
        }
    }
}
