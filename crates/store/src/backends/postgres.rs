//! Assignments in PostgreSQL 13 or newer: `postgres://user:password@host/database`, in columns that people query.
//!
//! One row of `stayput_assignments` is one assignment. Columns have the names that records have, so quote them:
//! `SELECT "campaignKey", "variationName", count(*) FROM stayput_assignments GROUP BY 1, 2`. Goals are an array in order
//! of arrival (`"goalIdentifier"`), `"metaData"` is JSONB. Rows with an `"expiresAt"` in the past count as absent until
//! they are purged. Whoever edits rows by hand may leave out what has a default; what Stayput cannot read it reports as
//! corrupt and leaves alone.
//!
//! JSONB keeps the value of a number but not its spelling: `1e16` becomes `10000000000000000`, `-0.0` becomes `0.0`.
//! Where that makes a difference `"metaDataText"` keeps the text as it was, and counts.
//!
//! Whoever asks waits for one round trip: reads, claims that create, claims that only bring goals, and claims that change
//! nothing, which write nothing. A claim that changes something else needs two: it replaces exactly the version of the
//! row that it read, and starts over if that is gone. So do goals that come where some of them are held already, where a
//! rival is at the same row, or where `extra` or more than 256 bytes of goals are; and a claim where something is held
//! that this process has neither read nor written lately (it begins as one that creates). A batch is as many round trips.
//!
//! | event | what is lost |
//! |---|---|
//! | the server's process is killed, its machine loses power | nothing that was acknowledged, as long as `fsync`, `full_page_writes` and the database's or role's `synchronous_commit` are on, as they are unless somebody changed it |
//! | the same with `synchronous_commit = off` | the last acknowledged claims, up to three times `wal_writer_delay` (0.6 s); nothing is torn |
//! | fail-over to an asynchronous replica | the acknowledged claims that it had not received: for those keys the next claim wins, so two winners are possible, and a goal can be new twice |
//! | fail-over to a replica in `synchronous_standby_names` | nothing, with `synchronous_commit` at `on` or higher; with `local` as above |
//! | the old primary goes on taking writes beside the new one (split brain) | what it took; two winners while it lasts. Fence it; `target_session_attrs=read-write` and several hosts in the URL find the new one |
//! | restored from a backup | what was claimed since, or since the last archived WAL |
//!
//! | option | meaning |
//! |---|---|
//! | `schema` | where the tables are; `public`. Made if missing |
//! | `pool` | how many connections at most; 16 |
//! | `timeout` | how long an operation may take, whatever it waits for; 2s. The server is told to give up a little earlier |
//! | `connect` | how long it may take to make a connection; 2s |
//! | `purge` | how often expired rows are looked for, or `off`; 60s |
//! | `pooler` | `transaction` for PgBouncer and the like: nothing is prepared and nothing is set in a session. Found out by itself, if the pooler refuses or ignores what a session is told |
//! | `listen` | where changes are followed for near caches: the URL of the server itself where a pooler stands in between, with `%26` for an `&` in it; or `off` |
//! | `sslmode`, `sslrootcert`, `sslcert`, `sslkey` | as in libpq: `disable`, `prefer` (unless something is said), `require`, `verify-ca`, `verify-full` |
//! | `host`, `port`, `user`, `password`, `dbname`, `application_name`, `target_session_attrs`, … | as in libpq |
mod address;
mod cancel;
mod claim;
mod failure;
mod follow;
mod pool;
mod purge;
mod row;
mod schema;
mod seen;
mod sql;
mod tls;

use crate::{
    Assignment, AssignmentStore, BoxFuture, Changes, Claimed, Cursor, Entry, Key, Offer, Page, Result, ScanStore,
    Scope, StoreUrl, Unreadable, User, distinct, queues::Queues,
};
use address::{Listen, Settings};
use deadpool_postgres::tokio_postgres::{Client, Row, SimpleQueryMessage};
use pool::{Call, Pool};
use row::{Columns, KeyColumns, Params};
use schema::Schema;
use seen::Seen;
use sql::{Statement, Statements};
use std::{sync::Arc, time::Duration};
use tokio::time;

const NAME: &str = "postgres";

/// The largest page of a scan, so that a page has bounded size.
const PAGE: usize = 1_000;

