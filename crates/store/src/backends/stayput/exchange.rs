//! One question to the server and its answer, or what its failure means.
use super::{Repeat, Stayput};
use crate::{Error, ErrorKind, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
};
use serde::{Deserialize, de::DeserializeOwned};
use std::{error::Error as StdError, io};
use tokio::time::timeout;

/// Fields that errors name; those of a newer server are told in the message only.
const FIELDS: [&str; 11] = [
    "userId",
    "campaignKey",
    "variationName",
    "goalIdentifier",
    "metaData",
    "scope",
    "kind",
    "claimId",
    "records",
    "body",
    "name",
];

impl Stayput {
    /// What the server answers to `method`.
    pub(super) async fn ask<A: DeserializeOwned>(&self, method: &str, body: Bytes, repeat: Repeat) -> Result<A> {
        let answered = timeout(self.timeout, async {
            let broken = match self.exchange(method, body.clone()).await {
                Err(Broken::Connection(_)) if repeat == Repeat::Safe => self.exchange(method, body).await,
                first => first,
            };
            broken.map_err(|broken| self.explain(broken))
        });
        let (status, answer) = answered.await.unwrap_or_else(|_| {
            let message = format!("no answer from {} within {:?}", self.server, self.timeout);
            Err(Error::new(ErrorKind::Timeout, "stayput", message))
        })?;
        if status != StatusCode::OK {
            return Err(self.told(status, &answer));
        }
        serde_json::from_slice(&answer).map_err(|_| {
            let message = format!("{} answered what this version cannot read", self.server);
            Error::new(ErrorKind::Corrupt, "stayput", message)
        })
    }

    async fn exchange(&self, method: &str, body: Bytes) -> Result<(StatusCode, Bytes), Broken> {
        let uri = format!("http://{}/v1/store/{method}", self.host);
        let mut request = Request::post(uri).body(Full::new(body)).map_err(|error| Broken::Other(error.into()))?;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let response = self.client.request(request).await.map_err(|error| match error.is_connect() {
            true => Broken::Unreachable(error.into()),
            false => Broken::under(error.into()),
        })?;
        let status = response.status();
        let answer = response.into_body().collect().await.map_err(|error| Broken::under(error.into()))?;
        Ok((status, answer.to_bytes()))
    }

    fn explain(&self, broken: Broken) -> Error {
        let (message, cause) = match broken {
            Broken::Unreachable(cause) => (format!("{} cannot be reached", self.server), cause),
            Broken::Connection(cause) | Broken::Other(cause) => {
                (format!("the connection to {} broke", self.server), cause)
            }
        };
        Error::new(ErrorKind::Unavailable, "stayput", message).with_source(cause)
    }

    /// The error that the server answered.
    fn told(&self, status: StatusCode, answer: &[u8]) -> Error {
        let Ok(Answer { error: Told { kind, message, field } }) = serde_json::from_slice(answer) else {
            let message = format!("{} answered {status}, and not as a Stayput server does", self.server);
            let kind = if status.is_server_error() { ErrorKind::Unavailable } else { ErrorKind::Refused };
            return Error::new(kind, "stayput", message);
        };
        let field = FIELDS.into_iter().find(|known| Some(*known) == field.as_deref());
        let kind = match (kind.as_str(), field) {
            ("invalid", Some(field)) => return Error::invalid(field, message),
            ("invalid", None) => ErrorKind::Invalid,
            ("corrupt", _) => ErrorKind::Corrupt,
            ("timeout", _) => ErrorKind::Timeout,
            ("unavailable", _) => ErrorKind::Unavailable,
            _ => ErrorKind::Refused,
        };
        Error::new(kind, "stayput", message)
    }
}

/// Why there is no answer.
enum Broken {
    /// There was no connection.
    Unreachable(Cause),
    /// It was closed under the request, as a server closes idle ones; whether the request arrived is not known.
    Connection(Cause),
    Other(Cause),
}

type Cause = Box<dyn StdError + Send + Sync>;

impl Broken {
    fn under(cause: Cause) -> Self {
        let mut next: Option<&(dyn StdError + 'static)> = Some(&*cause);
        while let Some(error) = next {
            if is_closed(error) {
                return Self::Connection(cause);
            }
            next = error.source();
        }
        Self::Other(cause)
    }
}

fn is_closed(error: &(dyn StdError + 'static)) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let by_hyper = error.downcast_ref::<hyper::Error>();
    let by_system = error.downcast_ref::<io::Error>().map(io::Error::kind);
    by_hyper.is_some_and(|error| error.is_incomplete_message() || error.is_canceled() || error.is_closed())
        || matches!(by_system, Some(BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof))
}

#[derive(Deserialize)]
struct Answer {
    error: Told,
}

#[derive(Deserialize)]
struct Told {
    kind: String,
    message: String,
    field: Option<String>,
}
