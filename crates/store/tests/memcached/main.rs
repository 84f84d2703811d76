//! Memcached beyond the suite: races of processes, faults, nodes that go and come, and what is refused.
//!
//! `servers/up` starts the nodes and says where they are; a test that lacks them is ignored.
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use std::{future::Future, panic::AssertUnwindSafe, pin::Pin, sync::Arc};

mod faults;
#[path = "../support/network.rs"]
mod network;
mod nodes;
#[path = "../postgres/race.rs"]
#[expect(dead_code, reason = "one of its races is behind PgBouncer")]
mod race;
mod refused;
mod servers;

type Test = fn(String) -> Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! cases {
    ($($module:ident :: $name:ident),+ $(,)?) => {
        &[$((concat!(stringify!($module), "::", stringify!($name)), |url| Box::pin($module::$name(url)))),+]
    };
}

const CASES: &[(&str, Test)] = cases! {
    race::two_processes_lose_no_goal_and_report_none_twice,
    faults::one_cut_before_the_write_is_bridged,
    faults::one_cut_after_the_write_is_bridged,
    faults::cuts_before_the_write,
    faults::cuts_after_the_write,
    faults::resets,
    faults::half_open_connections,
    faults::a_pause_of_the_network,
    faults::a_delay_beyond_the_deadline,
    faults::connections_that_fell_silent,
    faults::a_stopped_server_is_an_error_in_time,
    faults::killed_nodes_are_found_again,
    nodes::no_user_moves_while_a_node_is_away_and_after_it_is_back,
    nodes::the_order_of_nodes_does_not_matter_and_another_node_takes_few,
    nodes::evictions_are_counted,
    refused::what_cannot_be_opened_says_why_in_one_sentence,
    refused::what_needs_a_list_is_refused_by_name,
};

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    let runtime = Arc::new(runtime.expect("a runtime"));
    if let Some(writer) = race::Writer::asked_for() {
        return runtime.block_on(writer.run());
    }
    let trials = CASES.iter().map(|(name, run)| {
        let runtime = runtime.clone();
        Trial::ignorable_test(*name, move || match servers::url() {
            Err(reason) => Ok(Completion::ignored_with(reason)),
            Ok(url) => {
                // A panic is the failure; nothing of what it left half done is looked at again.
                let run = AssertUnwindSafe(|| runtime.block_on(run(url)));
                match std::panic::catch_unwind(run) {
                    Ok(()) => Ok(Completion::Completed),
                    Err(_) => Err(Failed::without_message()),
                }
            }
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit();
}
