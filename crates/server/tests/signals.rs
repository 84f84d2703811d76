//! SIGTERM, a second one, SIGHUP, and what systemd is told.
#[path = "support/live.rs"]
mod live;

use live::Binary;
use std::{fs, io::Write, net::TcpStream, os::unix::net::UnixDatagram, thread, time::Duration};

/// A request whose body does not come, known to be in flight.
fn hanging(binary: &Binary) -> TcpStream {
    let mut stream = TcpStream::connect(binary.address).expect("a server");
    let head = b"PUT /v1/users/u/campaigns/c HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{";
    stream.write_all(head).expect("sent");
    let in_flight = || {
        let text = String::from_utf8(binary.call("GET", "/metrics", "").body).expect("UTF-8");
        text.contains("\nstayput_http_requests_in_flight 2\n")
    };
    while !in_flight() {
        thread::sleep(Duration::from_millis(5));
    }
    stream
}

#[test]
fn draining_ends_at_its_limit() {
    let binary = Binary::with(&["--store", "memory:", "--drain-time", "200ms"], &[]);
    let _hanging = hanging(&binary);
    binary.signal("TERM");
    let (code, said) = binary.ended();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("still in flight after 200ms"), "{said}");
}

#[test]
fn a_second_signal_stops_at_once() {
    for second in ["TERM", "INT"] {
        let binary = Binary::with(&["--store", "memory:", "--drain-time", "1h"], &[]);
        let _hanging = hanging(&binary);
        binary.signal("TERM");
        binary.says("stopping");
        binary.signal(second);
        let (code, said) = binary.ended();
        assert_eq!(code, Some(1), "{said}");
        assert!(said.ends_with("error: stopped at once by a second signal\n"), "{said}");
    }
}

#[test]
fn sighup_reloads_the_level_of_the_log_and_names_what_cannot_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("stayput.toml");
    fs::write(&path, "store = 'memory:'\nlog = 'info'\n").expect("written");
    let binary = Binary::with(&["--config", path.to_str().expect("UTF-8")], &[]);
    binary.call("GET", "/healthz", "");
    fs::write(&path, "store = 'redis://:hush@x'\nlog = 'debug'\nidle-time = '1m'\n").expect("written");
    binary.signal("HUP");
    binary.says("reloaded: log is debug");
    binary.says("idle-time has changed; it needs a restart and stays as it was");
    binary.says("store has changed; it needs a restart");
    binary.call("GET", "/healthz", "");
    binary.says("answered");
    fs::write(&path, "log = 'loud'\n").expect("written");
    binary.signal("HUP");
    binary.says("the configuration cannot be read and stays as it was");
    assert_eq!(binary.call("GET", "/healthz", "").status, 200);
    let said = binary.told();
    assert_eq!((said.matches("answered").count() > 0, said.contains("hush")), (true, false), "{said}");
}

#[test]
fn systemd_is_told_what_happens() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let next = || {
        let mut buffer = [0; 1024];
        let length = socket.recv(&mut buffer).expect("a message");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let environment = [("NOTIFY_SOCKET", path.to_str().expect("UTF-8"))];
    let binary = Binary::with(&["--store", "memory:"], &environment);
    assert_eq!(next().trim(), "READY=1");
    assert_eq!(binary.call("GET", "/readyz", "").status, 200, "it is ready when it says so");
    binary.signal("HUP");
    let reloading = next();
    assert!(reloading.contains("RELOADING=1") && reloading.contains("MONOTONIC_USEC="), "{reloading}");
    assert_eq!(next().trim(), "READY=1");
    binary.signal("TERM");
    assert_eq!(next().trim(), "STOPPING=1");
    assert_eq!(binary.ended().0, Some(0));
}
