//! The client: the calls of the official SDK.
use crate::{
    core::{Case, Core},
    fetch::{self, Account, Place},
    options::Options,
    stats::Stats,
};
use stayput::{Error, ErrorKind, Result};
use stayput_engine::{Answer, Json, Listed, Pushed, Request, Targets, untyped};
use std::{fmt, sync::Arc, time::Duration};

/// A launched client; clones share everything.
///
/// No call fails because a store does, unless [`Policy::Error`](crate::Policy) says so, and none waits for VWO's
/// servers. When the last clone is dropped, what waits is tried once more in the background;
/// [`shutdown`](Self::shutdown) waits for that.
#[derive(Clone)]
pub struct Client(Arc<Open>);

/// Closes the queue when the last client is gone.
struct Open(Arc<Core>);

/// Which campaigns a conversion counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Campaigns<'a> {
    /// This one.
    One(&'a str),
    /// These.
    Several(&'a [&'a str]),
    /// All that have the goal.
    WithGoal,
}

/// What flushing came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flushed {
    /// Whether there were events of a batch to send.
    pub batch: bool,
    /// How much was tried and still waits, to be tried again later.
    pub waiting: usize,
}

impl Client {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self(Arc::new(Open(core)))
    }

    /// `activate`: assigns the user, counts the user once, and tells the variation; `None` is not in the campaign.
    pub async fn activate(&self, campaign: &str, user: &str, options: &Options) -> Result<Option<String>> {
        let request = valid([campaign]).then_some(Request::Activate(campaign));
        self.ask(request, user, options, None, variation).await
    }

    /// `getVariationName`: what [`activate`](Self::activate) decided.
    pub async fn get_variation_name(&self, campaign: &str, user: &str, options: &Options) -> Result<Option<String>> {
        let request = valid([campaign]).then_some(Request::VariationName(campaign));
        self.ask(request, user, options, None, variation).await
    }

    /// `isFeatureEnabled`: assigns the user, counts the user once, and tells whether the feature is on.
    pub async fn is_feature_enabled(&self, campaign: &str, user: &str, options: &Options) -> Result<bool> {
        let request = valid([campaign]).then_some(Request::FeatureEnabled(campaign));
        self.ask(request, user, options, false, |answer| answer == Answer::Enabled(true)).await
    }

    /// `getFeatureVariableValue`: what a variable of a feature is for the user.
    pub async fn get_feature_variable_value(
        &self,
        campaign: &str,
        variable: &str,
        user: &str,
        options: &Options,
    ) -> Result<Option<Json>> {
        let request = valid([campaign, variable]).then_some(Request::FeatureVariable { campaign, variable });
        let value = |answer: Answer<'_>| match answer {
            Answer::Value(value) => value.map(|value| value.into_owned()),
            _ => None,
        };
        self.ask(request, user, options, None, value).await
    }

    /// `track`: counts a conversion, and tells of each campaign whether it does; `None` if there is none.
    ///
    /// Where a conversion counts once, it is sent only if the store says that its goal is new. If the store does not
    /// answer, or the caller stops waiting for this future, that is found out in the background.
    pub async fn track<'a>(
        &self,
        campaigns: impl Into<Campaigns<'a>>,
        user: &str,
        goal: &str,
        options: &Options,
    ) -> Result<Option<Vec<(String, bool)>>> {
        let targets = match campaigns.into() {
            Campaigns::One(key) => valid([key]).then_some(Targets::One(key)),
            Campaigns::Several(keys) => Some(Targets::Several(keys.iter().map(|key| Listed::Key(key)).collect())),
            Campaigns::WithGoal => Some(Targets::WithGoal),
        };
        let request = targets.filter(|_| valid([goal])).map(|campaigns| Request::Track { campaigns, goal });
        let results = |answer: Answer<'_>| match answer {
            Answer::Tracked(results) => {
                results.map(|results| results.into_iter().map(|(key, counts)| (key.into_owned(), counts)).collect())
            }
            _ => None,
        };
        self.ask(request, user, options, None, results).await
    }

    /// `push`: tags the user.
    pub async fn push(&self, key: &str, value: &str, user: &str) -> Result<Pushed> {
        self.push_as_said(&[key.into(), value.into(), user.into()]).await
    }
    /// `push` of several tags.
    pub async fn push_all<K: Into<String>, V: Into<Json>>(
        &self,
        tags: impl IntoIterator<Item = (K, V)>,
        user: &str,
    ) -> Result<Pushed> {
        let tags = tags.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        self.push_as_said(&[Json::Object(tags), user.into()]).await
    }

    /// `getAndUpdateSettingsFile`: asks for settings now and takes them; those of `account`, or of the same account
    /// as before. Tells their text.
    pub async fn get_and_update_settings_file(&self, account: Option<&Account>) -> Result<String> {
        let core = &self.0.0;
        let settings = core.settings().ok_or_else(opted_out)?;
        let own = || Account { id: settings.account.spelled(), sdk_key: settings.sdk_key.clone().unwrap_or_default() };
        let account = account.cloned().unwrap_or_else(own);
        let text = fetch::fetch(&core.http, &core.sender, Place::Pull, &account, (core.random)()).await?;
        fetch::update(core, &text)?;
        fetch::text(text)
    }

    /// `flushEvents`: sends the events of a batch, and tries all calls that wait, now.
    pub async fn flush_events(&self) -> Result<Flushed> {
        let core = &self.0.0;
        core.settings().ok_or_else(opted_out)?;
        let batch = core.batch.as_ref().is_some_and(|batch| batch.send(core));
        Ok(Flushed { batch, waiting: core.queue.flush().await })
    }

    /// `setOptOut`: forgets settings, storage and what waits to be sent. From now on every call answers nothing.
    pub fn set_opt_out(&self) -> bool {
        let core = &self.0.0;
        core.replace(None);
        if let Some(batch) = &core.batch {
            drop(batch.take());
        }
        core.queue.clear(&core.counters);
        true
    }

    /// Sends what waits, for at most `patience`; tells how much was not accepted by then and is lost.
    pub async fn shutdown(&self, patience: Duration) -> usize {
        let core = &self.0.0;
        self.0.close();
        let _ = tokio::time::timeout(patience, core.queue.emptied()).await; // what is left is counted
        core.queue.clear(&core.counters)
    }

    /// What happened since launch.
    pub fn stats(&self) -> Stats {
        self.0.0.counters.so_far()
    }

    async fn ask<T>(
        &self,
        request: Option<Request<'_>>,
        user: &str,
        options: &Options,
        nothing: T,
        read: impl FnOnce(Answer<'_>) -> T,
    ) -> Result<T> {
        let core = &self.0.0;
        let Some((settings, request)) = core.settings().zip(request).filter(|_| !user.is_empty()) else {
            return Ok(nothing);
        };
        let context = options.context(user, core.launch);
        let decision = core.ask(&Case { settings: &settings, options, context, request }).await?;
        Ok(read(decision.answer))
    }

    async fn push_as_said(&self, arguments: &[Json]) -> Result<Pushed> {
        match untyped::read_push(arguments, self.0.0.launch) {
            Ok(call) => {
                let pushed = |answer: Answer<'_>| match answer {
                    Answer::Pushed(pushed) => pushed,
                    _ => Pushed::Refused,
                };
                self.ask(Some(call.request), call.context.user, &Options::default(), Pushed::Refused, pushed).await
            }
            Err(_) => Ok(Pushed::Refused),
        }
    }
}

