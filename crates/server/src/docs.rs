//! What stands under `docs/` and is written from the code itself; a test compares.
mod api;
mod config;
mod metrics;

pub use api::{api, openapi};
pub use config::config;
pub use metrics::metrics;
