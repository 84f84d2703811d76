//! `x-request-id`: what a request and everything that is said about it have in common.
//!
//! Taken from the request if it is one, made otherwise, and only when somebody asks for it: the hot path has none to
//! pay for.
use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};
use std::{
    cell::OnceCell,
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

/// The header, both ways.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that is taken from a request.
const LONGEST: usize = 64;

tokio::task_local! {
    static CURRENT: OnceCell<HeaderValue>;
}

/// The id that the request brought, if it is one.
pub(crate) fn given(headers: &HeaderMap) -> Option<HeaderValue> {
    let given = headers.get(HEADER)?;
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let right = (1..=LONGEST).contains(&given.len()) && given.as_bytes().iter().all(legal);
    right.then(|| given.clone())
}

/// Does `work` as the request `given`, or as a new one.
pub(crate) fn with<F: Future>(given: Option<HeaderValue>, work: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(given.map(OnceCell::from).unwrap_or_default(), work)
}

/// The id of the request that is being answered here.
pub(crate) fn current() -> Option<HeaderValue> {
    CURRENT.try_with(|id| id.get_or_init(made).clone()).ok()
}

/// The same for a line of the log.
pub(crate) fn shown() -> impl fmt::Display {
    struct Shown(Option<HeaderValue>);
    impl fmt::Display for Shown {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0.as_ref().and_then(|id| id.to_str().ok()).unwrap_or("none"))
        }
    }
    Shown(current())
}

/// Unique in this process, and very likely among all: its start is random.
fn made() -> HeaderValue {
    static PROCESS: LazyLock<u32> = LazyLock::new(|| RandomState::new().hash_one("stayput") as u32);
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let id = format!("{:08x}{:08x}", *PROCESS, NEXT.fetch_add(1, Relaxed));
    HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("none"))
}

#[cfg(test)]
mod tests {
    use super::{HEADER, given};
    use hyper::{HeaderMap, header::HeaderValue};

    #[test]
    fn only_short_and_harmless_ids_are_taken() {
        let taken = |id: &[u8]| {
            let id = HeaderValue::from_bytes(id).expect("a header");
            given(&HeaderMap::from_iter([(HEADER, id)])).is_some()
        };
        for right in ["a", "0af7651916cd43dd8448eb211c80319c", "a.b_c-D", &"x".repeat(64)] {
            assert!(taken(right.as_bytes()), "{right}");
        }
        for wrong in ["", "a b", "a=b", "\"", "<script>", "é", &"x".repeat(65)] {
            assert!(!taken(wrong.as_bytes()), "{wrong}");
        }
    }
}
