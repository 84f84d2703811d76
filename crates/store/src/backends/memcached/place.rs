//! Where a key lives: which node, under which name, and what is stored there.
use super::NAME;
use crate::{Assignment, Error, ErrorKind, Key, Result, User, codec};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// What names of ours begin with inside the hash, so that another layout one day has other names.
const LAYOUT: &[u8] = b"stayput/1\0";

/// The name of a key: 43 letters, for keys may be longer than Memcached's 250 bytes and hold anything. The whole key
/// stands in the value, and is compared.
pub(super) fn name(prefix: &str, key: &Key) -> String {
    let hash = Sha256::new().chain_update(LAYOUT).chain_update(codec::encode_key(key)).finalize();
    let mut name = String::with_capacity(prefix.len() + 43);
    name.push_str(prefix);
    URL_SAFE_NO_PAD.encode_string(&hash[..], &mut name);
    name
}

/// Which of `nodes` the user lives on: the one whose hash with the user is highest. It depends on the names of the nodes,
/// in any order, and on nothing else: a node that is away keeps its users, who get errors until it is back.
pub(super) fn node<T>(nodes: &[T], named: impl Fn(&T) -> &str, user: &User) -> Option<usize> {
    if nodes.len() < 2 {
        return nodes.len().checked_sub(1);
    }
    let user = codec::user_prefix(user);
    let weight = |(_, node): &(usize, &T)| {
        let hash = Sha256::new().chain_update(named(node)).chain_update([0]).chain_update(&user).finalize();
        <[u8; 32]>::from(hash)
    };
    nodes.iter().enumerate().max_by_key(weight).map(|(place, _)| place)
}

/// The key and what it holds.
pub(super) fn value(key: &Key, held: &Assignment) -> Vec<u8> {
    let key = codec::encode_key(key);
    let length = u16::try_from(key.len()).unwrap_or(u16::MAX); // keys have some 1,500 bytes at most
    [&length.to_be_bytes(), key.as_slice(), &codec::encode(held)].concat()
}
/// What `value` holds, if it was stored for `key`.
pub(super) fn held(key: &Key, value: &[u8]) -> Result<Assignment> {
    let parts =
        value.split_first_chunk().and_then(|(length, rest)| rest.split_at_checked(u16::from_be_bytes(*length).into()));
    match parts {
        Some((stored, held)) if stored == codec::encode_key(key) => codec::decode(NAME, held),
        Some(_) => Err(Error::new(ErrorKind::Corrupt, NAME, "another key is stored where this one belongs")),
        None => Err(Error::new(ErrorKind::Corrupt, NAME, "a stored value is cut short")),
    }
}
