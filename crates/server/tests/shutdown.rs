//! SIGTERM: what is in flight finishes, nothing new begins, and the exit code is 0.
#[path = "support/live.rs"]
mod live;

use live::{Binary, read};
use std::{
    io::Write,
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

const BODY: &str = r#"{"variationName":"A"}"#;

#[test]
fn requests_in_flight_finish_after_sigterm() {
    for signal in ["TERM", "INT"] {
        let mut binary = Binary::serve("memory:");
        let idle = TcpStream::connect(binary.address).expect("a server");
        let mut open: Vec<TcpStream> = (0..8).map(|user| begun(&binary, user)).collect();
        // An answer on a later connection proves that the server has accepted the ones before it.
        assert_eq!(binary.call("GET", "/healthz", "").status, 200);
        binary.signal(signal);
        while TcpStream::connect(binary.address).is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
        for stream in &mut open {
            stream.write_all(&BODY.as_bytes()[10..]).expect("still open");
            let answer = read(stream);
            assert_eq!((answer.status, &answer.json()["outcome"]), (200, &"created".into()), "{signal}");
        }
        assert_eq!(binary.child.wait().expect("it ends").code(), Some(0), "{signal}");
        drop(idle);
    }
}

#[test]
fn a_port_in_use_is_one_sentence_and_exit_code_1() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_stayput"))
        .args(["serve", "--store", "memory:", "--listen", &address])
        .output()
        .expect("the binary");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), told.lines().count()), (Some(1), 1), "{told}");
    assert!(told.contains(&address) && told.contains("in use"), "{told}");
}

/// A request of which the body is only begun.
fn begun(binary: &Binary, user: usize) -> TcpStream {
    let mut stream = TcpStream::connect(binary.address).expect("a server");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let (length, begin) = (BODY.len(), &BODY[..10]);
    let head =
        format!("PUT /v1/users/{user}/campaigns/c HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{begin}");
    stream.write_all(head.as_bytes()).expect("sent");
    stream
}
