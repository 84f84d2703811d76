//! VWO's servers, as far as a client sees them: an HTTP server that keeps what it is told.
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, sync::Notify};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

type Script = dyn FnMut(&Received) -> (u16, String) + Send;

#[derive(Clone)]
pub(crate) struct Collector {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
    script: Arc<Mutex<Box<Script>>>,
    news: Arc<Notify>,
}

impl Collector {
    /// Accepts everything, until it is told otherwise.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let collector = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            received: Arc::default(),
            script: Arc::new(Mutex::new(Box::new(|_| (200, String::new())))),
            news: Arc::default(),
        };
        let server = collector.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                let service = service_fn(move |request| server.clone().answer(request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        collector
    }
    /// Answers with a status and a body from now on.
    pub(crate) fn script(&self, script: impl FnMut(&Received) -> (u16, String) + Send + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
    /// Everything once there are `count`, or more.
    pub(crate) async fn first(&self, count: usize) -> Vec<Received> {
        loop {
            let news = self.news.notified();
            let received = self.received();
            if received.len() >= count {
                return received;
            }
            news.await;
        }
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<bytes::Bytes>>, Infallible> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let header = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        let received = Received {
            method: parts.method.to_string(),
            target: parts.uri.to_string(),
            headers: parts.headers.iter().map(header).collect(),
            body: String::from_utf8(body.to_vec()).unwrap(),
        };
        let (status, body) = (self.script.lock().unwrap())(&received);
        self.received.lock().unwrap().push(received);
        self.news.notify_one();
        let response = Response::builder().status(status).header("content-type", "application/json; charset=utf-8");
        Ok(response.body(Full::from(body)).unwrap())
    }
}
