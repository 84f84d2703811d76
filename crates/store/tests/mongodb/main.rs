//! MongoDB beyond the suite: races of processes, faults, documents that people touch, and what is refused.
//!
//! `servers/up` starts the server and says where it is; a test that lacks it is ignored.
#[path = "../support/cases.rs"]
mod cases;
mod documents;
#[path = "../support/environment.rs"]
mod environment;
mod faults;
#[path = "../support/network.rs"]
mod network;
#[path = "../postgres/race.rs"]
#[expect(dead_code, reason = "one of its races is behind PgBouncer")]
mod race;
mod refused;
mod servers;
#[path = "../support/signal.rs"]
mod signal;

use cases::{Case, cases};

const CASES: &[Case] = cases! {
    MONGODB {
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
        faults::a_killed_server_loses_nothing_and_is_found_again,
        documents::a_claim_is_a_document_that_people_can_read_and_query,
        documents::the_index_is_there_and_may_be_made_by_many_at_once,
        documents::a_document_made_by_hand_is_an_assignment,
        documents::names_of_documents_are_those_of_keys,
        documents::a_hand_that_changes_a_document_meanwhile_is_not_overwritten,
        documents::a_damaged_document_is_corrupt_and_stays_until_it_is_put_or_removed,
        refused::what_cannot_be_opened_says_why_in_one_sentence,
        refused::an_index_of_ours_with_other_settings_is_not_replaced,
    }
};

fn main() {
    let runtime = cases::runtime();
    if let Some(writer) = race::Writer::asked_for() {
        return runtime.block_on(writer.run());
    }
    cases::run(runtime, &[(CASES, cases::ANYWHERE)]);
}
