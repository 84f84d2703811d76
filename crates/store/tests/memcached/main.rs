//! Memcached beyond the suite: races of processes, faults, nodes that go and come, and what is refused.
//!
//! `servers/up` starts the nodes and says where they are; a test that lacks them is ignored.
#[path = "../support/cases.rs"]
mod cases;
#[path = "../support/environment.rs"]
mod environment;
mod faults;
#[path = "../support/network.rs"]
mod network;
mod nodes;
#[path = "../postgres/race.rs"]
#[expect(dead_code, reason = "one of its races is behind PgBouncer")]
mod race;
mod refused;
mod servers;
#[path = "../support/signal.rs"]
mod signal;

use cases::{Case, cases};

const CASES: &[Case] = cases! {
    MEMCACHED {
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
    }
};

fn main() {
    let runtime = cases::runtime();
    if let Some(writer) = race::Writer::asked_for() {
        return runtime.block_on(writer.run());
    }
    cases::run(runtime, &[(CASES, cases::ANYWHERE)]);
}
