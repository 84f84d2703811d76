//! Each backend beside the bare client that does the same, in one run: `bench/backends`, or with the servers' URLs in
//! the environment `cargo bench --features redis,postgres,mongodb,memcached --bench backends -- [--rounds N] [WORD…]`.
//!
//! Both sides take turns in short rounds on one runtime; what counts is the median of the rounds' ratios. A batch is
//! held against one bare get: how long one lasts at the same concurrency.
mod memcached;
mod mongodb;
mod ours;
mod postgres;
mod redis;
mod rounds;

use rounds::Options;
use stayput::{ClaimId, Key, Kind, Name, Offer, Scope, Timestamp};

pub(crate) type Done = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Users that are held before anything is measured.
pub(crate) const USERS: usize = 10_000;
/// How many keys a batch has.
pub(crate) const BATCH: usize = 50;

#[tokio::main]
async fn main() -> Done {
    let options = Options::parse(std::env::args().skip(1));
    if let Some(url) = variable("STAYPUT_TEST_REDIS") {
        redis::compare(&url, &options).await?;
    }
    if let Some(url) = variable("STAYPUT_TEST_POSTGRES") {
        postgres::compare(&url, &options).await?;
    }
    if let Some(url) = variable("STAYPUT_TEST_MONGODB") {
        mongodb::compare(&url, &options).await?;
    }
    if let Some(url) = variable("STAYPUT_TEST_MEMCACHED") {
        memcached::compare(&url, &options).await?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "servers/up says so in the environment")]
fn variable(name: &str) -> Option<String> {
    let url = std::env::var(name).ok();
    if url.is_none() {
        println!("{name} is not set: see servers/up");
    }
    url
}

pub(crate) fn key(user: &str, campaign: usize) -> stayput::Result<Key> {
    Key::new(&Scope::default(), Kind::Classic, user, &format!("campaign-{campaign}"))
}
pub(crate) fn offer(key: Key, goal: &str) -> stayput::Result<Offer> {
    let offer = Offer::new(key, ClaimId::random()?, Timestamp::from_millis(1_700_000_000_000));
    Ok(offer.offering(Name::variation("Variation-1")?).bringing([Name::goal(goal)?]))
}
