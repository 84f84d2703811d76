//! What `index.js` calls: converts between JavaScript's values and a `Connector`'s, and does nothing else.
#![expect(missing_docs, reason = "nobody calls this from Rust")]
mod id;

use id::Id;
use napi::{
    Env, JsDeferred, Result, Status,
    bindgen_prelude::{FnArgs, Function, Object},
    threadsafe_function::ThreadsafeFunctionCallMode,
};
use napi_derive::napi;
use serde_json::{Map, Value, json};
use stayput::{
    Error, ErrorKind, Scope,
    connector::{Answer, Connector, OnError, Options},
    uss::Found,
};
use std::{sync::Arc, time::Duration};

/// Stands before a whole record, and between a variation and its goals: no name contains it.
const NUL: char = '\0';

type Settle = Box<dyn FnOnce(Env) -> Result<String> + Send>;
type Getter<'env> = Function<'env, FnArgs<(String, String)>, Option<String>>;

#[napi]
#[derive(Debug)]
pub struct Native(Arc<Connector>);

#[napi(object)]
#[derive(Debug)]
pub struct NativeOptions {
    pub scope: Option<String>,
    pub deadline_ms: Option<f64>,
    pub connect_ms: Option<f64>,
    pub near_cache_bytes: Option<f64>,
    pub spool: Option<String>,
}

#[napi]
impl Native {
    #[napi(factory)]
    pub fn open(
        url: String,
        options: NativeOptions,
        on_error: Option<Function<'_, FnArgs<(String, String)>, ()>>,
    ) -> Result<Self> {
        let mut connector = Options { on_error: on_error.map(listener).transpose()?, ..Options::default() };
        let wrong = |error: Error| napi::Error::new(Status::InvalidArg, error.to_string());
        if let Some(scope) = &options.scope {
            connector.scope = Scope::new(scope).map_err(wrong)?;
        }
        let millis = |given: Option<f64>, default| given.map_or(default, |ms| Duration::from_millis(ms as u64));
        connector.deadline = millis(options.deadline_ms, connector.deadline);
        connector.connect = millis(options.connect_ms, connector.connect);
        connector.near_cache = options.near_cache_bytes.map(|bytes| bytes as u64);
        connector.spool = options.spool.map(Into::into);
        Ok(Self(Arc::new(Connector::open(&url, connector).map_err(wrong)?)))
    }

