//! The short cut of the wire answers what hyper answers, field by field, and hands over what is not its own.
#[path = "support/live.rs"]
mod live;

use live::Live;
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

/// A connection that is kept.
struct Kept(TcpStream);

impl Kept {
    fn open(live: &Live) -> Self {
        let stream = TcpStream::connect(live.address).expect("a server");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        stream.set_nodelay(true).expect("TCP");
        Self(stream)
    }
    fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).expect("the server reads");
    }
    /// One answer: its head without what is never the same, and its body.
    fn answer(&mut self) -> (String, String) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).expect("an answer");
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).expect("ASCII");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        let mut body = vec![0; length.parse().expect("a number")];
        self.0.read_exact(&mut body).expect("a body");
        assert!(head.contains("\r\ndate: ") && head.contains(" GMT\r\n"), "{head}");
        // The order of fields means nothing.
        let known = |line: &str| match line.split_once(": ") {
            Some((name @ ("date" | "x-request-id"), _)) => name.to_owned(),
            _ => line.to_owned(),
        };
        let mut lines: Vec<String> = head.trim_end().lines().map(known).collect();
        lines[1..].sort();
        (lines.join("\n"), String::from_utf8(body).expect("UTF-8"))
    }
    fn ask(&mut self, text: &str) -> (String, String) {
        self.send(text);
        self.answer()
    }
}

fn get(target: &str, more: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: x\r\n{more}\r\n")
}
fn put(target: &str, body: &str, more: &str) -> String {
    format!("PUT {target} HTTP/1.1\r\nHost: x\r\n{more}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// A header field that nobody knows: such a request goes to hyper.
const UNKNOWN: &str = "X-Unknown: 1\r\n";

#[test]
fn both_ways_answer_the_same() {
    let live = Live::start();
    let record = r#"{"variationName":"A","goalIdentifier":"x_vwo_y","metaData":{"k":[1,"é"]},"more":1,"claimId":"ab"}"#;
    live.call("PUT", "/v1/users/u/campaigns/c", record);
    live.call("PUT", "/v1/users/a%2Fb%20%C3%A9/campaigns/c%25?kind=fme&scope=one+two", record);
    for target in [
        "/v1/users/u/campaigns/c",
        "/v1/users/nobody/campaigns/c",
        "/v1/users/a%2Fb%20%C3%A9/campaigns/c%25?kind=fme&scope=one+two",
        "/v1/users/u/campaigns/c?kind=other",
        "/v1/users/u/campaigns/c?kind=fme&kind=fme",
        "/v1/users/u/campaigns/c?wrong=1",
        "/v1/users/u%/campaigns/c",
        "/v1/users/%00/campaigns/c",
        "/v1/users//campaigns/c",
        "/v1/users/u",
        "/v1/users/u/goals/c",
        "/v1/users/../campaigns/..",
    ] {
        let (mut hot, mut hyper) = (Kept::open(&live), Kept::open(&live));
        for _ in 0..2 {
            assert_eq!(hot.ask(&get(target, "")), hyper.ask(&get(target, UNKNOWN)), "{target}");
        }
    }
    for (target, body) in [
        ("/v1/users/u/campaigns/c", r#"{"variationName":"B","claimId":"1"}"#),
        ("/v1/users/u/campaigns/c", r#"{"variationName":"A","claimId":"ab"}"#),
        ("/v1/users/u/campaigns/c", r#"{"variationName":"B","userId":"v"}"#),
        ("/v1/users/u/campaigns/c", "{"),
        ("/v1/users/u/campaigns/c", ""),
        ("/v1/users/u/campaigns/c?kind=other", "{}"),
        ("/v1/users/u", "{}"),
    ] {
        let (mut hot, mut hyper) = (Kept::open(&live), Kept::open(&live));
        for _ in 0..2 {
            assert_eq!(hot.ask(&put(target, body, "")), hyper.ask(&put(target, body, UNKNOWN)), "{target} {body}");
        }
    }
}

#[test]
fn a_connection_is_handed_over_with_everything_that_was_read() {
    let live = Live::start();
    let place = "/v1/users/u/campaigns/c";
    let mut kept = Kept::open(&live);
    // All at once: two plain requests, one that is not, and a plain one behind it.
    let held = put(place, r#"{"variationName":"A"}"#, "");
    kept.send(&[held.as_str(), &get(place, ""), &get(place, UNKNOWN), &get(place, "")].concat());
    assert!(kept.answer().1.contains("\"outcome\":\"created\""));
    let first = kept.answer();
    assert!(first.1.contains("\"variationName\":\"A\""));
    assert_eq!((kept.answer(), kept.answer()), (first.clone(), first.clone()));
    assert!(
        kept.ask("POST /v1/get HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n{\"keys\":[]}").1.contains("records")
    );
    assert_eq!(kept.ask(&get(place, "")), first);
}

#[test]
fn requests_in_pieces_are_answered_too() {
    let live = Live::start();
    let place = "/v1/users/u/campaigns/c";
    let body = r#"{"variationName":"A","metaData":"long enough to be cut"}"#;
    let whole = put(place, body, "");
    for cut in [1, 20, whole.len() - body.len() - 1, whole.len() - body.len(), whole.len() - 1] {
        let mut kept = Kept::open(&live);
        kept.send(&get(place, "")); // so that the pieces surely come apart
        kept.answer();
        kept.send(&whole[..cut]);
        std::thread::sleep(Duration::from_millis(20)); // not a wait for anything: it only lets the pieces come apart
        kept.send(&whole[cut..]);
        assert!(kept.answer().1.contains("\"variationName\":\"A\""), "{cut}");
        assert!(kept.ask(&get(place, "")).1.contains("\"variationName\":\"A\""), "{cut}");
    }
    let large = format!(r#"{{"variationName":"A","metaData":"{}"}}"#, "x".repeat(15_000));
    let mut kept = Kept::open(&live);
    assert!(kept.ask(&put(place, &large, "")).1.contains("xxx"));
    assert!(kept.ask(&get(place, "")).1.contains("xxx"));
}

#[test]
fn a_head_of_any_length_is_answered() {
    let live = Live::start();
    let place = "/v1/users/u/campaigns/c";
    live.call("PUT", place, r#"{"variationName":"A"}"#);
    let head = get(place, "User-Agent: \r\n").len();
    for length in (200..1_100).chain([2_048, 4_096, 8_191, 8_192, 8_193, 9_000]) {
        let agent = "x".repeat(length - head);
        let request = get(place, &format!("User-Agent: {agent}\r\n"));
        assert_eq!(request.len(), length);
        assert!(Kept::open(&live).ask(&request).1.contains("\"variationName\":\"A\""), "{length}");
    }
}

#[test]
fn an_idle_connection_does_not_hold_the_server_up_when_it_stops() {
    let mut binary = live::Binary::serve("memory:");
    let stream = TcpStream::connect(binary.address).expect("a server");
    let mut kept = Kept(stream);
    assert!(kept.ask(&get("/v1/users/u/campaigns/c", "")).1.contains("absent"));
    binary.signal("TERM");
    let mut rest = Vec::new();
    kept.0.read_to_end(&mut rest).expect("closed well");
    assert_eq!(rest, b"");
    assert_eq!(binary.child.wait().expect("it ends").code(), Some(0));
}
