//! PostgreSQL beyond the suite: the rule on random states, races of processes, faults, and what is refused.
//!
//! `servers/up` starts the servers and says where they are; a test that lacks its server is ignored.
#[path = "../support/arbitrary.rs"]
mod arbitrary;
#[path = "../support/cases.rs"]
mod cases;
mod changes;
mod columns;
#[path = "../support/environment.rs"]
mod environment;
mod failover;
mod faults;
mod full;
#[path = "../support/pushes.rs"]
mod pushes;
mod race;
mod refused;
mod restart;
#[path = "../support/rewriting.rs"]
mod rewriting;
mod rule;
mod schema;
mod servers;

use cases::{Case, cases};

const CASES: &[Case] = cases! {
    POSTGRES {
        rule::random_offers_on_random_states_are_joined_by_the_rule,
        rule::a_claim_that_changes_nothing_writes_nothing,
        race::two_processes_lose_no_goal_and_report_none_twice,
        faults::a_cut_before_the_server_is_an_error_and_a_repeat_wins,
        faults::a_cut_answer_is_found_out_by_a_repeat,
        faults::resets_half_open_connections_and_pauses_end_within_the_deadline,
        faults::what_was_claimed_during_faults_is_held_after_them,
        faults::a_locked_row_stops_its_own_claims_only,
        columns::numbers_in_documents_come_back_as_they_were,
        columns::a_row_made_by_hand_is_an_assignment,
        columns::a_damaged_row_is_corrupt_and_stays_until_it_is_put_or_removed,
        columns::fields_of_a_newer_version_survive,
        columns::expired_rows_go_away_in_the_background,
        columns::some_of_a_users_many_campaigns_are_found,
        schema::many_open_an_empty_database_at_once,
        schema::steps_that_are_missing_are_taken,
        schema::tables_of_a_newer_version_are_refused,
        refused::what_cannot_be_opened_says_why_in_one_sentence,
        refused::a_server_that_is_too_old_is_refused,
        refused::a_role_without_privileges_is_told_which,
        restart::a_killed_server_loses_nothing_and_is_found_again,
        restart::a_killed_server_that_does_not_wait_for_its_disk_loses_the_last_claims_and_tears_none,
        failover::a_replica_that_commits_wait_for_loses_nothing,
        failover::an_asynchronous_replica_loses_what_it_had_not_received,
        refused::too_many_connections_are_errors_that_pass,
        changes::what_others_change_is_seen,
        changes::what_hands_change_is_seen,
        changes::what_commits_late_is_seen,
        changes::nothing_is_noted_while_nobody_follows,
        changes::what_was_noted_for_nobody_goes_away,
        changes::a_lost_connection_makes_everything_outdated,
        changes::a_silent_connection_makes_everything_outdated,
        changes::changes_are_followed_again_after_a_restart,
        changes::a_role_that_may_not_read_changes_claims_all_the_same,
    }
    POSTGRES_TLS {
        refused::certificates_count_as_sslmode_says,
        changes::what_others_change_is_seen_with_tls,
    }
    PGBOUNCER {
        rule::random_offers_behind_pgbouncer_are_joined_by_the_rule,
        race::two_processes_behind_pgbouncer_lose_no_goal_and_report_none_twice,
        faults::a_cut_answer_behind_pgbouncer_is_found_out_by_a_repeat,
        faults::a_locked_row_behind_pgbouncer_stops_its_own_claims_only,
        schema::many_open_an_empty_database_behind_pgbouncer_at_once,
        changes::a_pooler_cannot_be_followed_and_the_server_behind_it_can,
    }
};

/// Those that need to mount a file system.
const ON_MOUNTS: &[Case] = cases! {
    POSTGRES { full::a_full_disk_refuses_loses_nothing_acknowledged_and_works_again_with_room }
};

fn main() {
    let runtime = cases::runtime();
    if let Some(writer) = race::Writer::asked_for() {
        return runtime.block_on(writer.run());
    }
    cases::run(runtime, &[(CASES, cases::ANYWHERE), (ON_MOUNTS, full::may_mount)]);
}
