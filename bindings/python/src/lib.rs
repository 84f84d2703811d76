//! What the package `stayput` calls: converts between Python's values and a `Connector`'s, and does nothing else.
use pyo3::{
    create_exception,
    exceptions::{PyException, PyTypeError, PyValueError},
    intern,
    prelude::*,
    types::{PyDict, PyString},
};
use serde_json::{Map, Value, json};
use stayput::{
    Dialect, Error, ErrorKind, Scope,
    connector::{Answer, Connector, OnError, Options},
    uss::Found,
};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

/// How often a thread that waits asks whether Python has a signal for it.
const SIGNALS: Duration = Duration::from_millis(50);

create_exception!(stayput, StayputError, PyException, "What went wrong; `kind` says what can be done about it.");

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::{Native, StayputError};
}

/// A storage, as `stayput.UserStorage` shows it.
#[pyclass(frozen, subclass, module = "stayput._native")]
#[derive(Debug)]
struct Native {
    connector: Connector,
    raises_on_miss: bool,
}

#[pymethods]
impl Native {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
    #[pyo3(signature = (url, *, scope = None, deadline_ms = 20.0, connect_ms = 1000.0, near_cache = NearCache::Enabled(true), spool = None, on_miss = "bucket", on_error = None))]
    fn open(
        py: Python<'_>,
        url: &str,
        scope: Option<&str>,
        deadline_ms: f64,
        connect_ms: f64,
        near_cache: NearCache,
        spool: Option<PathBuf>,
        on_miss: &str,
        on_error: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        if !matches!(on_miss, "bucket" | "raise") {
            return Err(PyValueError::new_err("on_miss must be \"bucket\" or \"raise\""));
        }
        if on_error.as_ref().is_some_and(|function| !function.bind(py).is_callable()) {
            return Err(PyTypeError::new_err("on_error must be a function"));
        }
        let mut options = Options {
            dialect: Dialect::Python,
            deadline: millis("deadline_ms", deadline_ms)?,
            connect: millis("connect_ms", connect_ms)?,
            near_cache: near_cache.bytes(),
            spool,
            on_error: on_error.map(listener),
            ..Options::default()
        };
        if let Some(scope) = scope {
            options.scope = Scope::new(scope).map_err(|error| raised(py, &error))?;
        }
        let connector = py.detach(|| Connector::open(url, options)).map_err(|error| raised(py, &error))?;
        Ok(Self { connector, raises_on_miss: on_miss == "raise" })
    }

    /// The record of this user in this campaign, as a fresh dict, or None.
    fn get<'py>(
        &self,
        py: Python<'py>,
        user_id: &Bound<'py, PyAny>,
        campaign_key: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (Some(user), Some(campaign)) = (text(user_id), text(campaign_key)) else {
            self.refuse(py);
            return Ok(None);
        };
        // Another thread is let in only where this one may have to wait: what is handed over is slow to come back.
        let answer = match self.connector.seen(user, campaign) {
            Some(answer) => answer,
            None => py.detach(|| self.connector.get(user, campaign)),
        };
        let Some(found) = self.found(py, answer)? else { return Ok(None) };
        shown(py, &found, user_id, campaign_key).map(Some)
    }
    /// Keeps what the SDK decided. Returns at once, raises nothing.
    fn set(&self, py: Python<'_>, record: &Bound<'_, PyAny>) -> PyResult<()> {
        match parse(record)? {
            Ok(record) => py.detach(|| self.connector.set(record)),
            Err(error) => py.detach(|| self.connector.refuse(&error)),
        }
        Ok(())
    }

    /// The same, and tells what is held now and which goals are new.
    fn claim<'py>(&self, py: Python<'py>, record: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let record = parse(record)?;
        let told = self.wait(py, || self.connector.claim(record?))?;
        loads(py, &json!(told).to_string())
    }
    /// Reads what is held for a user, so that `get` need not wait.
    #[pyo3(signature = (user_id, campaign_keys = Vec::new()))]
    fn prefetch(
        &self,
        py: Python<'_>,
        user_id: &Bound<'_, PyAny>,
        campaign_keys: Vec<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let ids = ids(user_id, &campaign_keys);
        self.wait(py, || ids.and_then(|(user, campaigns)| self.connector.prefetch(&user, &campaigns)))
    }
    /// Returns once all that was set so far is delivered.
    #[pyo3(signature = (*, timeout_ms = 5000.0))]
    fn flush(&self, py: Python<'_>, timeout_ms: f64) -> PyResult<()> {
        let limit = millis("timeout_ms", timeout_ms)?;
        self.wait(py, || self.connector.flush(limit))
    }

    /// What FME's SDK kept of this feature for this user, as a fresh dict, or None.
    fn fme_get<'py>(
        &self,
        py: Python<'py>,
        feature_key: &Bound<'py, PyAny>,
        user_id: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (Some(feature), Some(user)) = (text(feature_key), text(user_id)) else {
            self.refuse(py);
            return Ok(None);
        };
        let answer = match self.connector.fme().seen(feature, user) {
            Some(answer) => answer,
            None => py.detach(|| self.connector.fme().get(feature, user)),
        };
        let Some(found) = self.found(py, answer)? else { return Ok(None) };
        loads(py, &json!(found).to_string()).map(Some)
    }
    fn fme_set(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        match parse(data)? {
            Ok(data) => py.detach(|| self.connector.fme().set(data)),
            Err(error) => py.detach(|| self.connector.refuse(&error)),
        }
        Ok(())
    }

    /// `settle` is called once, from another thread, with an error or what `claim` answers.
    fn claim_later(&self, py: Python<'_>, settle: Py<PyAny>, record: &Bound<'_, PyAny>) -> PyResult<()> {
        let record = parse(record)?;
        self.later(py, settle, || self.connector.claim(record?), |told| json!(told));
        Ok(())
    }
    fn prefetch_later(
        &self,
        py: Python<'_>,
        settle: Py<PyAny>,
        user_id: &Bound<'_, PyAny>,
        campaign_keys: Vec<Bound<'_, PyAny>>,
    ) {
        let ids = ids(user_id, &campaign_keys);
        let future = || ids.and_then(|(user, campaigns)| self.connector.prefetch(&user, &campaigns));
        self.later(py, settle, future, |()| Value::Null);
    }
    fn flush_later(&self, py: Python<'_>, settle: Py<PyAny>, timeout_ms: f64) -> PyResult<()> {
        let limit = millis("timeout_ms", timeout_ms)?;
        self.later(py, settle, || self.connector.flush(limit), |()| Value::Null);
        Ok(())
    }

    /// Ends connections and threads. What was not flushed is lost.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.connector.close());
    }
    /// What it did so far, as numbers.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        loads(py, &json!(py.detach(|| self.connector.stats())).to_string())
    }
    /// The same, for Prometheus.
    fn metrics(&self, py: Python<'_>) -> String {
        py.detach(|| self.connector.stats().text())
    }
}

