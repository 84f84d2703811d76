//! Stores around a store: plain structs with an `inner`; nesting them is the composition.
mod retention;

pub use retention::Retention;
