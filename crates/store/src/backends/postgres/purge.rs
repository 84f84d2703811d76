//! Expired rows go away in the background, a few at a time, so that nobody waits for it.
use super::{pool::Pool, row, sql::Statement};
use crate::Result;
use std::{
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::time;

/// How many rows one transaction takes.
const BATCH: i64 = 500;

/// Purges every `every`, as long as the store is there. Several clients may: each leaves alone what another is at.
pub(super) fn start(pool: &Arc<Pool>, statement: Statement, every: Duration) {
    let pool = Arc::downgrade(pool);
    tokio::spawn(async move {
        loop {
            time::sleep(every).await;
            match purge(&pool, &statement).await {
                Some(Ok(())) => {}
                Some(Err(error)) => tracing::warn!("expired assignments could not be purged, will try again: {error}"),
                None => return,
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
