//! What JavaScript makes of a value when it needs another type, as far as decisions depend on it.
use crate::json::{Json, Object};
use std::borrow::Cow;

/// Where the official SDK throws, and so answers nothing: the reason, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Thrown(pub(crate) &'static str);

/// Whether `if (value)` holds.
pub(crate) fn truthy(value: Option<&Json>) -> bool {
    match value {
        None | Some(Json::Null) => false,
        Some(Json::Bool(truth)) => *truth,
        Some(Json::Number(number)) => *number != 0.0 && !number.is_nan(),
        Some(Json::String(text)) => !text.is_empty(),
        Some(Json::Array(_) | Json::Object(_)) => true,
    }
}

/// `String(value)`.
pub(crate) fn text(value: &Json) -> Result<String, Thrown> {
    Ok(match value {
        Json::Null => "null".to_owned(),
        Json::Bool(truth) => truth.to_string(),
        Json::Number(number) => number_text(*number),
        Json::String(text) => text.clone(),
        Json::Array(items) => {
            let mut joined = String::new();
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    joined.push(',');
                }
                if *item != Json::Null {
                    joined.push_str(&text(item)?);
                }
            }
            joined
        }
        Json::Object(object) if object.get("toString").is_some() => {
            return Err(Thrown("a value's own toString is not a function"));
        }
        Json::Object(_) => "[object Object]".to_owned(),
    })
}

/// `String(number)`: the shortest digits that read back as the same number.
pub(crate) fn number_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number == 0.0 {
        return "0".to_owned();
    }
    let sign = if number < 0.0 { "-" } else { "" };
    if number.is_infinite() {
        return format!("{sign}Infinity");
    }
    let shortest = format!("{:e}", number.abs());
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let digits = mantissa.replace('.', "");
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let point = exponent.parse::<i32>().unwrap_or_default().saturating_add(1);
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or_default());
    match point {
        _ if (count..=21).contains(&point) => format!("{sign}{digits}{}", zeros(point.saturating_sub(count))),
        1..=21 => {
            let (whole, fraction) =
                digits.split_at_checked(usize::try_from(point).unwrap_or_default()).unwrap_or((&digits, ""));
            format!("{sign}{whole}.{fraction}")
        }
        -5..=0 => format!("{sign}0.{}{digits}", zeros(point.saturating_neg())),
        _ => {
            let power = point.saturating_sub(1);
            let (first, rest) = digits.split_at_checked(1).unwrap_or((&digits, ""));
            let dot = if rest.is_empty() { "" } else { "." };
            let plus = if power > 0 { "+" } else { "" };
            format!("{sign}{first}{dot}{rest}e{plus}{power}")
        }
    }
}

/// `parseFloat(text)`: the longest number that the text begins with, or NaN.
pub(crate) fn parse_float(text: &str) -> f64 {
    let text = trim_start(text);
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.starts_with("Infinity") {
        return if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let (whole, rest) = digits(unsigned);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return f64::NAN;
    }
    let after_exponent =
        rest.strip_prefix(['e', 'E']).map(|rest| digits(rest.strip_prefix(['+', '-']).unwrap_or(rest)));
    let rest = match after_exponent {
        Some((power, rest)) if !power.is_empty() => rest,
        _ => rest,
    };
    let length = text.len().saturating_sub(rest.len());
    text.get(..length).and_then(|number| number.parse().ok()).unwrap_or(f64::NAN)
}

/// `parseInt(text, 10)`: the digits that the text begins with, or NaN.
pub(crate) fn parse_int(text: &str) -> f64 {
    let text = trim_start(text);
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let number: f64 = digits(unsigned).0.parse().unwrap_or(f64::NAN);
    if text.starts_with('-') { -number } else { number }
}

/// `Number(value)`.
pub(crate) fn number(value: &Json) -> f64 {
    match value {
        Json::Null | Json::Bool(false) => 0.0,
        Json::Bool(true) => 1.0,
        Json::Number(number) => *number,
        Json::String(text) => number_of_text(text),
        Json::Array(_) | Json::Object(_) => text(value).map_or(f64::NAN, |text| number_of_text(&text)),
    }
}

