//! Batches that must not fail as a whole: after an error everything is asked again one by one.
//!
//! Asking again is safe because claims are idempotent, and it goes on side by side, so that a store that lets every
//! call wait for its timeout costs two of them and not one per element.
use futures_util::future::join_all;
use stayput::{Assignment, AssignmentStore, AssignmentStoreExt, Claimed, Entry, Key, Offer, Result};
use std::slice;

/// What each key holds.
pub(crate) async fn get<S>(store: &S, keys: &[Key]) -> Vec<Result<Option<Assignment>>>
where
    S: AssignmentStore + ?Sized,
{
    match store.get(keys).await {
        Ok(held) => held.into_iter().map(Ok).collect(),
        Err(error) if keys.len() == 1 => vec![Err(error)],
        Err(_) => join_all(keys.iter().map(|key| store.get_one(key))).await,
    }
}

/// Claims each offer; the keys differ.
pub(crate) async fn claim<S>(store: &S, offers: &[Offer]) -> Vec<Result<Claimed>>
where
    S: AssignmentStore + ?Sized,
{
    match store.claim(offers).await {
        Ok(claimed) => claimed.into_iter().map(Ok).collect(),
        Err(error) if offers.len() == 1 => vec![Err(error)],
        Err(_) => join_all(offers.iter().map(|offer| store.claim_one(offer))).await,
    }
}

/// Puts each entry; the keys differ.
pub(crate) async fn put<S>(store: &S, entries: &[Entry]) -> Vec<Result<()>>
where
    S: AssignmentStore + ?Sized,
{
    match store.put(entries).await {
        Ok(()) => entries.iter().map(|_| Ok(())).collect(),
        Err(error) if entries.len() == 1 => vec![Err(error)],
        Err(_) => join_all(entries.iter().map(|entry| store.put(slice::from_ref(entry)))).await,
    }
}
