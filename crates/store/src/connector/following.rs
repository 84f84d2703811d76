//! What others change, as far as the store pushes it: what is kept about that counts only while the store fails.
use crate::{Change, Changes, ScanStore, layers::NearCache};
use std::{sync::Arc, time::Duration};
use tokio::{sync::oneshot, time::sleep};

/// Doubts what others change, as the store pushes it. While it pushes nothing, all that is older than `max_age`.
pub(super) async fn follow(
    cache: NearCache<Arc<dyn ScanStore>>,
    changes: oneshot::Receiver<Option<Changes>>,
    max_age: Duration,
) {
    if let Ok(Some(mut changes)) = changes.await {
        loop {
            let change = tokio::select! {
                change = changes.next() => change,
                () = sleep(max_age), if !changes.is_live() => Some(Change::Everything),
            };
            match change {
                Some(change) => cache.hear(&change),
                None => break,
            }
        }
    }
    loop {
        sleep(max_age).await;
        cache.outdate();
    }
}
