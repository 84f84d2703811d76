//! `stayput://`: a live server as a store, also when the network fails.
#[path = "support/live.rs"]
mod live;

use live::Live;
use stayput::{
    AssignmentStore, AssignmentStoreExt, ClaimId, Clock, Cursor, ErrorKind, Key, Kind, Name, Offer, Outcome, ScanStore,
    Scope, SystemClock, User,
};
use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

fn key(user: &str) -> Key {
    Key::new(&Scope::default(), Kind::Classic, user, "c").expect("legal")
}
fn offer(user: &str, variation: &str) -> Offer {
    let offer = Offer::new(key(user), ClaimId::random().expect("random"), SystemClock.now());
    offer.offering(Name::variation(variation).expect("legal"))
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_of_any_length_are_answered_in_order() {
    let live = Live::start();
    let store = stayput::open(&live.store()).await.expect("a store");
    let offers: Vec<Offer> = (0..2_500).map(|user| offer(&user.to_string(), &format!("V{user}"))).collect();
    let claimed = store.claim(&offers).await.expect("claimed");
    assert!(claimed.iter().all(|claimed| claimed.outcome == Outcome::Created));
    let mut keys: Vec<Key> = offers.iter().rev().map(|offer| offer.key.clone()).collect();
    keys.insert(7, key("nobody"));
    let held = store.get(&keys).await.expect("read");
    for (key, held) in keys.iter().zip(&held) {
        let expected = (key.user_id() != "nobody").then(|| format!("V{}", key.user_id()));
        assert_eq!(held.as_ref().map(|held| held.variation.to_string()), expected);
    }
    assert_eq!(held.len(), keys.len());
    let (mut seen, mut after) = (0, None);
    loop {
        let page = store.scan(None, after.as_ref(), 5_000).await.expect("a page");
        seen += page.entries.len();
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, 2_500);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_reaches_the_store() {
    let live = Live::start();
    let store = stayput::open(&format!("{}?retention=1h", live.store())).await.expect("a store");
    let claimed = store.claim_one(&offer("a b/ü", "A")).await.expect("claimed");
    assert!(claimed.held.is_some_and(|held| held.expires_at.is_some()), "retention travels with the offer");
    let user = User::new(&Scope::default(), "a b/ü").expect("legal");
    let mut entries = store.user(&user).await.expect("read");
    assert_eq!(entries.len(), 1);
    entries[0].assignment.variation = Name::variation("put").expect("legal");
    store.put(&entries).await.expect("put");
    assert_eq!(store.get_one(&key("a b/ü")).await.expect("read"), Some(entries[0].assignment.clone()));
    store.remove(&[key("a b/ü")]).await.expect("removed");
    assert_eq!(store.get_one(&key("a b/ü")).await.expect("read"), None);
    store.put(&entries).await.expect("put");
    assert_eq!(store.erase(&user).await.expect("erased"), 1);
    assert_eq!(store.erase(&user).await.expect("erased"), 0);
    store.flush().await.expect("flushed");
    assert!(store.get(&[]).await.expect("nothing").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_keep_their_kind() {
    let live = Live::start();
    let store = stayput::open(&live.store()).await.expect("a store");
    let corrupt = store.scan(None, Some(&Cursor(vec![1])), 1).await.expect_err("no cursor of this store");
    assert_eq!(corrupt.kind(), ErrorKind::Corrupt, "{corrupt}");
    let twice = store.claim(&[offer("u", "A"), offer("u", "A")]).await.expect_err("twice the same key");
    assert_eq!((twice.kind(), twice.field()), (ErrorKind::Invalid, Some("records")));
    drop(live);
    let gone = store.get_one(&key("u")).await.expect_err("no server");
    assert_eq!(gone.kind(), ErrorKind::Unavailable, "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_is_a_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("stayput://{}?timeout=50ms", silent.local_addr().expect("an address"));
    let store = stayput::open(&url).await.expect("a store");
    let error = store.claim_one(&offer("u", "A")).await.expect_err("nobody answers");
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn something_else_than_stayput_is_refused_and_never_absence() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = other.local_addr().expect("an address");
    thread::spawn(move || {
        for mut stream in other.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
        }
    });
    let store = stayput::open(&format!("stayput://{address}")).await.expect("a store");
    let error = store.get_one(&key("u")).await.expect_err("that is no Stayput");
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
}

/// The connection breaks after the server has stored the second claim and before its answer arrives.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_whose_answer_is_lost_is_repeated_and_told_the_same() {
    let live = Live::start();
    let connections = Arc::new(AtomicUsize::new(0));
    let proxy = losing_the_second_answer(live.address, connections.clone());
    let store = stayput::open(&format!("stayput://{proxy}")).await.expect("a store");
    assert_eq!(store.claim_one(&offer("first", "A")).await.expect("claimed").outcome, Outcome::Created);
    let offer = offer("second", "A").bringing([Name::goal("x").expect("legal")]);
    let claimed = store.claim_one(&offer).await.expect("claimed");
    assert_eq!((claimed.outcome, claimed.new_goals.len()), (Outcome::Created, 1), "it won, whatever the network did");
    assert_eq!(claimed.held.map(|held| held.revision), Some(1), "the repeat changed nothing");
    assert_eq!(connections.load(Ordering::Relaxed), 2, "the first connection broke");
}

/// A proxy whose first connection swallows the second answer and closes.
fn losing_the_second_answer(server: SocketAddr, connections: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let first = connections.fetch_add(1, Ordering::Relaxed) == 0;
            let server = TcpStream::connect(server).expect("a server");
            let (mut from_client, mut to_server) =
                (client.try_clone().expect("cloned"), server.try_clone().expect("cloned"));
            thread::spawn(move || std::io::copy(&mut from_client, &mut to_server));
            thread::spawn(move || answers(server, client, if first { 1 } else { usize::MAX }));
        }
    });
    address
}

/// Passes `passed` answers on; each is small enough to come in one read.
fn answers(mut server: TcpStream, mut client: TcpStream, passed: usize) {
    server.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let mut buffer = vec![0; 64 * 1024];
    for _ in 0..passed {
        match server.read(&mut buffer) {
            Ok(length) if length > 0 => client.write_all(&buffer[..length]).expect("the client reads"),
            _ => return,
        }
    }
    let _ = server.read(&mut buffer);
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}
