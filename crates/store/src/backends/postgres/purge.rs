//! Expired rows go away in the background, a few at a time, so that nobody waits for it; and what writers who came at
//! once took each other for followers and noted, while nobody was there to sweep it.
use super::{follow::SWEEP, pool::Pool, row, sql::Statement};
use crate::Result;
use std::{
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::time::{self, Instant};

/// How many rows one transaction takes.
const BATCH: i64 = 500;

/// Purges every `every`, as long as the store is there. Several clients may: each leaves alone what another is at.
pub(super) fn start(pool: &Arc<Pool>, statement: Statement, sweep: Statement, every: Duration) {
    let pool = Arc::downgrade(pool);
    tokio::spawn(async move {
        let (mut seen, mut swept) = (None, None::<Instant>);
        loop {
            time::sleep(every).await;
            match purge(&pool, &statement).await {
                Some(Ok(())) => {}
                Some(Err(error)) => tracing::warn!("expired assignments could not be purged, will try again: {error}"),
                None => return,
            }
            // Followers have looked by then.
            if swept.is_none_or(|swept| swept.elapsed() > SWEEP) {
                let Some(pool) = pool.upgrade() else { return };
                let rows = pool.bounded(pool.rows(&sweep, vec![&seen])).await;
                match rows
                    .and_then(|rows| rows.first().map(|row| row::column::<String>(row, 0, "snapshot")).transpose())
                {
                    Ok(now) => (seen, swept) = (now, Some(Instant::now())),
                    // Whoever only claims may lack the privilege; followers sweep, too.
                    Err(error) => tracing::debug!("noted changes could not be swept: {error}"),
                }
            }
        }
    });
}

/// `None` when the store is gone.
async fn purge(pool: &Weak<Pool>, statement: &Statement) -> Option<Result<()>> {
    loop {
        let pool = pool.upgrade()?;
        let batch = pool.bounded(async {
            let rows = pool.rows(statement, vec![&BATCH]).await?;
            rows.first().map_or(Ok(0), |row| row::column::<i64>(row, 0, "count"))
        });
        match batch.await {
            Ok(BATCH..) => {}
            done => return Some(done.map(drop)),
        }
    }
}
