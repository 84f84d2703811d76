//! A source or a target that is killed on the way, and comes back.
use super::{
    foreign,
    redis::Redis,
    tool::{Folder, Ran, lines, sorted},
};
use serde_json::json;
use std::{thread::sleep, time::Duration};

const USERS: usize = 20_000;
/// How long it is away: longer than one pause, and not as long as all of them.
const AWAY: Duration = Duration::from_millis(700);
const ROUNDS: usize = 20;

pub(crate) fn target(_: &[String]) {
    let mut redis = Redis::start();
    let folder = Folder::new();
    let from = folder.filled("from", &lines(USERS));
    for round in 0..ROUNDS {
        let to = format!("{}?prefix={round}:&timeout=500ms", redis.url());
        if let Some(ran) = interrupted(&folder, &mut redis, &from, &to) {
            return moved_all(&folder, &ran, &from, &to);
        }
    }
    panic!("it was never caught in the middle");
}

pub(crate) fn source(_: &[String]) {
    let mut redis = Redis::start();
    let folder = Folder::new();
    let first = folder.filled("first", &lines(USERS));
    let from = format!("{}?timeout=500ms", redis.url());
    assert_eq!(folder.migrate(&[&first, &from]).code, Some(0));
    for round in 0..ROUNDS {
        let to = folder.store(&format!("to{round}"));
        if let Some(ran) = interrupted(&folder, &mut redis, &from, &to) {
            return moved_all(&folder, &ran, &first, &to);
        }
    }
    panic!("it was never caught in the middle");
}

/// A cursor of Redis means something as long as the process lives that gave it.
pub(crate) fn strings(_: &[String]) {
    let mut redis = Redis::start();
    let mut database = foreign::Redis::numbered(&redis.url(), 3);
    let folder = Folder::new();
    for users in (0..USERS).collect::<Vec<_>>().chunks(500) {
        let strings = users.iter().flat_map(|user| {
            let record = json!({"userId": format!("u{user}"), "campaignKey": "c", "variationName": "A"});
            [format!("c:u{user}"), record.to_string()]
        });
        let strings: Vec<String> = strings.collect();
        database.ask(&["MSET"].into_iter().chain(strings.iter().map(String::as_str)).collect::<Vec<_>>());
    }
    let (mut gone_on, mut anew) = (false, false);
    for round in 0..2 * ROUNDS {
        let (to, restarted) = (folder.store(&format!("to{round}")), gone_on);
        let arguments = [database.url.as_str(), &to, "--key-template", "{campaign}:{user}"];
        if !folder.killed_on_the_way(&arguments) {
            continue;
        }
        if restarted {
            redis.kill();
            redis.run(&[]);
        }
        let ran = folder.migrate(&arguments);
        assert_eq!((ran.code, ran.counts(["found", "failed"])), (Some(0), [USERS as u64, 0]), "{}", ran.err);
        assert_eq!(ran.json()["resumed"], !restarted);
        assert_eq!(ran.err.contains("beginning anew"), restarted, "{}", ran.err);
        assert_eq!(folder.export(&to).lines().count(), USERS, "everybody, once");
        (gone_on, anew) = (true, restarted);
        if anew {
            break;
        }
    }
    assert!(gone_on && anew, "it was never caught in the middle");
}

/// What came of a migration in the middle of which Redis was away; `None` if it was too quick for that.
fn interrupted(folder: &Folder, redis: &mut Redis, from: &str, to: &str) -> Option<Ran> {
    let mut child = folder.start(&["migrate", "--json", from, to]);
    let caught = folder.is_on_the_way(&mut child);
    redis.kill();
    if caught {
        sleep(AWAY);
    }
    redis.run(&[]);
    let ran = Ran::of(child, "");
    caught.then_some(ran)
}

fn moved_all(folder: &Folder, ran: &Ran, from: &str, to: &str) {
    let counts = ran.counts(["found", "created", "joined", "kept", "failed"]);
    assert_eq!((ran.code, counts), (Some(0), [USERS as u64, USERS as u64, 0, 0, 0]), "{}", ran.err);
    assert!(sorted(&folder.export(from)) == sorted(&folder.export(to)), "the same lines");
}
