//! What becomes of one entry: every part of it arrives, or it is told why not.
use super::{
    spoil::spoil,
    tool::{Folder, lines},
};
use serde_json::json;
use stayput::{
    AssignmentStore, ClaimId, Document, Entry, Goals, Imported, Key, Kind, Name, Offer, ScanStore, Scope, Timestamp,
    backends::{File, FileOptions},
};
use std::path::Path;
use tokio::runtime::Runtime;

pub(crate) fn every_part_arrives(_: &[String]) {
    let folder = Folder::new();
    let (from, to, one) = (folder.store("from"), folder.store("to"), folder.store("one"));
    let threads = Runtime::new().expect("threads");
    let name = |name: &str| Name::goal(name).expect("legal");
    let document = |value| Document::new("metaData", &value).expect("legal");
    let mut offers = Vec::new();
    for (at, scope) in ["default", "shop", "blog"].into_iter().enumerate() {
        for kind in [Kind::Classic, Kind::Fme] {
            for user in 0..500_u64 {
                let key = Key::new(&Scope::new(scope).expect("legal"), kind, &format!("u{user}"), "c").expect("legal");
                let decided = Timestamp::from_millis(1_700_000_000_000 + user);
                let offer = Offer::new(key, ClaimId::random().expect("random"), decided).offering(name("A"));
                let imported = Imported {
                    changed_at: Timestamp::from_millis(1_750_000_000_000 + user),
                    expires_at: user.is_multiple_of(2).then(|| Timestamp::from_millis(4_000_000_000_000 + user)),
                };
                offers.push(Offer {
                    meta_data: Some(document(json!({"plan": user}))),
                    extra: Some(document(json!({"team": scope}))),
                    imported: Some(imported),
                    epoch: at as u32,
                    ..offer.bringing([name("seen"), name("bought")])
                });
            }
        }
    }
    threads.block_on(async {
        let store = opened(&folder.path("from"));
        for offers in offers.chunks(500) {
            store.claim(offers).await.expect("claims");
        }
    });
    let ran = folder.migrate(&[&from, &to]);
    assert_eq!((ran.code, ran.counts(["found", "created"])), (Some(0), [3_000; 2]), "{}", ran.err);
    let ran = folder.migrate(&[&from, &one, "--scope", "shop"]);
    assert_eq!((ran.code, ran.counts(["found", "created"])), (Some(0), [1_000; 2]), "{}", ran.err);
    let [there, here, shop] = ["from", "to", "one"].map(|store| threads.block_on(all(&folder.path(store))));
    assert_eq!((there.len(), here.len(), shop.len()), (3_000, 3_000, 1_000));
    assert!(there == here, "something of {:?} was lost", there.iter().zip(&here).find(|(there, here)| there != here));
    assert!(there.iter().filter(|entry| entry.key.scope().as_str() == "shop").eq(&shop), "of one scope everything");
}

pub(crate) fn damaged_ones_are_told(_: &[String]) {
    let folder = Folder::new();
    let (from, to) = (folder.filled("from", &lines(3_000)), folder.store("to"));
    spoil(&folder.path("from/data.mdb"), b"u0000010\0cc1");
    for (round, created) in [2_999, 0].into_iter().enumerate() {
        let ran = folder.migrate(&[&from, &to, "--verify"]);
        let counts = ran.counts(["found", "created", "failed", "verified", "differing"]);
        assert_eq!((ran.code, counts), (Some(1), [2_999, created, 1, 2_999, 0]), "round {round}: {}", ran.err);
        let told: Vec<&str> = ran.err.lines().filter(|line| line.starts_with("key ")).collect();
        assert!(matches!(told[..], [one] if one.contains("in campaign \"c1\"")), "{}", ran.err);
        assert!(!ran.err.contains("u0000010"), "no user: {}", ran.err);
    }
    assert_eq!(folder.export(&to).lines().count(), 2_999);
}

pub(crate) fn what_the_target_cannot_take(_: &[String]) {
    let folder = Folder::new();
    let (from, to) = (folder.filled("from", &lines(3_000)), folder.filled("to", &lines(20)));
    spoil(&folder.path("to/data.mdb"), b"u0000010\0cc1");
    let ran = folder.migrate(&[&from, &to, "--verify"]);
    let counts = ran.counts(["found", "created", "unchanged", "failed", "verified", "differing"]);
    assert_eq!((ran.code, counts), (Some(1), [3_000, 2_980, 19, 1, 3_000, 1]), "{}", ran.err);
    let told = ran.err.lines().filter(|line| line.starts_with("key ") && line.contains("campaign \"c1\":")).count();
    assert_eq!(told, 2, "by the pass that moves and by the one that compares: {}", ran.err);
}

