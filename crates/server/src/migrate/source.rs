//! Where assignments come from, batch by batch, and where in it to go on.
use super::{strings::Strings, text::Text};
use serde::{Deserialize, Serialize};
use stayput::{Cursor, Key, Offer, Page, Result, ScanStore, Scope};
use std::{fmt, sync::Arc};

/// How many assignments one batch holds, about.
pub(crate) const BATCH: usize = 1_000;

/// One of them.
#[derive(Debug)]
pub(crate) enum Source {
    /// A store, all scopes or one.
    Store { store: Arc<dyn ScanStore>, scope: Option<Scope>, next: Option<Cursor>, ended: bool },
    /// NDJSON or CSV.
    Text(Box<Text>),
    /// Plain strings in Redis.
    Strings(Strings),
}

/// Behind what has been moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Position {
    /// In a store.
    After(Cursor),
    /// In a file.
    Text { bytes: u64, lines: u64 },
    /// In a Redis, for as long as that lives.
    Keys { life: Option<String>, cursor: u64 },
}

/// Some of it.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) found: Vec<Found>,
    pub(crate) wrong: Vec<Wrong>,
    /// What is there but does not belong to the layout.
    pub(crate) others: u64,
    /// How far this came: assignments, bytes or keys.
    pub(crate) steps: u64,
    /// Behind it; `None` behind the last, or where nobody can go on.
    pub(crate) position: Option<Position>,
}

/// An assignment and where it stood.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) at: At,
    pub(crate) offer: Offer,
}

/// What could not be read, and why.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) at: At,
    pub(crate) why: String,
}

/// A place that tells no user, and what does tell.
#[derive(Clone)]
pub(crate) enum At {
    /// Of a file, from 1.
    Line(u64),
    /// A key of a store.
    Key(Option<Key>),
    /// A key of something else.
    Name(Vec<u8>),
}

impl Source {
    /// The next batch; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Batch>> {
        match self {
            Self::Text(text) => text.next(),
            Self::Strings(strings) => strings.next().await,
            Self::Store { ended: true, .. } => Ok(None),
            Self::Store { store, scope, next, ended } => {
                let page = store.scan(scope.as_ref(), next.as_ref(), BATCH).await?;
                *ended = page.next.is_none();
                next.clone_from(&page.next);
                Ok(Some(Batch::of(page)))
            }
        }
    }
    /// Goes on behind `position`; false if that means nothing any more, and it begins anew.
    pub(crate) async fn resume(&mut self, position: &Position) -> Result<bool> {
        match (self, position) {
            (Self::Store { next, .. }, Position::After(cursor)) => {
                *next = Some(cursor.clone());
                Ok(true)
            }
            (Self::Text(text), Position::Text { bytes, lines }) => text.resume(*bytes, *lines).map(|()| true),
            (Self::Strings(strings), Position::Keys { life, cursor }) => strings.resume(life.as_deref(), *cursor).await,
            _ => Ok(false),
        }
    }
    /// Whether a position in it means something to another process.
    pub(crate) fn can_be_gone_on_with(&self) -> bool {
        match self {
            Self::Text(text) => text.is_file(),
            Self::Store { .. } | Self::Strings(_) => true,
        }
    }
    /// How many steps lie behind it, where that is known.
    pub(crate) fn begun(&self) -> u64 {
        match self {
            Self::Text(text) => text.bytes(),
            Self::Store { .. } | Self::Strings(_) => 0,
        }
    }
    /// Whether the next batch is still the next one after an error.
    pub(crate) fn may_be_asked_again(&self) -> bool {
        !matches!(self, Self::Text(_))
    }
    /// How many steps there are, if that is known without going through everything.
    pub(crate) async fn size(&self) -> Option<u64> {
        match self {
            Self::Store { .. } => None,
            Self::Text(text) => text.size(),
            Self::Strings(strings) => strings.count().await.ok(),
        }
    }
}

impl Batch {
    fn of(page: Page) -> Self {
        let Page { entries, unreadable, next } = page;
        let steps = (entries.len() + unreadable.len()) as u64;
        let found = entries.into_iter().map(|entry| {
            let at = At::Key(Some(entry.key.clone()));
            Found { at, offer: Offer::carrying(entry) }
        });
        let wrong = unreadable.into_iter().map(|it| Wrong { at: At::Key(it.key), why: it.why });
        let (found, wrong) = (found.collect(), wrong.collect());
        Self { found, wrong, others: 0, steps, position: next.map(Position::After) }
    }
}

impl At {
    /// With the user, for those who asked for that.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Key(Some(key)) => format!("user {:?} in campaign {:?}", key.user_id(), key.campaign()),
            Self::Name(name) => format!("key {:?}", String::from_utf8_lossy(name)),
            other => other.to_string(),
        }
    }
}

/// Without the user.
impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Key(Some(key)) => {
                let hash = crate::doctor::hash(&stayput::codec::encode_key(key));
                write!(f, "key {hash} in campaign {:?}", key.campaign())
            }
            Self::Key(None) => f.write_str("a key that cannot be read"),
            Self::Name(name) => write!(f, "key {}", crate::doctor::hash(name)),
        }
    }
}
impl fmt::Debug for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
