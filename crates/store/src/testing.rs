//! For tests of what uses a store: a clock that is set by hand, a store and a network that fail on demand.
mod clock;
#[cfg(feature = "spool")]
mod disk;
mod faulty;
mod proxy;

pub use clock::ManualClock;
#[cfg(feature = "spool")]
pub use disk::ForgetfulDisk;
pub use faulty::{Call, Faulty, Operation, Plan};
pub use proxy::{Fault, Proxy};
