//! The bytes of every release stay readable, and mean what the JSON beside them says.
//!
//! `tests/golden/RELEASE/NAME.hex` holds an encoded key and an encoded value, one a line. They are never changed; a
//! release that writes something new adds a folder: name it below and run once with `STAYPUT_GOLDEN=write`.
use serde_json::{Value, json};
use stayput::{
    Assignment, ClaimId, Document, Entry, ErrorKind, Goal, Key, Kind, MetaData, Name, Offer, Scope, Timestamp, codec,
};
use std::{collections::BTreeMap, fs, path::PathBuf};

/// The release whose bytes today's encoder writes.
const RELEASE: &str = "0.1";
/// A field as a newer version may write it: a tag, a length, and so many bytes.
const NEWER: &[u8] = &[12, 3, b'n', b'e', b'w', 200, 0];

#[test]
fn bytes_of_every_release_mean_what_the_json_says() {
    for Golden { name, key, value, json } in golden() {
        let entry: Entry = serde_json::from_value(json.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (read_key, read) = (codec::decode_key("golden", &key), codec::decode("golden", &value));
        assert!(read_key.expect("a key") == entry.key, "the key of {name}");
        assert_eq!(read.expect("a value"), entry.assignment, "{name}");
        assert_eq!(codec::expires_at(&value), entry.assignment.expires_at, "{name}");
    }
}

#[test]
fn todays_encoder_writes_the_bytes_of_its_release() {
    let golden: BTreeMap<String, Golden> = golden().map(|golden| (golden.name.clone(), golden)).collect();
    for (name, entry) in samples() {
        let golden = &golden[&format!("{RELEASE}/{name}")];
        assert!(codec::encode_key(&entry.key) == golden.key, "the key of {name}");
        assert!(codec::encode(&entry.assignment) == golden.value, "{name}");
        assert_eq!(serde_json::to_value(&entry).expect("JSON"), golden.json, "{name} between two processes");
    }
}

#[test]
fn what_a_newer_version_wrote_survives_a_claim() {
    let mut newer = 0;
    for Golden { name, value, .. } in golden().filter(|golden| golden.value.ends_with(NEWER)) {
        let held = codec::decode("golden", &value).expect("a value");
        let key = Key::new(&Scope::default(), Kind::Classic, "u", "c").expect("legal");
        let offer = Offer::new(key, ClaimId(7), Timestamp::default()).bringing([goal("one more")]);
        let offer = Offer { epoch: held.epoch, ..offer };
        let joined = offer.join(Some(held), Timestamp::default());
        assert!(joined.changed, "{name}");
        assert!(codec::encode(&joined.claimed.held.expect("held")).ends_with(NEWER), "{name}");
        newer += 1;
    }
    assert!(newer > 0, "no golden record is of a newer version");
}

#[test]
fn damage_is_told_and_never_worse() {
    let corrupt = |answer: stayput::Result<Assignment>| {
        assert!(answer.err().is_none_or(|error| error.kind() == ErrorKind::Corrupt));
    };
    for Golden { key, value, .. } in golden() {
        let stride = if value.len() < 2_000 { 1 } else { value.len() / 40 };
        for at in (0..value.len()).step_by(stride) {
            corrupt(codec::decode("golden", &value[..at]));
            for flipped in (0..8).map(|bit| 1 << bit).chain([0xff]) {
                let mut damaged = value.clone();
                damaged[at] ^= flipped;
                codec::expires_at(&damaged);
                corrupt(codec::decode("golden", &damaged));
            }
        }
        for at in 0..key.len() {
            for damaged in [&key[..at], &[&key[..at], &[0], &key[at..]].concat(), &[&key[..at], &[0xff]].concat()] {
                if let Ok(other) = codec::decode_key("golden", damaged) {
                    assert_eq!(codec::encode_key(&other), *damaged, "taken for a key that it does not encode");
                }
            }
        }
    }
}

#[test]
fn another_format_is_corrupt_and_named() {
    let (_, entry) = samples().remove(0);
    let mut value = codec::encode(&entry.assignment);
    for version in (0..=255).filter(|version| *version != 1) {
        value[0] = version;
        let error = codec::decode("golden", &value).expect_err("another format");
        assert_eq!((error.kind(), error.store()), (ErrorKind::Corrupt, Some("golden")));
        assert!(error.message().contains(&format!("format {version};")), "{error}");
    }
    assert_eq!(codec::decode("golden", &[]).expect_err("nothing").kind(), ErrorKind::Corrupt);
}

/// What every release must be able to keep.
fn samples() -> Vec<(&'static str, Entry)> {
    let scope = |name: &str| Scope::new(name).expect("legal");
    let key = |kind, user: &str, campaign: &str| Key::new(&Scope::default(), kind, user, campaign).expect("legal");
    let plain = key(Kind::Classic, "user", "campaign");
    let bare = Assignment {
        variation: goal("Variation-1"),
        by: ClaimId(0x0123_4567_89ab_cdef),
        replaced: None,
        goals: Default::default(),
        meta_data: None,
        extra: None,
        assigned_at: Timestamp::from_millis(1_767_225_600_000),
        changed_at: Timestamp::from_millis(1_767_225_600_001),
        expires_at: None,
        revision: 1,
        epoch: 0,
        unknown: Default::default(),
    };
    let with = |key: &Key, assignment| Entry { key: key.clone(), assignment };
    let goals = |names: &[String], by| names.iter().map(|name| Goal { name: goal(name), by: ClaimId(by) }).collect();
    let some_goals = goals(&["product-bought".into(), "buy-now-clicked".into(), "é/日本語 😀\u{1}".into()], 5);
    let meta_data = |value, at| Some(MetaData { document: document(value), at: Timestamp::from_millis(at) });
    let full = Assignment {
        replaced: Some(goal("Control")),
        goals: some_goals,
        meta_data: meta_data(json!({"plan": "gold", "é": [1, 1.5, null, true], "a": {}}), 3),
        extra: Some(document(json!({"source": "web", "__proto__": [[]]}))),
        expires_at: Some(Timestamp::from_millis(1_782_777_600_000)),
        revision: 300,
        epoch: 2,
        ..bare.clone()
    };
    let newer = codec::decode("golden", &[codec::encode(&full), NEWER.to_vec()].concat()).expect("a newer value");
    let names = |length: usize, count: usize| -> Vec<String> { (0..count).map(|i| format!("{i:x<length$}")).collect() };
    let longest = Key::new(&scope(&"s".repeat(128)), Kind::Fme, &"é".repeat(512), &"c".repeat(256)).expect("legal");
    let large = Assignment {
        variation: goal(&"v".repeat(256)),
        replaced: Some(goal(&"é".repeat(128))),
        goals: goals(&names(256, 4), u64::MAX),
        meta_data: meta_data(json!("m".repeat(16_000)), u64::MAX),
        extra: Some(document(json!({"x": "x".repeat(374)}))),
        ..bare.clone()
    };
    let extremes = Assignment {
        by: ClaimId(u64::MAX),
        assigned_at: Timestamp::default(),
        changed_at: Timestamp::MAX,
        expires_at: Some(Timestamp::MAX),
        revision: u64::MAX,
        epoch: u32::MAX,
        ..bare.clone()
    };
    let odd = Key::new(&scope("é:/\u{1}"), Kind::Classic, "../a%2Fb \u{1}e\u{301}😀", "__proto__\n").expect("legal");
    vec![
        ("bare", with(&plain, bare.clone())),
        ("fme", with(&key(Kind::Fme, "user", "campaign"), bare.clone())),
        ("replaced", with(&plain, Assignment { replaced: Some(goal("Control")), revision: 2, ..bare.clone() })),
        ("goals", with(&plain, Assignment { goals: full.goals.clone(), ..bare.clone() })),
        ("meta_data", with(&plain, Assignment { meta_data: meta_data(json!([]), 0), ..bare.clone() })),
        ("extra", with(&plain, Assignment { extra: full.extra.clone(), ..bare.clone() })),
        ("expiring", with(&plain, Assignment { expires_at: full.expires_at, ..bare.clone() })),
        ("full", with(&plain, full)),
        ("newer", with(&plain, newer)),
        ("odd_key", with(&odd, bare.clone())),
        ("longest", with(&longest, large)),
        ("extremes", with(&plain, extremes)),
        ("thousand_goals", with(&plain, Assignment { goals: goals(&names(3, 1_000), 1), ..bare })),
    ]
}

struct Golden {
    name: String,
    key: Vec<u8>,
    value: Vec<u8>,
    json: Value,
}

fn golden() -> impl Iterator<Item = Golden> {
    write_if_asked();
    let mut found = Vec::new();
    for release in fs::read_dir(folder()).expect("tests/golden") {
        let release = release.expect("a folder");
        for file in fs::read_dir(release.path()).expect("a folder").map(|file| file.expect("a file").path()) {
            if file.extension().is_some_and(|extension| extension == "hex") {
                let text = fs::read_to_string(&file).expect("text");
                let (key, value) = text.trim().split_once('\n').expect("two lines");
                let json = fs::read_to_string(file.with_extension("json")).expect("JSON beside it");
                let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                let name = format!("{}/{stem}", release.file_name().to_string_lossy());
                let json = serde_json::from_str(&json).expect("JSON");
                found.push(Golden { name, key: from_hex(key), value: from_hex(value), json });
            }
        }
    }
    assert!(found.len() >= samples().len(), "golden records are missing");
    found.into_iter()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Adds what is missing of this release; never changes what is there.
fn write_if_asked() {
    #[expect(clippy::disallowed_methods, reason = "tests have no configuration but this")]
    let asked = std::env::var_os("STAYPUT_GOLDEN").is_some();
    for (name, entry) in samples().into_iter().filter(|_| asked) {
        let file = folder().join(RELEASE).join(name);
        fs::create_dir_all(folder().join(RELEASE)).expect("a folder");
        let hex = format!("{}\n{}\n", hex(&codec::encode_key(&entry.key)), hex(&codec::encode(&entry.assignment)));
        let json = serde_json::to_string_pretty(&entry).expect("JSON") + "\n";
        for (extension, text) in [("hex", hex), ("json", json)] {
            if !file.with_extension(extension).exists() {
                fs::write(file.with_extension(extension), text).expect("written");
            }
        }
    }
}

fn goal(name: &str) -> Name {
    Name::goal(name).expect("legal")
}
fn document(value: Value) -> Document {
    Document::new("metaData", &value).expect("legal")
}
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
fn from_hex(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal digits");
    (0..hex.len()).step_by(2).map(byte).collect()
}
