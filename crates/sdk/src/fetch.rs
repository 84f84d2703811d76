//! Settings from VWO's servers: at launch, on demand, and at intervals.
use crate::{calls::Sender, core::Core, http::Http};
use bytes::Bytes;
use stayput::{Error, Result};
use stayput_engine::Settings;
use std::{
    sync::{Arc, Weak},
    time::Duration,
};

/// Which settings: an account and the key of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// `accountId`
    pub id: String,
    /// `sdkKey`
    pub sdk_key: String,
}

/// Where settings are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// When a client is launched, and when it polls.
    Settings,
    /// When they are known to have changed.
    Pull,
}

pub(crate) async fn fetch(http: &Http, sender: &Sender, place: Place, account: &Account, random: f64) -> Result<Bytes> {
    let path = match place {
        Place::Settings => "settings",
        Place::Pull => "pull",
    };
    let (Account { id, sdk_key }, Sender { name, version, endpoint, .. }) = (account, sender);
    let (id, sdk_key) = (encoded(id), encoded(sdk_key));
    http.json(&format!(
        "{endpoint}/server-side/{path}?a={id}&i={sdk_key}&r={random}&platform=server&sdk={name}&sdk-v={version}"
    ))
    .await
}

/// Reads settings, and says what in them cannot work as meant.
pub(crate) fn parse(text: &[u8]) -> Result<Settings> {
    let settings = Settings::parse(text).map_err(|error| Error::invalid("settings", error.to_string()))?;
    for problem in &settings.problems {
        tracing::warn!(problem, "the settings cannot work as meant");
    }
    Ok(settings)
}

/// Takes `text` in place of the settings so far, which stay if it is none.
pub(crate) fn update(core: &Core, text: &[u8]) -> Result<()> {
    let Some(before) = core.settings() else { return Ok(()) };
    let mut settings = parse(text).inspect_err(|error| {
        core.counters.settings_refused.add(1);
        tracing::warn!(%error, "new settings cannot be used; the old ones stay");
    })?;
    // What the official SDK reads at launch and never again.
    settings.flags = before.flags;
    settings.collection_prefix.clone_from(&before.collection_prefix);
    core.replace(Some(Arc::new(settings)));
    core.counters.settings_replaced.add(1);
    Ok(())
}

/// Asks for settings at every `interval`, until the client is gone, and takes them if their text has changed.
pub(crate) async fn poll(core: Weak<Core>, interval: Duration, account: Account, mut last: Bytes) {
    loop {
        tokio::time::sleep(interval).await;
        let Some(core) = core.upgrade().filter(|core| core.settings().is_some()) else { return };
        match fetch(&core.http, &core.sender, Place::Settings, &account, (core.random)()).await {
            Ok(text) if text != last => {
                // One that cannot be used is counted, and looked at again only when it changes.
                let _ = update(&core, &text);
                last = text;
            }
            Ok(_) => {}
            Err(error) => {
                core.counters.settings_refused.add(1);
                tracing::warn!(%error, "settings could not be fetched");
            }
        }
    }
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

pub(crate) fn text(bytes: Bytes) -> Result<String> {
    String::from_utf8(bytes.into()).map_err(|_| Error::invalid("settings", "the settings are not UTF-8"))
}
