//! A visitor to be told of: what a decision leaves behind, so that the call is made in the background.
use crate::{
    calls::{HttpCall, Moment, visitor},
    core::{Case, Core},
    options::weight,
};
use serde_json::Error;
use stayput::Timestamp;
use stayput_engine::{Campaign, Context, Json, Settings, Variation};
use std::sync::Arc;

/// Somebody who sees a variation.
pub(crate) struct Visit {
    settings: Arc<Settings>,
    user: Box<str>,
    user_agent: Option<Json>,
    ip_address: Option<Json>,
    campaign: Json,
    variation: Option<Json>,
    at: Timestamp,
}

impl Visit {
    pub(crate) fn new(case: &Case<'_>, at: Timestamp, campaign: &Campaign, variation: &Variation) -> Self {
        Self {
            settings: case.settings.clone(),
            user: case.context.user.into(),
            user_agent: case.context.user_agent.cloned(),
            ip_address: case.context.ip_address.cloned(),
            campaign: campaign.id.clone(),
            variation: variation.id.clone(),
            at,
        }
    }

    /// The call. Its random number is drawn here.
    pub(crate) fn call(&self, core: &Core) -> Result<Option<HttpCall>, Error> {
        let context = Context {
            user: &self.user,
            user_agent: self.user_agent.as_ref(),
            ip_address: self.ip_address.as_ref(),
            launch: core.launch,
            ..Context::default()
        };
        let moment = Moment::at(self.at, (core.random)());
        let seen = (self.campaign.clone(), self.variation.clone());
        visitor(&self.settings, &context, &core.sender, moment, seen).to_http(&self.settings, &core.sender)
    }

    /// About how many bytes its call takes, which says more than its own.
    pub(crate) fn weight(&self) -> usize {
        const CALL: usize = 512;
        let agents = [&self.user_agent, &self.ip_address].into_iter().flatten().map(weight).sum::<usize>();
        CALL + self.user.len() + 2 * agents // in the query and in a header
    }
}