pub(crate) fn lines_are_told_by_their_numbers(_: &[String]) {
    let folder = Folder::new();
    let long = format!("{{\"userId\":\"{}\"}}\n", "x".repeat(2 << 20));
    folder.write("lines", &format!("{}{long}nothing\n{}", lines(40_000), lines(1)));
    for round in 0..20 {
        let to = folder.store(&format!("to{round}"));
        if !folder.killed_on_the_way(&["ndjson:lines", &to]) {
            continue; // it was too quick
        }
        let ran = folder.migrate(&["ndjson:lines", &to]);
        assert_eq!((ran.code, ran.counts(["found", "failed"])), (Some(1), [40_001, 2]), "{}", ran.err);
        assert_eq!(ran.json()["resumed"], true);
        let told: Vec<&str> = ran.err.lines().filter(|line| line.starts_with("line ")).collect();
        let begin = ["line 40001: this is longer than ", "line 40002: this is not JSON"];
        assert!(told.len() == 2 && told.iter().zip(begin).all(|(told, begin)| told.starts_with(begin)), "{told:?}");
        assert_eq!(folder.export(&to).lines().count(), 40_000);
        return;
    }
    panic!("it was never caught in the middle");
}

/// In one batch of a source, or in two.
pub(crate) fn of_several(_: &[String]) {
    let folder = Folder::new();
    let line = |variation: &str| {
        let line = json!({"userId": "u", "campaignKey": "c", "variationName": variation, "goalIdentifier": "g"});
        format!("{line}\n")
    };
    let to = folder.store("to");
    let text = [line("A"), line("B"), line("A"), lines(2_500), line("B")].concat();
    let ran = folder.fed(&["migrate", "ndjson:-", &to, "--json"], &text);
    let counts = ran.counts(["found", "created", "joined", "kept", "unchanged", "failed"]);
    assert_eq!((ran.code, counts), (Some(0), [2_504, 2_501, 0, 2, 1, 0]), "{}", ran.err);
    assert_eq!(folder.run(&["get", "u", "c", "--store", &to, "--json"]).json()["variationName"], "A");
}

pub(crate) fn another_migration(_: &[String]) {
    let folder = Folder::new();
    let (from, to) = (folder.filled("from", &lines(10)), folder.store("to"));
    let report = json!({"found": 10, "created": 10, "joined": 0, "kept": 0, "unchanged": 0, "failed": 0, "others": 0,
        "verified": 0, "differing": 0});
    let state = json!({"from": from, "to": to, "scope": null, "keyTemplate": null, "pass": "move", "position": null,
        "report": report});
    for (field, other) in [("from", "file:x"), ("to", "file:x"), ("scope", "other"), ("keyTemplate", "{user}")] {
        let mut state = state.clone();
        state[field] = json!(other);
        let path = folder.write("state", &state.to_string());
        let ran = folder.migrate(&[&from, &to, "--state", &path]);
        assert_eq!(ran.code, Some(2), "{field}: {}", ran.err);
        assert!(ran.err.contains("is of another migration; delete it"), "{field}: {}", ran.err);
    }
    assert_eq!(folder.export(&to), "", "nothing was moved");
}

fn opened(path: &Path) -> File {
    File::open(path, FileOptions::default()).expect("a store")
}

/// Everything of it, in order, without what is another's in another store: whom goals are credited to, and the revision.
async fn all(path: &Path) -> Vec<Entry> {
    let (store, mut entries, mut next) = (opened(path), Vec::new(), None);
    loop {
        let page = store.scan(None, next.as_ref(), 1_000).await.expect("a page");
        entries.extend(page.entries);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    for Entry { assignment, .. } in &mut entries {
        let names: Vec<Name> = assignment.goals.iter().map(|goal| goal.name.clone()).collect();
        assignment.goals = Goals::default();
        assignment.goals.bring(&names, ClaimId(0));
        assignment.revision = 0;
    }
    entries
}
