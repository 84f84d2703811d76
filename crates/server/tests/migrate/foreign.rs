//! What others kept.
use super::tool::Folder;
use serde_json::json;
use std::{
    collections::BTreeSet,
    fmt::Write as _,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    sync::atomic::{AtomicU32, Ordering},
};

pub(crate) fn csv(_: &[String]) {
    let folder = Folder::new();
    let rows = "userId,campaignKey,variationName,goalIdentifier,metaData,assignedAt,team\n\
        u1,c,A,x_vwo_y,\"{\"\"k\"\":1}\",2026-01-01T00:00:00Z,red\n\
        \"u,2\",c,\"B\nC\",,,,\r\n\
        u3,c\n\
        u4,c,A,,{,,\n\
        ,c,A,,,,\n\
        u6,c,A,,,,blue";
    folder.write("rows.csv", rows);
    let to = folder.store("to");
    let ran = folder.migrate(&["csv:rows.csv", &to]);
    assert_eq!((ran.code, ran.counts(["found", "created", "failed"])), (Some(1), [3, 3, 3]), "{}", ran.err);
    let told: Vec<&str> = ran.err.lines().filter(|line| line.starts_with("line ")).collect();
    let expected = [
        "line 5: the row has 2 fields where the head names 7",
        "line 6: metaData is not JSON",
        "line 7: userId is missing",
    ];
    assert_eq!(told, expected);
    let held = folder.run(&["get", "u1", "c", "--store", &to, "--json"]).json();
    let expected = json!({"userId": "u1", "campaignKey": "c", "variationName": "A", "goalIdentifier": "x_vwo_y",
        "metaData": {"k": 1}, "team": "red"});
    assert_eq!(held, expected);
    assert_eq!(folder.run(&["get", "u,2", "c", "--store", &to, "--json"]).json()["variationName"], "B\nC");
    assert!(folder.export(&to).contains("\"assignedAt\":\"2026-01-01T00:00:00.000Z\""));
}

pub(crate) fn csv_is_gone_on_with(_: &[String]) {
    let folder = Folder::new();
    let mut rows = String::from("campaignKey,userId,variationName\r\n");
    for user in 0..40_000 {
        let _ = write!(rows, "c,\"u{user:05}\n\",A\r\n");
    }
    folder.write("rows.csv", &rows);
    for round in 0..20 {
        let to = folder.store(&format!("to{round}"));
        if !folder.killed_on_the_way(&["csv:rows.csv", &to]) {
            continue; // it was too quick
        }
        let ran = folder.migrate(&["csv:rows.csv", &to]);
        assert_eq!((ran.code, ran.counts(["found", "failed"])), (Some(0), [40_000, 0]), "{}", ran.err);
        assert_eq!(ran.json()["resumed"], true);
        assert_eq!(folder.export(&to).lines().count(), 40_000);
        return;
    }
    panic!("it was never caught in the middle");
}

pub(crate) fn optimizely_profiles(_: &[String]) {
    let folder = Folder::new();
    let lines = [
        json!({"user_id": "u1", "experiment_bucket_map": {"e1": {"variation_id": "v1"}, "e2": {"variation_id": "v2"}}}),
        json!({"user_id": "u2", "experiment_bucket_map": {"e1": {"variation_id": 7}, "e3": {"variation_id": "v3"}}}),
        json!({"experiment_bucket_map": {"e1": {"variation_id": "v1"}}}),
        json!({"userId": "u3", "campaignKey": "c", "variationName": "A"}),
    ];
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let to = folder.store("to");
    let ran = folder.fed(&["migrate", "ndjson:-", &to, "--json", "--scope", "prod"], &text);
    assert_eq!((ran.code, ran.counts(["found", "created", "failed"])), (Some(1), [4, 4, 2]), "{}", ran.err);
    assert!(ran.err.contains("line 2: variation_id is missing") && ran.err.contains("line 3: user_id is missing"));
    let held = folder.run(&["get", "u1", "e2", "--store", &to, "--scope", "prod", "--json"]).json();
    assert_eq!(held["variationName"], "v2");
}

