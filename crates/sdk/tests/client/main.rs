//! The client from end to end: real stores, a real collector on the loopback interface.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]
mod callbacks;
mod collector;
mod counting;
mod logs;
mod policies;
mod queueing;
mod scene;
mod settings;
mod sticky;
mod storages;
mod tracking;