/// Fewer campaigns of one user than this are looked up one by one.
const FEW: usize = 4;

/// How long opening may take beyond making the connection: a migration of a large table, or waiting for somebody's.
const PREPARATION: Duration = Duration::from_secs(60);

/// A store in a PostgreSQL database, with a pool of connections to it.
#[derive(Debug)]
pub struct Postgres {
    pool: Arc<Pool>,
    statements: Statements,
    queues: Queues,
    seen: Seen,
    followed: Followed,
}

/// Where changes are followed, and in which schema.
#[derive(Debug)]
enum Followed {
    Off,
    Pooler,
    At(Box<(Settings, Schema)>),
}

impl Postgres {
    /// Connects, and makes or updates the tables.
    pub async fn open(url: StoreUrl) -> Result<Self> {
        let mut settings = Settings::from_url(url)?;
        let pooler = time::timeout(settings.connect + PREPARATION, prepare(&mut settings)).await;
        let pooler = pooler.map_err(|_| failure::unavailable("the tables could not be prepared in time"))??;
        let statements = Statements::of(&settings.schema);
        let followed = match &settings.listen {
            Listen::There(there) => Followed::At(Box::new((Settings::clone(there), settings.schema.clone()))),
            Listen::Here if pooler => Followed::Pooler,
            Listen::Here => Followed::At(Box::new((settings.clone(), settings.schema.clone()))),
            Listen::Off => Followed::Off,
        };
        let (purge, for_purge) = (settings.purge, Statements::of(&settings.schema));
        let pool = Arc::new(Pool::new(settings, pooler)?);
        if let Some(every) = purge {
            purge::start(&pool, for_purge.purge, for_purge.sweep, every);
        }
        Ok(Self { pool, statements, queues: Queues::default(), seen: Seen::default(), followed })
    }

    /// What anybody changes from now on; nothing if that is off, or a pooler stands in between and no `listen=URL` says
    /// where the server is. While somebody listens, each row that is written is noted in a table besides.
    pub fn changes(&self) -> Option<Changes> {
        match &self.followed {
            Followed::Off => None,
            Followed::Pooler => {
                tracing::warn!(
                    "postgres: a pooler stands before the server, so what other processes change cannot be followed; \
                     name the server itself with listen=URL"
                );
                None
            }
            Followed::At(place) => Some(follow::follow(place.0.clone(), place.1.clone())),
        }
    }

    /// Runs `statement` once for each key, in the order of keys.
    async fn each(&self, statement: &Statement, mut columns: Vec<(&Key, Params<'_>)>) -> Result<()> {
        columns.sort_by_key(|(key, _)| *key);
        let calls: Vec<_> = columns.into_iter().map(|(_, params)| Call { statement, params }).collect();
        if calls.is_empty() { Ok(()) } else { self.pool.all(&calls).await.map(drop) }
    }
}

/// Sees to the tables; whether there is a pooler in between.
async fn prepare(settings: &mut Settings) -> Result<bool> {
    let (mut client, pooler) = attach(settings).await?;
    schema::prepare(&mut client, &settings.schema).await?;
    Ok(pooler)
}

/// Connects once, in a session as `settings` want it; whether there is a pooler in between, which has none.
async fn attach(settings: &mut Settings) -> Result<(Client, bool)> {
    let plain = settings.config.clone();
    if settings.pooler != Some(true) {
        let session = settings.session();
        settings.config.options(session);
    }
    let connect = |config| {
        let (tls, limit) = (settings.tls.clone(), settings.connect);
        async move { time::timeout(limit, Pool::alone(&config, &tls)).await }
    };
    let late = |_| failure::unavailable("no connection could be made in time; is the server there?");
    let mut pooler = settings.pooler == Some(true);
    let client = match connect(settings.config.clone()).await.map_err(late)? {
        Err(error) if settings.pooler.is_none() && failure::is_pooler(&error) => {
            pooler = true;
            connect(plain.clone()).await.map_err(late)?
        }
        connected => connected,
    }
    .map_err(|error| failure::of(&error))?;
    if settings.pooler.is_none() && !pooler {
        // One that ignores what it is told, as `ignore_startup_parameters` makes it.
        let answer = client.simple_query("SELECT setting FROM pg_settings WHERE name = 'statement_timeout'").await;
        let told = settings.statement_timeout().to_string();
        let answer = answer.map_err(|error| failure::of(&error))?;
        pooler =
            !answer.iter().any(|message| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some(&told)));
    }
    if pooler {
        settings.config = plain;
    }
    Ok((client, pooler))
}