fn number_of_text(text: &str) -> f64 {
    let text = trim(text);
    if text.is_empty() {
        return 0.0;
    }
    for (prefix, radix) in [("0x", 16), ("0X", 16), ("0o", 8), ("0O", 8), ("0b", 2), ("0B", 2)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            let digit =
                |sum: Option<f64>, digit: char| Some(sum? * f64::from(radix) + f64::from(digit.to_digit(radix)?));
            return digits.chars().fold(Some(0.0), digit).filter(|_| !digits.is_empty()).unwrap_or(f64::NAN);
        }
    }
    match text.strip_prefix(['+', '-']).unwrap_or(text) {
        "Infinity" => parse_float(text),
        unsigned if unsigned.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte)) => {
            text.parse().unwrap_or(f64::NAN)
        }
        _ => f64::NAN,
    }
}

/// `text.trim()`.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}
fn trim_start(text: &str) -> &str {
    text.trim_start_matches(is_space)
}

/// What JavaScript takes for white space.
pub(crate) fn is_space(letter: char) -> bool {
    matches!(letter, '\t'..='\r' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{2028}' | '\u{2029}'
        | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{feff}')
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The first key of `Object.keys(value)` and its value; the reason where JavaScript throws.
pub(crate) fn first_entry(value: Option<&Json>) -> Result<(String, Json), Thrown> {
    const NOTHING: Thrown = Thrown("a part of the segment is empty or null");
    match value {
        Some(Json::Object(object)) => object.iter().next().map(|(key, value)| (key.to_owned(), value.clone())),
        Some(Json::Array(items)) => items.first().map(|item| ("0".to_owned(), item.clone())),
        Some(Json::String(text)) => text.chars().next().map(|letter| ("0".to_owned(), Json::String(letter.into()))),
        _ => None,
    }
    .ok_or(NOTHING)
}

/// What `for (i = 0; i < value.length; i++) value[i]` visits; `None` is undefined, after which everything throws.
pub(crate) fn elements(value: &Json) -> Vec<Option<Cow<'_, Json>>> {
    match value {
        Json::Array(items) => items.iter().map(Cow::Borrowed).map(Some).collect(),
        Json::String(text) => text.chars().map(|letter| Some(Cow::Owned(Json::String(letter.into())))).collect(),
        Json::Object(object) => {
            let length = object.get("length").map_or(f64::NAN, number);
            let mut found = Vec::new();
            for index in 0..=object.len() {
                if index as f64 >= length || length.is_nan() {
                    break;
                }
                found.push(object.get(&index.to_string()).map(Cow::Borrowed));
            }
            found
        }
        _ => Vec::new(),
    }
}

/// The same, of a value that is not needed any more.
pub(crate) fn into_elements(value: Json) -> Vec<Option<Json>> {
    match value {
        Json::Array(items) => items.into_iter().map(Some).collect(),
        other => elements(&other).into_iter().map(|item| item.map(Cow::into_owned)).collect(),
    }
}

/// `value.hasOwnProperty(key)`, where `None` is undefined.
pub(crate) fn has_own(value: Option<&Json>, key: &str) -> Result<bool, Thrown> {
    match value {
        None | Some(Json::Null) => Err(Thrown("eventProperties is null")),
        Some(Json::Object(object)) => object_has_own(object, key),
        Some(Json::Array(items)) => Ok(key == "length" || index_below(key, items.len())),
        Some(Json::String(text)) => Ok(key == "length" || index_below(key, text.encode_utf16().count())),
        Some(Json::Bool(_) | Json::Number(_)) => Ok(false),
    }
}

/// `object.hasOwnProperty(key)`: throws if the object brings a hasOwnProperty of its own.
pub(crate) fn object_has_own(object: &Object, key: &str) -> Result<bool, Thrown> {
    match object.get("hasOwnProperty") {
        Some(_) => Err(Thrown("a value's own hasOwnProperty is not a function")),
        None => Ok(object.get(key).is_some()),
    }
}

fn index_below(key: &str, length: usize) -> bool {
    crate::json::array_index(key).and_then(|index| usize::try_from(index).ok()).is_some_and(|index| index < length)
}

/// `JSON.stringify(value)`.
pub(crate) fn stringify(value: &Json) -> String {
    let mut out = String::new();
    write_json(value, &mut out);
    out
}

fn write_json(value: &Json, out: &mut String) {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    match value {
        Json::Number(number) if number.is_finite() => out.push_str(&number_text(*number)),
        Json::Null | Json::Number(_) => out.push_str("null"),
        Json::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Json::String(text) => out.push_str(&quoted(text)),
        Json::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_json(item, out);
            }
            out.push(']');
        }
        Json::Object(object) => {
            out.push('{');
            for (place, (key, value)) in object.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                out.push_str(&quoted(key));
                out.push(':');
                write_json(value, out);
            }
            out.push('}');
        }
    }
}
