//! The model checker's locks and tasks, in the place of the real ones.
pub(super) use shuttle::{
    future::spawn,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};
pub(super) use std::sync::PoisonError;
