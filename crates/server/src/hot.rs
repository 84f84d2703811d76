//! The short cut of the wire: a plain `GET` or `PUT` of one assignment is answered from the connection's own buffer.
//!
//! What is plain is listed, and everything else (h2, other routes, unknown header fields, requests that come in pieces,
//! large or chunked bodies) goes to hyper, with the bytes read so far, and the connection stays there. Both ways call
//! the same functions and answer the same.
use crate::{
    failure::Failure,
    front::Front,
    metrics::{Method, Route},
    place::Place,
    request_id,
    routes::assignment,
};
use axum::{body::Body, response::IntoResponse};
use head::{Head, Plain};
use hyper::{StatusCode, Uri};
use std::{io, pin::pin};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::watch,
};

mod head;
mod rewound;
mod write;

pub(crate) use rewound::Rewound;
use write::Answer;

/// What is kept free for reading.
const ROOM: usize = 512;
/// Most that a request, or a few that came together, may have; a larger one is hyper's.
const LARGEST: usize = 8 * 1024;
/// Answers that are collected before they are written.
const COLLECTED: usize = 64 * 1024;

/// Whose a connection is now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Nobody's: it ended, or nothing was under way when the server stopped.
    Closed,
    /// hyper's, which begins with these bytes.
    Over(Vec<u8>),
}

impl Front {
    /// Answers plain requests until another one comes or `stop` changes.
    pub(crate) async fn hot<S>(&self, stream: &mut S, stop: &mut watch::Receiver<bool>) -> io::Result<Ended>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (mut read, mut written) = (Vec::new(), Vec::new());
        let told = stop.clone();
        let mut stopping = pin!(stop.changed());
        loop {
            read.reserve(ROOM);
            tokio::select! {
                biased;
                length = stream.read_buf(&mut read) => if length? == 0 { return Ok(Ended::Closed) },
                _ = &mut stopping, if read.is_empty() => return Ok(Ended::Closed),
            }
            // Whoever is told now is told that it was the last time; what comes behind is not heard any more.
            let last = told.has_changed().unwrap_or(true);
            let (mut begin, full) = (0, read.len() == read.capacity());
            let over = loop {
                let rest = read.get(begin..).unwrap_or_default();
                if rest.is_empty() {
                    break false;
                }
                match head::parse(rest) {
                    Head::Plain(plain) if self.answer(&plain, &mut written, last).await => begin += plain.length,
                    // Perhaps it was only this buffer that cut it. Whoever dawdles is hyper's, which has the time limits.
                    Head::Cut | Head::Incomplete if full && rest.len() < LARGEST => break false,
                    _ => break true,
                }
                if written.len() > COLLECTED {
                    stream.write_all(&written).await?;
                    written.clear();
                }
            };
            stream.write_all(&written).await?;
            written.clear();
            read.drain(..begin);
            if over {
                return Ok(Ended::Over(read));
            }
            if last && begin > 0 {
                return Ok(Ended::Closed);
            }
        }
    }

    /// Appends the answer to a plain request, unless another route should look at it first.
    async fn answer(&self, plain: &Plain<'_>, written: &mut Vec<u8>, last: bool) -> bool {
        let Ok(Some(Place::Assignment(user, campaign))) = Place::parse(plain.path) else { return false };
        let uri = match plain.query {
            None => Uri::default(),
            Some(query) => match Uri::try_from(format!("/?{query}")) {
                Ok(uri) => uri,
                Err(_) => return false,
            },
        };
        let _in_flight = self.marks.request(false);
        let (place, mut answer) = ((&*user, &*campaign), Answer { out: written, last });
        match plain.body {
            None => self.get(place, &uri, &mut answer).await,
            Some(body) => self.put(place, &uri, body, &mut answer).await,
        }
    }

    async fn get(&self, place: (&str, &str), uri: &Uri, answer: &mut Answer<'_>) -> bool {
        let (_request, now) = self.app.metrics.request();
        let answered = request_id::with(None, async {
            let answered = match self.bounded(now) {
                Ok(()) => assignment::held(&self.app, place, uri).await,
                Err(failure) => Err(failure),
            };
            answered.map_err(|failure| {
                let response = failure.into_response();
                let unusual = response.status() != StatusCode::NOT_FOUND;
                self.answered(Route::Assignment, Method::Get, response, unusual)
            })
        });
        match answered.await {
            Ok((key, held)) => {
                answer.record(&key, &held, self.app.clock.now());
                self.count(Route::Assignment, Method::Get, StatusCode::OK.as_u16());
                true
            }
            Err(response) => answer.response(response, self.app.clock.now()),
        }
    }

    async fn put(&self, place: (&str, &str), uri: &Uri, body: &[u8], answer: &mut Answer<'_>) -> bool {
        request_id::with(None, async {
            let (_request, now) = self.app.metrics.request();
            let answered = match self.bounded(now) {
                Ok(()) => assignment::put(&self.app, place, uri, Body::from(body.to_vec())).await,
                Err(failure) => Err(failure),
            };
            let response = answered.unwrap_or_else(Failure::into_response);
            let response = self.answered(Route::Assignment, Method::Put, response, true);
            answer.response(response, self.app.clock.now())
        })
        .await
    }
}