#[deny(clippy::missing_trait_methods)]
impl AssignmentStore for Postgres {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        match keys {
            [] => Box::pin(async { Ok(Vec::new()) }),
            [key] => self.pool.bounded(async move {
                let rows = self.pool.rows(&self.statements.get, KeyColumns::of(key).params()).await?;
                Ok(vec![rows.first().map(|row| self.live(key, row)).transpose()?.flatten()])
            }),
            [first, rest @ ..] => match rest.iter().all(|key| (key.user(), key.kind()) == (first.user(), first.kind()))
            {
                true => self.pool.bounded(self.get_of_user(first, keys)),
                false => self.pool.bounded(self.get_many(keys)),
            },
        }
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        self.pool.bounded(async move {
            distinct(offers.iter().map(|offer| &offer.key))?;
            claim::claim(&self.pool, &self.statements, &self.queues, &self.seen, offers).await
        })
    }
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        self.pool.bounded(async move {
            distinct(entries.iter().map(|entry| &entry.key))?;
            let columns: Vec<_> =
                entries.iter().map(|entry| (&entry.key, Columns::of(&entry.key, &entry.assignment))).collect();
            self.each(&self.statements.put, columns.iter().map(|(key, columns)| (*key, columns.params())).collect())
                .await
        })
    }
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        self.pool.bounded(async move {
            distinct(keys)?;
            let columns: Vec<_> = keys.iter().map(|key| (key, KeyColumns::of(key))).collect();
            self.each(&self.statements.remove, columns.iter().map(|(key, columns)| (*key, columns.params())).collect())
                .await
        })
    }
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) }) // what was answered was committed
    }
}

#[deny(clippy::missing_trait_methods)]
impl ScanStore for Postgres {
    fn user<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<Vec<Entry>>> {
        self.pool.bounded(async move {
            let rows = self.pool.rows(&self.statements.user, vec![&user.scope().as_str(), &user.id()]).await?;
            rows.iter().filter_map(|row| live_entry(row).transpose()).collect()
        })
    }
    fn erase<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<u64>> {
        self.pool.bounded(async move {
            let rows = self.pool.rows(&self.statements.erase, vec![&user.scope().as_str(), &user.id()]).await?;
            let erased: i64 = rows.first().map_or(Ok(0), |row| row::column(row, 0, "count"))?;
            Ok(erased.unsigned_abs())
        })
    }
    fn scan<'a>(
        &'a self,
        scope: Option<&'a Scope>,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page>> {
        self.pool.bounded(async move {
            let after = after.map_or(Ok(Default::default()), after_row)?;
            let limit = limit.clamp(1, PAGE);
            let (wanted, scope) = (limit as i64 + 1, scope.map(Scope::as_str));
            let mut params: Params<'_> = after.iter().map(|part| part as _).collect();
            params.push(&wanted);
            let rows = match &scope {
                Some(scope) => {
                    params.push(scope);
                    self.pool.rows(&self.statements.scan_scope, params).await?
                }
                None => self.pool.rows(&self.statements.scan, params).await?,
            };
            page(&rows, limit)
        })
    }
}

