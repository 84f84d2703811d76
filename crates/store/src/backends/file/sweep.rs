//! Purges expired assignments a little at every write, so that a store with retention does not grow without end.
use super::{codec, environment::Entries};
use crate::Timestamp;
use heed::RwTxn;

/// How many entries each write looks at.
const PER_WRITE: usize = 2;

/// Goes round and round the keys.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    last: Vec<u8>,
}

impl Sweep {
    /// Looks at the next few entries for each of `writes` and deletes those that have expired at `now`. Tells how
    /// many those were.
    pub(super) fn go(
        &mut self,
        txn: &mut RwTxn<'_>,
        entries: Entries,
        writes: usize,
        now: Timestamp,
    ) -> heed::Result<u64> {
        let mut purged = 0;
        for _ in 0..writes.saturating_mul(PER_WRITE) {
            let next = match self.last.is_empty() {
                true => entries.first(txn)?,
                false => entries.get_greater_than(txn, &self.last)?,
            };
            let Some((key, value)) = next else {
                self.last.clear(); // and round again
                continue;
            };
            self.last.clear();
            self.last.extend_from_slice(key);
            // Read from the bytes without decoding them: what cannot be read has no expiry and stays.
            if codec::expires_at(value).is_some_and(|end| end <= now) {
                entries.delete(txn, &self.last)?;
                purged += 1;
            }
        }
        Ok(purged)
    }
}
