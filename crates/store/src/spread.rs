//! A hash by which users are spread over places, the same for ever.
use crate::User;

/// FNV-1a with 64 bits over scope `00` user `00`.
pub(crate) fn of_user(user: &User) -> u64 {
    fnv([user.scope().as_str().as_bytes(), b"\0", user.id().as_bytes(), b"\0"])
}

/// FNV-1a with 64 bits over `parts`, one behind the other.
pub(crate) fn fnv<const N: usize>(parts: [&[u8]; N]) -> u64 {
    parts
        .into_iter()
        .flatten()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
