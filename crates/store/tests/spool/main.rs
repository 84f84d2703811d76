//! The spool on a real disk: real processes that share a folder, and real kills.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod folder;
mod full;
mod helper;
#[path = "../support/mount.rs"]
mod mount;
mod processes;

use libtest_mimic::{Arguments, Trial};

/// A named test.
pub(crate) type Test = (&'static str, fn());

fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("--as") {
        return helper::run(&arguments.collect::<Vec<_>>());
    }
    let trial = |(name, test): &Test| {
        let test = *test;
        Trial::test(*name, move || {
            test();
            Ok(())
        })
    };
    let trials =
        folder::TESTS.iter().chain(processes::TESTS).map(trial).chain(mount::trials(full::ON_MOUNTS)).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
