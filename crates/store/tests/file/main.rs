//! What `file:PATH` promises, with real processes, real kills, and disks that are full.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod compaction;
mod contract;
mod damage;
mod disk;
mod helper;
#[path = "../support/mount.rs"]
mod mount;
mod processes;
mod sharing;
mod support;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("--as") {
        return helper::run(&arguments.collect::<Vec<_>>());
    }
    let mut trials = Vec::new();
    for part in [compaction::TESTS, contract::TESTS, sharing::TESTS, processes::TESTS, disk::TESTS, damage::TESTS] {
        trials.extend(part.iter().map(|(name, test)| {
            Trial::test(*name, move || {
                test();
                Ok(())
            })
        }));
    }
    trials.extend(mount::trials(disk::ON_MOUNTS));
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
