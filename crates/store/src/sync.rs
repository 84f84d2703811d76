//! The locks of the layers: the standard library's, and in unit tests those of shuttle, which tries what threads can do
//! to each other. Such a test runs inside a model.
#[cfg(all(not(test), any(feature = "breaker", all(feature = "spool", feature = "testing"))))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(test)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};

/// Waits a little; in a model, until another thread had its turn.
#[cfg(feature = "spool")]
pub(crate) async fn wait(time: std::time::Duration) {
    #[cfg(not(test))]
    tokio::time::sleep(time).await;
    #[cfg(test)]
    {
        let _ = time;
        shuttle::future::yield_now().await;
    }
}
