//! News of changes: what a trigger has noted in a table is read every 50 ms, on a connection of its own.
//!
//! Not by NOTIFY: a transaction that notifies holds a lock of the whole database until it is on disk, so that commits
//! go one at a time. Sixteen writers got a twelfth to a thirtieth of their claims done.
//!
//! A trigger notes nothing while nobody follows. Who follows holds [`LOCKS`] advisory locks, shared; who writes asks for
//! one of them, exclusively and without waiting, until its transaction ends. So a follower that has them all
//! knows that what was not noted is committed, and that everything from then on is noted. Whoever waits for one counts
//! as following already.
//!
//! What was not visible when the table was last read and is now was committed meanwhile, whatever the order of
//! transactions. The table is not logged: a crash that empties it cuts all who read it, too.
use super::{
    NAME,
    address::Settings,
    attach, failure,
    schema::{Schema, literal},
    sql::Statements,
};
use crate::{Change, Changes, Error, ErrorKind, Feed, Result, Scope, User, changes};
use deadpool_postgres::tokio_postgres::{
    Client, Row, SimpleQueryMessage,
    config::TargetSessionAttrs,
    error::SqlState,
    types::{FromSql, ToSql, Type},
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// How many backends may write at once before two ask for the same lock, which costs a note too many.
const LOCKS: u32 = 64;
/// How often is looked.
const EVERY: Duration = Duration::from_millis(50);
/// More changes than this at once are everything.
const MOST: usize = 4_096;
/// How often what everybody has seen is thrown away.
pub(super) const SWEEP: Duration = Duration::from_secs(10);
/// Who has not looked for so long, by the server's clock, may have missed what others have swept; less than [`SWEEP`].
const LONGEST_GAP: i64 = 8_000;

/// Follows the server of `settings`, which must be no pooler, in `schema`.
pub(super) fn follow(settings: Settings, schema: Schema) -> Changes {
    let (settings, schema) = (Arc::new(settings), Arc::new(schema));
    changes::follow(move |feed| {
        let (settings, schema) = (settings.clone(), schema.clone());
        async move { listen(&settings, &schema, feed).await }
    })
}

async fn listen(settings: &Settings, schema: &Schema, feed: Feed) -> Result<()> {
    let late = |_| Error::new(ErrorKind::Timeout, NAME, "the connection for changes is silent");
    // The server gives up what waits for a lock by itself.
    let (client, mut looked) = timeout(2 * settings.connect + settings.timeout, begin(settings, schema))
        .await
        .map_err(|_| Error::new(ErrorKind::Timeout, NAME, "the connection for changes took too long"))??;
    let (look, sweep) = (look(schema), Statements::of(schema).sweep);
    let prepared = timeout(settings.timeout, client.prepare_typed(&look, &[Type::TEXT])).await;
    let look = prepared.map_err(late)?.map_err(|error| failure::of(&error))?;
    feed.tell(Change::Everything);
    let (mut seen, mut swept) = (looked.clone(), Instant::now());
    let mut turns = interval(EVERY);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        let rows = timeout(settings.timeout, client.query(&look, &[&looked.snapshot])).await.map_err(late)?;
        let rows = rows.map_err(|error| failure::of(&error))?;
        let now = Looked::at(rows.first())?;
        if now.time.saturating_sub(looked.time) > LONGEST_GAP {
            return Err(failure::unavailable("changes were not looked at for too long"));
        }
        tell(&rows, &feed)?;
        looked = now;
        if swept.elapsed() > SWEEP {
            let before = [(&seen.snapshot as &(dyn ToSql + Sync), Type::TEXT)];
            let gone = timeout(settings.timeout, client.query_typed(&sweep.text, &before)).await;
            gone.map_err(late)?.map_err(|error| failure::of(&error))?;
            (seen, swept) = (looked.clone(), Instant::now());
        }
    }
}

/// When was looked, and what was visible then.
#[derive(Clone)]
struct Looked {
    time: i64,
    snapshot: String,
}

