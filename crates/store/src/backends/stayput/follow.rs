//! News of changes: an answer of the server that does not end, one line a change, an empty one while nothing happens.
use super::Stayput;
use crate::{Change, Changes, Error, ErrorKind, Feed, Result, User, changes};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::timeout;

/// The server writes at least each second.
const SILENCE: Duration = Duration::from_secs(5);
/// The longest line that a change needs, generously.
const LINE: usize = 16 * 1024;

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    User(User),
    #[expect(dead_code, reason = "its presence says all")]
    Everything {
        everything: bool,
    },
}

impl Stayput {
    /// What anybody changes through the server, and what its store tells it, from now on.
    pub fn changes(&self) -> Changes {
        let store = self.clone();
        changes::follow(move |feed| store.clone().listen(feed))
    }

    async fn listen(self, feed: Feed) -> Result<()> {
        let request = Request::get(format!("http://{}/v1/changes", self.host)).body(Full::new(Bytes::new()));
        let request = request.map_err(|error| self.lost().with_source(error))?;
        let answer = timeout(self.timeout, self.client.request(request)).await.map_err(|_| self.lost())?;
        let answer = answer.map_err(|error| self.lost().with_source(error))?;
        if answer.status() != StatusCode::OK {
            let message = format!("{} tells no changes: it answered {}", self.server, answer.status());
            return Err(Error::new(ErrorKind::Refused, "stayput", message));
        }
        feed.tell(Change::Everything);
        let (mut body, mut begun) = (answer.into_body(), Vec::new());
        loop {
            let frame = timeout(SILENCE, body.frame()).await.map_err(|_| self.lost())?;
            let Some(frame) = frame else { return Ok(()) };
            let Ok(bytes) = frame.map_err(|error| self.lost().with_source(error))?.into_data() else { continue };
            for part in bytes.split_inclusive(|byte| *byte == b'\n') {
                begun.extend_from_slice(part);
                if part.ends_with(b"\n") {
                    self.line(&begun, &feed)?;
                    begun.clear();
                }
            }
            if begun.len() > LINE {
                return Err(self.unreadable());
            }
        }
    }

    fn line(&self, line: &[u8], feed: &Feed) -> Result<()> {
        match line.trim_ascii() {
            [] => {}
            line => match serde_json::from_slice(line).map_err(|_| self.unreadable())? {
                Line::User(user) => feed.tell(Change::User(user)),
                Line::Everything { .. } => feed.tell(Change::Everything),
            },
        }
        Ok(())
    }
    fn lost(&self) -> Error {
        Error::new(ErrorKind::Unavailable, "stayput", format!("{} tells no changes for now", self.server))
    }
    fn unreadable(&self) -> Error {
        let message = format!("{} told a change that this version cannot read", self.server);
        Error::new(ErrorKind::Corrupt, "stayput", message)
    }
}
