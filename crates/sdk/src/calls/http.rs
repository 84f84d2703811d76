//! Tracking calls as HTTP requests: the query in the official form, the body, the headers.
use super::{Call, Fields, Sender, address, body, reporting};
use serde_json::Error;
use stayput_engine::{Json, Settings};

/// A request, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCall {
    /// Scheme, host, path and query.
    pub url: String,
    /// The body of a POST; a GET has none.
    pub body: Option<String>,
    /// Headers beyond those that HTTP needs.
    pub headers: Vec<(&'static str, String)>,
}

pub(super) fn request(call: &Call, settings: &Settings, sender: &Sender) -> Result<Option<HttpCall>, Error> {
    let agent = || vec![("User-Agent", sender.name.clone())];
    Ok(Some(match call {
        Call::Get(query) => HttpCall { url: url(query), body: None, headers: visitor(query) },
        Call::Post { query, payload } => {
            let mut headers = visitor(query);
            headers.extend(agent());
            HttpCall { url: url(query), body: Some(serde_json::to_string(payload)?), headers }
        }
        Call::Batch { events, query } => {
            let mut all = query.clone();
            all.extend(reporting(settings, sender));
            let address = address(settings, sender, "/server-side/batch-events");
            let key = settings.sdk_key.as_ref().filter(|key| !key.is_empty());
            HttpCall {
                url: format!("{address}?{}", written(&all)),
                body: Some(serde_json::to_string(&body(events))?),
                headers: key.map_or_else(agent, |key| vec![("Authorization", key.clone())]),
            }
        }
        Call::Queue(_) => return Ok(None),
    }))
}

fn url(query: &Fields) -> String {
    let address = query.iter().find(|(key, _)| key == "url").and_then(|(_, url)| url.as_ref()?.as_str());
    format!("{}?{}", address.unwrap_or_default(), written(query))
}

/// The user's own agent and address go into headers as well.
fn visitor(query: &Fields) -> Vec<(&'static str, String)> {
    let value = |name: &str| query.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.as_ref());
    let header = |name, header| value(name).filter(|value| value.is_truthy()).map(|value| (header, value.spelled()));
    header("visitor_ua", "X-Device-User-Agent").into_iter().chain(header("visitor_ip", "VWO-X-Forwarded-For")).collect()
}

/// `key=value&` for each, with the `&` at the end, and encoded only where a URL could not carry it otherwise.
fn written(query: &Fields) -> String {
    let mut text = String::new();
    for (key, value) in query.iter().filter(|(key, _)| key != "url") {
        let value = value.as_ref().map_or_else(|| "undefined".to_owned(), Json::spelled);
        for byte in format!("{key}={value}&").bytes() {
            match byte {
                b'#' | b'<' | b'>' | 0..=b' ' | 127.. => text.push_str(&format!("%{byte:02X}")),
                _ => text.push(char::from(byte)),
            }
        }
    }
    text
}
