//! The HTTP client: one pool of connections for tracking calls and settings.
use crate::calls::HttpCall;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, StatusCode, Uri,
    header::{CONTENT_TYPE, HeaderValue},
};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, RootCertStore};
use stayput::{Error, ErrorKind, Result};
use std::{error::Error as StdError, sync::Arc, time::Duration};

/// The largest settings file that is read.
const LARGEST: usize = 64 << 20;

#[derive(Debug)]
pub(crate) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

impl Http {
    /// For `endpoint`, scheme and host; over TLS it trusts whom this machine trusts.
    pub(crate) fn new(endpoint: &str, timeout: Duration) -> Result<Self> {
        let uri: Option<Uri> = endpoint.parse().ok();
        let uri = uri.filter(|uri| uri.authority().is_some() && uri.query().is_none());
        let tls = match uri.as_ref().and_then(Uri::scheme_str) {
            Some("https") => true,
            Some("http") => false,
            _ => {
                let message =
                    "an endpoint is given as scheme and host, for example https://dev.visualwebsiteoptimizer.com";
                return Err(Error::invalid("endpoint", message));
            }
        };
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed("TLS cannot be set up").with_source(error))?;
        let config = match tls {
            true => config
                .with_native_roots()
                .map_err(|error| failed("the certificates of this machine cannot be read").with_source(error))?,
            false => config.with_root_certificates(RootCertStore::empty()),
        };
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.enforce_http(false);
        let https = HttpsConnectorBuilder::new().with_tls_config(config.with_no_client_auth());
        let https = https.https_or_http().enable_http1().wrap_connector(connector);
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_timer(TokioTimer::new()).pool_idle_timeout(Duration::from_secs(60));
        Ok(Self { client: client.build(https), timeout })
    }

    /// Makes `call`; any answer but a 2xx is a failure.
    pub(crate) async fn send(&self, call: &HttpCall) -> Result<()> {
        let body = call.body.clone().unwrap_or_default();
        let method = if call.body.is_some() { Method::POST } else { Method::GET };
        let mut request = Request::builder().method(method).uri(quoted(&call.url));
        for (name, value) in &call.headers {
            // What no header can carry is left out: it stands in the query as well.
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                request = request.header(*name, value);
            }
        }
        self.exchange(request.body(body.into()).map_err(unusable)?).await.map(drop)
    }

    /// The JSON text at `url`.
    pub(crate) async fn json(&self, url: &str) -> Result<Bytes> {
        let request = Request::get(quoted(url)).body(Full::default()).map_err(unusable)?;
        let (is_json, body) = self.exchange(request).await?;
        if is_json { Ok(body) } else { Err(failed("the answer is not application/json")) }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(bool, Bytes)> {
        let answered = tokio::time::timeout(self.timeout, async {
            let response = self.client.request(request).await.map_err(|error| broken(error.into()))?;
            let status = response.status();
            let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            let is_json = kind.starts_with("application/json");
            let body = Limited::new(response.into_body(), LARGEST).collect().await.map_err(broken)?;
            Ok((status, is_json, body.to_bytes()))
        });
        let (status, is_json, body) = answered.await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Timeout, "http", format!("no answer within {:?}", self.timeout)))
        })?;
        match status {
            status if status.is_success() => Ok((is_json, body)),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(Error::new(ErrorKind::Refused, "http", format!("the server answered {status}")))
            }
            _ => Err(failed(format!("the server answered {status}"))),
        }
    }
}

/// The official SDK leaves quotes in a query as they are; this client's library does not send them so. Whoever reads
/// the query finds the same.
fn quoted(url: &str) -> String {
    url.replace('"', "%22")
}

fn broken(cause: Box<dyn StdError + Send + Sync>) -> Error {
    failed("the server cannot be reached, or the connection broke").with_source(cause)
}
fn unusable(cause: hyper::http::Error) -> Error {
    failed("the request cannot be written").with_source(cause)
}
fn failed(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Unavailable, "http", message)
}
