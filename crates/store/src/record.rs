//! The vocabulary: what names an assignment, what is held, what is offered, and how each is written down.
mod assignment;
pub mod codec;
mod document;
mod fme;
mod goals;
#[cfg(feature = "json")]
mod json;
mod key;
pub mod limits;
mod name;
mod offer;

pub use assignment::{Assignment, ClaimId, Entry, MetaData, Unknown};
pub use document::Document;
pub use goals::{Goal, Goals};
#[cfg(feature = "json")]
pub use json::{Dialect, Line, Record};
pub use key::{Key, Kind, Scope, User};
pub use name::Name;
pub use offer::{Claimed, Imported, Joined, Offer, Outcome, Over};
