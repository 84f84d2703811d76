//! Assignments in MongoDB 4.4 or newer: `mongodb://user:password@a,b,c/database`, in documents that people query.
//!
//! One document of `stayput_assignments` is one assignment. Fields have the names that records have: `db.
//! stayput_assignments.find({userId: "ashley"})`. Goals are an array in order of arrival, `metaData` is a document;
//! where BSON cannot hold it as it is (`$` or `.` in a name, numbers beyond 64 bits, deep nesting) its text is in
//! `metaDataText` instead. `_id` is the key, `"default/ashley/classic/checkout"`: scope, user, kind and campaign, with
//! `%2F` for a slash and `%25` for a percent sign in one of them. Of a document that somebody wrote by hand, `_id` and
//! `variationName` must be there; fields that Stayput does not know stay. Documents whose `_id` is no string are not
//! looked at.
//!
//! That `_id` is unique lets one of several creators win, and it is the only index that finds assignments: an insert pays
//! for no other. A claim that changes something does so to exactly the document that it read, all of it compared, and
//! starts over if that is gone. Whoever shards the collection must do so by `{_id: 1}`; whoever searches it by user or
//! campaign makes an index of their own.
//!
//! Reads and claims ask the primary, whatever `readPreference` says: a secondary that lags would call a user unknown who
//! has been assigned. Scans, and so exports, do follow it. Expiry is judged by the clock of the machine that Stayput
//! runs on; a TTL index takes away what has expired, by the server's.
//!
//! | event | what is lost |
//! |---|---|
//! | a server's process is killed | nothing with `w=majority` (what Stayput asks for unless the URL says otherwise) in a replica set, or with `journal=true`; else what was not yet in the journal (up to 0.1 s) |
//! | the primary is lost, another is elected | nothing that was acknowledged with `w=majority`; with `w=1` what the others had not received is rolled back: for those keys the next claim wins, so **two winners are possible**, and a goal can be new twice |
//! | the old primary answers a little longer | its writes are not acknowledged with `w=majority`; its reads may be old, or of what will be rolled back, unless `readConcernLevel=majority` |
//!
//! | option | meaning |
//! |---|---|
//! | `collection` | where assignments are; `stayput_assignments` |
//! | `timeout` | how long an operation may take, whatever it waits for, finding a server included; 2s |
//! | `connect` | how long it may take to make a connection; 2s |
//! | `pool` | how many connections to a server at most; 16 |
//! | `w`, `journal`, `wtimeoutMS`, `readConcernLevel`, `readPreference`, `replicaSet`, `tls`, `authSource`, … | as in every MongoDB URL; `w=0` is refused, because nothing would be acknowledged |
//!
//! FerretDB 1 speaks MongoDB's protocol but compares and replaces in two steps, so two claims can both win: it is refused.
mod address;
mod claim;
mod document;
mod failure;
mod found;
mod json;
mod link;
mod schema;

use crate::{
    Assignment, AssignmentStore, BoxFuture, Claimed, Clock, Cursor, Entry, Error, ErrorKind, Key, Offer, Page, Result,
    ScanStore, Scope, StoreUrl, SystemClock, Unreadable, User, distinct, queues::Queues, several::several,
};
use address::Settings;
use found::Found;
use link::{Documents, Link};
use mongodb::{
    bson::{RawDocumentBuf, doc},
    options::{ReadPreference, SelectionCriteria},
};

const NAME: &str = "mongodb";

/// The largest page of a scan, so that a page has bounded size.
const PAGE: usize = 1_000;
/// How many documents of one batch are written at once.
const AT_ONCE: usize = 8;

/// A store in a collection of a MongoDB database.
#[derive(Debug)]
pub struct Mongodb {
    link: Link,
    queues: Queues,
    /// Where scans read.
    scans: SelectionCriteria,
}

impl Mongodb {
    /// Connects, and makes the indexes.
    pub async fn open(url: StoreUrl) -> Result<Self> {
        let Settings { options, database, collection, timeout, scans } = Settings::from_url(url).await?;
        let link = Link::new(options, database, collection, timeout)?;
        schema::prepare(&link).await?;
        Ok(Self { link, queues: Queues::default(), scans })
    }

    /// What lies under each of `keys`, live or not.
    async fn found(&self, keys: &[Key]) -> Result<Vec<Option<Assignment>>> {
        let asked: Vec<&Key> = keys.iter().collect();
        let found = claim::find(&self.link.documents(), &asked).await?;
        let read = |found: Option<_>, key| found.map(|found: RawDocumentBuf| Found::under(key, &found)?.assignment());
        found.into_iter().zip(keys).map(|(found, key)| read(found, key).transpose()).collect()
    }
}

