//! Delivers what waits, in order per key: one process of a machine at a time.
use super::{
    NAME,
    disk::{List, Lock, Of, Row},
    entry::{DeadLetter, Waiting},
    queue::{KNOCK, SpoolQueue},
};
use crate::{AssignmentStore, AssignmentStoreExt, Claimed, Error, ErrorKind, Offer, Outcome, Result, sync::wait};
use std::{
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

/// How many rows are looked at to fill a batch: of each key only the oldest may go.
const LOOKED_AT: usize = 1_024;

/// What one attempt came to.
#[derive(Debug)]
pub(super) enum Step {
    Idle,
    Delivered,
    Failed(Error),
}

/// Delivers until the queue is closed.
pub(super) async fn replay<S: AssignmentStore>(inner: Arc<S>, queue: Arc<SpoolQueue>) {
    let mut failures = 0;
    let mut lease = None;
    while !queue.closed.load(Relaxed) {
        if lease.is_none() {
            lease = queue.disk.lock(Lock::Replay).unwrap_or_else(|error| {
                tracing::warn!(%error, "the spool cannot be replayed");
                None
            });
        }
        if lease.is_none() {
            queue.rest().await; // another process replays
            continue;
        }
        match deliver(&*inner, &queue).await.unwrap_or_else(Step::Failed) {
            Step::Idle => {
                failures = 0;
                queue.rest().await;
            }
            Step::Delivered => {
                if failures > 0 {
                    tracing::warn!("spooled offers are being delivered again");
                }
                failures = 0;
            }
            Step::Failed(error) => {
                if failures == 0 {
                    tracing::warn!(%error, "spooled offers cannot be delivered yet");
                }
                failures += 1;
                queue.back_off(failures).await;
            }
        }
    }
}

impl SpoolQueue {
    /// Until something is added here, or it is time to look for what others have added.
    async fn rest(&self) {
        tokio::select! {
            biased; // a seed of the simulation repeats what it did
            () = self.added.notified() => {}
            () = tokio::time::sleep(self.options.idle) => {}
        }
    }
    /// Longer after each failure; cut short, but not below the first wait, when the store answers somebody.
    async fn back_off(&self, failures: u32) {
        let (first, most) = self.options.pauses;
        let jitter = |pause: Duration| pause.mul_f64(0.5 + (self.options.jitter)().clamp(0.0, 1.0));
        let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(most);
        let cut_short = async {
            tokio::time::sleep(jitter(first)).await;
            self.answered.notified().await;
        };
        tokio::select! {
            biased;
            () = cut_short => {}
            () = tokio::time::sleep(jitter(doubled)) => {}
        }
    }
}

/// Delivers one batch.
pub(super) async fn deliver<S: AssignmentStore>(inner: &S, queue: &SpoolQueue) -> Result<Step> {
    // Whoever erases goes first: it waits for this one to be between two batches.
    while queue.disk.lock(Lock::Purge)?.is_none() {
        wait(KNOCK).await;
    }
    let Some(_flight) = queue.disk.lock(Lock::Flight)? else {
        wait(KNOCK).await;
        return Ok(Step::Delivered);
    };
    let rows = queue.disk.read(List::Waiting, Of::All, LOOKED_AT)?;
    if rows.is_empty() {
        return Ok(Step::Idle);
    }
    let (mut keys, mut batch) = (HashSet::new(), Vec::new());
    for row in &rows {
        if batch.len() >= queue.options.batch.max(1) {
            break;
        }
        if !keys.insert(&row.key) {
            continue;
        }
        match Waiting::read(row) {
            Ok(waiting) => batch.push((row, waiting.offer)),
            Err(error) => queue.bury(row, None, &error).await?,
        }
    }
    if batch.is_empty() {
        return Ok(Step::Delivered);
    }
    let offers: Vec<Offer> = batch.iter().map(|(_, offer)| offer.clone()).collect();
    match inner.claim(&offers).await {
        Ok(claims) if claims.len() == offers.len() => queue.settle(&batch, &claims).await,
        Ok(_) => Ok(Step::Failed(Error::new(ErrorKind::Corrupt, NAME, "one question did not get one answer"))),
        Err(error) if may_pass(&error) => Ok(Step::Failed(error)),
        Err(_) => one_by_one(inner, queue, &batch).await,
    }
}

/// One of them cannot be stored: the others can.
async fn one_by_one<S: AssignmentStore>(inner: &S, queue: &SpoolQueue, batch: &[(&Row, Offer)]) -> Result<Step> {
    for delivered in batch {
        let (row, offer) = delivered;
        match inner.claim_one(offer).await {
            Ok(claimed) => match queue.settle(std::slice::from_ref(delivered), &[claimed]).await? {
                Step::Delivered => {}
                step => return Ok(step),
            },
            Err(error) if may_pass(&error) => return Ok(Step::Failed(error)),
            Err(error) => queue.bury(row, Some(offer), &error).await?,
        }
    }
    Ok(Step::Delivered)
}

/// A store that turns everybody away may have been told to, or be full: operators mend that.
fn may_pass(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Corrupt)
}

impl SpoolQueue {
    /// They are delivered: first no crash can deliver them again, then whoever waits for the answers is told.
    async fn settle(&self, batch: &[(&Row, Offer)], claims: &[Claimed]) -> Result<Step> {
        // A server behind this one may have spooled them in its turn: then nobody knows the answer yet.
        let answered = |claimed: &Claimed| claimed.outcome != Outcome::Spooled;
        let settled = || batch.iter().zip(claims).filter(|(_, claimed)| answered(claimed));
        self.disk.remove(List::Waiting, settled().map(|((row, _), _)| row.number).collect()).await?;
        self.disk.sync().await?;
        for ((_, offer), claimed) in settled() {
            self.counts.replayed.fetch_add(1, Relaxed);
            if claimed.outcome == Outcome::Kept {
                self.counts.lost.fetch_add(1, Relaxed);
            }
            self.tell(offer, Ok(claimed));
        }
        Ok(match claims.iter().all(answered) {
            true => Step::Delivered,
            false => Step::Failed(Error::new(ErrorKind::Unavailable, NAME, "the server behind has only spooled it")),
        })
    }

    /// It never can be delivered.
    async fn bury(&self, row: &Row, offer: Option<&Offer>, error: &Error) -> Result<()> {
        let (at, kind, message) = (self.options.clock.now(), error.kind(), error.to_string());
        let letter = DeadLetter { offer: offer.cloned(), at, kind, message };
        // There is room: it is removed from the other list at once.
        self.disk.append(List::Dead, vec![letter.row(row.key.clone())?], u64::MAX).await?;
        self.disk.sync().await?;
        self.disk.remove(List::Waiting, vec![row.number]).await?;
        self.disk.sync().await?;
        self.counts.buried.fetch_add(1, Relaxed);
        tracing::error!(%error, "a spooled offer can never be stored and is a dead letter now; see `stayput spool`");
        if let Some(offer) = offer {
            self.tell(offer, Err(error));
        }
        Ok(())
    }

    /// A listener that panics must not end the replay.
    fn tell(&self, offer: &Offer, result: Result<&Claimed, &Error>) {
        if let Some(told) = &self.options.on_settled
            && catch_unwind(AssertUnwindSafe(|| told(offer, result))).is_err()
        {
            tracing::error!("the listener of a spool panicked");
        }
    }
}
