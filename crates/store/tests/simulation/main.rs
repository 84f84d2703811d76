//! Random schedules over the whole stack: several processes, faults, crashes, in virtual time, each repeated by its seed.
//!
//! `STAYPUT_SEED=n` runs one schedule and prints what happens in it.
mod client;
mod dice;
mod machine;
mod truth;
mod world;

use world::Planted;

const SCHEDULES: u64 = 5_000;
const LONG: u64 = 200_000;

#[test]
fn whatever_happens_nothing_acknowledged_changes_or_is_lost() {
    let seeds = match variable("STAYPUT_SEED") {
        Some(seed) => seed..seed + 1,
        None if variable("STAYPUT_LONG") == Some(1) => 0..LONG,
        None => 0..SCHEDULES,
    };
    let count = seeds.end - seeds.start;
    for seed in seeds {
        holds(seed, count == 1);
    }
    println!("{count} schedules");
}

#[test]
fn a_seed_repeats_its_schedule() {
    for seed in 0..50 {
        let schedule = || schedule(seed, true, Planted::Nothing);
        assert_eq!(schedule(), schedule(), "seed {seed}");
    }
}

#[test]
fn an_offer_that_goes_past_one_that_waits_is_noticed() {
    let noticed = |seed| {
        let (wrong, _) = schedule(seed, false, Planted::LatestFirst);
        wrong.iter().any(|what| what.contains(" went past "))
    };
    assert!((0..SCHEDULES).any(noticed), "a spool that delivers the latest offer first was taken for a sound one");
}

/// Runs a schedule; if anything is wrong, runs it again to tell how it came to that.
fn holds(seed: u64, told: bool) {
    let (wrong, trace) = schedule(seed, told, Planted::Nothing);
    if told {
        println!("{}", trace.join("\n"));
    }
    if !wrong.is_empty() {
        let (_, trace) = schedule(seed, true, Planted::Nothing);
        panic!("STAYPUT_SEED={seed}\n{}\n\n{}", trace.join("\n"), wrong.join("\n"));
    }
}

fn schedule(seed: u64, traced: bool, planted: Planted) -> (Vec<String>, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(world::run(seed, traced, planted))
}

#[expect(clippy::disallowed_methods, reason = "the one place of these tests that reads the environment")]
fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
