//! What [`ScanStore`](crate::ScanStore) adds: all of a user, forgetting a user, and everything in pages.
use super::{
    extremes::ODD,
    scene::{Scene, Store, claim, entry, held, hours_ago, offer, put, remove, scope, told},
};
use crate::{Cursor, Entry, Error, ErrorKind, Key, Kind, Outcome, Page, Scope};

/// For stores that cannot enumerate.
pub(super) async fn refuses_by_name(s: Scene) {
    let refused = |error: Option<Error>| {
        let error = error.expect("a store that cannot enumerate must say so");
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.store().is_some(), "it does not say who refuses: {error}");
    };
    refused(s.one.user(&s.user("u")).await.err());
    refused(s.one.erase(&s.user("u")).await.err());
    refused(s.one.scan(Some(&s.scope), None, 1).await.err());
    refused(s.one.scan(None, None, 1).await.err());
}

pub(super) async fn user_lists_what_is_live_in_key_order(s: Scene) {
    let long = "z".repeat(256);
    let campaigns = ["b", "a", "a\u{1}", "é", "\u{1}", "B", "~", &long, "\u{10ffff}", "\u{ffff}"];
    let user = s.user("u");
    let key = |kind, campaign: &str| user.key(kind, campaign).expect("a legal key");
    let keys = [Kind::Fme, Kind::Classic].into_iter().flat_map(|kind| campaigns.map(|campaign| key(kind, campaign)));
    let mut live: Vec<Entry> = keys.map(|key| entry(key, "v", &["g"])).collect();
    put(&s.one, &live).await;
    for campaign in ["0", "c", "~~"] {
        let expired = s.ending("u", "v", &[], hours_ago(2));
        put(&s.one, &[Entry { key: key(Kind::Classic, campaign), ..expired }]).await;
    }
    put(&s.one, &strangers(&s)).await;
    live.sort_by(|one, other| one.key.cmp(&other.key));
    for client in [&s.other, &s.one] {
        assert_eq!(client.user(&user).await.expect("user"), live);
        assert_eq!(client.user(&s.user("unknown")).await.expect("user"), []);
    }
}

pub(super) async fn user_of_odd_ids_is_exactly_that_user(s: Scene) {
    let entries: Vec<Entry> = ODD.iter().map(|id| s.entry(id, "v", &[id])).collect();
    put(&s.one, &entries).await;
    for expected in &entries {
        let id = expected.key.user_id();
        let found = s.other.user(expected.key.user()).await.expect("user");
        assert_eq!(found, std::slice::from_ref(expected), "user {id:?}");
    }
    let (gone, rest) = entries.split_at(ODD.len() / 2);
    for entry in gone {
        assert_eq!(s.one.erase(entry.key.user()).await.expect("erase"), 1, "user {:?}", entry.key.user_id());
    }
    for entry in rest {
        assert!(held(&s.other, &entry.key).await.is_some(), "user {:?} went with another", entry.key.user_id());
    }
}

pub(super) async fn erase_forgets_a_user_and_nobody_else(s: Scene) {
    let user = s.user("u");
    let key = |kind, campaign| user.key(kind, campaign).expect("a legal key");
    let keys =
        [key(Kind::Classic, "\u{1}"), key(Kind::Classic, "b"), key(Kind::Fme, "b"), key(Kind::Fme, "\u{10ffff}")];
    let strangers = strangers(&s);
    put(&s.one, &keys.clone().map(|key| entry(key, "v", &["g"]))).await;
    put(&s.one, &strangers).await;
    held(&s.one, &keys[1]).await; // known to a cache, which must forget too
    assert_eq!(s.one.erase(&user).await.expect("erase"), 4);
    for client in [&s.one, &s.other] {
        assert_eq!(client.get(&keys).await.expect("get"), [None, None, None, None]);
        assert_eq!(client.user(&user).await.expect("user"), []);
    }
    let left: Vec<Key> = strangers.iter().map(|entry| entry.key.clone()).collect();
    let left = s.other.get(&left).await.expect("get");
    assert!(left.into_iter().eq(strangers.into_iter().map(|entry| Some(entry.assignment))), "somebody else was hit");
    let again = claim(&s.other, &s.offer("u", "x", &["g"])).await;
    assert_eq!(told(&again), (Outcome::Created, Some("x"), vec!["g"]));
}

pub(super) async fn erase_counts_and_may_be_repeated(s: Scene) {
    assert_eq!(s.one.erase(&s.user("u")).await.expect("erase"), 0, "an unknown user");
    put(&s.one, &[s.entry("u", "v", &[])]).await;
    let fme = s.user("u").key(Kind::Fme, "campaign").expect("a legal key");
    let classic = s.user("u").key(Kind::Classic, "expired").expect("a legal key");
    let expired = s.ending("u", "v", &[], hours_ago(2)).assignment;
    put(&s.one, &[entry(fme, "v", &[]), Entry { key: classic.clone(), assignment: expired }]).await;
    let erased = s.other.erase(&s.user("u")).await.expect("erase");
    assert!(erased == 2 || erased == 3, "2 live ones, and 1 that expired if it still lay there, not {erased}");
    for client in [&s.one, &s.other] {
        assert_eq!(client.erase(&s.user("u")).await.expect("erase"), 0, "nothing is left, not even what expired");
    }
}

