//! The longest, the oddest, and what must never be taken for something else.
use super::scene::{Scene, claim, document, goals_of, held, left, name, offer, put, scope, told, variation};
use crate::{
    Entry, Key, Kind, Offer,
    Outcome::{Created, Kept},
    limits,
};
use serde_json::{Value, json};

/// Legal ids that somebody's encoding, pattern, path, collation or object gets wrong.
pub(super) const ODD: &[&str] = &[
    "a/b",
    "a",
    "A",
    "a ",
    " a",
    " ",
    "  ",
    ".",
    "..",
    "../u",
    "%2F",
    "%2f",
    "%",
    "%25",
    "%00",
    "a%",
    "_",
    "-",
    "+",
    "a+b",
    "a b",
    "a:b",
    "a|b",
    "a,b",
    "a;b",
    "a&b=c",
    "a?b",
    "a#b",
    "*",
    "?",
    "[a-z]",
    "[^u]",
    "{a}",
    "(a)",
    "\\",
    "a\\b",
    "\"",
    "'",
    "''",
    "`",
    "$",
    "$where",
    "$1",
    "a.b",
    "__proto__",
    "constructor",
    "null",
    "undefined",
    "true",
    "0",
    "00",
    "-1",
    "1e3",
    "\u{1}",
    "a\u{1}",
    "\t",
    "\n",
    "\r\n",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "é",
    "e\u{301}",
    "É",
    "ß",
    "ss",
    "ı",
    "I",
    "i",
    "İ",
    "ﬁ",
    "fi",
    "Å",
    "\u{212b}",
    "日本語",
    "한국어",
    "مرحبا",
    "\u{200b}",
    "\u{200d}",
    "\u{202e}",
    "\u{feff}",
    "\u{fffd}",
    "\u{ffff}",
    "😀",
    "👩‍👩‍👧",
    "\u{10ffff}",
    "<b>",
    "--",
    "a--",
    "/*",
    "a_vwo_b",
];

pub(super) async fn limits_the_largest_record_fits(s: Scene) {
    let fill = |start: &str, length: usize| format!("{start}{}", "x".repeat(length - start.len()));
    let scope = scope(&fill(s.scope.as_str(), limits::SCOPE));
    let (user, campaign) = ("é".repeat(limits::USER / 2), fill("campaign", limits::NAME));
    let goals: Vec<String> = (0..limits::GOALS).map(|i| fill(&format!("{i}-"), limits::NAME)).collect();
    let goals: Vec<&str> = goals.iter().map(String::as_str).collect();
    let extra = document(json!({"extra": "x".repeat(1_000)}));
    let room = limits::DOCUMENTS - extra.as_ref().map_or(0, |extra| extra.as_str().len()) - r#""""#.len();
    let meta_data = document("y".repeat(room).into());
    for kind in [Kind::Classic, Kind::Fme] {
        let key = Key::new(&scope, kind, &user, &campaign).expect("a legal key");
        let (meta_data, extra) = (meta_data.clone(), extra.clone());
        let offer = Offer { meta_data, extra, ..offer(key, &fill("v", limits::NAME), &goals) };
        let created = claim(&s.one, &offer).await;
        assert_eq!((created.outcome, created.new_goals.len()), (Created, limits::GOALS));
        assert!(goals_of(left(&created)) == goals);
        assert!(left(&created).meta_data.as_ref().map(|held| &held.document) == offer.meta_data.as_ref());
        assert!(left(&created).extra == offer.extra);
        assert!(held(&s.other, &offer.key).await == created.held, "what was told is held");
    }
}

pub(super) async fn limits_odd_ids_are_kept_apart(s: Scene) {
    let long = ["x".repeat(limits::USER), "x".repeat(limits::USER - 1), "%".repeat(limits::USER)];
    let users = ODD.iter().copied().chain(long.iter().map(String::as_str)).map(|user| s.key(user));
    let user = s.user("u");
    let campaigns = ODD.iter().map(|campaign| user.key(Kind::Classic, campaign).expect("legal"));
    let keys: Vec<Key> = users.chain(campaigns).collect();
    let variation_of = |i: usize| format!("v{i}");
    for (i, key) in keys.iter().enumerate() {
        let created = claim(&s.one, &offer(key.clone(), &variation_of(i), &[])).await;
        assert_eq!(created.outcome, Created, "{:?} {:?} met another key", key.user_id(), key.campaign());
    }
    let got = s.other.get(&keys).await.expect("get");
    for (i, (key, held)) in keys.iter().zip(&got).enumerate() {
        assert_eq!(variation(held), Some(&*variation_of(i)), "{:?} {:?}", key.user_id(), key.campaign());
    }
}

