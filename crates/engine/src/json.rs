//! JSON as JavaScript holds it: every number a double, and the keys of an object in JavaScript's order.
mod key;

use crate::js;
use key::Key;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, SeqAccess, Visitor},
    ser::SerializeMap,
};
use std::{
    collections::{HashMap, HashSet},
    fmt,
};

/// A JSON value. Unlike `serde_json::Value` it remembers which key of an object came first, which decides what a
/// segment means.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Json {
    /// `null`
    #[default]
    Null,
    /// `true`, `false`
    Bool(bool),
    /// Any number.
    Number(f64),
    /// A string.
    String(String),
    /// A list.
    Array(Vec<Json>),
    /// An object.
    Object(Object),
}

/// An object: whole-number keys first and ascending, then the others as they came; of equal keys the last value counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object(Vec<(Key, Json)>);

impl Json {
    /// Reads text.
    pub fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }
    /// The value of an own key, if this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.as_object()?.get(key)
    }
    /// The value of an own key, of which null is left.
    pub(crate) fn take(&mut self, key: &str) -> Option<Json> {
        if let Self::Object(object) = self { object.take(key) } else { None }
    }
    /// The text of an own key, if it is one; it is lost otherwise.
    pub(crate) fn take_text(&mut self, key: &str) -> Option<String> {
        if let Some(Self::String(text)) = self.take(key) { Some(text) } else { None }
    }
    /// The object, if it is one.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }
    /// The list, if it is one.
    pub fn as_array(&self) -> Option<&[Json]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }
    /// The text, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
    /// The number, if it is one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }
    /// Whether it is exactly `true`.
    pub fn is_true(&self) -> bool {
        *self == Self::Bool(true)
    }
    /// Whether JavaScript's `if (value)` holds.
    pub fn is_truthy(&self) -> bool {
        js::truthy(Some(self))
    }
    /// As JavaScript's `String(value)` spells it; nothing where that throws.
    pub fn spelled(&self) -> String {
        js::text(self).unwrap_or_default()
    }
    /// JavaScript's `===`: two lists or objects are never the same one.
    pub(crate) fn same(&self, other: &Self) -> bool {
        !matches!(self, Self::Array(_) | Self::Object(_)) && self == other
    }
}

impl Object {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.0.iter().find(|(name, _)| **name == *key).map(|(_, value)| value)
    }
    /// The value of a key, of which null is left.
    pub(crate) fn take(&mut self, key: &str) -> Option<Json> {
        self.0.iter_mut().find(|(name, _)| **name == *key).map(|(_, value)| std::mem::take(value))
    }
    /// Keys and values in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Json)> {
        self.0.iter().map(|(key, value)| (&**key, value))
    }
    /// Whether it has no keys.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// How many keys it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl FromIterator<(String, Json)> for Object {
    fn from_iter<I: IntoIterator<Item = (String, Json)>>(pairs: I) -> Self {
        Self::of(pairs.into_iter().map(|(key, value)| (key.as_str().into(), value)).collect())
    }
}

impl Object {
    fn of(mut pairs: Vec<(Key, Json)>) -> Self {
        if repeats(&pairs) {
            let mut last: HashMap<String, Json> = HashMap::with_capacity(pairs.len());
            for (key, value) in &mut pairs {
                last.insert(key.to_string(), std::mem::take(value));
            }
            pairs.retain_mut(|(key, value)| last.remove(&**key).map(|newest| *value = newest).is_some());
        }
        if pairs.iter().any(|(key, _)| array_index(key).is_some()) {
            pairs.sort_by_key(|(key, _)| array_index(key).unwrap_or(u64::MAX)); // stable: the others keep their order
        }
        Self(pairs)
    }
}

fn repeats(pairs: &[(Key, Json)]) -> bool {
    const FEW: usize = 16; // so many are compared faster than hashed
    if pairs.len() > FEW {
        let mut seen = HashSet::with_capacity(pairs.len());
        return !pairs.iter().all(|(key, _)| seen.insert(&**key));
    }
    let mut rest = pairs;
    while let Some(((key, _), others)) = rest.split_first() {
        if others.iter().any(|(other, _)| other == key) {
            return true;
        }
        rest = others;
    }
    false
}

/// The number that `key` spells if JavaScript takes it for an index.
pub(crate) fn array_index(key: &str) -> Option<u64> {
    if !key.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let canonical = key == "0" || !key.starts_with('0');
    let plain = key.len() <= 10 && canonical && key.bytes().all(|byte| byte.is_ascii_digit());
    key.parse().ok().filter(|index| plain && *index < u64::from(u32::MAX))
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}
impl From<f64> for Json {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}
impl From<bool> for Json {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}
impl From<serde_json::Value> for Json {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Bool(truth),
            Value::Number(number) => Self::Number(number.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) => Self::String(text),
            Value::Array(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            Value::Object(fields) => Self::Object(fields.into_iter().map(|(key, value)| (key, value.into())).collect()),
        }
    }
}

impl Serialize for Json {
    /// As `JSON.stringify` understands it: what is no finite number is null, and 2.0 is 2.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(truth) => serializer.serialize_bool(*truth),
            Self::Number(number) if !number.is_finite() => serializer.serialize_unit(),
            Self::Number(number) if number.fract() == 0.0 && number.abs() <= EXACT => {
                serializer.serialize_i64(*number as i64)
            }
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Object(object) => object.serialize(serializer),
        }
    }
}
impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(&**key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Json;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }
            fn visit_bool<E>(self, truth: bool) -> Result<Json, E> {
                Ok(Json::Bool(truth))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
                Ok(Json::Number(number as f64))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
                Ok(Json::Number(number as f64))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
                Ok(Json::Number(number))
            }
            fn visit_str<E>(self, text: &str) -> Result<Json, E> {
                Ok(Json::String(text.to_owned()))
            }
            fn visit_string<E>(self, text: String) -> Result<Json, E> {
                Ok(Json::String(text))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Json::Array(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Json, A::Error> {
                let mut pairs: Vec<(Key, Json)> = Vec::new();
                while let Some(pair) = fields.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Json::Object(Object::of(pairs)))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}
