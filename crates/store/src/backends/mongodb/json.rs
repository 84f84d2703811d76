//! JSON as BSON, where that keeps it as it is.
use mongodb::bson::{Bson, Document};
use serde_json::{Map, Number, Value};

/// How deep a document may nest; MongoDB allows 100 levels, of which filters and tools take some.
const DEEPEST: usize = 20;

/// `value` as people query it; `None` if it would not come back the same, or not go in.
pub(super) fn to_bson(value: &Value) -> Option<Bson> {
    to(value, 0)
}

/// What [`to_bson`] was given; `None` for types that JSON does not know.
pub(super) fn from_bson(value: &Bson) -> Option<Value> {
    match value {
        Bson::Null => Some(Value::Null),
        Bson::Boolean(value) => Some((*value).into()),
        Bson::String(text) => Some(text.as_str().into()),
        Bson::Int32(number) => Some((*number).into()),
        Bson::Int64(number) => Some((*number).into()),
        Bson::Double(number) => Number::from_f64(*number).map(Value::Number),
        Bson::Array(items) => items.iter().map(from_bson).collect(),
        Bson::Document(fields) => fields
            .iter()
            .map(|(name, value)| Some((name.clone(), from_bson(value)?)))
            .collect::<Option<_>>()
            .map(Value::Object),
        _ => None,
    }
}

fn to(value: &Value, depth: usize) -> Option<Bson> {
    if depth > DEEPEST {
        return None;
    }
    match value {
        Value::Null => Some(Bson::Null),
        Value::Bool(value) => Some(Bson::Boolean(*value)),
        Value::String(text) => Some(Bson::String(text.clone())),
        Value::Number(number) if number.is_f64() => number.as_f64().map(Bson::Double),
        Value::Number(number) => number.as_i64().map(Bson::Int64), // beyond that, BSON has no whole numbers
        Value::Array(items) => {
            items.iter().map(|item| to(item, depth + 1)).collect::<Option<Vec<_>>>().map(Bson::Array)
        }
        Value::Object(fields) => object(fields, depth),
    }
}

/// Names with a `$` or a `.` mean something in queries and updates, and U+0000 ends a name.
fn object(fields: &Map<String, Value>, depth: usize) -> Option<Bson> {
    let mut document = Document::new();
    for (name, value) in fields {
        if name.is_empty() || name.starts_with('$') || name.contains(['.', '\0']) {
            return None;
        }
        document.insert(name.clone(), to(value, depth + 1)?);
    }
    Some(Bson::Document(document))
}