    /// A function of a user's id and a campaign's key: what is held, as `told` writes it; the empty text if nothing is,
    /// and nothing if nobody could tell in time. A function, because a method would first have to find its object.
    #[napi]
    pub fn getter<'env>(&self, env: &'env Env) -> Result<Getter<'env>> {
        let connector = self.0.clone();
        env.create_function_from_closure("get", move |call| {
            let (user_id, campaign_key) = (call.get::<Id>(0)?, call.get::<Id>(1)?);
            Ok(match connector.get(user_id.as_str(), campaign_key.as_str()) {
                Answer::Held(found) => Some(told(&found)),
                Answer::Absent => Some(String::new()),
                Answer::Unknown => None,
            })
        })
    }
    #[napi]
    pub fn set(&self, record: String) {
        match parse(&record) {
            Ok(record) => self.0.set(record),
            Err(error) => self.0.refuse(&error),
        }
    }
    #[napi]
    pub fn refuse(&self) {
        self.0.refuse(&Error::invalid("record", "an id or a record is no well-formed text and cannot be stored"));
    }
    #[napi]
    pub fn claim<'env>(&self, env: &'env Env, record: String) -> Result<Object<'env>> {
        self.later(env, parse(&record).and_then(|record| self.0.claim(record)), |told| json!(told))
    }
    #[napi]
    pub fn prefetch<'env>(&self, env: &'env Env, user_id: String, campaign_keys: Vec<String>) -> Result<Object<'env>> {
        self.later(env, self.0.prefetch(&user_id, &campaign_keys), |()| Value::Null)
    }
    #[napi]
    pub fn flush<'env>(&self, env: &'env Env, timeout_ms: f64) -> Result<Object<'env>> {
        self.later(env, self.0.flush(Duration::from_millis(timeout_ms as u64)), |()| Value::Null)
    }
    #[napi]
    pub fn close(&self) {
        self.0.close();
    }
    #[napi]
    pub fn stats(&self) -> String {
        json!(self.0.stats()).to_string()
    }
    #[napi]
    pub fn metrics(&self) -> String {
        self.0.stats().text()
    }

    /// A promise of the record, or null; an error if nobody could tell in time.
    #[napi]
    pub fn fme_get<'env>(&self, env: &'env Env, feature_key: String, user_id: String) -> Result<Object<'env>> {
        let found = self.0.fme().find(&feature_key, &user_id);
        let told = found.map(|found| async {
            match found.await {
                Answer::Unknown => {
                    Err(Error::new(ErrorKind::Timeout, "connector", "nobody could tell in time what is held"))
                }
                answer => Ok(json!(answer.held())),
            }
        });
        self.later(env, told, |told| told)
    }
    #[napi]
    pub fn fme_set(&self, data: String) {
        match parse(&data) {
            Ok(data) => self.0.fme().set(data),
            Err(error) => self.0.refuse(&error),
        }
    }

    /// A promise of `{"value"}` or `{"error"}`, as JSON.
    fn later<'env, T: Send + 'static>(
        &self,
        env: &'env Env,
        future: stayput::Result<impl Future<Output = stayput::Result<T>> + Send + 'static>,
        show: impl FnOnce(T) -> Value + Send + 'static,
    ) -> Result<Object<'env>> {
        let (deferred, promise) = env.create_deferred()?;
        let promised = Promised(Some(deferred));
        match future {
            Ok(future) => drop(self.0.spawn(async move { promised.settle(future.await.map(show)) })),
            Err(error) => promised.settle(Err(error)),
        }
        Ok(promise)
    }
}

/// A promise that is settled, also if the storage is closed before anybody knows how.
struct Promised(Option<JsDeferred<String, Settle>>);

impl Promised {
    fn settle(mut self, answer: stayput::Result<Value>) {
        self.show(answer);
    }
    fn show(&mut self, answer: stayput::Result<Value>) {
        let Some(deferred) = self.0.take() else { return };
        let shown = match answer {
            Ok(answer) => json!({ "value": answer }),
            Err(error) => json!({ "error": { "kind": kind(&error), "message": error.to_string() } }),
        };
        deferred.resolve(Box::new(move |_| Ok(shown.to_string())));
    }
}

impl Drop for Promised {
    fn drop(&mut self) {
        self.show(Err(Error::new(ErrorKind::Unavailable, "connector", "the connector was closed meanwhile")));
    }
}

/// The variation alone, or NUL and goals behind it; a record with documents is NUL and its JSON.
fn told(found: &Found) -> String {
    let held = found.held();
    if held.meta_data.is_some() || held.extra.is_some() {
        return format!("{NUL}{}", serde_json::to_string(found).unwrap_or_default());
    }
    let mut told = held.variation.to_string();
    for (number, goal) in held.goals.iter().enumerate() {
        told.extend([if number == 0 { "\0" } else { "_vwo_" }, goal.name.as_str()]);
    }
    told
}

fn parse(record: &str) -> stayput::Result<Map<String, Value>> {
    serde_json::from_str(record).map_err(|_| Error::invalid("record", "a record must be an object of JSON values"))
}

fn kind(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::Corrupt => "corrupt",
        ErrorKind::Invalid => "invalid",
        ErrorKind::Refused => "refused",
        ErrorKind::Timeout => "timeout",
        _ => "unavailable",
    }
}

/// Calls the function on JavaScript's own thread, which it keeps from nothing, ending included.
fn listener(function: Function<'_, FnArgs<(String, String)>, ()>) -> Result<OnError> {
    let function = function.build_threadsafe_function::<FnArgs<(String, String)>>().weak::<true>().build()?;
    Ok(OnError::new(move |error| {
        let told = (kind(error).to_owned(), error.to_string()).into();
        function.call(told, ThreadsafeFunctionCallMode::NonBlocking);
    }))
}
