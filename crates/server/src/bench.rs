//! Drives a server or a store and measures it.
//!
//! Of a server the wire is measured and not a client: raw connections on one thread, each with one request in flight.
mod drive;
mod population;
mod protocol;
mod report;
mod store;

pub use drive::{Address, drive};
pub use population::{Population, Spread};
pub use protocol::{Asked, Http, Protocol, Redis};
pub use report::{Line, Report};
pub use store::{fill, load};
