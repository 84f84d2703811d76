//! Everything of a scope as lines, page by page.
use crate::failure::{Body, Failure};
use serde::Serialize;
use stayput::{Cursor, Error, ErrorKind, Line, Page, Result, ScanStore, Scope, Unreadable};
use std::sync::Arc;

/// How many assignments one page holds.
const PAGE: usize = 500;

/// An export that goes on.
#[derive(Debug)]
pub(crate) struct Export {
    store: Arc<dyn ScanStore>,
    scope: Scope,
    next: Next,
}

#[derive(Debug)]
enum Next {
    First,
    After(Cursor),
    End,
}

/// Some lines.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    /// Whole lines, each with its line feed.
    pub(crate) text: Vec<u8>,
    /// How many are assignments.
    pub(crate) exported: u64,
    /// How many only say `{"error":…}`, where bytes could not be read: nothing is left out silently.
    pub(crate) unreadable: u64,
}

impl Export {
    /// Of `scope`, both kinds.
    pub(crate) fn new(store: Arc<dyn ScanStore>, scope: Scope) -> Self {
        Self { store, scope, next: Next::First }
    }
    /// The lines that come next; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Chunk>> {
        let after = match &self.next {
            Next::First => None,
            Next::After(cursor) => Some(cursor),
            Next::End => return Ok(None),
        };
        let page = self.store.scan(Some(&self.scope), after, PAGE).await?;
        let Page { entries, unreadable, next } = page;
        self.next = next.map_or(Next::End, Next::After);
        let mut chunk = Chunk::default();
        for entry in &entries {
            chunk.line(&Line::shown(&entry.key, &entry.assignment))?;
            chunk.exported += 1;
        }
        for unreadable in unreadable {
            chunk.line(&explained(unreadable))?;
            chunk.unreadable += 1;
        }
        Ok(Some(chunk))
    }
}

impl Chunk {
    fn line(&mut self, line: &impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut self.text, line).map_err(|error| {
            Error::new(ErrorKind::Corrupt, "export", "an assignment cannot be written as JSON").with_source(error)
        })?;
        self.text.push(b'\n');
        Ok(())
    }
}

fn explained(unreadable: Unreadable) -> Body {
    let message = format!("an assignment cannot be read: {}", unreadable.why);
    Failure::from(Error::new(ErrorKind::Corrupt, "export", message)).into_body()
}
