//! What a call may say beyond its arguments.
use stayput_engine::{Context, GoalTypes, Json, Launch, Object};

/// The options of one call; those that a call has no use for are ignored.
///
/// ```
/// # use stayput_sdk::{Json, Options};
/// let options = Options::default()
///     .custom_variables([("plan", Json::from("pro")), ("seats", Json::from(5.0))])
///     .user_agent("curl/8");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    custom_variables: Option<Object>,
    targeting_variables: Option<Object>,
    user_storage_data: Option<Object>,
    meta_data: Option<Json>,
    track_returning_users: Option<bool>,
    goal_types: Option<GoalTypes>,
    revenue: Option<Json>,
    event_properties: Option<Json>,
    user_agent: Option<Json>,
    user_ip_address: Option<Json>,
}

impl Options {
    /// `customVariables`: what campaigns' segments ask about.
    pub fn custom_variables<K: Into<String>, V: Into<Json>>(self, fields: impl IntoIterator<Item = (K, V)>) -> Self {
        Self { custom_variables: Some(object(fields)), ..self }
    }
    /// `variationTargetingVariables`: what forced variations ask about.
    pub fn targeting_variables<K: Into<String>, V: Into<Json>>(self, fields: impl IntoIterator<Item = (K, V)>) -> Self {
        Self { targeting_variables: Some(object(fields)), ..self }
    }
    /// `userStorageData`: laid over what is held for the called campaign.
    pub fn user_storage_data<K: Into<String>, V: Into<Json>>(self, fields: impl IntoIterator<Item = (K, V)>) -> Self {
        Self { user_storage_data: Some(object(fields)), ..self }
    }
    /// `metaData`: stored together with the variation.
    pub fn meta_data<K: Into<String>, V: Into<Json>>(self, fields: impl IntoIterator<Item = (K, V)>) -> Self {
        Self { meta_data: Some(Json::Object(object(fields))), ..self }
    }
    /// `shouldTrackReturningUser`
    pub fn track_returning_users(self, track: bool) -> Self {
        Self { track_returning_users: Some(track), ..self }
    }
    /// `goalTypeToTrack`
    pub fn goal_types(self, types: GoalTypes) -> Self {
        Self { goal_types: Some(types), ..self }
    }
    /// `revenueValue`: a number, or text.
    pub fn revenue(self, value: impl Into<Json>) -> Self {
        Self { revenue: Some(value.into()), ..self }
    }
    /// `eventProperties`, for accounts of the event architecture.
    pub fn event_properties<K: Into<String>, V: Into<Json>>(self, fields: impl IntoIterator<Item = (K, V)>) -> Self {
        Self { event_properties: Some(Json::Object(object(fields))), ..self }
    }
    /// `userAgent`
    pub fn user_agent(self, agent: &str) -> Self {
        Self { user_agent: Some(agent.into()), ..self }
    }
    /// `userIpAddress`
    pub fn user_ip_address(self, address: &str) -> Self {
        Self { user_ip_address: Some(address.into()), ..self }
    }

    pub(crate) fn context<'a>(&'a self, user: &'a str, launch: Launch) -> Context<'a> {
        Context {
            user,
            custom_variables: self.custom_variables.as_ref(),
            targeting_variables: self.targeting_variables.as_ref(),
            user_storage_data: self.user_storage_data.as_ref(),
            meta_data: self.meta_data.as_ref(),
            track_returning: self.track_returning_users,
            goal_types: self.goal_types,
            revenue: self.revenue.as_ref(),
            event_properties: self.event_properties.as_ref(),
            user_agent: self.user_agent.as_ref(),
            ip_address: self.user_ip_address.as_ref(),
            launch,
        }
    }
    /// About how many bytes they take.
    pub(crate) fn weight(&self) -> usize {
        let objects = [&self.custom_variables, &self.targeting_variables, &self.user_storage_data];
        let values = [&self.meta_data, &self.revenue, &self.event_properties, &self.user_agent, &self.user_ip_address];
        let objects: usize = objects.into_iter().flatten().map(fields_weight).sum();
        objects + values.into_iter().flatten().map(weight).sum::<usize>()
    }
}

/// About how many bytes a value takes in memory.
pub(crate) fn weight(value: &Json) -> usize {
    let inner = match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => 0,
        Json::String(text) => text.len(),
        Json::Array(items) => items.iter().map(weight).sum(),
        Json::Object(fields) => fields_weight(fields),
    };
    size_of::<Json>() + inner
}

fn fields_weight(fields: &Object) -> usize {
    fields.iter().map(|(key, value)| size_of::<String>() + key.len() + weight(value)).sum()
}

fn object<K: Into<String>, V: Into<Json>>(fields: impl IntoIterator<Item = (K, V)>) -> Object {
    fields.into_iter().map(|(key, value)| (key.into(), value.into())).collect()
}