/// The layout of vwo-python-sdk's own Redis storage.
pub(crate) fn damaged_strings(urls: &[String]) {
    let mut redis = Redis::open(&urls[0]);
    let folder = Folder::new();
    for user in 0..2_000 {
        let record = json!({"userId": format!("secret:{user}"), "campaignKey": "check:out", "variationName": "New",
            "goalIdentifiers": "g1_vwo_g2"});
        let mut record = record.to_string();
        match user % 100 {
            0 => record.truncate(record.len() / 2),
            20 => record = record.replace("\"New\"", "7"),
            40 => record = record.replace("variationName", "variation"),
            60 => record = record.replace("secret:", "somebody-else:"),
            80 => record = "[1]".into(),
            _ => {}
        }
        redis.ask(&["SET", &format!("check:out:secret:{user}"), &record]);
    }
    redis.ask(&["SET", "session", "of another program"]);
    redis.ask(&["HSET", "check:out:hash", "a", "b"]);
    let to = folder.store("to");
    let arguments = [redis.url.as_str(), &to, "--key-template", "{campaign}:{user}", "--verify"];
    let ran = folder.migrate(&arguments);
    let counts = ran.counts(["created", "failed", "others", "verified", "differing"]);
    assert_eq!((ran.code, counts), (Some(1), [1_900, 100, 2, 1_900, 0]), "{}", ran.err);
    let told: Vec<&str> = ran.err.lines().filter(|line| line.starts_with("key ")).collect();
    assert_eq!(told.len(), 100, "one by one");
    assert_eq!(told.iter().collect::<BTreeSet<_>>().len(), 100, "each by its own key");
    for (why, count) in [
        ("this is not JSON", 20),
        ("variationName must be a string", 20),
        ("variationName is missing", 20),
        ("the value names another user", 20),
        ("this is JSON, but no object", 20),
    ] {
        assert_eq!(told.iter().filter(|line| line.contains(why)).count(), count, "{why}");
    }
    assert!(!ran.err.contains("secret") && !ran.err.contains("somebody"), "no user");
    assert!(folder.migrate(&[&arguments[..], &["--show-users"]].concat()).err.contains("check:out:secret:"));
    let held = folder.run(&["get", "secret:7", "check:out", "--store", &to, "--json"]).json();
    assert_eq!((&held["variationName"], &held["goalIdentifier"]), (&json!("New"), &json!("g1_vwo_g2")));
}

/// The layout of Optimizely's Agent: a key per user, in it the experiments.
pub(crate) fn agent_strings(urls: &[String]) {
    let mut redis = Redis::open(&urls[0]);
    let folder = Folder::new();
    redis.ask(&["SET", "u:1", r#"{"e1":{"variation_id":"v1"},"e2":{"variation_id":"v2"}}"#]);
    redis.ask(&["SET", "u2", r#"{"user_id":"u2","experiment_bucket_map":{"e1":{"variation_id":"v3"}}}"#]);
    redis.ask(&["SET", "u3", r#"{"e1":"v1"}"#]);
    let to = folder.store("to");
    let ran = folder.migrate(&[&redis.url, &to, "--key-template", "{user}"]);
    assert_eq!((ran.code, ran.counts(["created", "failed"])), (Some(1), [3, 1]), "{}", ran.err);
    for (user, experiment, variation) in [("u:1", "e1", "v1"), ("u:1", "e2", "v2"), ("u2", "e1", "v3")] {
        let held = folder.run(&["get", user, experiment, "--store", &to, "--json"]).json();
        assert_eq!(held["variationName"], variation);
    }
}

/// A database of one test, empty.
pub(crate) struct Redis {
    pub(crate) url: String,
    stream: BufReader<TcpStream>,
}

impl Redis {
    /// Another at each call.
    fn open(url: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(7);
        Self::numbered(url, NEXT.fetch_add(1, Ordering::Relaxed))
    }
    pub(crate) fn numbered(url: &str, number: u32) -> Self {
        let stream = TcpStream::connect(url.trim_start_matches("redis://")).expect("a server");
        let mut redis = Self { url: format!("{url}/{number}"), stream: BufReader::new(stream) };
        redis.ask(&["SELECT", &number.to_string()]);
        redis.ask(&["FLUSHDB"]);
        redis
    }
    pub(crate) fn ask(&mut self, words: &[&str]) {
        let mut text = format!("*{}\r\n", words.len());
        for word in words {
            let _ = write!(text, "${}\r\n{word}\r\n", word.len());
        }
        self.stream.get_mut().write_all(text.as_bytes()).expect("sent");
        let mut answer = String::new();
        self.stream.read_line(&mut answer).expect("an answer");
        assert!(answer.starts_with(['+', ':']), "{answer}");
    }
}
