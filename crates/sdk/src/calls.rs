//! Tracking calls: what VWO's servers are told, exactly as the official Node SDK tells it.
mod http;
mod make;

use serde_json::Error;
use stayput::Timestamp;
use stayput_engine::{Context, Event, Json, Launch, Object, Settings};

pub use http::HttpCall;
use std::borrow::Cow;

/// Where the official SDK sends its calls.
pub const ENDPOINT: &str = "https://dev.visualwebsiteoptimizer.com";

/// Who sends: what every call says about the SDK and how it was launched.
#[derive(Clone, Debug)]
pub struct Sender {
    /// `sdk`
    pub name: String,
    /// `sdk-v`
    pub version: String,
    /// Scheme and host, [`ENDPOINT`] unless calls are to go elsewhere.
    pub endpoint: String,
    /// Which features are in use.
    pub usage: Usage,
}

/// Which features are in use, beyond what [`Launch`] says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// `ig`: an integration's callback.
    pub integrations: bool,
    /// `ss`: a storage.
    pub storage: bool,
    /// `cl`: a logger of the user's own.
    pub logger: bool,
    /// `ll`: the log level as a number; 0 is none.
    pub log_level: u8,
    /// `pi`: settings are polled.
    pub polling: bool,
}

/// What a call carries from the outside world.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Milliseconds since 1970.
    pub milliseconds: i64,
    /// `random`: from 0 up to 1, against caches on the way.
    pub random: f64,
}

impl Moment {
    pub(crate) fn at(now: Timestamp, random: f64) -> Self {
        Self { milliseconds: i64::try_from(now.as_millis()).unwrap_or(i64::MAX), random }
    }
}

/// Named values in order; one without a value is undefined: JSON leaves it out, a query says `undefined`.
pub type Fields = Vec<(Cow<'static, str>, Option<Json>)>;

/// One call.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// A GET; `url` is among the fields.
    Get(Fields),
    /// A POST of the event architecture; `url` is among the fields.
    Post {
        /// The query.
        query: Fields,
        /// The body.
        payload: Json,
    },
    /// A POST of several events at once.
    Batch {
        /// The events.
        events: Vec<Json>,
        /// The query, before what every batch says.
        query: Fields,
    },
    /// An event for the queue, to be sent in a batch later ([`batch`]).
    Queue(Json),
}

/// The calls that `events` amount to. In development mode only [`Call::Queue`] is left, and a queue is never sent.
pub fn calls(
    settings: &Settings,
    context: &Context<'_>,
    sender: &Sender,
    moment: Moment,
    events: &[Event<'_>],
) -> Vec<Call> {
    let Some(maker) = (!events.is_empty()).then(|| make::Maker::new(settings, context, sender, moment)) else {
        return Vec::new();
    };
    let calls = events.iter().flat_map(|event| maker.event(event));
    calls.filter(|call| !context.launch.development || matches!(call, Call::Queue(_))).collect()
}

/// The call that a visitor amounts to, who saw a variation of a campaign, given by their ids.
pub(crate) fn visitor(
    settings: &Settings,
    context: &Context<'_>,
    sender: &Sender,
    moment: Moment,
    (campaign, variation): (Json, Option<Json>),
) -> Call {
    make::Maker::new(settings, context, sender, moment).shown(campaign, variation)
}

/// The call that sends queued `events`.
pub fn batch(settings: &Settings, launch: Launch, sender: &Sender, events: Vec<Json>) -> Call {
    Call::Batch { events, query: make::batch_query(settings, launch, sender) }
}

impl Call {
    /// The call as the corpus keeps it.
    pub fn to_json(&self) -> Json {
        let object = |fields: &Fields| Json::Object(defined(fields));
        let pairs = match self {
            Self::Get(query) => vec![("via", "GET".into()), ("properties", object(query))],
            Self::Post { query, payload } => {
                vec![("via", "POST".into()), ("properties", object(query)), ("payload", payload.clone())]
            }
            Self::Batch { events, query } => {
                vec![("via", "BATCH".into()), ("payload", body(events)), ("query", object(query))]
            }
            Self::Queue(event) => vec![("via", "QUEUE".into()), ("event", event.clone())],
        };
        Json::Object(pairs.into_iter().map(|(key, value): (&str, Json)| (key.to_owned(), value)).collect())
    }

    /// The call as it goes over the network; nothing if it has to wait in the queue.
    pub fn to_http(&self, settings: &Settings, sender: &Sender) -> Result<Option<HttpCall>, Error> {
        http::request(self, settings, sender)
    }
}

fn body(events: &[Json]) -> Json {
    Json::Object([("ev".to_owned(), Json::Array(events.to_vec()))].into_iter().collect())
}

fn defined(fields: &Fields) -> Object {
    fields.iter().filter_map(|(key, value)| Some((key.to_string(), value.clone()?))).collect()
}

/// The endpoint's address for `path`.
fn address(settings: &Settings, sender: &Sender, path: &str) -> String {
    let prefix = settings.collection_prefix.as_deref().filter(|prefix| !prefix.is_empty());
    match prefix {
        Some(prefix) => format!("{}/{prefix}{path}", sender.endpoint),
        None => format!("{}{path}", sender.endpoint),
    }
}

/// `sdk`, `sdk-v`, `env`
fn reporting(settings: &Settings, sender: &Sender) -> Fields {
    let text = |key: &'static str, text: Option<&str>| (key.into(), text.map(Json::from));
    vec![
        text("sdk", Some(&sender.name)),
        text("sdk-v", Some(&sender.version)),
        text("env", settings.sdk_key.as_deref()),
    ]
}

impl Default for Sender {
    fn default() -> Self {
        Self {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            endpoint: ENDPOINT.to_owned(),
            usage: Usage::default(),
        }
    }
}
