//! What a client counts about itself.
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }
    fn so_far(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// How often what happened since launch.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
        }

        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)*
        }

        impl Counters {
            pub(crate) fn so_far(&self) -> Stats {
                Stats { $($name: self.$name.so_far(),)* }
            }
        }
    };
}

counters! {
    /// Reads of the store that failed.
    failed_reads,
    /// Claims, or sets of a storage of one's own, that failed, repeats included.
    failed_claims,
    /// Answers that the store did not confirm, because it failed: what the settings say ([`Policy::Bucket`](crate::Policy)).
    answered_without_sticking,
    /// Answers with the control, because the store failed ([`Policy::Control`](crate::Policy)).
    answered_with_control,
    /// Answers with an error, because the store failed ([`Policy::Error`](crate::Policy)).
    answered_with_error,
    /// Decisions that a claim overruled because another process has newer settings.
    decided_again,
    /// Tracking calls that VWO's servers accepted.
    calls_sent,
    /// Tracking calls that were repeated.
    calls_repeated,
    /// Tracking calls that were dropped because the queue was full.
    calls_dropped,
    /// Tracking calls that were dropped after the last repeat, or at the end.
    calls_given_up,
    /// Conversions that had to wait for their claim.
    conversions_waited,
    /// Waiting conversions that were dropped: the queue was full, the store refused for good, or at the end.
    conversions_dropped,
    /// Settings that were replaced.
    settings_replaced,
    /// Settings that could not be fetched or used; those before stay.
    settings_refused,
}
