//! Ten thousand idle connections and slow clients of every kind: memory stays bounded, and others are served.
//! `STAYPUT_LONG=1` adds the soak of ten minutes; a short one always runs.
#[path = "support/live.rs"]
mod live;

use live::Binary;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::Duration,
};
use tokio::time::Instant;

const MEBIBYTE: usize = 1024 * 1024;

#[expect(clippy::disallowed_methods, reason = "the switch of all long tests")]
fn is_long() -> bool {
    std::env::var_os("STAYPUT_LONG").is_some()
}

/// How many connections this process may have.
fn room() -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("raised");
    maximum.map_or(1_000_000, |most| most as usize)
}

fn ask(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = vec![0; 8192];
    let length = stream.read(&mut answer).expect("an answer");
    assert!(length > 0, "it is closed");
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

fn put(user: usize) -> String {
    let body = r#"{"variationName":"A"}"#;
    let length = body.len();
    format!("PUT /v1/users/{user}/campaigns/c HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}")
}

#[test]
fn ten_thousand_idle_connections_and_slow_clients_leave_memory_bounded_and_others_served() {
    let wanted = 10_000;
    assert!(room() >= wanted + 500, "this process may not have {wanted} connections; raise ulimit -Hn");
    let binary = Binary::serve("memory:");
    let before = binary.memory("VmRSS");
    let get = "GET /v1/users/u/campaigns/c HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut idle: Vec<TcpStream> = (0..wanted).map(|_| TcpStream::connect(binary.address).expect("accepted")).collect();
    // Most have asked once and are kept alive; some never ask.
    for stream in idle.iter_mut().take(9_000) {
        assert!(ask(stream, get).starts_with("HTTP/1.1 404"));
    }
    for (at, stream) in idle.iter_mut().rev().take(600).enumerate() {
        let slow = match at % 3 {
            0 => "GET /v1/users/u/camp".to_owned(),
            1 => put(7)[..120.min(put(7).len() - 3)].to_owned(),
            _ => "POST /v1/import HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{".to_owned(),
        };
        stream.write_all(slow.as_bytes()).expect("sent");
    }
    let mut other = TcpStream::connect(binary.address).expect("accepted");
    for user in 0..500 {
        assert!(ask(&mut other, &put(user)).starts_with("HTTP/1.1 200"));
    }
    let grown = binary.memory("VmRSS") - before;
    assert!(grown < 320 * MEBIBYTE, "{wanted} connections take {} MiB", grown / MEBIBYTE);
    println!("{wanted} connections take {} MiB, {} KiB each", grown / MEBIBYTE, grown / wanted / 1024);
    drop(idle);
    while binary.descriptors() > 40 {
        thread::sleep(Duration::from_millis(20));
    }
    assert!(ask(&mut other, get).starts_with("HTTP/1.1 404"));
}

/// Imports `users` that nobody asks for.
fn fill(binary: &Binary, users: usize) {
    for begin in (0..users).step_by(50_000) {
        let line = |user| format!("{{\"userId\":\"stored-{user}\",\"campaignKey\":\"c\",\"variationName\":\"A\"}}\n");
        let lines: String = (begin..begin + 50_000).map(line).collect();
        assert_eq!(binary.call("POST", "/v1/import", lines).json()["created"], 50_000);
    }
}

#[test]
fn memory_and_descriptors_stay_as_they_are_while_it_works() {
    let lasts = Duration::from_secs(if is_long() { 600 } else { 20 });
    let folder = tempfile::tempdir().expect("a folder");
    let store = format!("file:{}", folder.path().join("data").display());
    let binary = Binary::serve(&store);
    fill(&binary, if is_long() { 1_000_000 } else { 50_000 });
    let (stop, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let figures = || (binary.memory("RssAnon"), binary.descriptors());
    let (settled, ended) = thread::scope(|scope| {
        for worker in 0..4 {
            let (stop, asked, binary) = (&stop, &asked, &binary);
            scope.spawn(move || {
                let mut stream = TcpStream::connect(binary.address).expect("accepted");
                for round in 0_usize.. {
                    if stop.load(Relaxed) {
                        return;
                    }
                    // A bounded set of users, so that only leaks grow; connections come and go.
                    let user = worker * 1_000 + round % 1_000;
                    let answer = match round % 8 {
                        0 => ask(&mut stream, &put(user)),
                        1 => ask(&mut stream, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"),
                        _ => ask(&mut stream, &format!("GET /v1/users/{user}/campaigns/c HTTP/1.1\r\nHost: x\r\n\r\n")),
                    };
                    assert!(answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.1 404"), "{answer}");
                    if round % 8 == 1 || round % 100 == 99 {
                        stream = TcpStream::connect(binary.address).expect("accepted");
                    }
                    asked.fetch_add(1, Relaxed);
                }
            });
        }
        let started = Instant::now();
        thread::sleep(lasts / 4);
        let settled = figures();
        let left = lasts.saturating_sub(started.elapsed());
        thread::sleep(left);
        let ended = figures();
        stop.store(true, Relaxed);
        (settled, ended)
    });
    println!("{} requests, then {settled:?}, then {ended:?}", asked.load(Relaxed));
    assert!(asked.load(Relaxed) > 1_000);
    assert!(ended.0 < 100 * MEBIBYTE, "what is stored is not kept in memory: {}", ended.0);
    assert!(ended.0 < settled.0 + 8 * MEBIBYTE, "memory grew from {} to {}", settled.0, ended.0);
    assert!(ended.1 < settled.1 + 16, "descriptors grew from {} to {}", settled.1, ended.1);
}
