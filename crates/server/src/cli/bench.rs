//! `bench`: how fast a store or a server is.
use super::{Ended, Failed, Place, Result, print, transfer};
use crate::bench::{Address, Http, Line, Population, Report, Spread, drive, fill, load};
use clap::Args;
use indicatif::ProgressBar;
use serde_json::json;
use std::time::Duration;
use tokio::task::{block_in_place, spawn_blocking};

/// `bench`
#[derive(Debug, Args)]
pub struct Bench {
    #[command(flatten)]
    place: Place,
    /// Measure the wire of a server instead: http://host:port or unix:PATH, by raw connections
    #[arg(long, value_name = "ADDR")]
    http: Option<Address>,
    /// Connections, or tasks on a store, with one request in flight each
    #[arg(long, visible_alias = "concurrency", value_name = "N", default_value_t = 50)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// How long to measure
    #[arg(long, value_name = "N", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// How many users there are
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    users: u64,
    /// How popularity is spread over them
    #[arg(long, value_name = "HOW", default_value = "zipf")]
    spread: Spread,
    /// Of a hundred operations, how many claim; the others get
    #[arg(long, value_name = "PERCENT", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u8).range(..=100))]
    claims: u8,
    /// Store an assignment of every user first, whatever is there
    #[arg(long)]
    prefill: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub(super) async fn run(self) -> Result {
        if self.prefill {
            let progress = transfer::progress(Some(0));
            progress.set_length(self.users);
            let store = self.filled().await?;
            fill(&*store, &self.place.scope, self.users, |done| progress.set_position(done)).await?;
            progress.finish_and_clear();
        }
        let progress = clock(self.seconds);
        let measured = match &self.http {
            Some(address) => self.wire(address, &progress).await,
            None => self.store(&progress).await,
        };
        progress.finish_and_clear();
        let (report, target) = (measured?, self.http.as_ref().map_or(self.place.store.to_string(), Address::to_string));
        match self.json {
            true => print::json(&json!({
                "target": target,
                "connections": self.connections,
                "users": self.users,
                "all": report.all(),
                "get": report.gets(),
                "claim": report.claims(),
            }))?,
            false => tell(&target, &report)?,
        }
        Ok(Ended::Done)
    }

    /// The store behind whatever is measured.
    async fn filled(&self) -> Result<std::sync::Arc<dyn stayput::ScanStore>> {
        match &self.http {
            None => self.place.open().await,
            Some(Address::Tcp(address)) => Ok(stayput::open(&format!("stayput://{address}")).await?),
            Some(Address::Unix(path)) => Ok(stayput::open(&format!("stayput+unix:{}", path.display())).await?),
        }
    }

    async fn wire(&self, address: &Address, progress: &ProgressBar) -> Result<Report> {
        let mut http = Http { population: self.population(), claims: self.claims, newcomers: None, batch: 0 };
        let mut tick = |elapsed: Duration| progress.set_position(elapsed.as_millis() as u64);
        let connections = usize::from(self.connections);
        let driven = block_in_place(|| drive(address, connections, self.time(), None, &mut http, &mut tick));
        driven.map_err(|error| Failed::new(format!("{address} cannot be measured: {error}")))
    }

    async fn store(&self, progress: &ProgressBar) -> Result<Report> {
        let store = self.place.open().await?;
        let ticking = progress.clone();
        let ticks = tokio::spawn(async move {
            let mut every = tokio::time::interval(Duration::from_millis(100));
            loop {
                every.tick().await;
                ticking.set_position(ticking.elapsed().as_millis() as u64);
            }
        });
        let (tasks, population) = (usize::from(self.connections), self.population());
        let loaded = load(&store, &self.place.scope, &population, tasks, self.claims, self.time()).await;
        ticks.abort();
        // A store may block when it is dropped.
        let _ = spawn_blocking(move || drop(store)).await;
        Ok(loaded?)
    }

    fn population(&self) -> Population {
        Population::new(self.users, self.spread, 1)
    }
    fn time(&self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }
}

/// A bar of so many seconds, in milliseconds; only on a terminal.
fn clock(seconds: u32) -> ProgressBar {
    let progress = transfer::progress(Some(u64::from(seconds) * 1_000));
    if let Ok(style) = indicatif::ProgressStyle::with_template("{bar:30} {elapsed}, {eta} left") {
        progress.set_style(style);
    }
    progress
}

fn tell(target: &str, report: &Report) -> Result<()> {
    let row = |name: &str, line: Line| {
        let micros = |value: f64| format!("{value:.0}");
        let (per_second, times) = (line.per_second, [line.p50, line.p99, line.p999, line.max].map(micros));
        let [p50, p99, p999, max] = times;
        [name.to_owned(), line.requests.to_string(), per_second.to_string(), p50, p99, p999, max]
    };
    print::line(&format!("{target}, times in microseconds"))?;
    let rows = [row("get", report.gets()), row("claim", report.claims()), row("all", report.all())];
    print::table(["", "requests", "per second", "p50", "p99", "p99.9", "max"], &rows)
}
