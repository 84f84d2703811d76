//! One read of the store that everybody waits for who asks the same.
use super::{Assignment, Error, Key};
use std::{collections::HashMap, sync::Arc};
use tokio::sync::watch;

/// What a read found: keys that it asked about and that are missing here are absent.
pub(super) type Found = Result<HashMap<Key, Arc<Assignment>>, Error>;

/// Where a read will land.
#[derive(Clone, Debug)]
pub(super) struct Landing(watch::Receiver<Option<Arc<Found>>>);

/// The read itself; if it is dropped, whoever waits is told so.
#[derive(Debug)]
pub(super) struct Flight(watch::Sender<Option<Arc<Found>>>);

/// A read that nobody has sent off yet.
pub(super) fn flight() -> (Flight, Landing) {
    let (sender, receiver) = watch::channel(None);
    (Flight(sender), Landing(receiver))
}

impl Flight {
    pub(super) fn land(self, found: Found) {
        // Nobody may be waiting any more.
        let _ = self.0.send(Some(Arc::new(found)));
    }
}

impl Landing {
    /// What was found; nothing if the read was given up, as when its runtime ends.
    pub(super) async fn found(mut self) -> Option<Arc<Found>> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
    /// Whether both are the same read.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.0.same_channel(&other.0)
    }
}
