//! Stores around a store: plain structs with an `inner`; nesting them is the composition.
#[cfg(feature = "metrics")]
mod metrics;
mod retention;

#[cfg(feature = "metrics")]
pub use metrics::{Meter, Metered, Operation};
pub use retention::Retention;
