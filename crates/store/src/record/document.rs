//! JSON that is only carried.
use std::{fmt, sync::Arc};

/// A JSON value in one spelling: compact, object keys sorted, so that equal documents are equal bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "serde_json::Value", into = "serde_json::Value")
)]
pub struct Document(Arc<str>);

impl Document {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// Takes text that [`Document::as_str`] once gave.
    pub(super) fn stored(text: &str) -> Self {
        Self(text.into())
    }
}

// What a customer keeps here is nobody's business: only its size is shown.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} bytes)", self.0.len())
    }
}

#[cfg(feature = "json")]
mod json {
    use super::{super::limits, Document};
    use crate::{Error, Result};
    use serde_json::{Map, Value};

    impl Document {
        /// Keeps `value` if it is at most 16 KiB of compact JSON without U+0000; `field` names it in errors.
        pub fn new(field: &'static str, value: &Value) -> Result<Self> {
            let text = value.to_string();
            if text.len() > limits::DOCUMENTS {
                return Err(too_large(field, text.len()));
            }
            if has_nul(value) {
                return Err(Error::invalid(field, format!("{field} must not contain U+0000")));
            }
            Ok(Self(text.into()))
        }
        /// The value.
        pub fn to_value(&self) -> Value {
            // Not JSON only if a backend handed over what it should not have; then people see the text itself.
            serde_json::from_str(&self.0).unwrap_or_else(|_| Value::String(self.0.to_string()))
        }
        /// `object`, if there is one, with those fields of this that it lacks and that are wanted. Nothing if there is
        /// none to add, or no room for them.
        pub(in crate::record) fn added_to(&self, object: Option<&Self>, wanted: impl Fn(&str) -> bool) -> Option<Self> {
            let mut all = object.map_or_else(|| Some(Map::new()), Self::fields)?;
            let before = all.len();
            for (name, value) in self.fields()? {
                if wanted(&name) {
                    all.entry(name).or_insert(value);
                }
            }
            if all.len() == before { None } else { Self::new("extra", &Value::Object(all)).ok() }
        }
        fn fields(&self) -> Option<Map<String, Value>> {
            match self.to_value() {
                Value::Object(fields) => Some(fields),
                _ => None,
            }
        }
        /// Refuses two documents of one record that together are too large.
        pub(in crate::record) fn fit_together(one: Option<&Self>, other: Option<&Self>) -> Result<()> {
            let size: usize = [one, other].into_iter().flatten().map(|document| document.0.len()).sum();
            if size > limits::DOCUMENTS { Err(too_large("metaData", size)) } else { Ok(()) }
        }
    }

    impl TryFrom<Value> for Document {
        type Error = Error;
        fn try_from(value: Value) -> Result<Self> {
            Self::new("metaData", &value)
        }
    }
    impl From<Document> for Value {
        fn from(document: Document) -> Self {
            document.to_value()
        }
    }

    fn too_large(field: &'static str, size: usize) -> Error {
        let max = limits::DOCUMENTS;
        Error::invalid(field, format!("metaData and unknown fields must be at most {max} bytes together, not {size}"))
    }
    fn has_nul(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(items) => items.iter().any(has_nul),
            Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
}