pub(super) async fn limits_names_are_compared_byte_by_byte(s: Scene) {
    let created = claim(&s.one, &s.offer("goals", "v", ODD)).await;
    assert_eq!(told(&created), (Created, Some("v"), ODD.to_vec()));
    assert_eq!(held(&s.other, &s.key("goals")).await.as_ref().map(goals_of), Some(ODD.to_vec()));
    for (i, [one, other]) in [["é", "e\u{301}"], ["V", "v"], ["v", "v "], ["1", "01"]].into_iter().enumerate() {
        let user = i.to_string();
        claim(&s.one, &s.offer(&user, one, &[])).await;
        let kept = claim(&s.other, &s.offer(&user, other, &[])).await;
        assert_eq!(told(&kept), (Kept, Some(one), vec![]), "{other:?} is another variation");
        let kept = claim(&s.other, &s.offer(&user, "x", &[]).replacing(name(other), None)).await;
        assert_eq!(told(&kept), (Kept, Some(one), vec![]), "{other:?} does not name what is held");
    }
    for (i, odd) in ODD.iter().enumerate() {
        put(&s.one, &[s.entry(&format!("odd {i}"), odd, &[])]).await;
        assert_eq!(variation(&held(&s.other, &s.key(&format!("odd {i}"))).await), Some(*odd));
    }
}

pub(super) async fn limits_any_json_is_kept(s: Scene) {
    let nested = (0..100).fold(json!("deep"), |inner, _| json!([inner]));
    let odd_names: Value =
        ODD.iter().map(|name| ((*name).to_owned(), json!(name))).collect::<serde_json::Map<_, _>>().into();
    let values = [
        json!(""),
        json!({}),
        json!([]),
        json!(false),
        json!(0),
        json!(-0.0),
        json!(1.0),
        json!(0.1),
        json!(1e300),
        json!(5e-324),
        json!(u64::MAX),
        json!(i64::MIN),
        json!("\u{1}\u{1f}\"\\/\u{2028}😀"),
        nested,
        json!({"": {"$set": 1, "a.b": null, "__proto__": {}}, "_id": "é", "e\u{301}": []}),
        odd_names,
    ];
    for (i, value) in values.into_iter().enumerate() {
        let (meta_data, extra) = (document(value.clone()), document(json!({ "any": value })));
        let offer = Offer { meta_data, extra, ..s.offer(&i.to_string(), "v", &[]) };
        claim(&s.one, &offer).await;
        let held = held(&s.other, &offer.key).await.expect("it was claimed");
        assert_eq!(held.meta_data.map(|held| held.document.to_value()), offer.meta_data.map(|meta| meta.to_value()));
        assert_eq!(held.extra.map(|held| held.to_value()), offer.extra.map(|extra| extra.to_value()));
    }
}

pub(super) async fn keys_never_collide(s: Scene) {
    let scopes =
        [s.scope.clone(), scope(&format!("{}:a", s.scope.as_str())), scope(&format!("{}/a", s.scope.as_str()))];
    let names = [
        ("a:b", "c"),
        ("a", "b:c"),
        ("b", "c"),
        ("a:b:c", "c"),
        ("a|b", "c"),
        ("a", "b|c"),
        ("a/b", "c"),
        ("a", "b/c"),
        ("ab", "c"),
        ("a", "bc"),
        ("a", "cc"),
        ("a", "fc"),
        ("ac", "c"),
        ("a\u{1}b", "c"),
        ("a", "b\u{1}c"),
        ("1:a", "c"),
        ("a", "1:c"),
        ("a\\:b", "c"),
        ("a\\", ":b:c"),
        ("a%3Ab", "c"),
        ("c", "a:b"),
    ];
    for scope in &scopes {
        for (user, campaign) in names {
            let key = Key::new(scope, Kind::Classic, user, campaign).expect("a legal key");
            let claimed = claim(&s.one, &offer(key, "v", &[])).await;
            assert_eq!(claimed.outcome, Created, "{} {user:?} {campaign:?} met another key", scope.as_str());
        }
    }
}

pub(super) async fn kinds_and_scopes_never_meet(s: Scene) {
    let elsewhere = scope(&format!("{}x", s.scope.as_str()));
    let places =
        [(&s.scope, Kind::Classic), (&s.scope, Kind::Fme), (&elsewhere, Kind::Classic), (&elsewhere, Kind::Fme)];
    let keys = places.map(|(scope, kind)| Key::new(scope, kind, "u", "c").expect("a legal key"));
    for (key, variation) in keys.iter().zip(["1", "2", "3", "4"]) {
        assert_eq!(told(&claim(&s.one, &offer(key.clone(), variation, &[])).await), (Created, Some(variation), vec![]));
    }
    s.one.remove(&keys[..1]).await.expect("remove");
    put(&s.one, &[Entry { key: keys[3].clone(), ..s.entry("u", "5", &[]) }]).await;
    let got = s.other.get(&keys).await.expect("get");
    assert_eq!(got.iter().map(variation).collect::<Vec<_>>(), [None, Some("2"), Some("3"), Some("5")]);
}
