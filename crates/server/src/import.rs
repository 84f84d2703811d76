//! Lines of an export into a store, in batches sorted by key: the order in which an embedded store fills best.
use crate::{
    app::App,
    each,
    failure::{Body, Failure},
    lines::{LONGEST, Numbered},
};
use serde::Serialize;
use serde_json::Value;
use stayput::{ClaimId, Entry, Error, ErrorKind, Key, Line, Offer, Outcome, Result, Scope};
use std::collections::HashSet;
use utoipa::ToSchema;

/// How many lines one batch holds, and how many bytes of them.
const BATCH: usize = 1_000;
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// How many failed lines are told one by one; all are counted.
const TOLD: usize = 100;

/// What became of the lines.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Report {
    /// Lines that were not blank.
    pub(crate) lines: u64,
    pub(crate) created: u64,
    pub(crate) joined: u64,
    pub(crate) kept: u64,
    pub(crate) unchanged: u64,
    /// Lines that wait until the store can be reached.
    pub(crate) spooled: u64,
    /// Stored whatever was held.
    pub(crate) overwritten: u64,
    pub(crate) failed: u64,
    /// Why, for the first of them.
    pub(crate) errors: Vec<Failed>,
}

/// A line that was not imported.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Failed {
    /// Its number, from 1.
    pub(crate) line: u64,
    #[serde(flatten)]
    why: Body,
}

/// An import that goes on.
#[derive(Debug)]
pub(crate) struct Import {
    app: App,
    scope: Scope,
    overwrite: bool,
    batch: Vec<(u64, Offer)>,
    keys: HashSet<Key>,
    bytes: usize,
    report: Report,
}

impl Import {
    /// Into `scope`; what is held stays, unless `overwrite`.
    pub(crate) fn new(app: App, scope: Scope, overwrite: bool) -> Self {
        let (batch, keys, report) = Default::default();
        Self { app, scope, overwrite, batch, keys, bytes: 0, report }
    }
    /// Takes one line. An error means that the store does not take any more; a wrong line only counts as failed.
    pub(crate) async fn line(&mut self, line: Numbered) -> Result<()> {
        if line.bytes.as_ref().is_some_and(|bytes| bytes.trim_ascii().is_empty()) {
            return Ok(());
        }
        self.report.lines += 1;
        let size = line.bytes.as_ref().map_or(0, Vec::len);
        let offer = match self.read(&line) {
            Ok(offer) => offer,
            Err(error) => {
                self.failed(line.number, error);
                return Ok(());
            }
        };
        // A second line of one key comes after the first, never beside it.
        let full = self.batch.len() >= BATCH || self.bytes + size > BATCH_BYTES;
        if full || self.keys.contains(&offer.key) {
            self.store().await?;
        }
        self.bytes += size;
        self.keys.insert(offer.key.clone());
        self.batch.push((line.number, offer));
        Ok(())
    }
    /// Stores what is left and tells what became of everything.
    pub(crate) async fn finish(mut self) -> Result<Report> {
        self.store().await?;
        self.report.errors.sort_by_key(|failed| failed.line);
        Ok(self.report)
    }

    fn read(&self, line: &Numbered) -> Result<Offer> {
        let too_long = || Error::invalid("line", format!("a line must be at most {LONGEST} bytes"));
        let bytes = line.bytes.as_ref().ok_or_else(too_long)?;
        let fields = match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => fields,
            Ok(_) => return Err(Error::invalid("line", "a line must be a JSON object")),
            Err(error) => return Err(Error::invalid("line", format!("the line is not JSON: {error}"))),
        };
        Line::parse(fields)?.offer(&self.scope, ClaimId::random()?, self.app.clock.now())
    }

    async fn store(&mut self) -> Result<()> {
        self.keys.clear();
        self.bytes = 0;
        let mut batch = std::mem::take(&mut self.batch);
        batch.sort_by(|(_, one), (_, other)| one.key.cmp(&other.key));
        let (numbers, offers): (Vec<u64>, Vec<Offer>) = batch.into_iter().unzip();
        let results = if self.overwrite { self.put(offers).await } else { self.claim(&offers).await };
        let gone = results.iter().all(|result| result.as_ref().is_err_and(|error| is_of_the_store(error.kind())));
        for (number, result) in numbers.into_iter().zip(results) {
            match result {
                Ok(count) => *count(&mut self.report) += 1,
                Err(error) if gone => return Err(self.abandoned(number, error)),
                Err(error) => self.failed(number, error),
            }
        }
        Ok(())
    }
    async fn claim(&self, offers: &[Offer]) -> Vec<Result<Counter>> {
        let results = each::claim(&*self.app.store, offers).await;
        results.into_iter().map(|claimed| Ok(counter(claimed?.outcome))).collect()
    }
    async fn put(&self, offers: Vec<Offer>) -> Vec<Result<Counter>> {
        let now = self.app.clock.now();
        // What an offer makes of nothing is what it puts; a line that has expired makes nothing.
        let entries: Vec<Option<Entry>> = offers.into_iter().map(|offer| created(offer, now)).collect();
        let live: Vec<Entry> = entries.iter().flatten().cloned().collect();
        let mut results = each::put(&*self.app.store, &live).await.into_iter();
        let count = |entry: &Option<Entry>| match entry.as_ref().and_then(|_| results.next()) {
            Some(result) => result.map(|()| (|report| &mut report.overwritten) as Counter),
            None => Ok((|report| &mut report.unchanged) as Counter),
        };
        entries.iter().map(count).collect()
    }

    fn failed(&mut self, line: u64, error: Error) {
        self.report.failed += 1;
        if self.report.errors.len() < TOLD {
            self.report.errors.push(Failed { line, why: Failure::from(error).into_body() });
        }
    }
    fn abandoned(&self, line: u64, error: Error) -> Error {
        let message = format!("the import stopped near line {line}, and importing again is safe: {error}");
        Error::new(error.kind(), "import", message).with_source(error)
    }
}

impl Failed {
    /// Why, in one sentence.
    pub(crate) fn message(&self) -> &str {
        self.why.message()
    }
}

type Counter = fn(&mut Report) -> &mut u64;

fn counter(outcome: Outcome) -> Counter {
    match outcome {
        Outcome::Created => |report| &mut report.created,
        Outcome::Joined => |report| &mut report.joined,
        Outcome::Kept => |report| &mut report.kept,
        Outcome::Spooled => |report| &mut report.spooled,
        _ => |report| &mut report.unchanged,
    }
}

fn created(offer: Offer, now: stayput::Timestamp) -> Option<Entry> {
    let assignment = offer.join(None, now).claimed.held?;
    Some(Entry { key: offer.key, assignment })
}

/// Whether the next line would fail too.
fn is_of_the_store(kind: ErrorKind) -> bool {
    !matches!(kind, ErrorKind::Invalid | ErrorKind::Corrupt)
}
