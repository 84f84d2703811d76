//! A store that may not be there yet: it is opened in the background, and unavailable until then.
use super::{
    direct::{Direct, Lane},
    stats::Counters,
};
use crate::{
    Assignment, AssignmentStore, BoxFuture, Changes, Claimed, Cursor, Entry, Error, ErrorKind, Key, Offer, Page,
    Result, ScanStore, Scope, User, open_followed,
};
use std::{
    fmt,
    sync::{Arc, OnceLock},
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::sync::oneshot;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Hears of the first success, or of an error before it that waiting cannot cure.
pub(super) type First = oneshot::Receiver<Result<()>>;
/// Gets what the store pushes, if it does.
pub(super) type Pushed = oneshot::Receiver<Option<Changes>>;

/// The store at a URL, as soon as it could be reached.
pub(super) struct Opening {
    store: Arc<OnceLock<Arc<dyn ScanStore>>>,
    /// The same, for those who drive what they wait for.
    lane: Option<Lane>,
}

impl Opening {
    /// Begins to open `url`, and goes on until that succeeds; a wrong URL is an error at once. Needs a tokio runtime.
    pub(super) fn begin(url: String, direct: Option<Direct>, counters: Arc<Counters>) -> Result<(Self, First, Pushed)> {
        let opened = Arc::new(OnceLock::new());
        let (sender, receiver) = oneshot::channel();
        let (follower, changes) = oneshot::channel();
        // What is wrong with a URL is found before anything is waited for: however busy the machine is, it is told.
        let mut attempt = attempt(url.clone());
        let first = match attempt.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Err(error)) if !error.is_transient() => return Err(error),
            Poll::Ready(answer) => Box::pin(std::future::ready(answer)),
            Poll::Pending => attempt,
        };
        let lane = direct.as_ref().map(Direct::lane);
        let told = Told { listener: Some(sender), follower, direct };
        tokio::spawn(persist(url, first, opened.clone(), told, counters));
        Ok((Self { store: opened, lane }, receiver, changes))
    }

    fn through<'a, T: 'a>(
        &'a self,
        ask: impl FnOnce(&'a Arc<dyn ScanStore>) -> BoxFuture<'a, Result<T>>,
    ) -> BoxFuture<'a, Result<T>> {
        match self.lane.as_ref().and_then(Lane::store).or_else(|| self.store.get()) {
            Some(store) => ask(store),
            None => Box::pin(async {
                Err(Error::new(ErrorKind::Unavailable, "connector", "the store could not be reached yet"))
            }),
        }
    }
}

type Attempt = BoxFuture<'static, Result<(Arc<dyn ScanStore>, Option<Changes>)>>;

fn attempt(url: String) -> Attempt {
    Box::pin(async move { open_followed(&url).await })
}

/// Who hears of it.
struct Told {
    listener: Option<oneshot::Sender<Result<()>>>,
    follower: oneshot::Sender<Option<Changes>>,
    direct: Option<Direct>,
}

async fn persist(
    url: String,
    mut next: Attempt,
    opened: Arc<OnceLock<Arc<dyn ScanStore>>>,
    Told { mut listener, follower, direct }: Told,
    counters: Arc<Counters>,
) {
    let mut pause = FIRST_PAUSE;
    loop {
        match next.await {
            Ok((store, changes)) => {
                let _ = opened.set(store); // nobody else sets it
                let _ = follower.send(changes); // nobody listens where nothing is kept
                listener.take().map(|listener| listener.send(Ok(())));
                if let Some(direct) = direct {
                    direct.open(url);
                }
                return;
            }
            Err(error) if !error.is_transient() && listener.as_ref().is_some_and(|listener| !listener.is_closed()) => {
                listener.take().map(|listener| listener.send(Err(error)));
                return;
            }
            Err(error) => counters.tell(&error),
        }
        tokio::time::sleep(pause).await;
        pause = LONGEST_PAUSE.min(2 * pause);
        next = attempt(url.clone());
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Opening").field(&self.store.get()).finish()
    }
}

#[deny(clippy::missing_trait_methods)]
impl AssignmentStore for Opening {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        self.through(|store| store.get(keys))
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        self.through(|store| store.claim(offers))
    }
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        self.through(|store| store.put(entries))
    }
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        self.through(|store| store.remove(keys))
    }
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        self.through(|store| store.flush())
    }
}

#[deny(clippy::missing_trait_methods)]
impl ScanStore for Opening {
    fn user<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<Vec<Entry>>> {
        self.through(|store| store.user(user))
    }
    fn erase<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<u64>> {
        self.through(|store| store.erase(user))
    }
    fn scan<'a>(
        &'a self,
        scope: Option<&'a Scope>,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page>> {
        self.through(move |store| store.scan(scope, after, limit))
    }
}
