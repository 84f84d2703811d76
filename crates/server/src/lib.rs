//! The User Storage Service over HTTP, and the command line of the binary `stayput`.
//!
//! A library only so that tests can run a server in their own process; nothing here is stable.
mod answer;
mod app;
mod body;
mod claiming;
mod decide;
mod demo;
mod doctor;
mod each;
mod endpoint;
mod export;
mod failure;
mod front;
mod hot;
mod import;
mod lines;
mod listener;
mod load;
mod metrics;
mod migrate;
mod openapi;
mod place;
mod query;
mod request_id;
mod routes;
mod wire;

pub mod bench;
pub mod cli;
pub mod config;
pub mod descriptors;
pub mod docs;
pub mod late;
pub mod logs;
pub mod signals;

pub use app::App;
pub use endpoint::Endpoint;
pub use listener::Listener;
