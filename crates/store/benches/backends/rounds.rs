//! Rounds in which two sides take turns, one operation each where one is done at a time.
use crate::Done;
use futures_util::stream::{self, StreamExt};
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{task::JoinSet, time::Instant};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const ROUND: Duration = Duration::from_millis(60);

/// What the command line asks for.
pub(crate) struct Options {
    rounds: usize,
    words: Vec<String>,
}

/// One side: does the operation with this number. The other side's operations have numbers of their own.
pub(crate) struct Side {
    turn: Box<Turn>,
    next: AtomicUsize,
    done: AtomicUsize,
    /// Processor time of this process, in hundredths of a second.
    ticks: AtomicUsize,
}
type Turn = dyn Fn(usize) -> Pin<Box<dyn Future<Output = Done> + Send>> + Send + Sync;

/// What the ratio should be.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// Of the bare client's rate.
    AtLeast(f64),
    /// Times as long as the bare client's operation.
    AtMost(f64),
}

impl Options {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Self {
        let (mut options, mut is_rounds) = (Self { rounds: 41, words: Vec::new() }, false);
        for argument in arguments.filter(|argument| argument != "--bench") {
            match is_rounds {
                true => options.rounds = argument.parse().unwrap_or(options.rounds),
                false if argument != "--rounds" => options.words.push(argument.clone()),
                false => {}
            }
            is_rounds = argument == "--rounds";
        }
        options
    }

    pub(crate) fn wants(&self, name: &str, tasks: usize) -> bool {
        let name = format!("{name}, {tasks} at once");
        self.words.iter().all(|word| name.contains(word))
    }

    /// Lets both sides take turns, each first in every other round, and says what came of it.
    pub(crate) async fn compare(&self, name: &str, tasks: usize, target: Target, ours: Side, bare: Side) -> Done {
        if !self.wants(name, tasks) {
            return Ok(());
        }
        let name = format!("{name}, {tasks} at once");
        let (ours, bare) = (Arc::new(ours), Arc::new(bare));
        let (mut our_rates, mut bare_rates, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..self.rounds.max(1) {
            let (our, other) = match round % 2 {
                _ if tasks == 1 => alternating(&ours, &bare).await?,
                0 => (rate(&ours, tasks).await?, rate(&bare, tasks).await?),
                _ => {
                    let other = rate(&bare, tasks).await?;
                    (rate(&ours, tasks).await?, other)
                }
            };
            our_rates.push(our);
            bare_rates.push(other);
            ratios.push(match target {
                Target::AtLeast(_) => our / other,
                Target::AtMost(_) => other / our,
            });
        }
        let ratio = median(&mut ratios);
        let (low, high) = (ratios[ratios.len() / 4], ratios[ratios.len() * 3 / 4]);
        let verdict = match target {
            Target::AtLeast(least) => format!("at least {least}: {}", met(ratio >= least)),
            Target::AtMost(most) => format!("at most {most}: {}", met(ratio <= most)),
        };
        // Where they alternate nobody knows whose the processor's time was.
        let costs = match tasks {
            1 => String::new(),
            _ => format!("; client {:.1} µs, bare {:.1} µs", ours.cost(), bare.cost()),
        };
        println!(
            "{name:<62} {:>7.0}/s, bare {:>7.0}/s, ratio {ratio:.2} (half of them {low:.2} to {high:.2}), {verdict}{costs}; \
             load {}",
            median(&mut our_rates),
            median(&mut bare_rates),
            load()
        );
        Ok(())
    }
}

impl Side {
    pub(crate) fn new<F: Future<Output = Done> + Send + 'static>(
        turn: impl Fn(usize) -> F + Send + Sync + 'static,
    ) -> Self {
        Self { turn: Box::new(move |i| Box::pin(turn(i))), next: 0.into(), done: 0.into(), ticks: 0.into() }
    }
    /// Microseconds of processor time that an operation costs the client.
    fn cost(&self) -> f64 {
        self.ticks.load(Ordering::Relaxed) as f64 * 10_000.0 / self.done.load(Ordering::Relaxed).max(1) as f64
    }
    /// Does the first `count` operations, which nobody measures.
    pub(crate) async fn prepare(&self, count: usize) -> Done {
        let mut turns = stream::iter((0..count).map(|_| (self.turn)(self.next.fetch_add(1, Ordering::Relaxed))))
            .buffer_unordered(16);
        while let Some(done) = turns.next().await {
            done?;
        }
        Ok(())
    }
}

/// Operations a second of each, one of one side after one of the other: where one thing is done at a time, where the
/// system lets client and server run decides more than what they do, and so it falls on both.
async fn alternating(ours: &Arc<Side>, bare: &Arc<Side>) -> Result<(f64, f64), Failure> {
    let sides = [ours.clone(), bare.clone()];
    let turns = async move {
        let (begun, mut done, mut spent) = (Instant::now(), 0_usize, [Duration::ZERO; 2]);
        while begun.elapsed() < 2 * ROUND {
            for (side, spent) in sides.iter().zip(&mut spent) {
                let began = Instant::now();
                (side.turn)(side.next.fetch_add(1, Ordering::Relaxed)).await?;
                *spent += began.elapsed();
            }
            done += 1;
        }
        Ok::<_, Failure>(spent.map(|spent| done as f64 / spent.as_secs_f64()))
    };
    let [ours, bare] = tokio::spawn(turns).await??;
    Ok((ours, bare))
}

/// Operations a second.
async fn rate(side: &Arc<Side>, tasks: usize) -> Result<f64, Failure> {
    let (begun, before, mut running) = (Instant::now(), ticks(), JoinSet::new());
    for _ in 0..tasks {
        let side = side.clone();
        running.spawn(async move {
            let mut done = 0;
            while begun.elapsed() < ROUND {
                (side.turn)(side.next.fetch_add(1, Ordering::Relaxed)).await?;
                done += 1;
            }
            Ok::<_, Failure>(done)
        });
    }
    let done: usize = running.join_all().await.into_iter().sum::<Result<_, _>>()?;
    side.done.fetch_add(done, Ordering::Relaxed);
    side.ticks.fetch_add(ticks().saturating_sub(before), Ordering::Relaxed);
    Ok(done as f64 / begun.elapsed().as_secs_f64())
}

fn ticks() -> usize {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
    fields.filter_map(|field| field.parse::<usize>().ok()).sum()
}

/// Sorts `values` and takes the middle one.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
fn met(is_met: bool) -> &'static str {
    if is_met { "met" } else { "missed" }
}
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}
