//! Stores around a store: plain structs with an `inner`; nesting them is the composition.
#[cfg(feature = "changes")]
mod announced;
#[cfg(feature = "breaker")]
mod breaker;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "near-cache")]
mod near_cache;
mod retention;
#[cfg(feature = "shadow")]
mod shadow;
#[cfg(feature = "spool")]
mod spool;
#[cfg(feature = "timeout")]
mod timeout;

#[cfg(feature = "changes")]
pub use announced::Announced;
#[cfg(feature = "breaker")]
pub use breaker::{Breaker, BreakerOptions, BreakerState, Gate};
#[cfg(feature = "metrics")]
pub use metrics::{Meter, Metered, Operation};
#[cfg(feature = "near-cache")]
pub use near_cache::{Held, NearCache, NearCacheMeter, NearCacheOptions, NearCacheStats, Peek, Seen};
pub use retention::Retention;
#[cfg(feature = "shadow")]
pub use shadow::{Shadow, ShadowStats};
#[cfg(all(feature = "spool", unix))]
pub use spool::SpoolFolder;
#[cfg(all(feature = "spool", feature = "testing"))]
pub(crate) use spool::weight;
#[cfg(feature = "spool")]
pub use spool::{
    DeadLetter, List, Lock, Locked, NewRow, Of, OnSettled, Row, Spool, SpoolDisk, SpoolOptions, SpoolQueue, SpoolStats,
    Used,
};
#[cfg(feature = "timeout")]
pub use timeout::Timeout;
