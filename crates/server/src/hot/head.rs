//! Which requests are plain.
use httparse::{Request, Status};
use std::mem::MaybeUninit;

/// What a buffer begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Head<'a> {
    /// A whole plain request.
    Plain(Plain<'a>),
    /// A plain request whose body has not come yet.
    Incomplete,
    /// A part of the head of what may become one.
    Cut,
    /// Something else.
    Other,
}

/// A plain request for something under `/v1/users/`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plain<'a> {
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    /// Of a `PUT`; a `GET` has none.
    pub(super) body: Option<&'a [u8]>,
    /// Of all of it, in bytes.
    pub(super) length: usize,
}

/// Header fields that mean nothing to any answer; a request with another one is not plain.
const MEANINGLESS: [&str; 11] = [
    "host",
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "content-type",
    "pragma",
    "traceparent",
    "tracestate",
    "user-agent",
    "x-forwarded-for",
];
const FIELDS: usize = 24;

/// Looks at what `bytes` begin with.
pub(super) fn parse(bytes: &[u8]) -> Head<'_> {
    let puts = bytes.starts_with(b"PUT /v1/users/");
    if !puts && !bytes.starts_with(b"GET /v1/users/") {
        return Head::Other;
    }
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS];
    let mut request = Request::new(&mut []);
    let head = match request.parse_with_uninit_headers(bytes, &mut fields) {
        Ok(Status::Complete(head)) => head,
        Ok(Status::Partial) => return Head::Cut,
        Err(_) => return Head::Other,
    };
    let Some(target) = request.path.filter(|target| request.version == Some(1) && is_ordinary(target)) else {
        return Head::Other;
    };
    let mut length = None;
    for field in request.headers.iter() {
        if field.name.eq_ignore_ascii_case("content-length") && length.is_none() {
            length = number(field.value);
            if length.is_none() {
                return Head::Other;
            }
        } else if field.name.eq_ignore_ascii_case("connection") {
            if !field.value.eq_ignore_ascii_case(b"keep-alive") {
                return Head::Other;
            }
        } else if !MEANINGLESS.iter().any(|known| field.name.eq_ignore_ascii_case(known)) {
            return Head::Other;
        }
    }
    let length = head.saturating_add(length.unwrap_or(0));
    let body = match bytes.get(head..length) {
        Some(body) if puts || body.is_empty() => puts.then_some(body),
        None if puts && length <= super::LARGEST => return Head::Incomplete,
        _ => return Head::Other,
    };
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    Head::Plain(Plain { path, query, body, length })
}

/// Whether no part of it means something to a parser of addresses: no fragment, nothing that needs an escape.
fn is_ordinary(target: &str) -> bool {
    target.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~%?=&+:@,!$'()*;".contains(&byte))
}

fn number(digits: &[u8]) -> Option<usize> {
    let digits = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Head, Plain, parse};

    const GET: &str = "GET /v1/users/u/campaigns/c HTTP/1.1\r\n";

    #[test]
    fn a_plain_read_and_a_plain_write_are_taken_whole() {
        let get = format!("{GET}Host: x\r\nUser-Agent: y\r\nConnection: Keep-Alive\r\n\r\nGET");
        let plain = Plain { path: "/v1/users/u/campaigns/c", query: None, body: None, length: get.len() - 3 };
        assert_eq!(parse(get.as_bytes()), Head::Plain(plain));
        let put = "PUT /v1/users/u/campaigns/c?kind=fme HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}";
        let plain =
            Plain { path: "/v1/users/u/campaigns/c", query: Some("kind=fme"), body: Some(b"{}"), length: put.len() };
        assert_eq!(parse(put.as_bytes()), Head::Plain(plain));
        assert_eq!(parse(&put.as_bytes()[..put.len() - 1]), Head::Incomplete);
        assert_eq!(parse(&get.as_bytes()[..get.len() - 4]), Head::Cut);
    }

    #[test]
    fn whatever_is_not_listed_is_not_plain() {
        for field in [
            "If-None-Match: \"x\"",
            "Connection: close",
            "Connection: upgrade",
            "Transfer-Encoding: chunked",
            "Expect: 100-continue",
            "Content-Length: 1",
            "Content-Length: -1",
            "Content-Length: 0\r\nContent-Length: 0",
            "Upgrade: h2c",
            "X-Request-Id: x",
            "Authorization: Bearer x",
            "Range: bytes=0-1",
        ] {
            assert_eq!(parse(format!("{GET}{field}\r\n\r\nx").as_bytes()), Head::Other, "{field}");
        }
        for head in [
            "PRI * HTTP/2.0\r\n\r\n",
            "GET /v1/users/u/campaigns/c HTTP/1.0\r\n\r\n",
            "GET /v1/users/u#f HTTP/1.1\r\n\r\n",
            "GET /v1/users/\u{e9} HTTP/1.1\r\n\r\n",
            "GET http://x/v1/users/u HTTP/1.1\r\n\r\n",
            "HEAD /v1/users/u HTTP/1.1\r\n\r\n",
            "DELETE /v1/users/u HTTP/1.1\r\n\r\n",
            "PUT /v1/users/u HTTP/1.1\r\nContent-Length: 9000\r\n\r\n",
            "PUT /v1/users/u HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        ] {
            assert_eq!(parse(head.as_bytes()), Head::Other, "{head}");
        }
    }
}
