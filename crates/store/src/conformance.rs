//! What every store must obey: one named case per clause of the rule and of the contract, for stores of your own too.
//!
//! ```
//! use std::sync::Arc;
//! use stayput::{backends::Memory, conformance::{CASES, Clients, Needs, Run}};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> stayput::Result<()> {
//! let backend = Arc::new(Memory::default()); // a database would be opened twice
//! let clients = Clients { one: backend.clone(), other: backend };
//! let run = Run::random()?;
//! for case in CASES {
//!     case.run(Needs::Enumeration, &clients, run).await; // panics where the store breaks its word
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Cases own their keys and wipe nothing, so any number of them may run at once, and many runs may share a server.
//! They use the wall clock of this machine and of the store, which may be minutes apart, and run inside any tokio
//! runtime with time enabled; on several threads their races are sharper.
//!
//! They leave room for a cache. What a client has read it may read again, although the other client has changed it
//! since; so a case asks for news only a client that does not know the key, or that has written it itself. Absence
//! must not be remembered, and no claim that brings goals may be decided from memory.
mod contract;
mod enumeration;
mod extremes;
mod fme;
mod goals;
mod races;
mod rule;
mod scene;
mod times;

use crate::{BoxFuture, ClaimId, Result, ScanStore};
use scene::Scene;
use std::sync::Arc;

/// One named requirement.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The clause, and what it asks for.
    pub name: &'static str,
    /// What a store must offer for the case to make sense.
    pub needs: Needs,
    check: fn(Scene) -> BoxFuture<'static, ()>,
}

/// What a case needs, and what a store offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// [`AssignmentStore`](crate::AssignmentStore): every store offers that.
    Claims,
    /// [`ScanStore`] too: not every backend can enumerate what it holds.
    Enumeration,
}

/// Two clients of one backend, opened separately: with one, a cache could hide what the backend gets wrong.
#[derive(Clone, Debug)]
pub struct Clients {
    /// Most cases use this one only.
    pub one: Arc<dyn ScanStore>,
    /// Stands for another process.
    pub other: Arc<dyn ScanStore>,
}

/// Tells the keys of one run of the suite from those of every other.
#[derive(Clone, Copy, Debug)]
pub struct Run(u64);

impl Run {
    /// A run like no other.
    pub fn random() -> Result<Self> {
        ClaimId::random().map(|id| Self(id.0))
    }
}

impl Case {
    /// Panics unless the backend behind `clients`, which says that it offers `offers`, meets this requirement.
    ///
    /// A store that does not offer what the case needs must refuse by name instead.
    pub async fn run(&self, offers: Needs, clients: &Clients, run: Run) {
        let scene = Scene::new(self.name, clients.clone(), run.0);
        match offers >= self.needs {
            true => (self.check)(scene).await,
            false => enumeration::refuses_by_name(scene).await,
        }
    }
}

macro_rules! cases {
    ($($module:ident needs $needs:ident { $($name:ident),+ $(,)? })+) => {
        /// Every requirement, in the order of the rule and then of the contract.
        pub const CASES: &[Case] = &[$($(Case {
            name: stringify!($name),
            needs: Needs::$needs,
            check: |scene| Box::pin($module::$name(scene)),
        }),+),+];
    };
}
cases! {
    rule needs Claims {
        rule_1_nothing_held_is_created,
        rule_1_what_expired_counts_as_nothing,
        rule_1_goals_alone_never_create,
        rule_1_over_does_not_keep_from_creating,
        rule_2_the_same_variation_unites_goals_in_order,
        rule_2_newer_meta_data_replaces_older,
        rule_2_extra_changes_only_with_the_variation,
        rule_2_nothing_new_writes_nothing,
        rule_2_goals_without_a_variation_join,
        rule_3_over_replaces_and_goals_stay,
        rule_3_meta_data_and_extra_come_with_the_variation,
        rule_3_over_may_name_who_put_it_there,
        rule_3_replacements_may_follow_each_other,
        rule_4_another_variation_stays_and_goals_join,
        rule_4_nothing_but_goals_comes_from_the_loser,
        rule_each_change_raises_the_revision_by_one,
        rule_a_new_life_begins_at_revision_one,
        rule_lower_epochs_do_not_count,
    }
    fme needs Claims {
        fme_any_decision_replaces_none,
        fme_none_never_replaces,
        fme_an_experiment_joins_its_rollout,
        fme_every_other_decision_needs_over,
        fme_who_has_read_clears_the_holdouts_that_a_user_is_in,
        fme_a_repeated_decision_writes_nothing,
        fme_records_are_kept_whole,
        fme_of_concurrent_decisions_one_wins_and_no_holdout_is_lost,
    }
    goals needs Claims {
        rule_each_goal_is_new_to_one_claim,
        rule_a_goal_offered_twice_counts_once,
        rule_goals_end_at_the_limit_and_are_counted,
        rule_goals_are_new_again_after_expiry_and_removal,
    }
    times needs Claims {
        rule_1_an_import_keeps_its_times,
        rule_1_an_expired_import_creates_nothing,
        rule_2_an_import_does_not_change_the_times_of_what_is_held,
        rule_retention_counts_from_the_claim,
        rule_retention_ends,
        rule_retention_is_renewed_past_half,
        rule_retention_is_renewed_whoever_claims,
        rule_what_never_expires_stays_so,
    }
    contract needs Claims {
        contract_1_reads_are_answered_in_order,
        contract_1_claims_are_answered_in_order,
        contract_1_nothing_asked_nothing_answered,
        contract_1_big_batches_are_answered_whole,
        contract_2_absence_is_none_and_not_remembered,
        contract_2_expired_is_absent,
        contract_4_a_repeat_gets_the_same_answer,
        contract_5_a_key_twice_is_invalid_and_nothing_is_applied,
        contract_6_a_dropped_call_harms_nothing,
        put_stores_every_field,
        put_overrides_whatever_was_there,
        remove_forgets_and_may_be_repeated,
        flush_succeeds_and_keeps_everything,
    }
    races needs Claims {
        contract_3_of_concurrent_claims_one_wins,
        contract_3_of_concurrent_replacements_one_wins,
        contract_3_concurrent_goals_are_all_kept,
        contract_3_concurrent_repeats_are_one_claim,
        contract_3_concurrent_batches_agree,
    }
    extremes needs Claims {
        limits_the_largest_record_fits,
        limits_odd_ids_are_kept_apart,
        limits_names_are_compared_byte_by_byte,
        limits_any_json_is_kept,
        keys_never_collide,
        kinds_and_scopes_never_meet,
    }
    enumeration needs Enumeration {
        user_lists_what_is_live_in_key_order,
        user_of_odd_ids_is_exactly_that_user,
        erase_forgets_a_user_and_nobody_else,
        erase_counts_and_may_be_repeated,
        scan_gives_each_held_entry_once,
        scan_stays_in_its_scope,
        scan_goes_on_while_others_write,
    }
}
