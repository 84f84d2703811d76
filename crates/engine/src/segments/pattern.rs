//! JavaScript's regular expressions on engines that cannot hang.
//!
//! A pattern is translated, not passed on: `\d`, `\s`, `.`, `{`, octal escapes and much else mean something of
//! their own in JavaScript. What is regular runs on `regex`, in linear time. Lookaround and backreferences are not
//! regular, and JavaScript allows them, so such a pattern runs on `fancy-regex` with a bound on its steps; beyond
//! the bound it does not match. JavaScript compares UTF-16 units: characters beyond U+FFFF are therefore written
//! as two, their surrogates, moved to where no other character is.
mod translate;

use std::borrow::Cow;

/// A compiled pattern; matches nothing if JavaScript would refuse it.
#[derive(Debug)]
pub(super) struct Pattern(Engine);

#[derive(Debug)]
enum Engine {
    Linear(regex::Regex),
    Bounded(fancy_regex::Regex),
    Never,
}

/// Steps that a pattern with lookaround or backreferences may take: some milliseconds.
const STEPS: usize = 100_000;
/// Bytes that a compiled pattern may take.
const SIZE: usize = 1 << 20;

impl Pattern {
    /// Compiles; what JavaScript accepts and we cannot run, or run only within a bound, is added to `problems`.
    pub(super) fn compile(pattern: &str, problems: &mut Vec<String>) -> Self {
        let Some(translated) = translate::translate(pattern) else { return Self(Engine::Never) };
        if translated.regular {
            match regex::RegexBuilder::new(&translated.text).size_limit(SIZE).build() {
                Ok(regex) => return Self(Engine::Linear(regex)),
                Err(_) => problems.push(format!("regex({pattern}) is too large to be run and matches nobody")),
            }
            return Self(Engine::Never);
        }
        let builder =
            fancy_regex::RegexBuilder::new(&translated.text).backtrack_limit(STEPS).delegate_size_limit(SIZE).build();
        match builder {
            Ok(regex) => {
                problems.push(format!(
                    "regex({pattern}) uses lookaround or backreferences: it may take {STEPS} steps and else does not match"
                ));
                Self(Engine::Bounded(regex))
            }
            Err(_) => {
                problems.push(format!("regex({pattern}) cannot be run and matches nobody"));
                Self(Engine::Never)
            }
        }
    }

    /// Whether the pattern is found anywhere in `text`.
    pub(super) fn is_match(&self, text: &str) -> bool {
        match &self.0 {
            Engine::Linear(regex) => regex.is_match(&units(text)),
            Engine::Bounded(regex) => regex.is_match(&units(text)).unwrap_or(false),
            Engine::Never => false,
        }
    }
}

fn units(text: &str) -> Cow<'_, str> {
    match text.chars().any(|letter| letter > '\u{ffff}') {
        true => text.encode_utf16().filter_map(|unit| translate::letter(unit.into())).collect::<String>().into(),
        false => text.into(),
    }
}
