//! What `get` answers.
use crate::{Assignment, Dialect, Key, Over, Record};
use serde::ser::{Serialize, Serializer};
use std::sync::Arc;

/// The assignment of the user and the campaign that were asked for; as JSON it is the record that an SDK expects.
#[derive(Clone, Debug)]
pub struct Found {
    pub(crate) key: Key,
    pub(crate) held: Arc<Assignment>,
    pub(crate) dialect: Dialect,
}

impl Found {
    /// Whose it is.
    pub fn key(&self) -> &Key {
        &self.key
    }
    /// What is held.
    pub fn held(&self) -> &Assignment {
        &self.held
    }
    /// What an offer must name to replace exactly this.
    pub(crate) fn over(&self) -> Over {
        Over { variation: self.held.variation.clone(), by: Some(self.held.by) }
    }
}

impl Serialize for Found {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Record::shown(&self.key, &self.held, self.dialect).serialize(serializer)
    }
}
