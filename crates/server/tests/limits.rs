//! What a client may not do for ever: each limit with real sockets, and others served all the while.
#[path = "support/live.rs"]
mod live;

use live::{Answer, Binary, read};
use serde_json::json;
use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    os::unix::net::UnixListener,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

const HEAD: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: x\r\n";
const BODY: &str = r#"{"variationName":"A"}"#;

fn connect(binary: &Binary) -> TcpStream {
    let stream = TcpStream::connect(binary.address).expect("a server");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    stream
}

/// Whether the server has closed it; what it sent before does not matter.
fn is_closed(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 64 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == ErrorKind::ConnectionReset,
        }
    }
}

fn metric(binary: &Binary, series: &str) -> f64 {
    let text = String::from_utf8(binary.call("GET", "/metrics", "").body).expect("UTF-8");
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("no {series} in {text}"))
}

/// A request whose body never ends.
fn slow_body(binary: &Binary, target: &str, length: usize, sent: usize) -> TcpStream {
    let mut stream = connect(binary);
    let head = format!("POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(&[head.as_bytes(), &vec![b' '; sent]].concat()).expect("sent");
    stream
}

/// A store that takes connections and never answers.
fn silent_store() -> (tempfile::TempDir, UnixListener, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("silent.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    (folder, listener, format!("stayput+unix:{}?timeout=60s", path.display()))
}

#[test]
fn a_head_that_dribbles_in_is_cut_off() {
    let binary = Binary::with(&["--store", "memory:", "--head-time", "200ms"], &[]);
    let mut stream = connect(&binary);
    stream.write_all(HEAD).expect("sent");
    let mut dribbling = stream.try_clone().expect("cloned");
    thread::spawn(move || {
        while dribbling.write_all(b"X: y\r\n").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    assert!(is_closed(&mut stream));
    assert_eq!(metric(&binary, "stayput_connections_closed_total{reason=\"head\"}"), 1.0);
}

#[test]
fn idle_connections_are_closed_and_busy_ones_are_not() {
    let binary = Binary::with(&["--store", "memory:", "--idle-time", "600ms", "--head-time", "300ms"], &[]);
    let (mut idle, mut busy, mut silent) = (connect(&binary), connect(&binary), connect(&binary));
    let ask = |stream: &mut TcpStream| {
        stream.write_all(&[HEAD, b"\r\n"].concat()).expect("sent");
        assert!(stream.read(&mut [0; 4096]).expect("an answer") > 0);
    };
    ask(&mut idle);
    for _ in 0..40 {
        ask(&mut busy);
        thread::sleep(Duration::from_millis(40));
    }
    assert!(is_closed(&mut idle) && is_closed(&mut silent));
    ask(&mut busy);
    assert_eq!(metric(&binary, "stayput_connections_closed_total{reason=\"idle\"}"), 2.0);
}

#[test]
fn a_reader_that_stopped_reading_is_cut_off_and_its_export_gives_its_place_back() {
    let limits = ["--store", "memory:", "--write-time", "400ms", "--transfers", "1"];
    let binary = Binary::with(&limits, &[]);
    let filler = "f".repeat(8 * 1024);
    let line = |user: usize| json!({"userId": user.to_string(), "campaignKey": "c", "variationName": "A", "f": filler});
    let lines: Vec<String> = (0..4_000).map(|user| line(user).to_string()).collect();
    assert_eq!(binary.call("POST", "/v1/import", lines.join("\n")).json()["created"], 4_000);
    let mut slow = connect(&binary);
    slow.write_all(b"GET /v1/export HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    assert!(slow.read(&mut [0; 1024]).expect("it begins") > 0);
    let busy = binary.call("GET", "/v1/export", "");
    assert_eq!((busy.status, busy.header("retry-after")), (503, Some("1")), "{busy:?}");
    let grown = binary.memory("VmHWM");
    while metric(&binary, "stayput_connections_closed_total{reason=\"reader\"}") == 0.0 {
        thread::sleep(Duration::from_millis(20));
    }
    // The system counts pages in parts and sums them roughly: its high-water mark may come down by a few.
    let kept = binary.memory("VmHWM").saturating_sub(grown);
    assert!(kept < 32 * 1024 * 1024, "what is not read is not kept: {kept} bytes");
    while binary.call("GET", "/v1/export", "").status == 503 {
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_body_that_does_not_come_is_told_so_and_hinders_nobody() {
    let limits = ["--store", "memory:", "--body-time", "300ms", "--requests", "2"];
    let binary = Binary::with(&limits, &[]);
    let slow: Vec<TcpStream> = (0..50).map(|_| slow_body(&binary, "/v1/get", 1_000, 10)).collect();
    assert_eq!(binary.call("PUT", "/v1/users/u/campaigns/c", BODY).status, 200, "slow clients take no place");
    for mut stream in slow {
        let mut answer = vec![0; 4096];
        let length = stream.read(&mut answer).expect("an answer");
        assert!(answer[..length].starts_with(b"HTTP/1.1 408"));
    }
}

#[test]
fn bodies_take_no_more_memory_than_they_may() {
    let limits = ["--store", "memory:", "--body-limit", "1MiB", "--body-memory", "4MiB"];
    let binary = Binary::with(&limits, &[]);
    let mebibyte = 1024 * 1024;
    let slow: Vec<TcpStream> = (0..32).map(|_| slow_body(&binary, "/v1/set", mebibyte, mebibyte - 64 * 1024)).collect();
    while metric(&binary, "stayput_refused_total{limit=\"body_memory\"}") < 28.0 {
        thread::sleep(Duration::from_millis(10));
    }
    assert!(binary.memory("RssAnon") < 64 * mebibyte, "{}", binary.memory("RssAnon"));
    drop(slow);
    let large = json!({"variationName": "A", "goalIdentifier": vec!["x"; 100_000].join("_vwo_")}).to_string();
    while binary.call("PUT", "/v1/users/u/campaigns/c", &large).status == 503 {
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn more_requests_than_may_wait_are_told_at_once_and_health_is_not() {
    let (_folder, silent, store) = silent_store();
    // The first question, whether the store is there, is answered; no other. Who wants to hear of changes waits, too.
    let answering = thread::spawn(move || {
        let asked = Arc::new(AtomicBool::new(false));
        for stream in silent.incoming() {
            let (mut stream, asked) = (stream.expect("a connection"), asked.clone());
            thread::spawn(move || {
                let mut question = [0; 4096];
                let length = stream.read(&mut question).unwrap_or_default();
                if !question[..length].starts_with(b"GET /v1/changes") && !asked.swap(true, Ordering::SeqCst) {
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n[null]";
                    let _ = stream.write_all(answer);
                } else {
                    thread::sleep(Duration::from_secs(60));
                }
            });
        }
    });
    let binary = Binary::with(&["--store", &store, "--requests", "2", "--ready-time", "100ms"], &[]);
    let get = b"GET /v1/users/u/campaigns/c HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut waiting: Vec<TcpStream> = (0..2).map(|_| connect(&binary)).collect();
    waiting.iter_mut().for_each(|stream| stream.write_all(get).expect("sent"));
    while metric(&binary, "stayput_http_requests_in_flight") < 3.0 {
        thread::sleep(Duration::from_millis(5));
    }
    for (method, target, body) in [
        ("GET", "/v1/users/u/campaigns/c", ""),
        ("PUT", "/v1/users/u/campaigns/c", BODY),
        ("POST", "/v1/get", r#"{"keys":[{"userId":"u","campaignKey":"c"}]}"#),
        ("DELETE", "/v1/users/u", ""),
    ] {
        let told: Answer = binary.call(method, target, body);
        assert_eq!((told.status, told.header("retry-after")), (503, Some("1")), "{method} {target}");
        assert_eq!(told.error().1, "unavailable");
    }
    assert_eq!(metric(&binary, "stayput_refused_total{limit=\"requests\"}"), 4.0);
    assert_eq!(binary.call("GET", "/healthz", "").status, 200);
    assert_eq!(binary.call("GET", "/readyz", "").status, 503, "the store does not answer");
    drop(answering);
}

#[test]
fn one_connection_too_many_is_told_so() {
    let binary = Binary::with(&["--store", "memory:", "--connections", "3"], &[]);
    let mut open: Vec<TcpStream> = (0..3).map(|_| connect(&binary)).collect();
    for stream in &mut open {
        stream.write_all(&[HEAD, b"\r\n"].concat()).expect("sent");
        assert!(stream.read(&mut [0; 4096]).expect("an answer") > 0);
    }
    let told = read(&mut connect(&binary));
    assert_eq!((told.status, told.error().1.as_str()), (503, "unavailable"));
    drop(open.pop());
    while live::raw(binary.address, &[HEAD, b"Connection: close\r\n\r\n"].concat()).status == 503 {
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn heads_are_bounded_in_size_and_in_number_of_fields() {
    let binary = Binary::with(&["--store", "memory:", "--head-limit", "16KiB", "--header-limit", "20"], &[]);
    let head = |fields: String| [HEAD, fields.as_bytes(), b"Connection: close\r\n\r\n"].concat();
    assert_eq!(live::raw(binary.address, &head("X: y\r\n".repeat(10))).status, 200);
    assert_eq!(live::raw(binary.address, &head("X: y\r\n".repeat(30))).status, 431);
    assert_eq!(live::raw(binary.address, &head(format!("X: {}\r\n", "y".repeat(20_000)))).status, 431);
    assert_eq!(binary.call("GET", "/healthz", "").status, 200);
}

#[test]
fn a_system_that_gives_few_descriptors_is_told_and_served_within_them() {
    let stayput = env!("CARGO_BIN_EXE_stayput");
    let script = format!("ulimit -n 100; exec {stayput} serve --store memory: --listen 127.0.0.1:0");
    let mut child = std::process::Command::new("sh")
        .args(["-c", &script])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut said = String::new();
    let mut stderr = std::io::BufReader::new(child.stderr.take().expect("piped"));
    while !said.contains("listening on ") {
        assert!(std::io::BufRead::read_line(&mut stderr, &mut said).expect("UTF-8") > 0, "{said}");
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert!(said.contains("at most 36 connections are kept instead of 16000"), "{said}");
}
