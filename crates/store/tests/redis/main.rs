//! Redis as it fails: against real servers, with a proxy and signals between us and them.
mod bench;
mod changes;
mod crowd;
mod differential;
mod failover;
mod faults;
#[path = "../support/pushes.rs"]
mod pushes;
mod race;
mod resharding;
#[path = "../support/rewriting.rs"]
mod rewriting;
#[path = "../support/signal.rs"]
mod signal;
mod urls;
mod waiting;

use bench::Needs;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use std::sync::Arc;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    let runtime = Arc::new(runtime.expect("a runtime"));
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, rest @ ..] = arguments.as_slice()
        && flag == race::FLAG
    {
        return runtime.block_on(race::racer(rest));
    }
    let mut trials = Vec::new();
    let mut add = |name: &str, needs: Needs, test: bench::Test| {
        let runtime = runtime.clone();
        let trial = move || match needs.missing() {
            Some(reason) => Ok::<_, Failed>(Completion::ignored_with(reason)),
            None => {
                runtime.block_on(test());
                Ok(Completion::Completed)
            }
        };
        trials.push(Trial::ignorable_test(name, trial));
    };
    differential::tests(&mut add);
    crowd::tests(&mut add);
    race::tests(&mut add);
    faults::tests(&mut add);
    failover::tests(&mut add);
    resharding::tests(&mut add);
    changes::tests(&mut add);
    urls::tests(&mut add);
    waiting::tests(&mut add);
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
