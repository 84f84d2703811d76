//! Who lost a race for what a server holds stands in a queue.
use crate::Key;
use std::hash::{DefaultHasher, Hash, Hasher};
use tokio::sync::{Mutex, MutexGuard};

/// Those who lost a race go on one after another, as far as they are in this process: if each tried again at once, a
/// thousand claims of one key would take a million operations. There is one of these for some keys, not for one.
#[derive(Debug)]
pub(crate) struct Queues([Mutex<()>; 64]);

impl Queues {
    /// Waits for the turn of whoever claims `key`. One queue at a time: who stands in two could wait for somebody who
    /// waits for him.
    pub(crate) async fn turn(&self, key: &Key) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let [first, rest @ ..] = &self.0;
        rest.get(hasher.finish() as usize % self.0.len()).unwrap_or(first).lock().await
    }
}

impl Default for Queues {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}
