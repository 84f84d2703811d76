//! What a custom variable is compared with: `lower(…)`, `wildcard(…)`, `regex(…)`, `gt(…)` and its kin, or itself.
use super::pattern::Pattern;
use crate::{
    js::{self, Thrown},
    json::Json,
};
use std::borrow::Cow;

/// A compiled comparison.
#[derive(Debug)]
pub(super) struct Operand {
    kind: Kind,
    /// What stands in the parentheses, or the whole pattern.
    raw: Json,
    /// The same as a number in JavaScript's spelling, if it begins with one other than 0. Both sides are compared
    /// in this spelling if both have it.
    number: Option<Normal>,
    pattern: Option<Pattern>,
    throws: Option<Thrown>,
}

#[derive(Debug)]
struct Normal {
    text: String,
    pattern: Option<Pattern>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Equal,
    Lower,
    Contains,
    EndsWith,
    StartsWith,
    Regex,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Operand {
    pub(super) fn compile(pattern: Json, problems: &mut Vec<String>) -> Self {
        let (kind, raw) = match &pattern {
            Json::String(text) => kind_of(text).map(|(kind, payload)| (kind, Json::from(payload))),
            _ => None,
        }
        .unwrap_or((Kind::Equal, pattern));
        let text = js::text(&raw);
        let throws = text.as_ref().err().copied();
        let number = text.ok().and_then(|text| normal(&text)).map(|text| Normal {
            pattern: (kind == Kind::Regex).then(|| Pattern::compile(&text, &mut Vec::new())),
            text,
        });
        let pattern = raw.as_str().filter(|_| kind == Kind::Regex).map(|text| Pattern::compile(text, problems));
        Self { kind, raw, number, pattern, throws }
    }

    /// Whether a variable's text, or null, passes.
    pub(super) fn matches(&self, tag: Option<&str>) -> Result<bool, Thrown> {
        if let Some(thrown) = self.throws {
            return Err(thrown);
        }
        match (&self.number, tag.and_then(normal)) {
            (Some(number), Some(tag)) => Ok(self.compare(Some(&number.text), number.pattern.as_ref(), Some(&tag))),
            _ if self.raw == Json::Null => Ok(tag.is_none()),
            _ => Ok(self.compare(self.raw.as_str(), self.pattern.as_ref(), tag)),
        }
    }

    fn compare(&self, wanted: Option<&str>, pattern: Option<&Pattern>, tag: Option<&str>) -> bool {
        if self.kind == Kind::Regex {
            return pattern.is_some_and(|pattern| pattern.is_match(tag.unwrap_or("null")));
        }
        let (Some(wanted), Some(tag)) = (wanted, tag) else { return false };
        match self.kind {
            Kind::Equal | Kind::Regex => wanted == tag,
            Kind::Lower => lower(wanted) == lower(tag),
            Kind::Contains => tag.contains(wanted),
            Kind::EndsWith => tag.ends_with(wanted),
            Kind::StartsWith => tag.starts_with(wanted),
            Kind::Greater => js::parse_float(wanted) < js::parse_float(tag),
            Kind::GreaterOrEqual => js::parse_float(wanted) <= js::parse_float(tag),
            Kind::Less => js::parse_float(wanted) > js::parse_float(tag),
            Kind::LessOrEqual => js::parse_float(wanted) >= js::parse_float(tag),
        }
    }
}

fn kind_of(text: &str) -> Option<(Kind, &str)> {
    if let Some(payload) = text.strip_prefix("lower(").and_then(to_last_parenthesis) {
        return Some((Kind::Lower, payload));
    }
    if let Some(payload) = text.strip_prefix("wildcard(").and_then(to_last_parenthesis) {
        let (leading, trailing) = (payload.starts_with('*'), payload.ends_with('*'));
        let kind = match (leading, trailing) {
            (true, true) => Kind::Contains,
            (true, false) => Kind::EndsWith,
            (false, true) => Kind::StartsWith,
            (false, false) => Kind::Equal,
        };
        let inner = payload.strip_prefix('*').unwrap_or(payload);
        return Some((kind, inner.strip_suffix('*').unwrap_or(inner)));
    }
    if let Some(payload) = text.strip_prefix("regex(").and_then(to_last_parenthesis) {
        return Some((Kind::Regex, payload));
    }
    let numeric =
        [("gt(", Kind::Greater), ("gte(", Kind::GreaterOrEqual), ("lt(", Kind::Less), ("lte(", Kind::LessOrEqual)];
    numeric.iter().find_map(|(prefix, kind)| {
        let (number, _) = text.strip_prefix(prefix)?.split_once(')')?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let any = !whole.is_empty() || !fraction.is_empty();
        (any && digits(whole) && digits(fraction)).then_some((*kind, number))
    })
}

/// Up to the last parenthesis of the first line.
fn to_last_parenthesis(text: &str) -> Option<&str> {
    let line = text.split(['\n', '\r', '\u{2028}', '\u{2029}']).next()?;
    line.rsplit_once(')').map(|(payload, _)| payload)
}

/// The number other than 0 that `text` begins with, in JavaScript's spelling.
fn normal(text: &str) -> Option<String> {
    let number = js::parse_float(text);
    if number == 0.0 || number.is_nan() {
        return None;
    }
    let whole = number == number.floor(); // infinity too, which then reads as NaN
    Some(js::number_text(if whole { js::parse_int(&js::number_text(number)) } else { number }))
}

fn lower(text: &str) -> Cow<'_, str> {
    match text.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        true => text.to_lowercase().into(),
        false => text.into(),
    }
}
