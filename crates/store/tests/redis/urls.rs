//! What cannot work is said at the start, in one sentence, and no password is part of it.
use crate::{
    bench::{Add, Needs, Server, Servers, url, variable},
    rewriting,
};
use stayput::{AssignmentStore, AssignmentStoreExt, ClaimId, ErrorKind, Key, Offer, ScanStore};
use std::error::Error as _;

const TLS: &str = "STAYPUT_TEST_REDIS_TLS";

pub(crate) fn tests(add: Add<'_>) {
    add("an_address_that_is_none_is_refused", Needs::Program, || Box::pin(malformed()));
    add("a_server_that_does_not_answer_is_named", Needs::Program, || Box::pin(unreachable()));
    add("credentials_and_certificates_are_checked", Needs::Server(TLS), || Box::pin(credentials()));
    add("a_server_of_another_kind_is_refused", Needs::Server("STAYPUT_TEST_REDIS_CLUSTER"), || Box::pin(other_kind()));
    add("a_server_that_is_too_old_is_refused", Needs::Server("STAYPUT_TEST_REDIS"), || Box::pin(too_old()));
    add("a_cluster_behind_tls_keeps_the_contract", Needs::Program, || Box::pin(behind_tls("redis_cluster_tls")));
    add("sentinels_and_a_master_behind_tls_keep_the_contract", Needs::Program, || {
        Box::pin(behind_tls("redis_sentinel_tls"))
    });
    add("a_server_that_may_evict_is_refused", Needs::Program, || Box::pin(evicting()));
    add("databases_and_prefixes_are_apart", Needs::Server("STAYPUT_TEST_REDIS"), || Box::pin(apart()));
}

/// The URL is turned down with an error of this kind that says this, once.
async fn refused(url: &str, kind: ErrorKind, says: &str) {
    let error = stayput::open(url).await.map(|_| ()).expect_err(url);
    let mut all = format!("{error}\n{error:?}");
    let mut source = error.source();
    while let Some(cause) = source {
        all += &format!("\n{cause}\n{cause:?}");
        source = cause.source();
    }
    assert!(!all.contains("s3cret"), "a password is shown: {all}");
    let text = error.to_string();
    assert!(text.contains(says) && error.kind() == kind && !text.contains('\n'), "{url}: {all}");
}

async fn malformed() {
    for (url, says) in [
        ("redis:localhost", "two slashes"),
        ("redis://:s3cret@localhost:many", "host:port"),
        ("redis://:s3cret@", "host:port"),
        ("redis://:s3cret@a,b", "redis+cluster"),
        ("redis://:s3cret@localhost/zero", "the database is a number"),
        ("redis+cluster://:s3cret@a,b/1", "no numbered databases"),
        ("redis+sentinel://:s3cret@a,b", "the master's name"),
        ("redis://:s3cret@localhost?prefix={a}", "prefix must be"),
        ("redis://:s3cret@localhost?evictable=yes", "evictable=accepted"),
        ("redis://:s3cret@localhost?ca=a.pem", "needs a scheme with TLS"),
        ("rediss://:s3cret@localhost?ca=/does/not/exist", "cannot be read"),
        ("rediss://:s3cret@localhost?cert=/dev/null", "together"),
        ("redis://:s3cret@localhost?timeout=soon", "timeout must be"),
        ("redis://:s3cret@localhost?sticky=1", "no option \"sticky\""),
    ] {
        refused(url, ErrorKind::Invalid, says).await;
    }
    let url = stayput::StoreUrl::parse("redis://me:s3cret@localhost?sentinel-password=s3cret").expect("a URL");
    assert!(!format!("{url:?}").contains("s3cret"));
}

async fn unreachable() {
    for scheme in ["redis", "rediss", "redis+cluster"] {
        refused(&format!("{scheme}://:s3cret@127.0.0.1:1"), ErrorKind::Unavailable, "127.0.0.1:1 cannot be reached")
            .await;
    }
    refused("redis+sentinel://:s3cret@127.0.0.1:1/m", ErrorKind::Unavailable, "").await;
    let server = Server::start(&["--requirepass", "right"]).await;
    server.signal("STOP");
    refused(&server.url("connect=200ms"), ErrorKind::Unavailable, "did not accept a connection within").await;
    server.signal("CONT");
}

async fn credentials() {
    let url = variable(TLS).expect("checked before");
    let (place, files) = url.split_once('?').expect("a CA");
    let place = place.replace("correct-horse", "s3cret");
    let host = place.rsplit('@').next().expect("a host");
    let ca = files.split('&').next().expect("a CA");
    refused(&format!("{place}?{files}"), ErrorKind::Refused, "did not accept the user or the password").await;
    refused(&format!("rediss://{host}?{files}"), ErrorKind::Refused, "did not accept the user or the password").await;
    refused(&format!("{place}?{ca}"), ErrorKind::Refused, "?cert=PATH&key=PATH").await;
    refused(&place, ErrorKind::Refused, "?ca=PATH").await;
    refused(&format!("redis://{host}"), ErrorKind::Unavailable, "cannot be reached").await;
    let blind = url.replace("stayput:correct-horse", "blind:correct-horse");
    refused(&blind, ErrorKind::Refused, "?evictable=accepted").await;
    assert!(stayput::open(&format!("{blind}&evictable=accepted")).await.is_ok());
    let elsewhere = crate::bench::open(&format!("{url}&prefix=elsewhere:")).await;
    let error = elsewhere.get_one(&crate::bench::key("user", "campaign")).await.expect_err("not ours to read");
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    if let Some(plain) = variable("STAYPUT_TEST_REDIS") {
        refused(&plain.replace("redis:", "rediss:"), ErrorKind::Unavailable, "did not accept a connection").await;
    }
}

