//! Passwords in URLs are kept out of everything that is shown.
use std::{borrow::Cow, convert::Infallible, fmt, str::FromStr};

/// A URL that is only ever shown without its secrets; [`Hidden::reveal`] opens a store with it.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    /// The URL as it was given.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Hidden {
    type Err = Infallible;

    fn from_str(url: &str) -> Result<Self, Infallible> {
        Ok(Self(url.to_owned()))
    }
}

impl fmt::Display for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted(&self.0))
    }
}
impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `text` in which every URL has `***` for its user and password, and for options that are secrets.
pub fn redacted(text: &str) -> Cow<'_, str> {
    if !text.contains("://") && !text.contains('=') {
        return text.into();
    }
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(first) = rest.chars().next() {
        let end = rest.find(BETWEEN).unwrap_or(rest.len()).max(first.len_utf8());
        let (word, after) = rest.split_at(end);
        shown.push_str(&word_redacted(word));
        rest = after;
    }
    shown.into()
}

/// What ends a URL in a sentence.
const BETWEEN: [char; 7] = [' ', '\n', '\t', '\'', '"', '`', '>'];
/// Options whose values are secrets; `listen` is a URL itself.
const SECRET: [&str; 5] = ["password", "secret", "token", "key", "listen"];

fn word_redacted(word: &str) -> String {
    let word = match word.split_once("://") {
        // The last @, for a password may contain one; too much hidden is better than too little.
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((_, host)) => format!("{scheme}://***@{host}"),
            None => word.to_owned(),
        },
        None => word.to_owned(),
    };
    let Some((place, query)) = word.split_once('?') else { return word };
    let options = query.split('&').map(|option| match option.split_once('=') {
        Some((name, _)) if SECRET.iter().any(|secret| name.to_ascii_lowercase().contains(secret)) => {
            format!("{name}=***")
        }
        _ => option.to_owned(),
    });
    format!("{place}?{}", options.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::{Hidden, redacted};

    #[test]
    fn no_secret_is_shown() {
        for (url, shown) in [
            ("redis://:hush@host/0", "redis://***@host/0"),
            ("redis://me:hu@sh/x@host/0", "redis://***@host/0"),
            (
                "postgres://me:hush@host/db?password=hush&sslmode=require",
                "postgres://***@host/db?password=***&sslmode=require",
            ),
            ("x://host?auth_token=hush", "x://host?auth_token=***"),
            ("postgres://host/db?listen=postgres%3A%2F%2Fme%3Ahush%40a%2Fdb", "postgres://host/db?listen=***"),
            ("file:./stayput-data", "file:./stayput-data"),
            ("stayput://127.0.0.1:7717", "stayput://127.0.0.1:7717"),
        ] {
            let hidden: Hidden = url.parse().expect("any text");
            assert_eq!((hidden.to_string().as_str(), format!("{hidden:?}").as_str()), (shown, shown));
            let sentence = format!("unexpected argument '{url}' found, é");
            assert_eq!(redacted(&sentence), format!("unexpected argument '{shown}' found, é"));
        }
    }
}
