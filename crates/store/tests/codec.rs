//! Encoded keys and values: they come back as they were, sort as keys do, and damage is told, never worse.
use arbitrary::assignment;
use proptest::{collection::vec, prelude::*};
use stayput::{Assignment, ErrorKind, Key, Offer, Scope, codec};

#[path = "support/arbitrary.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod arbitrary;

/// Any legal text of at most `max` bytes, often short.
fn text(max: usize) -> impl Strategy<Value = String> {
    let any = vec(any::<char>().prop_filter("no U+0000", |c| *c != '\0'), 1..8).prop_map(String::from_iter);
    prop_oneof![any, "[a-c\u{1}\u{2}]{1,3}", Just("x".repeat(max))]
}
fn any_key() -> impl Strategy<Value = Key> {
    (text(128), arbitrary::kind(), text(1_024), text(256)).prop_map(|(scope, kind, user, campaign)| {
        Key::new(&Scope::new(&scope).expect("legal"), kind, &user, &campaign).expect("legal")
    })
}
/// Fields of a newer version.
fn unknown() -> impl Strategy<Value = Vec<u8>> {
    let field =
        (12..=255u8, vec(any::<u8>(), 0..5)).prop_map(|(tag, value)| [vec![tag, value.len() as u8], value].concat());
    vec(field, 0..3).prop_map(|fields| fields.concat())
}
fn of_a_newer_version(assignment: &Assignment, unknown: &[u8]) -> Vec<u8> {
    [&codec::encode(assignment), unknown].concat()
}

proptest! {
    #[test]
    fn a_key_comes_back(key in any_key()) {
        let bytes = codec::encode_key(&key);
        prop_assert!(bytes.starts_with(&codec::user_prefix(key.user())));
        prop_assert!(bytes.starts_with(&codec::scope_prefix(key.scope())));
        prop_assert_eq!(codec::decode_key("test", &bytes).expect("a key"), key);
    }

    #[test]
    fn encoded_keys_sort_as_keys_do(one in any_key(), other in any_key()) {
        prop_assert_eq!(codec::encode_key(&one).cmp(&codec::encode_key(&other)), one.cmp(&other));
    }

    #[test]
    fn a_prefix_is_of_one_user_and_of_one_scope(one in any_key(), other in any_key()) {
        let bytes = codec::encode_key(&one);
        prop_assert_eq!(bytes.starts_with(&codec::user_prefix(other.user())), one.user() == other.user());
        prop_assert_eq!(bytes.starts_with(&codec::scope_prefix(other.scope())), one.scope() == other.scope());
    }

    #[test]
    fn a_value_comes_back(held in assignment(), unknown in unknown()) {
        let bytes = of_a_newer_version(&held, &unknown);
        let decoded = codec::decode("test", &bytes).expect("a value");
        prop_assert_eq!(codec::encode(&decoded), bytes.clone());
        prop_assert_eq!(codec::expires_at(&bytes), held.expires_at);
        prop_assert_eq!(Assignment { unknown: Default::default(), ..decoded }, held);
    }

    #[test]
    fn unknown_fields_survive_a_join(held in assignment(), unknown in unknown(), offer in arbitrary::offer()) {
        let decoded = codec::decode("test", &of_a_newer_version(&held, &unknown)).expect("a value");
        let offer = Offer { epoch: held.epoch, ..offer };
        let now = Default::default(); // nothing has expired yet
        prop_assume!(decoded.is_live(now));
        let joined = offer.join(Some(decoded), now).claimed.held.expect("something is held");
        prop_assert!(codec::encode(&joined).ends_with(&unknown));
        let json = serde_json::to_string(&joined).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<Assignment>(&json).expect("the same"), joined, "between two processes");
    }

    #[test]
    fn known_fields_cannot_be_smuggled_in_as_unknown(held in assignment(), tag in 1..12u8, unknown in unknown()) {
        for smuggled in [vec![tag, 0], [unknown.clone(), vec![tag, 1, 0]].concat(), [unknown, vec![200, 9]].concat()] {
            let mut json = serde_json::to_value(&held).expect("JSON");
            json["unknown"] = smuggled.into();
            prop_assert!(serde_json::from_value::<Assignment>(json).is_err());
        }
    }

    #[test]
    fn any_bytes_are_read_or_corrupt(bytes in vec(any::<u8>(), 0..200)) {
        let versioned = [&[1], &bytes[..]].concat();
        for bytes in [&bytes, &versioned] {
            codec::expires_at(bytes);
            if let Err(error) = codec::decode("test", bytes) {
                prop_assert_eq!((error.kind(), error.store()), (ErrorKind::Corrupt, Some("test")));
            }
            match codec::decode_key("test", bytes) {
                Ok(key) => prop_assert_eq!(&codec::encode_key(&key), bytes),
                Err(error) => prop_assert_eq!((error.kind(), error.store()), (ErrorKind::Corrupt, Some("test"))),
            }
        }
    }
}
