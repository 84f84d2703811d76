//! The VWO FullStack SDK for Rust: decisions equal to the official one bit for bit, sticky and counted once.
//!
//! ```
//! # async fn example() -> stayput_sdk::Result<()> {
//! use stayput_sdk::{Options, launch};
//!
//! # let settings = include_str!("../../../examples/settings.json");
//! # let folder = tempfile::tempdir().unwrap();
//! # let url = format!("file:{}", folder.path().display());
//! let store = stayput::open(&url).await?; // "file:./stayput-data"
//! let client = launch(settings).store(store)
//! #   .development_mode(true)
//!     .start().await?;
//!
//! let options = Options::default();
//! if client.activate("checkout-button", "user-7", &options).await?.as_deref() == Some("Green") {
//!     // show the green button
//! }
//! let counted = client.track("checkout-button", "user-7", "bought", &options).await?;
//! assert_eq!(counted, Some(vec![("checkout-button".to_owned(), true)]));
//! // A conversion counts once, whichever process tracks it.
//! let counted = client.track("checkout-button", "user-7", "bought", &options).await?;
//! assert_eq!(counted, Some(vec![("checkout-button".to_owned(), false)]));
//!
//! client.shutdown(std::time::Duration::from_secs(5)).await;
//! # Ok(())
//! # }
//! # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
//! ```
//!
//! Behind a call: what is held for the user is read in one question, the [engine](stayput_engine) decides, the store
//! is offered what is new, and what the claim answers counts. So whoever is first decides for every process, whatever
//! settings it has; and a conversion is sent only by the one process whose claim brought its goal. A process that
//! dies between the claim and the sending loses the conversion, and a call that VWO's servers accepted but did not
//! answer in time is repeated: that is all that stands between this and exactly once.
//!
//! Around its decisions the client does three things in its own way. New settings that cannot be used are refused and
//! counted, and the old ones stay. Tracking calls are queued before an integration's callback runs, so that one that
//! panics costs no call. A quotation mark in a query goes out as `%22`: whoever reads the query finds the same.
//!
//! What goes over the network is in [`calls`]; logs go to [`tracing`] and never name a user.
mod backing;
mod batch;
pub mod blocking;
pub mod calls;
mod client;
mod core;
mod fetch;
mod http;
mod integration;
mod launch;
mod options;
mod policy;
mod queue;
mod stats;
mod storage;
mod visit;
mod waiting;

pub use batch::Batch;
pub use client::{Campaigns, Client, Flushed};
pub use fetch::Account;
pub use launch::{Launcher, Source, get_settings_file, launch, settings_file_from};
pub use options::Options;
pub use policy::Policy;
pub use queue::Queueing;
pub use stats::Stats;
pub use stayput::{BoxFuture, Error, ErrorKind, Result};
pub use stayput_engine::{GoalTypes, Json, Object, Pushed, Settings};
pub use storage::{StorageError, UserRecord, UserStorage};
