//! Conversions whose claim has not been answered: they are sent once it has, if their goal is new, and never before.
use crate::{
    backing::{Backing, Read},
    calls::Moment,
    core::{Answered, Case, Core, Known},
    options::Options,
    queue::Work,
};
use stayput::{Error, ErrorKind, Offer};
use stayput_engine::{Decision, Listed, Request, Settings, Targets};
use std::sync::Arc;

/// A call of `track`, with everything that its answer depends on.
pub(crate) struct Waiting {
    settings: Arc<Settings>,
    user: String,
    options: Options,
    campaigns: Campaigns,
    goal: String,
    read: Read,
    offers: Vec<Offer>,
    moment: Moment,
}

enum Campaigns {
    One(String),
    Several(Vec<String>),
    WithGoal,
}

/// A conversion that goes to the queue if nobody settles it, even if the caller stops waiting.
pub(crate) struct Pending<'c> {
    core: &'c Arc<Core>,
    waiting: Option<Waiting>,
}

impl Waiting {
    /// Nothing if `case` is no call of `track`.
    pub(crate) fn new(case: &Case<'_>, read: Read, offers: Vec<Offer>, moment: Moment) -> Self {
        let (campaigns, goal) = match &case.request {
            Request::Track { campaigns: Targets::One(key), goal } => (Campaigns::One((*key).to_owned()), *goal),
            Request::Track { campaigns: Targets::Several(listed), goal } => {
                (Campaigns::Several(listed.iter().map(key).collect()), *goal)
            }
            Request::Track { campaigns: Targets::WithGoal, goal } => (Campaigns::WithGoal, *goal),
            _ => (Campaigns::Several(Vec::new()), ""),
        };
        Self {
            settings: case.settings.clone(),
            user: case.context.user.to_owned(),
            options: case.options.clone(),
            campaigns,
            goal: goal.to_owned(),
            read,
            offers,
            moment,
        }
    }

    /// About how many bytes it takes.
    pub(crate) fn weight(&self) -> usize {
        const OFFER: usize = 512;
        let campaigns: usize = match &self.campaigns {
            Campaigns::One(key) => key.len(),
            Campaigns::Several(keys) => keys.iter().map(String::len).sum(),
            Campaigns::WithGoal => 0,
        };
        let held: usize = match &self.read {
            Read::Store { held, .. } => held.iter().flatten().map(|held| OFFER + held.goals.len() * 64).sum(),
            _ => 0,
        };
        size_of::<Self>() + self.user.len() + self.options.weight() + campaigns + held + self.offers.len() * OFFER
    }

    /// Claims once more, and tells what the answer says. The decision is made again of the same parts, so it is the
    /// same, and so are its offers.
    pub(crate) async fn settle(&self, core: &Arc<Core>) -> Result<(), Error> {
        let Backing::Store { store, scope } = &core.backing else { return Ok(()) };
        let targets = match &self.campaigns {
            Campaigns::One(key) => Targets::One(key),
            Campaigns::Several(keys) => Targets::Several(keys.iter().map(|key| Listed::Key(key)).collect()),
            Campaigns::WithGoal => Targets::WithGoal,
        };
        let case = Case {
            settings: &self.settings,
            options: &self.options,
            context: self.options.context(&self.user, core.launch),
            request: Request::Track { campaigns: targets, goal: &self.goal },
        };
        let known = Known::new(&case, self.read.clone());
        let decision: Decision<'_> = known.decide();
        let claims = core.claim_twice(&**store, &self.offers).await?;
        match core.settled(&known, decision, &self.offers, claims, &**store, scope).await {
            (settled, Answered::Yes) => {
                core.tell(&case, Some(self.moment), &settled.events);
                Ok(())
            }
            (_, Answered::NotYet) => Err(Error::new(ErrorKind::Unavailable, "sdk", "the claim is still spooled")),
        }
    }
}

impl<'c> Pending<'c> {
    pub(crate) fn new(core: &'c Arc<Core>, waiting: Waiting) -> Self {
        Self { core, waiting: Some(waiting) }
    }
    pub(crate) fn offers(&self) -> &[Offer] {
        self.waiting.as_ref().map_or(&[], |waiting| &waiting.offers)
    }
    /// The claim was answered.
    pub(crate) fn settle(&mut self) {
        self.waiting = None;
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            self.core.counters.conversions_waited.add(1);
            self.core.queue.push(Work::Settle(Box::new(waiting)), &self.core.counters);
        }
    }
}

fn key(listed: &Listed<'_>) -> String {
    match listed {
        Listed::Key(key) => (*key).to_owned(),
        Listed::Odd(name) => name.clone(),
    }
}