#[deny(clippy::missing_trait_methods)]
impl AssignmentStore for Mongodb {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        self.link.bounded(async move {
            let (found, now) = (self.found(keys).await?, SystemClock.now());
            Ok(found.into_iter().map(|held| held.filter(|held| held.is_live(now))).collect())
        })
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        self.link.bounded(async move {
            distinct(offers.iter().map(|offer| &offer.key))?;
            // Not only the answer may be lost to a connection that broke: a repeat finds out.
            match claim::claim(&self.link.documents(), &self.queues, offers).await {
                Err(error) if error.kind() == ErrorKind::Unavailable => {
                    claim::claim(&self.link.documents(), &self.queues, offers).await
                }
                claimed => claimed,
            }
        })
    }
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        self.link.bounded(async move {
            distinct(entries.iter().map(|entry| &entry.key))?;
            let documents = self.link.documents();
            let puts: Vec<_> = entries.iter().map(|entry| put(&documents, entry)).collect();
            several(puts, AT_ONCE).await.map(drop)
        })
    }
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        self.link.bounded(async move {
            distinct(keys)?;
            match keys.is_empty() {
                true => Ok(()),
                false => {
                    let places = document::places(keys.iter().map(document::id).collect());
                    failure::done(self.link.documents().delete_many(places).await).map(drop)
                }
            }
        })
    }
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) }) // what was answered is as durable as the write concern made it
    }
}

#[deny(clippy::missing_trait_methods)]
impl ScanStore for Mongodb {
    fn user<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<Vec<Entry>>> {
        self.link.bounded(async move {
            let found = failure::done(self.link.documents().find(document::of_user(user)).await)?;
            let (found, now) = (claim::all(found).await?, SystemClock.now());
            let entries = found.iter().map(|found| Found::of(found)?.entry(Some(user)));
            let mut entries: Vec<Entry> = entries.collect::<Result<_>>()?;
            entries.retain(|entry| entry.assignment.is_live(now));
            entries.sort_by(|one, other| one.key.cmp(&other.key)); // in bytes, whatever orders the server's strings
            Ok(entries)
        })
    }
    fn erase<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<u64>> {
        self.link.bounded(async move {
            let erased = self.link.documents().delete_many(document::of_user(user)).await;
            failure::done(erased).map(|erased| erased.deleted_count)
        })
    }
    fn scan<'a>(
        &'a self,
        scope: Option<&'a Scope>,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page>> {
        self.link.bounded(async move {
            let (filter, limit) = (document::after(scope, after)?, limit.clamp(1, PAGE));
            let documents = self.link.documents();
            let found = documents.find(filter).sort(doc! { "_id": 1 }).limit(limit as i64 + 1);
            let found = found.batch_size(limit as u32 + 2).selection_criteria(self.scans.clone());
            page(&claim::all(failure::done(found.await)?).await?, limit)
        })
    }
}

async fn put(documents: &Documents, Entry { key, assignment }: &Entry) -> Result<()> {
    let (id, next) = (document::id(key), document::of(key, assignment)?);
    loop {
        match documents.replace_one(document::place(&id), &next).upsert(true).await {
            Ok(_) => return Ok(()),
            // Somebody created it between the server's look and its insert: now there is one to replace.
            Err(error) if failure::is_duplicate(&error) => {}
            Err(error) => return Err(failure::of(&error)),
        }
    }
}

/// At most `limit` of `found`; one more says that there are more.
fn page(documents: &[RawDocumentBuf], limit: usize) -> Result<Page> {
    let (mut page, now) = (Page::default(), SystemClock.now());
    for document in documents.iter().take(limit) {
        let found = Found::of(document)?;
        match found.entry(None) {
            Ok(entry) => page.entries.extend(Some(entry).filter(|entry| entry.assignment.is_live(now))),
            Err(error) => {
                page.unreadable.push(Unreadable { key: found.key().ok(), why: error.message().into() });
            }
        }
    }
    let last = documents.get(limit - 1).filter(|_| documents.len() > limit);
    page.next = last.map(|last| Found::of(last).map(|last| last.cursor())).transpose()?;
    Ok(page)
}

/// Where reads go that must see every claim.
fn primary() -> SelectionCriteria {
    SelectionCriteria::ReadPreference(ReadPreference::Primary)
}

fn corrupt(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Corrupt, NAME, message)
}
