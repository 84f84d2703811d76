//! What a `get` costs that has to ask Redis, beside a blocking `GET` with the bare client on one connection: both take
//! turns all the time. Started by `bindings/node/bench/run`.
use redis::Commands;
use serde_json::{Map, json};
use stayput::connector::{Connector, Options};
use std::{error::Error, time::Duration};
use tokio::time::Instant;

const ROUNDS: usize = 15;
const CALLS: usize = 300;

#[expect(clippy::disallowed_methods, reason = "where the server is, is all there is to configure")]
fn main() -> Result<(), Box<dyn Error>> {
    let server = std::env::var("STAYPUT_TEST_REDIS")?;
    let url = format!("{server}?prefix=miss-{}:", std::process::id());
    let patient = || Options { deadline: Duration::from_secs(10), ..Options::default() };
    let writer = Connector::open(&url, patient())?;
    let mut bare = redis::Client::open(server.as_str())?.get_connection()?;
    let bare_key = |number: usize| format!("bare-{}:{}", std::process::id(), user(number));
    let users = (ROUNDS + 1) * CALLS;
    for number in 0..users {
        let record = json!({"userId": user(number), "campaignKey": "checkout", "variationName": "Control"});
        bare.set::<_, _, ()>(bare_key(number), record.to_string())?;
        writer.set(record.as_object().cloned().unwrap_or_else(Map::new));
    }
    writer.wait(writer.flush(Duration::from_secs(60))?)??;
    let reader = Connector::open(&url, patient())?;
    let mut ratios = Vec::new();
    let (mut ours_all, mut bare_all) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for number in round * CALLS..(round + 1) * CALLS {
            let begun = Instant::now();
            let answer = reader.get(&user(number), "checkout");
            ours.push(begun.elapsed());
            assert!(answer.held().is_some(), "everybody was stored");
            let key = bare_key(number);
            let begun = Instant::now();
            let kept: String = bare.get(&key)?;
            theirs.push(begun.elapsed());
            assert!(!kept.is_empty(), "everybody was stored");
        }
        if round > 0 {
            let (ours, theirs) = (median(ours), median(theirs));
            ratios.push(ours.as_secs_f64() / theirs.as_secs_f64());
            ours_all.push(ours);
            bare_all.push(theirs);
        }
    }
    ratios.sort_by(f64::total_cmp);
    let ratio = ratios.get(ratios.len() / 2).copied().unwrap_or_default();
    println!("miss, p50: {:?}; a bare blocking GET: {:?}; ratio {ratio:.2}", median(ours_all), median(bare_all));
    Ok(())
}

fn user(number: usize) -> String {
    format!("user-{number}")
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
