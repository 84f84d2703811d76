//! The face of a connector for SDKs of FME, which call `get(featureKey, userId)` and `set(data)`.
use super::{Answer, Connector, Told};
use crate::{Kind, Result};
use serde_json::{Map, Value};

/// A storage connector for FME: the same store, cache and delivery as the [`Connector`] it is of, other records.
#[derive(Clone, Copy, Debug)]
pub struct Fme<'a>(pub(super) &'a Connector);

impl Fme<'_> {
    /// What is held for this user and feature, for SDKs that call `get` and the `set` that follows on one thread and
    /// wait (Python). Waits no longer than the deadline.
    pub fn get(&self, feature_key: &str, user_id: &str) -> Answer {
        self.0.get_as(Kind::Fme, user_id, feature_key)
    }
    /// The same, if it is known without asking the store; see [`Connector::seen`].
    pub fn seen(&self, feature_key: &str, user_id: &str) -> Option<Answer> {
        self.0.seen_as(Kind::Fme, user_id, feature_key)
    }
    /// The same as `get` for SDKs that go on meanwhile (Node); to be run by [`Connector::spawn`] or [`Connector::wait`]. Waits
    /// longer, because it keeps nobody from other work.
    pub fn find(&self, feature_key: &str, user_id: &str) -> Result<impl Future<Output = Answer> + Send + use<>> {
        self.0.find_as(Kind::Fme, user_id, feature_key)
    }
    /// Stores what an SDK decided, in the background; the next `get` of this process shows it. Never waits; what is
    /// wrong with it is counted and told to `on_error`.
    pub fn set(&self, data: Map<String, Value>) {
        self.0.set_as(Kind::Fme, data);
    }
    /// The same, and tells what is held now; to be run likewise.
    pub fn claim(&self, data: Map<String, Value>) -> Result<impl Future<Output = Result<Told>> + Send + use<>> {
        self.0.claim_as(Kind::Fme, data)
    }
}
