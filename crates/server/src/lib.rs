//! The User Storage Service over HTTP, and the command line of the binary `stayput`.
//!
//! A library only so that tests can run a server in their own process; nothing here is stable.
mod answer;
mod app;
mod body;
mod claiming;
mod each;
mod export;
mod failure;
mod front;
mod import;
mod lines;
mod listener;
mod place;
mod query;
mod routes;

pub mod cli;
pub mod logs;

pub use app::App;
pub use listener::Listener;
