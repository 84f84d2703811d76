//! The page about speed: what was measured, on what, and against whom.
use crate::{
    Options, Result, machine,
    rounds::{Compared, Target},
    servers,
};
use std::fmt::Write;

const HEAD: &str = "\
# Performance

Written by `bench/compare`, which anyone can run; do not edit it. Ratios are what counts: both sides of a round run
right after each other on the same machine, and a ratio is the median of the rounds. Absolute numbers are medians too,
and say little about another machine.

";

const FOOT: &str = "
How it is measured:

- **Servers.** One thread drives all connections, each with one request in flight, and sends raw bytes: HTTP/1.1 to
  `stayput serve` on `file:`, RESP to `redis-server`. Load generator and server share the machine. Users are drawn by
  popularity (zipf, exponent 0.99). Redis stores the same records as strings; `GET`s are answered by one without
  persistence, and it is compared with `appendfsync always` where writes are durable on our side. A Redis `SET` keeps
  the last record; a `PUT` here is a claim by the rule, each of another user, and on disk before it is answered.
- **Threads.** `redis-server` answers on one thread; \"one thread each\" is `stayput serve --threads 1` beside it. A thread
  for each processor is the default; where the load generator needs a processor of its own, they get into its way.
- **Processor time** is what the server alone used, ours to the rival's: on a busy machine it says more than the rate.
- **A batch** is `POST /v1/get` for 50 campaigns of one user, against one `GET`, on one connection.
- **Embedded.** LMDB by hand is heed with the same keys and values: for a get, a transaction each and a copy of the
  bytes; for writes, one thread that reads, puts and commits whatever has arrived from 64 tasks.
";

/// The page; the table is printed as well.
pub(crate) fn written(options: &Options, results: &[Compared], before: &str) -> Result<String> {
    let mut table = String::from(
        "| what | Stayput | rival | | ratio | worst to best | target | processor time a request | load |\n",
    );
    table.push_str("|---|--:|---|--:|--:|--:|---|--:|--:|\n");
    for result in results {
        let Compared { name, unit, rival, ours, theirs, ratio, range: (low, high), load, target, cost } = result;
        let (worst, best) = if matches!(target, Some(Target::AtMost(_))) { (high, low) } else { (low, high) };
        let target = result.verdict();
        let target = target.trim_start_matches(", ");
        let cost = cost.map_or_else(String::new, |(ours, theirs)| format!("{ours:.1} to {theirs:.1} µs"));
        writeln!(
            table,
            "| {name} | {ours:.1} {unit} | {rival} | {theirs:.1} {unit} | **{ratio:.2}** | {worst:.2} to {best:.2} | {target} | {cost} | {load} |"
        )?;
    }
    println!("{table}");
    let binary = servers::stayput(options)?;
    let stayput = machine::version(&binary.to_string_lossy());
    let date = jiff::Timestamp::from_second(now()?)?.strftime("%Y-%m-%d");
    let about = format!(
        "Measured {date} on {}; load before {before}. Stayput {stayput}, redis-server {}, LMDB through heed 0.23. \
         {} rounds of {} s a side; {} connections; {} users in the servers' stores, {} records in the embedded ones.\n\n",
        machine::shown(),
        machine::version("redis-server"),
        options.rounds,
        options.seconds,
        options.connections,
        options.users,
        options.records
    );
    Ok([HEAD, &about, &table, FOOT].concat())
}

fn now() -> Result<i64> {
    use stayput::Clock;
    Ok(i64::try_from(stayput::SystemClock.now().as_millis() / 1_000)?)
}
