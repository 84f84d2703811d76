//! News of what others change, for whoever keeps copies.
//!
//! [`open_followed`](crate::open_followed) asks a store for them. Where nothing is pushed, a copy is as good as it is
//! young.
use crate::User;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::{
    Notify,
    broadcast::{self, error::RecvError},
};
#[cfg(any(feature = "postgres", feature = "redis", feature = "stayput"))]
use {crate::Result, std::time::Duration, tokio::time::sleep};

/// How many changes may wait for a listener; one who falls behind is told [`Change::Everything`].
const WAITING: usize = 4_096;
#[cfg(any(feature = "postgres", feature = "redis", feature = "stayput"))]
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

/// What one listener hears. The connection behind begins when the first change is waited for: a server may have to do
/// more for its writers while somebody listens. It ends with its last listener.
pub struct Changes {
    receiver: broadcast::Receiver<Change>,
    start: Option<Box<dyn FnOnce() + Send + Sync>>,
    told: Arc<AtomicBool>,
}

/// Tells all listeners.
#[derive(Clone, Debug)]
pub struct Feed {
    sender: broadcast::Sender<Change>,
    /// Somebody has begun to listen.
    heard: Arc<Notify>,
    /// Whether anything was told since the connection was last lost.
    told: Arc<AtomicBool>,
}

impl Changes {
    /// The next one; none when nothing more will come.
    pub async fn next(&mut self) -> Option<Change> {
        if let Some(start) = self.start.take() {
            start();
        }
        match self.receiver.recv().await {
            Ok(change) => Some(change),
            Err(RecvError::Lagged(_)) => Some(Change::Everything),
            Err(RecvError::Closed) => None,
        }
    }
    /// Whether nothing can be missed now: false until the first [`Change::Everything`], and while a lost connection is
    /// being made anew.
    pub fn is_live(&self) -> bool {
        self.told.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Changes").field(&self.receiver).finish()
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(WAITING), heard: Arc::default(), told: Arc::default() }
    }
}

impl Feed {
    /// Another listener, from now on.
    pub fn listen(&self) -> Changes {
        let receiver = self.sender.subscribe();
        self.heard.notify_one();
        Changes { receiver, start: None, told: self.told.clone() }
    }
    /// Returns once somebody listens. Only one may wait for this at a time.
    pub async fn listened(&self) {
        while self.sender.receiver_count() == 0 {
            self.heard.notified().await;
        }
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
#[cfg(any(feature = "postgres", feature = "redis", feature = "stayput"))]
pub(crate) fn follow<F>(attempt: impl Fn(Feed) -> F + Send + Sync + 'static) -> Changes
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let feed = Feed::default();
    let changes = feed.listen();
    Changes { start: Some(Box::new(move || drop(tokio::spawn(keep_following(attempt, feed))))), ..changes }
}

#[cfg(any(feature = "postgres", feature = "redis", feature = "stayput"))]
async fn keep_following<F>(attempt: impl Fn(Feed) -> F, feed: Feed)
where
    F: Future<Output = Result<()>> + Send,
{
    let [first, longest] = PAUSES;
    let (mut pause, mut is_known) = (first, false);
    loop {
        let lost = tokio::select! {
            () = feed.sender.closed() => return,
            lost = attempt(feed.clone()) => lost,
        };
        let why = lost.err().map_or_else(|| "the connection was closed".to_owned(), |error| error.to_string());
        match feed.told.swap(false, Ordering::Relaxed) {
            true => {
                tracing::warn!("changes are not followed for now: {why}");
                let _ = feed.sender.send(Change::Everything); // not `tell`: whoever hears it finds it is not live
                pause = first;
            }
            false if is_known => {
                tracing::debug!("changes are still not followed: {why}");
                pause = (2 * pause).min(longest);
            }
            false => tracing::warn!("changes cannot be followed: {why}"),
        }
        is_known = true;
        sleep(pause).await;
    }
}
