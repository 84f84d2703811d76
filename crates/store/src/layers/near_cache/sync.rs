//! Locks and tasks, in one place so that a model checker can put its own here.
pub(super) use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};
pub(super) use tokio::spawn;
