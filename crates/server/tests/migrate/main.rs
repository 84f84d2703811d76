//! `stayput migrate` as people run it: between stores, from what others kept, killed and gone on with.
//!
//! `servers/up` starts the servers; a test that lacks one is ignored.
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use std::panic::AssertUnwindSafe;

mod away;
mod chain;
mod entries;
mod foreign;
#[path = "../support/live.rs"]
mod live;
mod local;
mod moving;
#[path = "../support/ran.rs"]
mod ran;
#[path = "../support/redis.rs"]
mod redis;
#[path = "../support/spoil.rs"]
mod spoil;
mod tool;

type Test = fn(&[String]);

const ALONE: &[(&str, Test)] = &[
    ("local::twice_changes_nothing_and_the_lines_are_the_same", local::twice_changes_nothing),
    ("local::what_the_target_holds_stays_and_is_told", local::what_the_target_holds_stays),
    ("local::a_rehearsal_writes_nothing_and_counts_the_same", local::a_rehearsal_writes_nothing),
    ("local::verify_finds_what_is_missing", local::verify_finds_what_is_missing),
    ("local::killed_in_the_middle_it_goes_on", local::killed_in_the_middle),
    ("local::memory_is_flat", local::memory_is_flat),
    ("local::wrong_usage_is_one_sentence", local::wrong_usage),
    ("entries::every_part_arrives_in_its_scope", entries::every_part_arrives),
    ("entries::damaged_ones_are_told_and_the_rest_moves", entries::damaged_ones_are_told),
    ("entries::what_the_target_cannot_take_is_told", entries::what_the_target_cannot_take),
    ("entries::lines_are_told_by_their_numbers_also_behind_a_stop", entries::lines_are_told_by_their_numbers),
    ("entries::of_several_for_one_user_the_first_stays", entries::of_several),
    ("entries::a_position_of_another_migration_is_not_gone_on_with", entries::another_migration),
    ("foreign::csv", foreign::csv),
    ("foreign::csv_is_gone_on_with", foreign::csv_is_gone_on_with),
    ("foreign::optimizely_profiles", foreign::optimizely_profiles),
    ("moving::a_server_moves_and_can_go_back", moving::a_server_moves_and_can_go_back),
];
const REDIS: &[(&str, Test)] = &[
    ("foreign::five_in_a_hundred_damaged_strings_are_told_one_by_one", foreign::damaged_strings),
    ("foreign::strings_of_optimizelys_agent", foreign::agent_strings),
];
/// These start their own, where there is one.
const OWN_REDIS: &[(&str, Test)] = &[
    ("away::a_target_that_is_away_for_a_moment_is_waited_for", away::target),
    ("away::a_source_that_is_away_for_a_moment_is_waited_for", away::source),
    ("away::strings_are_gone_on_with_until_their_redis_is_started_again", away::strings),
];
const TWO: &[(&str, Test)] = &[("chain::the_same_lines_come_back_by_redis_and_postgres", chain::redis_and_postgres)];
const ALL: &[(&str, Test)] = &[("chain::and_by_mongodb", chain::mongodb_too)];

fn main() {
    let mut trials = Vec::new();
    let groups: [(_, &[&str]); 5] = [
        (ALONE, &[]),
        (OWN_REDIS, &["REDIS"]),
        (REDIS, &["REDIS"]),
        (TWO, &["REDIS", "POSTGRES"]),
        (ALL, &["REDIS", "POSTGRES", "MONGODB"]),
    ];
    for (tests, servers) in groups {
        for (name, test) in tests {
            trials.push(Trial::ignorable_test(*name, move || {
                let urls: Result<Vec<String>, String> = servers.iter().map(|name| tool::server(name)).collect();
                match urls {
                    Err(reason) => Ok(Completion::ignored_with(reason)),
                    // A panic is the failure; nothing of what it left half done is looked at again.
                    Ok(urls) => match std::panic::catch_unwind(AssertUnwindSafe(|| test(&urls))) {
                        Ok(()) => Ok(Completion::Completed),
                        Err(_) => Err(Failed::without_message()),
                    },
                }
            }));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
