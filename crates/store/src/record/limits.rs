//! How long things may be, in bytes of UTF-8, and the one check behind all of them.
use crate::{Error, Result};
use std::sync::Arc;

/// Longest scope.
pub const SCOPE: usize = 128;
/// Longest user id.
pub const USER: usize = 1_024;
/// Longest campaign key, variation name or goal identifier.
pub const NAME: usize = 256;
/// Largest `metaData` and unknown fields of one record together, as compact JSON.
pub const DOCUMENTS: usize = 16 * 1_024;
/// Goals beyond this are neither stored nor new, so that one user cannot grow a record without end.
pub const GOALS: usize = 1_000;

/// Accepts 1 to `max` bytes without U+0000, which stays free to separate the parts of a stored key.
pub(crate) fn text(field: &'static str, max: usize, text: &str) -> Result<Arc<str>> {
    if text.is_empty() || text.len() > max {
        return Err(Error::invalid(field, format!("{field} must be 1 to {max} bytes, not {}", text.len())));
    }
    if text.contains('\0') {
        return Err(Error::invalid(field, format!("{field} must not contain U+0000")));
    }
    Ok(text.into())
}