impl Postgres {
    /// What `row` holds for `key`, unless it is over.
    fn live(&self, key: &Key, row: &Row) -> Result<Option<Assignment>> {
        self.seen.note(key, &[]);
        live(row)
    }
    /// All `keys` are of the user and the kind of `first`.
    ///
    /// Most users have few campaigns besides, and then all that lie between two of them are found sooner than each.
    async fn get_of_user(&self, first: &Key, keys: &[Key]) -> Result<Vec<Option<Assignment>>> {
        let [scope, user, kind, _] = KeyColumns::of(first).parts();
        let mut asked: Vec<(&str, usize)> = keys.iter().map(Key::campaign).zip(0..).collect();
        asked.sort_unstable();
        if let ([(least, _), .., (greatest, _)], false) = (&*asked, keys.len() < FEW || self.seen.is_crowded(first)) {
            let most = 2 * keys.len() as i64;
            let params: Params<'_> = vec![&scope, &user, &kind, least, greatest, &most];
            let rows = self.pool.rows(&self.statements.get_between, params).await?;
            if rows.len() < 2 * keys.len() {
                return self.placed(&rows, &asked, keys);
            }
            self.seen.note_crowd(first);
        }
        let campaigns: Vec<&str> = asked.iter().map(|(campaign, _)| *campaign).collect();
        let rows = self.pool.rows(&self.statements.get_of_user, vec![&scope, &user, &kind, &campaigns]).await?;
        self.placed(&rows, &asked, keys)
    }
    /// What is held for each of `keys`. `asked` are their campaigns in order, each with its place; a row's last column
    /// is its campaign.
    fn placed(&self, rows: &[Row], asked: &[(&str, usize)], keys: &[Key]) -> Result<Vec<Option<Assignment>>> {
        let mut answers = vec![None; keys.len()];
        for row in rows {
            let name: &str = row::column(row, 1 + row::FIELDS, "campaignKey")?;
            let begin = asked.partition_point(|(asked, _)| *asked < name);
            // More than one where a key is asked for twice; none where nobody asked.
            let mut places = asked.iter().skip(begin).take_while(|(asked, _)| *asked == name).map(|(_, place)| *place);
            let Some(place) = places.next() else { continue };
            let Some(key) = keys.get(place) else { continue };
            let held = self.live(key, row)?;
            for place in places {
                answers[place].clone_from(&held);
            }
            answers[place] = held;
        }
        Ok(answers)
    }
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Assignment>>> {
        let parts: Vec<[&str; 4]> = keys.iter().map(|key| KeyColumns::of(key).parts()).collect();
        let [scopes, users, kinds, campaigns] =
            [0, 1, 2, 3].map(|part| parts.iter().filter_map(|parts| parts.get(part).copied()).collect::<Vec<_>>());
        let places: Vec<i32> = (0..).take(keys.len()).collect();
        let params: Params<'_> = vec![&scopes, &users, &kinds, &campaigns, &places];
        let mut answers = vec![None; keys.len()];
        for row in &self.pool.rows(&self.statements.get_many, params).await? {
            let place: i32 = row::column(row, 1 + row::FIELDS, "place")?;
            let place = usize::try_from(place).unwrap_or(usize::MAX);
            if let (Some(answer), Some(key)) = (answers.get_mut(place), keys.get(place)) {
                *answer = self.live(key, row)?;
            }
        }
        Ok(answers)
    }
}

fn live(row: &Row) -> Result<Option<Assignment>> {
    let (now, held) = (row::now(row)?, row::assignment(row, 1)?);
    Ok(Some(held).filter(|held| held.is_live(now)))
}
fn live_entry(row: &Row) -> Result<Option<Entry>> {
    let (now, entry) = (row::now(row)?, row::entry(row)?);
    Ok(Some(entry).filter(|entry| entry.assignment.is_live(now)))
}

/// At most `limit` of `rows`; one more says that there are more.
fn page(rows: &[Row], limit: usize) -> Result<Page> {
    let mut page = Page::default();
    for row in rows.iter().take(limit) {
        match live_entry(row) {
            Ok(entry) => page.entries.extend(entry),
            Err(error) => page
                .unreadable
                .push(Unreadable { key: row::key(row, 1 + row::FIELDS).ok(), why: error.message().into() }),
        }
    }
    page.next = match rows.get(limit - 1).filter(|_| rows.len() > limit) {
        Some(last) => Some(before_next(last)?),
        None => None,
    };
    Ok(page)
}

/// The key of a row as its columns have it, readable or not.
fn before_next(row: &Row) -> Result<Cursor> {
    let part = |column: usize| row::column::<&str>(row, 1 + row::FIELDS + column, "key");
    Ok(Cursor([part(0)?, part(1)?, part(2)?, part(3)?].join("\0").into_bytes()))
}
fn after_row(cursor: &Cursor) -> Result<[&str; 4]> {
    let parts = || {
        let parts: Vec<&str> = std::str::from_utf8(&cursor.0).ok()?.split('\0').collect();
        parts.try_into().ok()
    };
    parts().ok_or_else(|| {
        crate::Error::invalid("cursor", "the scan cannot go on from there: the cursor is not one of this store")
    })
}
