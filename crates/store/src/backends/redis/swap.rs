//! Claims whose rule no script says, those of FME: read, join here, and write if what was read is still held.
//!
//! One round trip if nothing changes, which is the rule there: the SDK sets what it just read. Else two, and again for
//! as long as rivals come in between.
use super::{
    Redis, STORE, bytes,
    keys::{Bucket, field},
    link::{Ask, Deadline, Repeat},
    scan::moment,
    script::{Call, Words, strange},
    sound,
};
use crate::{Claimed, Offer, Result, Timestamp, codec};
use redis::{Value, cmd};

/// An offer, and where its answer belongs.
pub(super) type Placed<'a> = (usize, &'a Offer);

/// What is to be held if `seen` still is.
struct Swap<'a> {
    placed: Placed<'a>,
    claimed: Claimed,
    seen: Vec<u8>,
    next: Vec<u8>,
    ends: Option<Timestamp>,
}

impl Redis {
    /// Joins each of `offers` with what is held.
    pub(super) async fn claim_by_swapping<'a>(
        &self,
        mut offers: Vec<Placed<'a>>,
        deadline: Deadline,
    ) -> Result<Vec<(usize, Claimed)>> {
        let mut answers = Vec::with_capacity(offers.len());
        while !offers.is_empty() {
            let swaps = self.joined(&offers, deadline, &mut answers).await?;
            offers = self.swap(swaps, deadline, &mut answers).await?;
        }
        Ok(answers)
    }

    /// Adds the answers of those that change nothing; gives back the others.
    async fn joined<'a>(
        &self,
        offers: &[Placed<'a>],
        deadline: Deadline,
        answers: &mut Vec<(usize, Claimed)>,
    ) -> Result<Vec<Swap<'a>>> {
        let ask = |(_, offer): &Placed<'_>| {
            let mut read = cmd("HGET");
            read.arg(self.keys.user(offer.key.user())).arg(field(&offer.key));
            Ask { bucket: Bucket::of(offer.key.user()), commands: vec![read, cmd("TIME")] }
        };
        let asks: Vec<Ask> = offers.iter().map(ask).collect();
        let mut swaps = Vec::new();
        for (placed, answer) in offers.iter().zip(self.link.ask(&asks, Repeat::Once, deadline).await?) {
            let mut answer = answer.into_iter();
            let seen = bytes(sound(answer.next().unwrap_or_default())?)?;
            let now = moment(answer.next().unwrap_or_default())?;
            let held = seen.as_deref().map(|seen| codec::decode(STORE, seen)).transpose()?;
            let joined = placed.1.join(held, now);
            match joined.claimed.held.as_ref().filter(|_| joined.changed) {
                None => answers.push((placed.0, joined.claimed)),
                Some(held) => {
                    let (next, ends) = (codec::encode(held), held.expires_at);
                    let seen = seen.unwrap_or_default();
                    swaps.push(Swap { placed: *placed, claimed: joined.claimed, seen, next, ends });
                }
            }
        }
        Ok(swaps)
    }

    /// Adds the answers of those that were written; gives back those that a rival came before.
    async fn swap<'a>(
        &self,
        swaps: Vec<Swap<'a>>,
        deadline: Deadline,
        answers: &mut Vec<(usize, Claimed)>,
    ) -> Result<Vec<Placed<'a>>> {
        let tell = |place: usize, to: &mut Words| {
            if let Some(Swap { seen, next, ends, .. }) = swaps.get(place) {
                to.push(seen);
                to.push(next);
                to.push(ends.map(|end| end.as_millis().to_string()).unwrap_or_default().as_bytes());
            }
        };
        let calls = Call::grouped(&self.keys, swaps.iter().map(|swap| &swap.placed.1.key), tell);
        // Again is safe: what the first time wrote is found by the next look, as this very claim's.
        let told = self.scripts.swap.run(&self.link, &calls, Repeat::Once, deadline).await?;
        let mut swapped = vec![false; swaps.len()];
        for (call, told) in calls.iter().zip(told) {
            let Value::Array(told) = told else { return Err(strange()) };
            for (place, told) in call.places.iter().zip(told) {
                if let Some(swapped) = swapped.get_mut(*place) {
                    *swapped = told == Value::Int(1);
                }
            }
        }
        let mut lost = Vec::new();
        for (swap, swapped) in swaps.into_iter().zip(swapped) {
            match swapped {
                true => answers.push((swap.placed.0, swap.claimed)),
                false => lost.push(swap.placed),
            }
        }
        Ok(lost)
    }
}