pub(super) async fn scan_gives_each_held_entry_once(s: Scene) {
    let mut entries: Vec<Entry> = (0..23).map(|i| s.entry(&format!("u{}", i / 3), &i.to_string(), &["g"])).collect();
    for (i, entry) in entries.iter_mut().enumerate() {
        let kind = if i.is_multiple_of(2) { Kind::Classic } else { Kind::Fme };
        entry.key = entry.key.user().key(kind, &format!("c{}", i % 3)).expect("a legal key");
    }
    put(&s.one, &entries).await;
    let expired = ["a", "u1", "u4\u{1}", "z"].map(|user| s.ending(user, "v", &[], hours_ago(2)));
    put(&s.one, &expired).await;
    entries.sort_by(|one, other| one.key.cmp(&other.key));
    for limit in [0, 1, 7, 23, 24, 1_000] {
        let found = scan(&s.other, Some(&s.scope), limit).await;
        assert_eq!(found, entries, "in pages of {limit}");
    }
    assert_eq!(scan(&s.one, Some(&scope(&format!("{}-none", s.scope.as_str()))), 7).await, []);
}

pub(super) async fn scan_stays_in_its_scope(s: Scene) {
    let name = s.scope.as_str();
    let scopes = ["", "x", "\u{1}", ":", "/", "*", "é"].map(|end| scope(&format!("{name}{end}")));
    let of = |scope: &Scope| {
        let key = |user: &str| Key::new(scope, Kind::Classic, user, "c").expect("a legal key");
        ["1", "2", "x"].map(|user| entry(key(user), "v", &[])).to_vec()
    };
    let mut all = Vec::new();
    for scope in &scopes {
        let entries = of(scope);
        put(&s.one, &entries).await;
        all.push(entries);
    }
    for (scope, expected) in scopes.iter().zip(&all) {
        assert_eq!(&scan(&s.one, Some(scope), 2).await, expected, "{}", scope.as_str());
    }
    // Other cases and other runs may have written, and may be writing, in scopes of theirs.
    let mut found = scan(&s.other, None, 500).await;
    found.retain(|entry| scopes.contains(entry.key.scope()));
    let mut all: Vec<Entry> = all.into_iter().flatten().collect();
    all.sort_by(|one, other| one.key.cmp(&other.key));
    assert_eq!(found, all);
}

pub(super) async fn scan_goes_on_while_others_write(s: Scene) {
    let stays = |i: usize| s.key(&format!("u{i:02} stays"));
    let goes = |i: usize| s.key(&format!("u{i:02} goes"));
    for limit in [1, 7] {
        for i in 0..20 {
            put(&s.one, &[entry(stays(i), "v", &[]), entry(goes(i), "v", &[])]).await;
        }
        let (mut found, mut cursor) = (Vec::new(), None);
        for nth in 0.. {
            let page = page(&s.one, Some(&s.scope), cursor.as_ref(), limit).await;
            // What the cursor stands on may go, what it passed may come back, and what stays may change.
            let last = page.entries.last().map(|entry| entry.key.clone());
            if let Some(last) = last.filter(|key| key.user_id().ends_with("goes")) {
                remove(&s.other, &[last]).await;
            }
            remove(&s.other, &[goes(nth % 20)]).await;
            put(&s.other, &[entry(s.key(&format!("u{:02} comes", nth * 3 % 20)), "v", &[])]).await;
            claim(&s.other, &offer(stays(nth % 20), "v", &[&format!("g{limit}-{nth}")])).await;
            found.extend(page.entries);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
            assert!(nth < 1_000, "the scan does not end");
        }
        found.sort_by(|one, other| one.key.cmp(&other.key));
        let mut found: Vec<&str> = found.iter().map(|entry| entry.key.user_id()).collect();
        found.retain(|user| user.ends_with("stays"));
        let expected: Vec<String> = (0..20).map(|i| stays(i).user_id().to_owned()).collect();
        assert_eq!(found, expected, "in pages of {limit}, what was there all the time appears once");
    }
}

/// Entries of users whose keys a careless prefix, pattern or comparison takes for those of `u`.
fn strangers(s: &Scene) -> Vec<Entry> {
    let users = ["t", "u\u{1}", "u ", "u:", "u/", "u%", "u*", "u2", "U", "uu", "_", "%", "*"];
    let mut strangers: Vec<Entry> = users.iter().map(|user| s.entry(user, "stranger", &[])).collect();
    for end in ["x", "\u{1}"] {
        let scope = scope(&format!("{}{end}", s.scope.as_str()));
        let key = Key::new(&scope, Kind::Fme, "u", "campaign").expect("a legal key");
        strangers.push(entry(key, "stranger", &[]));
    }
    strangers
}

/// Everything in pages of `limit`, in key order.
async fn scan(store: &Store, scope: Option<&Scope>, limit: usize) -> Vec<Entry> {
    let (mut found, mut cursor) = (Vec::new(), None);
    for pages in 0.. {
        assert!(pages < 100_000, "a scan in pages of {limit} does not end");
        let page = page(store, scope, cursor.as_ref(), limit).await;
        found.extend(page.entries);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    found.sort_by(|one, other| one.key.cmp(&other.key));
    found
}

async fn page(store: &Store, scope: Option<&Scope>, after: Option<&Cursor>, limit: usize) -> Page {
    let page = store.scan(scope, after, limit).await.expect("scan");
    assert!(page.entries.len() <= limit.max(1), "a page of {} for a limit of {limit}", page.entries.len());
    if scope.is_some() {
        assert_eq!(page.unreadable, [], "all that this case wrote can be read");
    }
    page
}