impl Looked {
    fn at(row: Option<&Row>) -> Result<Self> {
        let row = row.ok_or_else(strange)?;
        Ok(Self { time: column(row, 0)?, snapshot: column(row, 1)? })
    }
}

/// Connects, and returns when everything is noted.
async fn begin(settings: &Settings, schema: &Schema) -> Result<(Client, Looked)> {
    let mut settings = settings.clone();
    // A standby has locks of its own, which no writer asks for.
    settings.config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    let (client, pooler) = attach(&mut settings).await?;
    if pooler {
        return Err(failure::refused(
            "a pooler stands where changes are followed; name the server with listen=URL".into(),
        ));
    }
    // A process that is stopped would keep writers noting for nobody. PostgreSQL 13 cannot end its session.
    let table = literal(&format!("{schema}.stayput_assignments"));
    let prepare = format!(
        "SELECT set_config('idle_session_timeout', '60s', false) WHERE current_setting('server_version_num')::int >= 140000;
         SELECT pg_advisory_lock_shared({table}::regclass::oid::int4, n) FROM generate_series(0, {LOCKS} - 1) n"
    );
    client.simple_query(&prepare).await.map_err(|error| match error.code() {
        Some(&SqlState::QUERY_CANCELED) => {
            failure::unavailable("a transaction that has written assignments has not ended yet")
        }
        _ => failure::of(&error),
    })?;
    let noted = literal(&format!("{schema}.stayput_changes"));
    let may = format!("has_table_privilege({noted}, 'SELECT') AND has_table_privilege({noted}, 'DELETE')");
    let answer = client.simple_query(&format!("SELECT {NOW}, pg_current_snapshot(), {may}")).await;
    let answer = answer.map_err(|error| failure::of(&error))?;
    let row = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let [time, snapshot, may] = [0, 1, 2].map(|column| row.and_then(|row| row.get(column)).unwrap_or_default());
    if may == "f" {
        let message =
            format!("the role may not follow changes: GRANT SELECT, DELETE ON {schema}.stayput_changes to it");
        return Err(failure::refused(message));
    }
    let time = time.parse().map_err(|_| strange())?;
    Ok((client, Looked { time, snapshot: snapshot.to_owned() }))
}

/// The server's clock in milliseconds.
const NOW: &str = "(extract(epoch FROM statement_timestamp()) * 1000)::int8";

/// What has become visible since the snapshot `$1`, and the snapshot of now. A transaction that was not visible then
/// either had not begun or is named in it.
fn look(schema: &Schema) -> String {
    let noted = format!("SELECT scope, \"userId\", true AS noted FROM {schema}.stayput_changes WHERE xid");
    format!(
        "SELECT {NOW}, pg_current_snapshot()::text, c.* FROM (VALUES (1)) one LEFT JOIN (\
         ({noted} >= pg_snapshot_xmax($1::text::pg_snapshot) LIMIT {MOST} + 1) UNION \
         ({noted} = ANY(ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot))) LIMIT {MOST} + 1)) c ON true"
    )
}

fn tell(rows: &[Row], feed: &Feed) -> Result<()> {
    if rows.len() > MOST {
        feed.tell(Change::Everything);
        return Ok(());
    }
    for row in rows {
        if column::<Option<bool>>(row, 4)?.is_none() {
            continue;
        }
        match (column::<Option<&str>>(row, 2)?, column::<Option<&str>>(row, 3)?) {
            (Some(scope), Some(id)) => {
                // A hand may have made what nobody can ask for, hence nobody keeps.
                if let Ok(user) = Scope::new(scope).and_then(|scope| User::new(&scope, id)) {
                    feed.tell(Change::User(user));
                }
            }
            _ => feed.tell(Change::Everything),
        }
    }
    Ok(())
}

fn column<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T> {
    row.try_get(column).map_err(|_| strange())
}
fn strange() -> Error {
    failure::unavailable("the server does not say what has changed")
}
