//! Claims: create what is missing, change exactly what was read, and start over where a rival was faster.
use super::{AT_ONCE, document, failure, found::Found, link::Documents};
use crate::{Claimed, Clock, Key, Offer, Result, SystemClock, queues::Queues, several::several};
use mongodb::{Cursor, bson::RawDocumentBuf};
use std::collections::HashMap;

/// An offer that has no answer yet, and where that belongs.
#[derive(Clone, Copy)]
struct Ask<'a> {
    place: usize,
    offer: &'a Offer,
}

/// What is to be written, in place of what.
struct Write<'a> {
    ask: Ask<'a>,
    claimed: Claimed,
    read: Option<RawDocumentBuf>,
    next: RawDocumentBuf,
}

/// Joins each of `offers` with what is held; the caller has seen to it that their keys differ.
pub(super) async fn claim(documents: &Documents, queues: &Queues, offers: &[Offer]) -> Result<Vec<Claimed>> {
    let mut answers: Vec<(usize, Claimed)> = Vec::with_capacity(offers.len());
    let asks: Vec<Ask<'_>> = offers.iter().enumerate().map(|(place, offer)| Ask { place, offer }).collect();
    for ask in attempt(documents, &asks, &mut answers).await? {
        let _turn = queues.turn(&ask.offer.key).await;
        // Each time somebody's claim is stored, and the caller's deadline ends the rest.
        while !attempt(documents, &[ask], &mut answers).await?.is_empty() {}
    }
    answers.sort_unstable_by_key(|(place, _)| *place);
    Ok(answers.into_iter().map(|(_, claimed)| claimed).collect())
}

/// What lies under each of `keys`.
pub(super) async fn find(documents: &Documents, keys: &[&Key]) -> Result<Vec<Option<RawDocumentBuf>>> {
    match keys {
        [] => Ok(Vec::new()),
        [key] => {
            let id = document::id(key);
            let found = failure::done(documents.find_one(document::place(&id)).await)?;
            match found.as_ref().is_none_or(|found| found.get_str("_id").is_ok_and(|name| name == id)) {
                true => Ok(vec![found]),
                false => Err(failure::collation()),
            }
        }
        keys => {
            let ids: Vec<String> = keys.iter().map(|key| document::id(key)).collect();
            let found = documents.find(document::places(ids.clone()));
            // All of it in one answer: by itself the first would have 101.
            let found = failure::done(found.batch_size(u32::try_from(keys.len() + 1).unwrap_or(u32::MAX)).await)?;
            let mut under: HashMap<&str, Option<RawDocumentBuf>> = ids.iter().map(|id| (id.as_str(), None)).collect();
            for found in all(found).await? {
                let place = under.get_mut(found.get_str("_id").unwrap_or_default()).ok_or_else(failure::collation)?;
                *place = Some(found);
            }
            Ok(ids.iter().map(|id| under.get(id.as_str()).cloned().flatten()).collect())
        }
    }
}

/// All that was found.
pub(super) async fn all(mut found: Cursor<RawDocumentBuf>) -> Result<Vec<RawDocumentBuf>> {
    let mut all = Vec::new();
    while failure::done(found.advance().await)? {
        all.push(found.current().to_owned());
    }
    Ok(all)
}

/// Adds the answers that there are; gives back the asks that lost a race.
async fn attempt<'a>(
    documents: &Documents,
    asks: &[Ask<'a>],
    answers: &mut Vec<(usize, Claimed)>,
) -> Result<Vec<Ask<'a>>> {
    let keys: Vec<&Key> = asks.iter().map(|ask| &ask.offer.key).collect();
    let (found, now) = (find(documents, &keys).await?, SystemClock.now());
    let (mut creations, mut replacements) = (Vec::new(), Vec::new());
    for (ask, read) in asks.iter().zip(found) {
        let key = &ask.offer.key;
        let joined = ask.offer.join(read.as_ref().map(|read| Found::under(key, read)?.assignment()).transpose()?, now);
        match joined.claimed.held.as_ref().filter(|_| joined.changed) {
            None => answers.push((ask.place, joined.claimed)),
            Some(held) => {
                let next = document::of(key, held)?;
                let write = Write { ask: *ask, claimed: joined.claimed, read, next };
                if write.read.is_none() { creations.push(write) } else { replacements.push(write) }
            }
        }
    }
    let created = create(documents, &creations).await?;
    let replaced: Vec<_> = replacements.iter().map(|write| replace(documents, write)).collect();
    let replaced = several(replaced, AT_ONCE).await?;
    let mut lost = Vec::new();
    for (write, won) in creations.into_iter().zip(created).chain(replacements.into_iter().zip(replaced)) {
        if won { answers.push((write.ask.place, write.claimed)) } else { lost.push(write.ask) }
    }
    Ok(lost)
}

/// Whether each was the first.
async fn create(documents: &Documents, writes: &[Write<'_>]) -> Result<Vec<bool>> {
    match writes {
        [] => Ok(Vec::new()),
        [write] => match documents.insert_one(&write.next).await {
            Ok(_) => Ok(vec![true]),
            Err(error) if failure::is_duplicate(&error) => Ok(vec![false]),
            Err(error) => Err(failure::of(&error)),
        },
        writes => {
            let mut created = vec![true; writes.len()];
            if let Err(error) = documents.insert_many(writes.iter().map(|write| &write.next)).ordered(false).await {
                for late in failure::duplicates(&error)? {
                    created.get_mut(late).into_iter().for_each(|created| *created = false);
                }
            }
            Ok(created)
        }
    }
}

/// Whether the document was still as it was read: whatever changed it since, a hand with the shell too, this does not
/// match. Fields that are not ours are left alone.
async fn replace(documents: &Documents, write: &Write<'_>) -> Result<bool> {
    let Some(read) = &write.read else { return Ok(false) };
    let (read, next) = (Found::of(read)?, Found::of(&write.next)?);
    let (filter, update) = (document::unchanged(&read)?, document::change(&read, &next)?);
    failure::done(documents.update_one(filter, update).await).map(|updated| updated.matched_count == 1)
}
