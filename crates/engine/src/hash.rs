//! The hash behind every bucket: MurmurHash3 (x86, 32 bits, seed 1) over the low byte of each UTF-16 unit.
//!
//! Not over UTF-8: the official Node SDK reads `charCodeAt(i) & 0xff`, so `A` and `Ł` hash alike there and here.

/// The hash of `parts` written one after the other.
pub fn hash(parts: &[&str]) -> u32 {
    hash_units(parts.iter().flat_map(|part| part.encode_utf16()))
}

/// The hash of UTF-16 units, which need not be well formed.
pub fn hash_units(units: impl Iterator<Item = u16>) -> u32 {
    let (mut hash, mut block, mut count) = (1u32, 0u32, 0u32);
    for unit in units {
        block |= u32::from(unit & 0xff).wrapping_shl(count.wrapping_mul(8));
        count = count.wrapping_add(1);
        if count & 3 == 0 {
            hash = (hash ^ scramble(block)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
            block = 0;
        }
    }
    hash ^= scramble(block) ^ count;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

fn scramble(block: u32) -> u32 {
    block.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593)
}
