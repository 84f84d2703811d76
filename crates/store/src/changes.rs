//! News of what others change, for whoever keeps copies.
//!
//! [`open_followed`](crate::open_followed) asks a store for them. Where nothing is pushed, a copy is as good as it is
//! young.
use crate::User;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::broadcast::{self, error::RecvError};
#[cfg(any(feature = "redis", feature = "stayput"))]
use {crate::Result, std::time::Duration, tokio::time::sleep};

/// How many changes may wait for a listener; one who falls behind is told [`Change::Everything`].
const WAITING: usize = 4_096;
#[cfg(any(feature = "redis", feature = "stayput"))]
/// After a connection was lost, the first wait, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(5)];

/// What may have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Something about this user.
    User(User),
    /// Anything: changes may have been missed, for a connection was lost or made, or they came too fast.
    Everything,
}

/// What one listener hears. The connection behind ends with its last listener.
#[derive(Debug)]
pub struct Changes(broadcast::Receiver<Change>);

/// Tells all listeners.
#[derive(Clone, Debug)]
pub struct Feed {
    sender: broadcast::Sender<Change>,
    /// Whether anything was told since somebody last looked.
    told: Arc<AtomicBool>,
}

impl Changes {
    /// The next one; none when nothing more will come.
    pub async fn next(&mut self) -> Option<Change> {
        match self.0.recv().await {
            Ok(change) => Some(change),
            Err(RecvError::Lagged(_)) => Some(Change::Everything),
            Err(RecvError::Closed) => None,
        }
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(WAITING), told: Arc::default() }
    }
}

impl Feed {
    /// Another listener, from now on.
    pub fn listen(&self) -> Changes {
        Changes(self.sender.subscribe())
    }
    /// Tells `change` to whoever listens.
    pub fn tell(&self, change: Change) {
        self.told.store(true, Ordering::Relaxed);
        // Nobody listens: nobody keeps a copy.
        let _ = self.sender.send(change);
    }
}

/// Listens by `attempt`, which connects, tells [`Change::Everything`] as soon as nothing can be missed any more, and
/// then every change until the connection is lost. Then anything may have changed, and it begins anew.
#[cfg(any(feature = "redis", feature = "stayput"))]
pub(crate) fn follow<F>(attempt: impl Fn(Feed) -> F + Send + 'static) -> Changes
where
    F: Future<Output = Result<()>> + Send,
{
    let feed = Feed::default();
    let changes = feed.listen();
    tokio::spawn(async move {
        let [first, longest] = PAUSES;
        let mut pause = first;
        loop {
            let lost = tokio::select! {
                () = feed.sender.closed() => return,
                lost = attempt(feed.clone()) => lost,
            };
            let why = lost.err().map_or_else(|| "the connection was closed".to_owned(), |error| error.to_string());
            match feed.told.swap(false, Ordering::Relaxed) {
                true => {
                    tracing::warn!("changes are not followed for now: {why}");
                    feed.tell(Change::Everything);
                    feed.told.store(false, Ordering::Relaxed);
                    pause = first;
                }
                false => {
                    tracing::debug!("changes are still not followed: {why}");
                    pause = (2 * pause).min(longest);
                }
            }
            sleep(pause).await;
        }
    });
    changes
}
