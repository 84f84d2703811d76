//! Several pieces of work, as many at once as may be.
use crate::Result;
use futures_util::{StreamExt, TryStreamExt, stream};

/// What each of `work` comes to, in order. One alone is waited for as it is: a stream of futures has its task looked at
/// once more whenever nothing in it is ready, and wakes another thread for that.
pub(crate) async fn several<T>(mut work: Vec<impl Future<Output = Result<T>>>, at_once: usize) -> Result<Vec<T>> {
    match (work.pop(), work.is_empty()) {
        (None, _) => Ok(Vec::new()),
        (Some(sole), true) => Ok(vec![sole.await?]),
        (Some(last), false) => {
            work.push(last);
            stream::iter(work).buffered(at_once).try_collect().await
        }
    }
}
