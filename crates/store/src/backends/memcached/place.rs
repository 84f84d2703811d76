//! Where a key lives: which node, under which name, and what is stored there.
use super::NAME;
use crate::{Assignment, Error, ErrorKind, Key, Result, User, codec, spread};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// What names of ours begin with inside the hash, so that another layout one day has other names.
const LAYOUT: &[u8] = b"stayput/1\0";

/// How long the hash in a name is.
const HASH: usize = 43;

/// The name of a key: 43 letters, for keys may be longer than Memcached's 250 bytes and hold anything. The whole key
/// stands in the value, and is compared.
pub(super) fn name(prefix: &str, key: &Key) -> String {
    let mut name = String::with_capacity(prefix.len() + HASH);
    add_name(&mut name, prefix, key);
    name
}
/// The names of `keys`, a space before each.
pub(super) fn names<'a>(prefix: &str, keys: impl ExactSizeIterator<Item = &'a Key>) -> String {
    let mut names = String::with_capacity(keys.len() * (1 + prefix.len() + HASH));
    for key in keys {
        names.push(' ');
        add_name(&mut names, prefix, key);
    }
    names
}
fn add_name(to: &mut String, prefix: &str, key: &Key) {
    let mut hash = Sha256::new_with_prefix(LAYOUT);
    codec::key_parts(key).iter().for_each(|part| hash.update(part));
    to.push_str(prefix);
    URL_SAFE_NO_PAD.encode_string(&hash.finalize()[..], to);
}

/// Which of the nodes with these hashes the user lives on: the one whose hash with the user's is highest. It depends on
/// the names of the nodes, in any order, and on nothing else: a node that is away keeps its users, who get errors until
/// it is back.
pub(super) fn node(hashes: impl Iterator<Item = u64>, user: &User) -> Option<usize> {
    let user = spread::of_user(user);
    hashes.enumerate().max_by_key(|(_, node)| mixed(node ^ user)).map(|(place, _)| place)
}

/// Every bit of `hash` changes half of the bits of this: SplitMix64's last step.
fn mixed(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
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
        Some((stored, held)) if codec::is_key(stored, key) => codec::decode(NAME, held),
        Some(_) => Err(Error::new(ErrorKind::Corrupt, NAME, "another key is stored where this one belongs")),
        None => Err(Error::new(ErrorKind::Corrupt, NAME, "a stored value is cut short")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scope;

    #[test]
    fn users_never_move_and_are_spread_evenly() {
        let hashes = ["a:11211", "b:11211", "c:11211"].map(|name| spread::fnv([name.as_bytes()]));
        let place = |user: &str| node(hashes.into_iter(), &User::new(&Scope::default(), user).unwrap()).unwrap();
        assert_eq!(["ada", "grace", "用户-7", "user-1", "user-2"].map(place), [2, 0, 2, 2, 1]);
        let mut users = [0; 3];
        (0..3_000).for_each(|user| users[place(&format!("user-{user}"))] += 1);
        assert!(users.iter().all(|users| (900..1_100).contains(users)), "{users:?}");
    }
}
