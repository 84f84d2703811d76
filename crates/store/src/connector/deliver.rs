//! Delivers what waits, in the background, for as long as it takes.
use super::engine::Shared;
use crate::{AssignmentStore, Error, ErrorKind, Offer, Outcome};
use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::time::timeout;

const AT_ONCE: usize = 256;
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Runs until its task is dropped.
pub(super) async fn deliver(shared: Arc<Shared>) {
    let (mut pause, random) = (FIRST_PAUSE, RandomState::new());
    loop {
        let offers = shared.waiting.take(AT_ONCE);
        if offers.is_empty() {
            shared.waiting.stirred.notified().await;
            continue;
        }
        match round(&shared, &offers).await {
            Ok(()) => pause = FIRST_PAUSE,
            Err(error) => {
                tracing::debug!(%error, "what was set could not be delivered and will be tried again");
                shared.counters.retried.fetch_add(1, Relaxed);
                shared.counters.tell(&error);
                // Many processes that lost one store should not come back as one.
                let jitter = random.hash_one(shared.waiting.mark()) % 512 + 512;
                let _ = timeout(pause.mul_f64(jitter as f64 / 1024.0), shared.hurried.notified()).await;
                pause = LONGEST_PAUSE.min(2 * pause);
            }
        }
        if shared.flushing.load(Relaxed) > 0 {
            pause = FIRST_PAUSE;
            shared.breaker.hurry();
        }
    }
}

/// One claim of them all; if something about that is wrong, one claim each. Fails if something had to be put back.
async fn round(shared: &Shared, offers: &[Arc<Offer>]) -> Result<(), Error> {
    let batch: Vec<Offer> = offers.iter().map(|offer| Offer::clone(offer)).collect();
    let error = match shared.store.claim(&batch).await {
        Ok(claimed) if claimed.len() == offers.len() => {
            for (offer, claimed) in offers.iter().zip(claimed) {
                settled(shared, offer, claimed);
            }
            return Ok(());
        }
        Ok(_) => Error::new(ErrorKind::Unavailable, "connector", "the store did not answer each offer"),
        Err(error) => error,
    };
    if error.is_transient() {
        shared.waiting.put_back(offers, || error.again());
        return Err(error);
    }
    let mut failed = None;
    for offer in offers {
        match shared.store.claim(std::slice::from_ref(offer)).await.map(|mut claimed| claimed.pop()) {
            Ok(Some(claimed)) => settled(shared, offer, claimed),
            Err(error) if matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Corrupt) => {
                shared.counters.lost.fetch_add(1, Relaxed);
                shared.counters.tell(&error);
                shared.waiting.settle(offer, Err(error));
            }
            answer => {
                let silent = || Error::new(ErrorKind::Unavailable, "connector", "the store gave no answer");
                let error = answer.err().unwrap_or_else(silent);
                shared.waiting.put_back(std::slice::from_ref(offer), || error.again());
                failed = Some(error);
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

fn settled(shared: &Shared, offer: &Offer, claimed: crate::Claimed) {
    if claimed.outcome != Outcome::Spooled {
        shared.answers();
        shared.delivered.fetch_add(1, Relaxed);
    }
    let counter = match claimed.outcome {
        Outcome::Spooled => &shared.counters.spooled,
        Outcome::Kept => &shared.counters.kept,
        Outcome::Replaced => &shared.counters.replaced,
        _ => &shared.counters.stored,
    };
    counter.fetch_add(1, Relaxed);
    shared.waiting.settle(offer, Ok(claimed));
}
