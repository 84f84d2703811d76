//! The key of an object. Those of a settings file stand in it thousands of times, and are kept once.
use serde::{Deserialize, Deserializer, de::Visitor};
use std::{fmt, ops::Deref};

/// A key.
#[derive(Clone)]
pub(super) enum Key {
    Known(&'static str),
    Other(Box<str>),
}

/// By length; of equal length the most frequent first. A static, so that each has one address.
static KNOWN: [&[&str]; 25] = [
    &[],
    &[],
    &["id", "or", "et", "wt"],
    &["key", "and", "not", "mca"],
    &["name", "type", "user", "isOB", "isNB"],
    &["value", "goals", "isMAB"],
    &["weight", "status", "sdkKey", "groups", "isNBv2", "isOBv2"],
    &["changes", "version"],
    &["segments"],
    &["variables", "accountId", "campaigns"],
    &["identifier", "variations"],
    &["revenueProp"],
    &[],
    &[],
    &["percentTraffic", "campaignGroups"],
    &["custom_variable"],
    &["isFeatureEnabled"],
    &["isUserListEnabled"],
    &[],
    &[],
    &[],
    &[],
    &["isBucketingSeedEnabled"],
    &[],
    &["isForcedVariationEnabled"],
];

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        let as_long = KNOWN.get(text.len()).copied().unwrap_or_default();
        match as_long.iter().find(|known| **known == text) {
            Some(known) => Self::Known(known),
            None => Self::Other(text.into()),
        }
    }
}
impl Deref for Key {
    type Target = str;
    fn deref(&self) -> &str {
        match self {
            Self::Known(text) => text,
            Self::Other(text) => text,
        }
    }
}
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Known(one), Self::Known(other)) => std::ptr::eq(*one, *other),
            (Self::Other(one), Self::Other(other)) => one == other,
            _ => false, // what is known is never kept otherwise
        }
    }
}
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Key;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_str<E>(self, text: &str) -> Result<Key, E> {
                Ok(text.into())
            }
        }
        deserializer.deserialize_str(Reader)
    }
}
