//! How fast the store is beside the bare client library, in one run: `redis_rates redis://127.0.0.1:6379`.
use redis::{AsyncTypedCommands, aio::MultiplexedConnection};
use stayput::{AssignmentStoreExt, ClaimId, Key, Kind, Name, Offer, ScanStore, Scope, Timestamp};
use std::{error::Error, sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::Instant};

/// The smallest honest merge: the first variation stays, a goal is added once.
const MERGE: &str = "local held = redis.call('GET', KEYS[1]) or ARGV[1] \
    if string.find(held, ARGV[2], 1, true) then return held end \
    held = held .. '_vwo_' .. ARGV[2] redis.call('SET', KEYS[1], held) return held";
const USERS: usize = 10_000;
const BATCH: usize = 50;

#[derive(Clone)]
struct Both {
    bare: MultiplexedConnection,
    merge: redis::Script,
    store: Arc<dyn ScanStore>,
}

#[derive(Clone, Copy)]
enum Work {
    BareGet,
    Get,
    BareMerge,
    Claim,
    BatchOfOneUser,
    BatchOfManyUsers,
}

type Done = Result<(), Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Done {
    let url = std::env::args().nth(1).ok_or("usage: redis_rates URL")?;
    let store = stayput::open(&format!("{url}?prefix=rates:&timeout=20s")).await?;
    let patient = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    let bare = redis::Client::open(url)?.get_multiplexed_async_connection_with_config(&patient).await?;
    let both = Both { bare, merge: redis::Script::new(MERGE), store };
    for user in 0..USERS {
        both.store.claim_one(&offer(user, 0)?).await?;
        both.bare.clone().set(format!("bare:{user}"), "a fresh variation_vwo_goal-0").await?;
    }
    use Work::*;
    for tasks in [1, 16, 64] {
        let mut rates =
            [BareGet, Get, BareMerge, Claim, BatchOfOneUser, BatchOfManyUsers].map(|work| (work, Vec::new()));
        for _ in 0..3 {
            for (work, rates) in &mut rates {
                rates.push(rate(&both, tasks, *work).await?);
            }
        }
        let [get, ours, merge, claim, one, many] = rates.map(|(_, mut rates)| {
            rates.sort_by(f64::total_cmp);
            rates[1]
        });
        println!(
            "{tasks:2} tasks, per second: GET {get:.0}, get {ours:.0} ({:.2}) | merge {merge:.0}, claim {claim:.0} ({:.2}) \
             | get of {BATCH}: one user's {one:.0} ({:.1} gets long), of as many users {many:.0} ({:.1})",
            ours / get,
            claim / merge,
            ours / one,
            ours / many
        );
    }
    Ok(())
}

/// Operations a second.
async fn rate(both: &Both, tasks: usize, work: Work) -> Result<f64, Box<dyn Error + Send + Sync>> {
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for task in 0..tasks {
        let both = both.clone();
        running.spawn(async move {
            let mut done = 0;
            while begun.elapsed() < Duration::from_secs(1) {
                both.turn(work, done * tasks + task).await?;
                done += 1;
            }
            Ok::<_, Box<dyn Error + Send + Sync>>(done)
        });
    }
    let done: usize = running.join_all().await.into_iter().sum::<Result<_, _>>()?;
    Ok(done as f64 / begun.elapsed().as_secs_f64())
}

impl Both {
    async fn turn(&self, work: Work, i: usize) -> Done {
        let (user, goal) = (i % USERS, i / USERS % 5);
        match work {
            Work::BareGet => drop(self.bare.clone().get(format!("bare:{user}")).await?),
            Work::Get => drop(self.store.get_one(&key(user, 0)?).await?),
            Work::BareMerge => {
                let (key, goal) = (format!("bare:{user}"), format!("goal-{goal}"));
                let _: String = self.merge.key(key).arg("v").arg(goal).invoke_async(&mut self.bare.clone()).await?;
            }
            Work::Claim => drop(self.store.claim_one(&offer(user, goal)?).await?),
            Work::BatchOfOneUser => {
                let keys: stayput::Result<Vec<Key>> = (0..BATCH).map(|campaign| key(user, campaign)).collect();
                self.store.get(&keys?).await?;
            }
            Work::BatchOfManyUsers => {
                let keys: stayput::Result<Vec<Key>> = (0..BATCH).map(|next| key((user + next) % USERS, 0)).collect();
                self.store.get(&keys?).await?;
            }
        }
        Ok(())
    }
}

fn key(user: usize, campaign: usize) -> stayput::Result<Key> {
    Key::new(&Scope::default(), Kind::Classic, &format!("user-{user}"), &format!("campaign-{campaign}"))
}
fn offer(user: usize, goal: usize) -> stayput::Result<Offer> {
    let offer = Offer::new(key(user, 0)?, ClaimId::random()?, Timestamp::default());
    Ok(offer.offering(Name::variation("a fresh variation")?).bringing([Name::goal(&format!("goal-{goal}"))?]))
}