impl Open {
    fn close(&self) {
        if let Some(batch) = &self.0.batch {
            batch.send(&self.0);
        }
        self.0.queue.close();
    }
}
impl Drop for Open {
    fn drop(&mut self) {
        self.close();
    }
}

fn variation(answer: Answer<'_>) -> Option<String> {
    match answer {
        Answer::Variation(name) => name.map(str::to_owned),
        _ => None,
    }
}

/// The official SDK takes no empty texts.
fn valid<const N: usize>(texts: [&str; N]) -> bool {
    texts.iter().all(|text| !text.is_empty())
}

fn opted_out() -> Error {
    Error::new(ErrorKind::Refused, "sdk", "this client has opted out")
}

impl<'a> From<&'a str> for Campaigns<'a> {
    fn from(key: &'a str) -> Self {
        Self::One(key)
    }
}
impl<'a> From<&'a [&'a str]> for Campaigns<'a> {
    fn from(keys: &'a [&'a str]) -> Self {
        Self::Several(keys)
    }
}
impl<'a, const N: usize> From<&'a [&'a str; N]> for Campaigns<'a> {
    fn from(keys: &'a [&'a str; N]) -> Self {
        Self::Several(keys)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("backing", &self.0.0.backing).finish_non_exhaustive()
    }
}