impl Native {
    fn found(&self, py: Python<'_>, answer: Answer) -> PyResult<Option<Found>> {
        match answer {
            Answer::Held(found) => Ok(Some(found)),
            Answer::Unknown if self.raises_on_miss => {
                let message = "nobody could tell in time what is held, and on_miss is \"raise\"";
                Err(raised(py, &Error::new(ErrorKind::Unavailable, "connector", message)))
            }
            Answer::Absent | Answer::Unknown => Ok(None),
        }
    }
    fn refuse(&self, py: Python<'_>) {
        let error = Error::invalid("id", "an id is no well-formed text and cannot be stored");
        py.detach(|| self.connector.refuse(&error));
    }
    /// Runs a future on the connector's threads: there it ends, in an error, also if somebody closes the connector.
    fn wait<T: Send + 'static, F: Future<Output = stayput::Result<T>> + Send + 'static>(
        &self,
        py: Python<'_>,
        future: impl FnOnce() -> stayput::Result<F> + Send,
    ) -> PyResult<T> {
        let (sender, mut receiver) = mpsc::sync_channel(1);
        let begun = py.detach(|| {
            let future = future()?;
            self.connector.spawn(async move {
                let _ = sender.send(future.await); // a signal may have ended the wait
            })
        });
        begun.map_err(|error| raised(py, &error))?;
        loop {
            let (answer, kept) = py.detach(move || (receiver.recv_timeout(SIGNALS), receiver));
            receiver = kept;
            match answer {
                Ok(answer) => return answer.map_err(|error| raised(py, &error)),
                Err(RecvTimeoutError::Timeout) => py.check_signals()?,
                Err(RecvTimeoutError::Disconnected) => return Err(raised(py, &closed())),
            }
        }
    }
    fn later<T: Send + 'static, F: Future<Output = stayput::Result<T>> + Send + 'static>(
        &self,
        py: Python<'_>,
        settle: Py<PyAny>,
        future: impl FnOnce() -> stayput::Result<F> + Send,
        show: impl FnOnce(T) -> Value + Send + 'static,
    ) {
        let promised = Promised(Some(settle));
        py.detach(|| match future() {
            Ok(future) => drop(self.connector.spawn(async move { promised.settle(future.await.map(show)) })),
            Err(error) => promised.settle(Err(error)),
        });
    }
}

/// What `settle` is told, also if the storage is closed before anybody knows what.
struct Promised(Option<Py<PyAny>>);

