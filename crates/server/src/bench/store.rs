//! A store under load, through the store's own interface.
use super::{Asked, Http, Population, Report};
use stayput::{
    AssignmentStoreExt, ClaimId, Clock, Entry, Error, ErrorKind, Key, Kind, Name, Offer, Result, ScanStore, Scope,
    SystemClock,
};
use std::{sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::Instant};

/// Assignments of one batch of a fill.
const BATCH: u64 = 1_000;

/// Puts an assignment of each of the first `users` into `store`; `progress` is told how many so far.
pub async fn fill(store: &dyn ScanStore, scope: &Scope, users: u64, progress: impl Fn(u64)) -> Result<()> {
    for begin in (0..users).step_by(BATCH as usize) {
        let of_user = |user| {
            let offer = offer(scope, user)?;
            let held = offer.join(None, offer.decided_at).claimed.held;
            let held = held.ok_or_else(|| Error::new(ErrorKind::Invalid, "bench", "an offer without a variation"))?;
            Ok(Entry { key: offer.key, assignment: held })
        };
        let entries: Vec<Entry> = (begin..users.min(begin + BATCH)).map(of_user).collect::<Result<_>>()?;
        store.put(&entries).await?;
        progress(begin + entries.len() as u64);
    }
    Ok(())
}

/// Keeps `tasks` busy with `store` for `time`, `claims` of a hundred operations being claims of a user's variation.
pub async fn load(
    store: &Arc<dyn ScanStore>,
    scope: &Scope,
    population: &Population,
    tasks: usize,
    claims: u8,
    time: Duration,
) -> Result<Report> {
    let started = Instant::now();
    let mut running = JoinSet::new();
    for task in 0..tasks {
        let (store, scope) = (store.clone(), scope.clone());
        let mut population = population.another(task as u64);
        running.spawn(async move {
            let mut report = Report::default();
            while started.elapsed() < time {
                let user = population.draw();
                let claims = claims > 0 && population.chance(claims);
                let began = Instant::now();
                if claims {
                    store.claim_one(&offer(&scope, user)?).await?;
                } else {
                    store.get_one(&key(&scope, user)?).await?;
                }
                report.add(if claims { Asked::Claim } else { Asked::Get }, began.elapsed());
            }
            report.took(started.elapsed());
            Ok::<_, Error>(report)
        });
    }
    let mut whole = Report::default();
    while let Some(ended) = running.join_next().await {
        let lost = |error| Error::new(ErrorKind::Unavailable, "bench", "a task ended early").with_source(error);
        whole.merge(&ended.map_err(lost)??);
    }
    Ok(whole)
}

fn key(scope: &Scope, user: u64) -> Result<Key> {
    Key::new(scope, Kind::Classic, &Population::id(user), Http::CAMPAIGN)
}

fn offer(scope: &Scope, user: u64) -> Result<Offer> {
    let offer = Offer::new(key(scope, user)?, ClaimId::random()?, SystemClock.now());
    Ok(offer.offering(Name::variation(Http::VARIATION)?))
}
