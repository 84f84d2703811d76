//! Answers as the bytes that hyper would write.
use crate::answer::{self, Response};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use hyper::header::{CONTENT_LENGTH, DATE};
use stayput::{Assignment, Key, Timestamp};
use std::{
    cell::RefCell,
    time::{Duration, SystemTime},
};

thread_local! {
    /// The second that was written last, and how; and room for the next body.
    static DATE_OF: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
    static BODY: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Where an answer goes.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) out: &'a mut Vec<u8>,
    /// Whether the connection is closed behind it.
    pub(super) last: bool,
}

impl Answer<'_> {
    /// 200 and what is held.
    pub(super) fn record(&mut self, key: &Key, held: &Assignment, now: Timestamp) {
        BODY.with_borrow_mut(|body| {
            body.clear();
            answer::write_record(key, held, body);
            self.out.extend_from_slice(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\netag: ");
            answer::write_tag(held, self.out);
            self.out.extend_from_slice(b"\r\n");
            self.finish(body, now);
        });
    }

    /// A whole answer of any route; false, and nothing, if its body has to be waited for.
    pub(super) fn response(&mut self, response: Response, now: Timestamp) -> bool {
        let (head, body) = response.into_parts();
        let Some(Ok(body)) = body.collect().now_or_never() else { return false };
        let (status, reason) = (head.status.as_str(), head.status.canonical_reason().unwrap_or_default());
        for part in ["HTTP/1.1 ", status, " ", reason, "\r\n"] {
            self.out.extend_from_slice(part.as_bytes());
        }
        for (name, value) in head.headers.iter().filter(|(name, _)| **name != CONTENT_LENGTH && **name != DATE) {
            self.out.extend_from_slice(name.as_ref());
            self.out.extend_from_slice(b": ");
            self.out.extend_from_slice(value.as_bytes());
            self.out.extend_from_slice(b"\r\n");
        }
        self.finish(&body.to_bytes(), now);
        true
    }

    fn finish(&mut self, body: &[u8], now: Timestamp) {
        if self.last {
            self.out.extend_from_slice(b"connection: close\r\n");
        }
        self.out.extend_from_slice(b"content-length: ");
        answer::write_number(body.len() as u64, self.out);
        self.out.extend_from_slice(b"\r\ndate: ");
        DATE_OF.with_borrow_mut(|(second, text)| {
            let this = now.as_millis() / 1_000;
            if *second != this || text.is_empty() {
                *second = this;
                *text = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(this));
            }
            self.out.extend_from_slice(text.as_bytes());
        });
        self.out.extend_from_slice(b"\r\n\r\n");
        self.out.extend_from_slice(body);
    }
}
