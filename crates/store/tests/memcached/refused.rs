//! What cannot be opened, and what cannot be done: one clear sentence each.
use super::{
    network::Offers,
    servers::{nodes, open},
};
use stayput::ErrorKind;

async fn says(url: &str, kind: ErrorKind, what: &str) {
    let error = stayput::open(url).await.map(drop).expect_err(url);
    let told = error.to_string();
    assert!(
        error.kind() == kind && told.contains(what) && !told.contains('\n') && told.len() < 400,
        "{url}: {error:?}"
    );
}

pub(crate) async fn what_cannot_be_opened_says_why_in_one_sentence(url: String) {
    use ErrorKind::{Invalid, Refused, Unavailable};
    let node = *nodes(&url).first().expect("a node");
    for (url, kind, what) in [
        (format!("memcached://{node}"), Refused, "?evictable=accepted"),
        (format!("memcached://{node}?evictable=yes"), Invalid, "can only be accepted"),
        ("memcached:a?evictable=accepted".into(), Invalid, "two slashes"),
        ("memcached://?evictable=accepted".into(), Invalid, "host or host:port"),
        ("memcached://a:many?evictable=accepted".into(), Invalid, "host or host:port"),
        ("memcached://a,A:11211?evictable=accepted".into(), Invalid, "named once"),
        ("memcached://me:s3cret@a?evictable=accepted".into(), Invalid, "neither logins"),
        (format!("memcached://{node}?evictable=accepted&prefix=a%20b"), Invalid, "prefix must be"),
        (format!("memcached://{node}?evictable=accepted&sticky=1"), Invalid, "no option \"sticky\""),
        ("memcached://127.0.0.1:1?evictable=accepted".into(), Unavailable, "127.0.0.1:1 cannot be reached"),
    ] {
        says(&url, kind, what).await;
    }
    // One that is away when another answers keeps nobody from starting.
    drop(open(&format!("memcached://{node},127.0.0.1:1?evictable=accepted")).await);
}

pub(crate) async fn what_needs_a_list_is_refused_by_name(url: String) {
    let store = open(&url).await;
    let user = Offers::new().of("somebody").key.user().clone();
    let errors = [
        store.user(&user).await.map(drop),
        store.erase(&user).await.map(drop),
        store.scan(None, None, 1).await.map(drop),
    ];
    for error in errors {
        let error = error.expect_err("it has no list");
        assert_eq!((error.kind(), error.store()), (ErrorKind::Refused, Some("memcached")), "{error}");
    }
}
