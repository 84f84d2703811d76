//! VWO FullStack decisions as pure functions, equal to the official Node SDK (1.73, synchronous storage) bit for bit.
//!
//! The same settings, user and stored record give the same variation, the same tracking calls and the same record
//! to store. Nothing here reads a clock, a network, a store or randomness: what is held comes in through [`Storage`],
//! what to store and to send goes out as a [`Decision`].
//!
//! ```text
//! keys_needed ─▶ (read them) ─▶ decide ─▶ Decision { answer, offers, events } ─▶ (claim the offers) ─▶ settle
//! ```
//!
//! Where the official SDK does other than is documented, Stayput does what is documented, in these cases and no
//! others: a failing read ([`Storage::Unread`]), a record of another user or campaign or with fields of a wrong type
//! ([`Held::from_record`]), `userStorageData` (it speaks of the called campaign only), the double `set` (one
//! [`Offered`]), and the answer after a lost race ([`settle`]). What the official SDK would have stored is
//! [`Decision::sets`].
#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod bucket;
mod decide;
mod decision;
mod explain;
mod groups;
mod hash;
mod held;
mod identity;
mod js;
mod json;
mod keys;
mod request;
mod segments;
mod settings;
mod settle;
pub mod untyped;
mod whitelist;

pub use bucket::{Range, allocate, allocate_numbers, bucket};
pub use decide::decide;
pub use decision::{Answer, Conversion, Conversions, Decision, Event, Offered, Pushed, Seen, Set};
pub use explain::{Explanation, Reason, Step, explain};
pub use hash::{hash, hash_units};
pub use held::{GoalList, Held, Storage};
pub use identity::vwo_uuid;
pub use json::{Json, Object};
pub use keys::{Keys, keys_needed};
pub use request::{Context, GoalTypes, Launch, Listed, Request, Targets};
pub use segments::{Segments, Variables};
pub use settings::{
    Algorithm, Campaign, CampaignType, Flags, Goal, GoalType, Group, InvalidSettings, Member, Settings, Variable,
    Variation,
};
pub use settle::{Settled, both, settle};