impl Promised {
    fn settle(mut self, answer: stayput::Result<Value>) {
        self.show(answer);
    }
    fn show(&mut self, answer: stayput::Result<Value>) {
        let Some(settle) = self.0.take() else { return };
        apart(move |py| {
            let (error, told) = match answer {
                Ok(told) => (None, loads(py, &told.to_string())?),
                Err(error) => (Some(raised(py, &error)), py.None().into_bound(py)),
            };
            settle.call1(py, (error, told)).map(drop)
        });
    }
}

impl Drop for Promised {
    fn drop(&mut self) {
        self.show(Err(closed()));
    }
}

/// How much of what was seen is kept in this process.
#[derive(FromPyObject)]
enum NearCache {
    Enabled(bool),
    Bytes(u64),
}

impl NearCache {
    fn bytes(self) -> Option<u64> {
        match self {
            Self::Enabled(true) => None,
            Self::Enabled(false) => Some(0),
            Self::Bytes(bytes) => Some(bytes),
        }
    }
}

/// Calls Python from a thread of its own: whoever waits for Python must not hold up the connector's. Only for what is
/// rare.
fn apart(work: impl FnOnce(Python<'_>) -> PyResult<()> + Send + 'static) {
    let call = move || {
        // Nothing can be called once Python is ending.
        let _ = Python::try_attach(|py| work(py).map_err(|error| error.write_unraisable(py, None)));
    };
    drop(thread::Builder::new().name("stayput-python".to_owned()).spawn(call));
}

fn listener(function: Py<PyAny>) -> OnError {
    let function = Arc::new(function);
    OnError::new(move |error| {
        let (function, kind, message) = (function.clone(), kind(error), error.to_string());
        apart(move |py| function.call1(py, (named(py, kind, message),)).map(drop));
    })
}

/// Nothing if it is no text that can be stored, as one with lone surrogates.
fn text<'a>(id: &'a Bound<'_, PyAny>) -> Option<&'a str> {
    id.cast::<PyString>().ok()?.to_str().ok()
}

fn ids(user_id: &Bound<'_, PyAny>, campaign_keys: &[Bound<'_, PyAny>]) -> stayput::Result<(String, Vec<String>)> {
    let wrong = || Error::invalid("id", "an id must be well-formed text");
    let user = text(user_id).ok_or_else(wrong)?.to_owned();
    let campaigns = campaign_keys.iter().map(|key| text(key).map(str::to_owned).ok_or_else(wrong));
    Ok((user, campaigns.collect::<stayput::Result<_>>()?))
}

/// A record by way of JSON: it may be anything, and Python's encoder knows cycles and whatever else is in there.
fn parse(record: &Bound<'_, PyAny>) -> PyResult<stayput::Result<Map<String, Value>>> {
    let py = record.py();
    let wrong = || Error::invalid("record", "a record must be a dict of JSON values");
    let text = match py.import(intern!(py, "json"))?.call_method1(intern!(py, "dumps"), (record,)) {
        Ok(text) => text,
        Err(error) if error.is_instance_of::<PyException>(py) => return Ok(Err(wrong())),
        Err(error) => return Err(error), // somebody wants to end the program
    };
    let parsed = text.cast::<PyString>().ok().and_then(|text| serde_json::from_str(text.to_str().ok()?).ok());
    Ok(parsed.ok_or_else(wrong))
}

fn shown<'py>(
    py: Python<'py>,
    found: &Found,
    user_id: &Bound<'py, PyAny>,
    campaign_key: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let held = found.held();
    if held.meta_data.is_some() || held.extra.is_some() {
        return loads(py, &json!(found).to_string());
    }
    let record = PyDict::new(py);
    record.set_item(intern!(py, "userId"), user_id)?;
    record.set_item(intern!(py, "campaignKey"), campaign_key)?;
    record.set_item(intern!(py, "variationName"), &*held.variation)?;
    if !held.goals.is_empty() {
        let goals: Vec<&str> = held.goals.iter().map(|goal| goal.name.as_str()).collect();
        record.set_item(intern!(py, "goalIdentifiers"), goals.join("_vwo_"))?;
    }
    Ok(record.into_any())
}

fn loads<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import(intern!(py, "json"))?.call_method1(intern!(py, "loads"), (text,))
}

fn millis(name: &str, given: f64) -> PyResult<Duration> {
    if (0.0..=2_147_483_647.0).contains(&given) {
        return Ok(Duration::from_secs_f64(given / 1000.0));
    }
    Err(PyValueError::new_err(format!("{name} must be a number of milliseconds")))
}

fn raised(py: Python<'_>, error: &Error) -> PyErr {
    named(py, kind(error), error.to_string())
}

fn named(py: Python<'_>, kind: &'static str, message: String) -> PyErr {
    let raised = StayputError::new_err(message);
    let _ = raised.value(py).setattr(intern!(py, "kind"), kind); // it has a dict
    raised
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

fn closed() -> Error {
    Error::new(ErrorKind::Unavailable, "connector", "the connector was closed meanwhile")
}
