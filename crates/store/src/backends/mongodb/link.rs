//! The way to the servers, made anew when it fell silent, and one deadline for each operation.
use super::{NAME, failure};
use crate::{BoxFuture, Error, ErrorKind, Result};
use mongodb::{Client, Collection, bson::RawDocumentBuf, options::ClientOptions};
use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, timeout};

pub(super) type Documents = Collection<RawDocumentBuf>;

/// A client of the library, which pools connections and watches the servers.
pub(super) struct Link {
    options: ClientOptions,
    database: String,
    collection: String,
    timeout: Duration,
    current: Mutex<Current>,
}

struct Current {
    documents: Documents,
    made: Instant,
}

impl Link {
    /// Connects nothing yet.
    pub(super) fn new(options: ClientOptions, database: String, collection: String, timeout: Duration) -> Result<Self> {
        let documents = documents(&options, &database, &collection)?;
        let current = Mutex::new(Current { documents, made: Instant::now() });
        Ok(Self { options, database, collection, timeout, current })
    }
    /// Where assignments are.
    pub(super) fn documents(&self) -> Documents {
        self.current().documents.clone()
    }
    /// `work`, or an error when its time is over.
    pub(super) fn bounded<'a, T: 'a>(
        &'a self,
        work: impl Future<Output = Result<T>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T>> {
        Box::pin(async move {
            let began = Instant::now();
            match timeout(self.timeout, work).await {
                Ok(done) => done,
                Err(_) => {
                    self.renew(began);
                    Err(Error::new(ErrorKind::Timeout, NAME, format!("no answer within {:?}", self.timeout)))
                }
            }
        })
    }

    /// A peer that is gone without a word looks just like one that is slow, and the library would go on to ask it on every
    /// connection that it pooled. So there is a new client for those who come next, unless there has been one since
    /// `began`; the old one ends with the operations that still have it.
    fn renew(&self, began: Instant) {
        let mut current = self.current();
        if current.made <= began {
            match documents(&self.options, &self.database, &self.collection) {
                Ok(documents) => *current = Current { documents, made: Instant::now() },
                Err(error) => tracing::warn!("the connection could not be made anew: {error}"),
            }
        }
    }
    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn documents(options: &ClientOptions, database: &str, collection: &str) -> Result<Documents> {
    let client = failure::done(Client::with_options(options.clone()))?;
    Ok(client.database(database).collection(collection))
}

// The options hold a password.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("collection", &self.collection).finish_non_exhaustive()
    }
}
