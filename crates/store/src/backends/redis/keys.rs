//! Where things are in Redis, so that all of a user lives in one slot of a cluster.
//!
//! | key | type | holds |
//! |---|---|---|
//! | `PREFIX{BBB}u` scope `00` user | hash | per kind and campaign (`c` or `f`, then the campaign key) one value of [`codec`] |
//! | `PREFIX{BBB}i` | sorted set, all scores 0 | scope `00` user, for every user of the bucket |
//!
//! `BBB` is the user's bucket in three hexadecimal digits: FNV-1a with 64 bits over scope `00` user `00`, its halves
//! combined by exclusive or, the lowest 12 bits of that. It never changes: `buckets_never_move` holds it.
use crate::{Key, Kind, Result, Scope, User, codec, spread};
use redis::cluster_routing::{Route, SlotAddr};

/// How many buckets there are.
pub(super) const BUCKETS: u16 = 4_096;

/// One of [`BUCKETS`] parts of all users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Bucket(pub(super) u16);

/// Spells keys.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Bucket {
    /// Where `user` lives.
    pub(super) fn of(user: &User) -> Self {
        let hash = spread::of_user(user);
        Self(((hash ^ (hash >> 32)) & u64::from(BUCKETS - 1)) as u16)
    }
    /// The way to the node of a cluster that decides about it.
    pub(super) fn route(self) -> Route {
        Route::with_key(format!("{:03x}", self.0), SlotAddr::Master)
    }
}

impl Keys {
    pub(super) fn new(prefix: String) -> Self {
        Self { prefix }
    }
    /// The key of the bucket's index.
    pub(super) fn index(&self, bucket: Bucket) -> Vec<u8> {
        self.of_kind(bucket, b'i', 0)
    }
    /// The key of the user's hash.
    pub(super) fn user(&self, user: &User) -> Vec<u8> {
        let length = user.scope().as_str().len() + 1 + user.id().len();
        let mut key = self.of_kind(Bucket::of(user), b'u', length);
        key.extend_from_slice(user.scope().as_str().as_bytes());
        key.push(0);
        key.extend_from_slice(user.id().as_bytes());
        key
    }
    /// The key of the hash of a member of the bucket's index.
    pub(super) fn member(&self, bucket: Bucket, member: &[u8]) -> Vec<u8> {
        let mut key = self.of_kind(bucket, b'u', member.len());
        key.extend_from_slice(member);
        key
    }
    /// What all keys begin with.
    pub(super) fn all(&self) -> Vec<u8> {
        format!("{}{{", self.prefix).into_bytes()
    }
    /// Whose hash `name` is the key of.
    pub(super) fn user_of(&self, name: &[u8]) -> Option<User> {
        let rest = name.strip_prefix(self.all().as_slice())?;
        let member = rest.get(3..)?.strip_prefix(b"}u")?;
        let any = Key::new(&Scope::default(), Kind::Classic, "u", "c").ok()?;
        Some(key(member, &field(&any)).ok()?.user().clone())
    }
    /// What `length` more bytes can follow.
    fn of_kind(&self, Bucket(bucket): Bucket, kind: u8, length: usize) -> Vec<u8> {
        let digit =
            |shift: u16| char::from_digit(u32::from(bucket >> shift & 0xf), 16).map_or(b'0', |digit| digit as u8);
        let mut key = Vec::with_capacity(self.prefix.len() + 6 + length);
        key.extend_from_slice(self.prefix.as_bytes());
        key.extend([b'{', digit(8), digit(4), digit(0), b'}', kind]);
        key
    }
}

/// What stands for `user` in the index.
pub(super) fn member(user: &User) -> Vec<u8> {
    let mut bytes = codec::user_prefix(user);
    bytes.pop();
    bytes
}

/// What stands for `key` in its user's hash.
pub(super) fn field(key: &Key) -> Vec<u8> {
    codec::encode_field(key)
}

/// The key that a member of the index and a field of its hash stand for.
pub(super) fn key(member: &[u8], field: &[u8]) -> Result<Key> {
    codec::decode_key(super::STORE, &[member, &[0], field].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_never_move() {
        let bucket = |user: &str| User::new(&Scope::default(), user).map(|user| Bucket::of(&user).0).unwrap();
        assert_eq!(["ada", "grace", "用户-7"].map(bucket), [3534, 3396, 3991]);
    }

    #[test]
    fn a_hash_tells_whose_it_is_and_nothing_else_does() {
        let keys = Keys::new("stayput:".into());
        for id in ["ada", "用户-7", "}u", "{0ab}u"] {
            let user = User::new(&Scope::default(), id).unwrap();
            assert_eq!(keys.user_of(&keys.user(&user)), Some(user.clone()));
            assert_eq!(keys.user_of(&keys.index(Bucket::of(&user))), None);
        }
        for other in ["", "stayput:", "stayput:{", "stayput:{00", "stayput:{0ab}u", "other:{0ab}udefault"] {
            assert_eq!(keys.user_of(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn buckets_and_slots_are_used_evenly() {
        let mut users = [0_u32; BUCKETS as usize];
        for user in 0..BUCKETS * 8 {
            let user = User::new(&Scope::default(), &format!("user-{user}")).unwrap();
            users[usize::from(Bucket::of(&user).0)] += 1;
        }
        assert!(users.iter().all(|users| *users < 40), "{:?}", users.iter().max());
        assert!(users.iter().filter(|users| **users == 0).count() < 20);
    }
}
