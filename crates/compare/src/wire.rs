//! `stayput serve` against `redis-server`, with the same load from the same thread.
use crate::{
    Options, Result,
    embedded::{Folder, held},
    rounds::{Compared, Comparison, Round, Target},
    servers::Server,
};
use stayput_server::bench::{Http, Population, Protocol, Redis, Report, Spread, drive};
use std::time::Duration;

/// Campaigns in a batch, and users who have as many.
const BATCH: usize = 50;
const ENROLLED: u64 = 1_000;
/// What a server may do before it is measured.
const WARM: Duration = Duration::from_millis(200);

pub(crate) fn compare(options: &Options) -> Result<Vec<Compared>> {
    let folder = tempfile::tempdir()?;
    fill(options, &folder.path().join("data"))?;
    let (ours, single) =
        (Server::stayput(options, folder.path(), None)?, Server::stayput(options, folder.path(), Some(1))?);
    let (redis, durable) = (Server::redis(folder.path(), false)?, Server::redis(folder.path(), true)?);
    for server in [&redis, &durable] {
        let mut filling = Redis { newcomers: Some(0), sets: 100, ..redis_of(options) };
        drive(&server.unix, 500, Duration::MAX, Some(options.users), &mut filling, &mut |_| ())?;
    }
    let many = options.connections;
    let run = |server: &Server, unix: bool, connections, protocol: &mut dyn FnMut() -> Box<dyn Protocol>| {
        let (mut protocol, address) = (protocol(), if unix { &server.unix } else { &server.tcp });
        drive(address, connections, WARM, None, &mut protocol, &mut |_| ())?;
        let before = server.used();
        let report = drive(address, connections, options.time(), None, &mut protocol, &mut |_| ())?;
        let cost = (server.used() - before) * 1e6 / report.requests().max(1) as f64;
        Ok::<_, Box<dyn std::error::Error>>((report, cost))
    };
    let rate = |(report, cost): (Report, f64)| Round { result: report.all().per_second / 1_000.0, cost: Some(cost) };
    let half = |(report, cost): (Report, f64)| Round { result: report.gets().p50, cost: Some(cost) };
    let get = || -> Box<dyn Protocol> { Box::new(http_of(options)) };
    let redis_get = || -> Box<dyn Protocol> { Box::new(redis_of(options)) };
    // Each claim is another user's first, so that all of them reach the disk.
    let mut next = 1 << 40;
    let mut newcomers = || {
        next += 1 << 32;
        Some(next)
    };
    let mut results = Vec::new();
    let comparison = |name, rival, target| Comparison { name, unit: "thousand/s", rival, target };
    let reached = Some(Target::AtLeast(0.7));
    let gets = [
        ("GET over TCP, one thread each", &single, false, reached),
        ("GET over TCP, a thread for each processor", &ours, false, None),
        ("GET over a Unix socket, one thread each", &single, true, reached),
        ("GET over a Unix socket, a thread for each processor", &ours, true, None),
    ];
    for (name, ours, unix, target) in gets {
        results.extend(comparison(name, "Redis GET", target).run(
            options,
            || Ok(rate(run(ours, unix, many, &mut || get())?)),
            || Ok(rate(run(&redis, unix, many, &mut || redis_get())?)),
        )?);
    }
    for (name, percent) in [("95 % GET and 5 % durable PUT over TCP", 5), ("durable PUT over TCP", 100)] {
        let (our, their) = (newcomers(), newcomers());
        let (mut ours_next, mut theirs_next) = (our, their);
        let step = |next: &mut Option<u64>| {
            *next = next.map(|next| next + (1 << 24));
            *next
        };
        results.extend(comparison(name, "Redis, appendfsync always", None).run(
            options,
            || {
                let newcomers = step(&mut ours_next);
                let mut protocol =
                    || -> Box<dyn Protocol> { Box::new(Http { claims: percent, newcomers, ..http_of(options) }) };
                Ok(rate(run(&ours, false, many, &mut protocol)?))
            },
            || {
                let newcomers = step(&mut theirs_next);
                let mut protocol =
                    || -> Box<dyn Protocol> { Box::new(Redis { sets: percent, newcomers, ..redis_of(options) }) };
                Ok(rate(run(&durable, false, many, &mut protocol)?))
            },
        )?);
    }
    let enrolled = || Population::new(ENROLLED, Spread::Uniform, 7);
    let of_batch =
        |batch| move || -> Box<dyn Protocol> { Box::new(Http { population: enrolled(), batch, ..http_of_none() }) };
    let (mut fifty, mut one) = (of_batch(BATCH), of_batch(0));
    let batch = Comparison {
        name: "POST /v1/get of 50 keys of a user, one connection, p50",
        unit: "µs",
        rival: "one GET",
        target: Some(Target::AtMost(4.0)),
    };
    results.extend(batch.run(
        options,
        || Ok(half(run(&ours, false, 1, &mut fifty)?)),
        || Ok(half(run(&ours, false, 1, &mut one)?)),
    )?);
    Ok(results)
}

fn http_of(options: &Options) -> Http {
    Http { population: Population::new(options.users, Spread::Zipf, 7), ..http_of_none() }
}
fn http_of_none() -> Http {
    Http { population: Population::new(1, Spread::Uniform, 7), claims: 0, newcomers: None, batch: 0 }
}
fn redis_of(options: &Options) -> Redis {
    Redis { population: Population::new(options.users, Spread::Zipf, 7), sets: 0, newcomers: None }
}

/// Everybody has one assignment, and some have as many as a batch asks for.
fn fill(options: &Options, path: &std::path::Path) -> Result<()> {
    let mut entries = Vec::new();
    for user in 0..options.users {
        let campaigns = if user < ENROLLED { BATCH } else { 1 };
        for campaign in 0..campaigns {
            entries.push(held(&Population::id(user), &Http::campaign(campaign))?);
        }
    }
    Folder::fill(path, entries)
}
