//! For tests of what uses a store: a clock that is set by hand, a store and a network that fail on demand.
mod clock;
mod faulty;
mod proxy;

pub use clock::ManualClock;
pub use faulty::{Call, Faulty, Operation, Plan};
pub use proxy::{Fault, Proxy};
