//! Several addresses, Unix sockets, and HTTP/1.1 and h2c on each.
#[path = "support/live.rs"]
mod live;

use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use live::Binary;
use stayput::AssignmentStoreExt;
use std::{
    fs,
    io::{Read, Write},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::Path,
    process::Command,
    thread,
};

fn ask(path: &Path) -> String {
    let mut stream = UnixStream::connect(path).expect("a socket");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

fn refused(listen: &str) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_stayput"))
        .args(["serve", "--store", "memory:", "--listen", listen])
        .output()
        .expect("the binary");
    (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
}

#[tokio::test]
async fn every_address_answers_both_versions_of_http() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("stayput.sock");
    let unix = format!("unix:{}", path.display());
    let listen = ["--store", "memory:", "--listen", "127.0.0.1:0", "--listen", "localhost:0", "--listen", &unix];
    let binary = Binary::with(&listen, &[]);
    assert_eq!(binary.told().matches("http://").count(), 2, "{}", binary.told());
    assert_eq!(binary.call("GET", "/healthz", "").status, 200);
    assert!(ask(&path).starts_with("HTTP/1.1 200"));
    let stream = tokio::net::UnixStream::connect(&path).await.expect("a socket");
    let client = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut client, connection) = client.expect("h2c");
    tokio::spawn(connection);
    let request = hyper::Request::get("http://x/healthz").body(Empty::<bytes::Bytes>::new()).expect("a request");
    let answer = client.send_request(request).await.expect("an answer");
    assert_eq!((answer.version(), answer.status().as_u16()), (hyper::Version::HTTP_2, 200));
    assert_eq!(answer.into_body().collect().await.expect("a body").to_bytes(), r#"{"status":"ok"}"#);
}

#[test]
fn as_many_threads_answer_as_were_asked_for() {
    // One alone is the main thread.
    for (threads, workers) in [(1, 0), (2, 2), (5, 5)] {
        let binary = Binary::with(&["--store", "memory:", "--threads", &threads.to_string()], &[]);
        assert_eq!(binary.call("GET", "/healthz", "").status, 200);
        // A thread has its name from the moment on that it first runs.
        while binary.workers() < workers {
            thread::yield_now();
        }
        assert_eq!(binary.workers(), workers);
    }
}

#[test]
fn a_unix_socket_has_its_mode_and_goes_with_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("stayput.sock");
    let listen = format!("unix:{}", path.display());
    for (arguments, mode) in [(vec![], 0o660), (vec!["--socket-mode", "600"], 0o600)] {
        let binary = Binary::with(&[&["--store", "memory:", "--listen", &listen], &*arguments].concat(), &[]);
        assert_eq!(fs::metadata(&path).expect("a socket").permissions().mode() & 0o777, mode);
        binary.signal("TERM");
        assert_eq!(binary.ended().0, Some(0));
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is left");
    }
}

#[test]
fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("stayput.sock");
    drop(UnixListener::bind(&path).expect("a stale socket"));
    let listen = format!("unix:{}", path.display());
    let binary = Binary::with(&["--store", "memory:", "--listen", &listen], &[]);
    assert!(ask(&path).starts_with("HTTP/1.1 200"));
    let inode = fs::metadata(&path).expect("a socket").ino();
    let (code, said) = refused(&listen);
    assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("another process listens there"), "{said}");
    assert_eq!(fs::metadata(&path).expect("a socket").ino(), inode, "it is still the first one's");
    drop(binary); // kill -9
    let again = Binary::with(&["--store", "memory:", "--listen", &listen], &[]);
    assert!(ask(&path).starts_with("HTTP/1.1 200"));
    drop(again);
}

#[test]
fn what_is_no_socket_is_never_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("data");
    fs::write(&path, "precious").expect("written");
    let (code, said) = refused(&format!("unix:{}", path.display()));
    assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("something else than a socket"), "{said}");
    assert_eq!(fs::read_to_string(&path).expect("there"), "precious");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unix_socket_is_a_store_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a socket.sock");
    let _binary = Binary::with(&["--store", "memory:", "--listen", &format!("unix:{}", path.display())], &[]);
    let url = format!("stayput+unix:{}?timeout=10s", path.display().to_string().replace(' ', "%20"));
    let store = stayput::open(&url).await.expect("a store");
    let key = stayput::Key::new(&stayput::Scope::default(), stayput::Kind::Classic, "u", "c").expect("legal");
    let claim = stayput::ClaimId::random().expect("random");
    let offer = stayput::Offer::new(key.clone(), claim, stayput::Timestamp::from_millis(1));
    let offer = offer.offering(stayput::Name::variation("A").expect("legal"));
    assert_eq!(store.claim_one(&offer).await.expect("claimed").outcome, stayput::Outcome::Created);
    assert!(store.get_one(&key).await.expect("read").is_some());
    let gone = stayput::open("stayput+unix:/nowhere/x.sock").await.expect("nothing is sent yet");
    let error = gone.get_one(&key).await.expect_err("nobody is there");
    assert_eq!(error.kind(), stayput::ErrorKind::Unavailable);
    assert!(error.to_string().contains("/nowhere/x.sock cannot be reached"), "{error}");
}
