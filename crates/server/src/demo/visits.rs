//! Every visit, decided without a store and with one.
use super::experiment::{CAMPAIGN, GOAL, WEEK};
use crate::cli::Failed;
use stayput::{ClaimId, Clock, Key, Kind, ScanStore, Scope, SystemClock};
use stayput_engine::{
    Answer, Context, Event, Held, Request, Settings, Settled, Storage, Targets, decide, hash, keys_needed, settle,
};
use std::{collections::BTreeMap, sync::Arc};

/// A day, seen both ways.
pub(super) struct Day {
    pub(super) number: usize,
    pub(super) change: &'static str,
    pub(super) without: Seen,
    pub(super) with: Seen,
}

/// What a day looked like.
#[derive(Default)]
pub(super) struct Seen {
    /// Users who saw something else than at first.
    pub(super) flipped: u32,
    /// Conversions that were sent.
    pub(super) sent: u32,
    /// Those of users who had one before.
    pub(super) twice: u32,
    /// How many users saw which variation.
    pub(super) variations: BTreeMap<String, u32>,
}

/// What is known of the users of one of the two worlds, to judge it by.
struct World {
    store: Option<Arc<dyn ScanStore>>,
    first: Vec<Option<String>>,
    converted: Vec<bool>,
}

/// A week of visits.
pub(super) async fn week(users: u32) -> Result<Vec<Day>, Failed> {
    let mut without = World::new(users, None);
    let mut with = World::new(users, Some(stayput::open("memory:").await?));
    let mut days = Vec::with_capacity(WEEK.len());
    for (place, plan) in WEEK.iter().enumerate() {
        let settings = plan.settings()?;
        let without = without.day(&settings, place).await?;
        days.push(Day { number: place + 1, change: plan.change, without, with: with.day(&settings, place).await? });
    }
    Ok(days)
}

impl World {
    fn new(users: u32, store: Option<Arc<dyn ScanStore>>) -> Self {
        let users = users as usize;
        Self { store, first: vec![None; users], converted: vec![false; users] }
    }

    async fn day(&mut self, settings: &Settings, day: usize) -> Result<Seen, Failed> {
        let mut seen = Seen::default();
        for (place, (first, converted)) in self.first.iter_mut().zip(&mut self.converted).enumerate() {
            let user = format!("user-{place}");
            let variation = match call(&self.store, settings, &user, &Request::Activate(CAMPAIGN)).await? {
                (Answer::Variation(name), _) => name.map(str::to_owned),
                _ => None,
            };
            *seen.variations.entry(variation.clone().unwrap_or_else(|| "none".to_owned())).or_default() += 1;
            match first {
                Some(first) => seen.flipped += u32::from(variation.as_ref() != Some(first)),
                None => *first = variation,
            }
            if hash(&[&user, " on day ", &day.to_string()]).is_multiple_of(10) {
                let track = Request::Track { campaigns: Targets::One(CAMPAIGN), goal: GOAL };
                let sent = call(&self.store, settings, &user, &track).await?.1;
                seen.sent += sent;
                seen.twice += if *converted { sent } else { 0 };
                *converted |= sent > 0;
            }
        }
        Ok(seen)
    }
}

/// One call of the SDK: the answer, and how many conversions are sent.
async fn call<'a>(
    store: &Option<Arc<dyn ScanStore>>,
    settings: &'a Settings,
    user: &'a str,
    request: &Request<'a>,
) -> Result<(Answer<'a>, u32), Failed> {
    let context = Context { user, ..Context::default() };
    let decision = match store {
        None => decide(settings, &context, request, Storage::None),
        Some(store) => sticky(store.as_ref(), settings, &context, request).await?,
    };
    let converted = |event: &Event<'_>| if let Event::Converted(all) = event { all.each.len() as u32 } else { 0 };
    Ok((decision.answer, decision.events.iter().map(converted).sum()))
}

async fn sticky<'a>(
    store: &dyn ScanStore,
    settings: &'a Settings,
    context: &Context<'a>,
    request: &Request<'a>,
) -> Result<stayput_engine::Decision<'a>, Failed> {
    let scope = Scope::default();
    let key = |campaign: &str| Key::new(&scope, Kind::Classic, context.user, campaign);
    let needed = keys_needed(settings, context, request);
    let keys = needed.iter().map(|campaign| key(campaign)).collect::<stayput::Result<Vec<_>>>()?;
    let held = store.get(&keys).await?;
    let read = |campaign: &str| {
        let found = needed.iter().zip(&held).find(|(needed, _)| **needed == campaign);
        found.and_then(|(_, held)| held.as_ref()).map(Held::from)
    };
    let decision = decide(settings, context, request, Storage::Read(&read));
    let now = SystemClock.now();
    let mut offers = Vec::with_capacity(decision.offers.len());
    for offered in &decision.offers {
        offers.push(offered.offer(key(offered.campaign)?, ClaimId::random()?, now)?);
    }
    let claims = store.claim(&offers).await?;
    let (Settled::Done(decision) | Settled::Again(decision, _)) =
        settle(settings, context, request, Storage::Read(&read), decision, &claims);
    Ok(decision)
}
