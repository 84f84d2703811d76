//! The one error of this crate: a kind that callers act on, a sentence that people read, and a cause.
use std::{borrow::Cow, error::Error as StdError, fmt};

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller can do something about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum ErrorKind {
    /// The stored bytes are not an assignment that this version can read.
    Corrupt,
    /// The request itself is wrong: repeating it cannot help.
    Invalid,
    /// The store turned us away: credentials, permissions, no space left, a full queue.
    Refused,
    /// No answer within the time allowed; a claim may or may not have been stored.
    Timeout,
    /// The backend cannot be reached, or cannot serve now.
    Unavailable,
}

/// Why a store operation failed.
///
/// No message ever contains a user id, so errors may be logged as they are.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    store: Option<&'static str>,
    field: Option<&'static str>,
    message: Cow<'static, str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind`, raised by `store` (the name of a backend or a layer), that `message` explains.
    pub fn new(kind: ErrorKind, store: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner { kind, store: Some(store), field: None, message: message.into(), source: None }))
    }
    /// An input that breaks a rule, wherever it was going to be stored; `message` names the field and the limit.
    pub fn invalid(field: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        let message = message.into();
        Self(Box::new(Inner { kind: ErrorKind::Invalid, store: None, field: Some(field), message, source: None }))
    }
    /// Attaches the cause.
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }
    /// The same for somebody else who waited for the same answer; the cause becomes words.
    #[cfg(any(feature = "near-cache", feature = "redis"))]
    pub(crate) fn again(&self) -> Self {
        let Inner { kind, store, field, message, source } = &*self.0;
        let source = source.as_ref().map(|source| source.to_string().into());
        Self(Box::new(Inner { kind: *kind, store: *store, field: *field, message: message.clone(), source }))
    }
    /// What went wrong, in terms that a caller can act on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
    /// Who raised it: a backend or a layer; nobody in particular for a wrong input.
    pub fn store(&self) -> Option<&'static str> {
        self.0.store
    }
    /// Which input was wrong, spelled as in a record (`userId`, …).
    pub fn field(&self) -> Option<&'static str> {
        self.0.field
    }
    /// What happened, without who and why.
    pub fn message(&self) -> &str {
        &self.0.message
    }
    /// True when the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Timeout | ErrorKind::Unavailable)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(store) = self.0.store {
            write!(f, "{store}: ")?;
        }
        f.write_str(&self.0.message)
    }
}
impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