async fn other_kind() {
    let cluster = variable("STAYPUT_TEST_REDIS_CLUSTER").expect("checked before");
    let node = cluster.trim_start_matches("redis+cluster://").split(',').next().expect("a node").to_owned();
    refused(&format!("redis://{node}"), ErrorKind::Refused, "use redis+cluster:").await;
    let Some(sentinels) = variable("STAYPUT_TEST_REDIS_SENTINEL") else { return };
    let place = sentinels.trim_start_matches("redis+sentinel://").trim_end_matches("/stayput");
    let sentinel = place.split(',').next().expect("a sentinel");
    refused(&format!("redis://{sentinel}"), ErrorKind::Refused, "use redis+sentinel:").await;
    refused(&format!("redis+sentinel://{place}/other"), ErrorKind::Unavailable, "no master").await;
    let Some(plain) = variable("STAYPUT_TEST_REDIS") else { return };
    refused(&plain.replace("redis:", "redis+cluster:"), ErrorKind::Refused, "is not a cluster").await;
    refused(&format!("{plain}/99"), ErrorKind::Refused, "no database with this number").await;
}

/// The server is not: what passes says that it is.
async fn too_old() {
    let server = variable("STAYPUT_TEST_REDIS").expect("checked before");
    let server = server.trim_start_matches("redis://").parse().expect("an address");
    let through = async |major: u8| {
        let change = move |bytes: &mut [u8]| {
            const VERSION: &[u8] = b"version\r\n$";
            let Some(at) = bytes.windows(VERSION.len()).position(|window| window == VERSION) else { return };
            let end = at
                + VERSION.len()
                + bytes[at + VERSION.len()..].iter().position(|byte| *byte == b'\n').expect("a line");
            bytes[end + 1] = major;
        };
        format!("redis://{}", rewriting::before(server, change).await)
    };
    refused(&through(b'5').await, ErrorKind::Refused, "has version 5.").await;
    drop(crate::bench::open(&through(b'9').await).await);
    // Before 6 there was no HELLO.
    let none = rewriting::before(server, |bytes| rewriting::replace(bytes, b"HELLO", b"HELLX")).await;
    refused(&format!("redis://{none}"), ErrorKind::Refused, "is older than version 6.2").await;
}

async fn behind_tls(servers: &'static str) {
    let servers = Servers::start(servers);
    let url = servers.url("timeout=20s");
    let (place, _) = url.split_once('?').expect("a CA");
    refused(place, ErrorKind::Refused, "?ca=PATH").await;
    let (one, other) = (crate::bench::open(&url).await, crate::bench::open(&url).await);
    // Some in every part of a cluster.
    let offers: Vec<Offer> = (0..300)
        .map(|user| {
            let offer = crate::bench::offer(crate::bench::key(&format!("user-{user}"), "campaign"));
            offer.offering(crate::bench::name("v")).bringing([crate::bench::name("goal")])
        })
        .collect();
    assert!(one.claim(&offers).await.expect("claims").iter().all(|claimed| claimed.won()));
    let keys: Vec<Key> = offers.iter().map(|offer| offer.key.clone()).collect();
    let held = other.get(&keys).await.expect("reads");
    assert!(held.iter().zip(&offers).all(|(held, offer)| held.as_ref().is_some_and(|held| held.by == offer.claim)));
    let rival = offers.iter().map(|offer| Offer { claim: ClaimId(7), ..offer.clone() }).collect::<Vec<_>>();
    assert!(
        other.claim(&rival).await.expect("claims").iter().all(|claimed| !claimed.won() && claimed.new_goals.is_empty())
    );
    let (mut scanned, mut next) = (0, None);
    loop {
        let page = other.scan(None, next.as_ref(), 100).await.expect("a scan");
        scanned += page.entries.len();
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(scanned, 300);
}

async fn evicting() {
    let server = Server::start(&["--maxmemory-policy", "allkeys-lru"]).await;
    refused(&server.url(""), ErrorKind::Refused, "maxmemory-policy allkeys-lru").await;
    assert!(stayput::open(&server.url("evictable=accepted")).await.is_ok());
    let server = Server::start(&["--maxmemory-policy", "volatile-ttl"]).await;
    assert!(stayput::open(&server.url("")).await.is_ok(), "nothing of ours is volatile without a retention");
    refused(&server.url("retention=1d"), ErrorKind::Refused, "maxmemory-policy volatile-ttl").await;
}

async fn apart() {
    let one = crate::bench::offer(crate::bench::key("apart", "campaign")).offering(crate::bench::name("v"));
    let prefix = crate::bench::prefix();
    for options in [format!("prefix={prefix}"), format!("prefix={prefix}x"), format!("prefix={prefix}&db=1")] {
        let store = crate::bench::open(&url("STAYPUT_TEST_REDIS", &options)).await;
        assert_eq!(store.get_one(&one.key).await.expect("a read"), None, "{options}");
        assert!(store.claim_one(&one).await.expect("a claim").won());
    }
}
