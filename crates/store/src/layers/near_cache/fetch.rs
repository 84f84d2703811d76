//! One read of the store that everybody waits for who asks the same.
use super::{Assignment, Error, Key};
use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, OnceLock},
};
use tokio::sync::Notify;

/// What a read found: keys that it asked about and that are missing here are absent.
pub(super) type Found = Result<HashMap<Key, Arc<Assignment>>, Error>;

/// Where a read will land.
#[derive(Clone, Debug)]
pub(super) struct Landing(Arc<Place>);

/// The read itself; if it is dropped, whoever waits is told so.
#[derive(Debug)]
pub(super) struct Flight(Arc<Place>);

/// Those who wait go on in the order in which they came, unlike those of a watch channel: a simulation repeats itself.
#[derive(Debug, Default)]
struct Place {
    /// Nothing if the read was given up.
    landed: OnceLock<Option<Arc<Found>>>,
    waiting: Notify,
}

/// A read that nobody has sent off yet.
pub(super) fn flight() -> (Flight, Landing) {
    let place = Arc::new(Place::default());
    (Flight(place.clone()), Landing(place))
}

impl Flight {
    pub(super) fn land(self, found: Found) {
        // It lands once: this consumes it.
        let _ = self.0.landed.set(Some(Arc::new(found)));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.landed.get_or_init(|| None);
        self.0.waiting.notify_waiters();
    }
}

impl Landing {
    /// What was found; nothing if the read was given up, as when its runtime ends.
    pub(super) async fn found(self) -> Option<Arc<Found>> {
        let mut landed = pin!(self.0.waiting.notified());
        // First in line, then a look: what lands in between wakes us.
        landed.as_mut().enable();
        match self.0.landed.get() {
            Some(found) => found.clone(),
            None => {
                landed.await;
                self.0.landed.get()?.clone()
            }
        }
    }
    /// Whether both are the same read.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
