//! For tests of what uses a store: a clock that is set by hand, and a store that fails on demand.
mod clock;
mod faulty;

pub use clock::ManualClock;
pub use faulty::{Call, Faulty, Operation, Plan};
