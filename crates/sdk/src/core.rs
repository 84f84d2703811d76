//! One call, from the read to the events: read once, decide, claim, and let the claim's answer decide.
use crate::{
    backing::{Backing, Read, failed},
    batch::Batcher,
    calls::{Call, Moment, Sender, calls},
    http::Http,
    integration::{self, Callback},
    options::Options,
    policy::{self, Failure, Instead, Policy},
    queue::{Queue, Work},
    stats::Counters,
    visit::Visit,
    waiting::{Pending, Waiting},
};
use stayput::{AssignmentStore, Claimed, Clock, Error, Offer, Outcome, Result, Scope};
use stayput_engine::{
    Context, Decision, Event, Held, Keys, Launch, Request, Seen, Settings, Settled, both, decide, keys_needed, settle,
};
use std::sync::{Arc, PoisonError, RwLock};

/// Numbers from 0 up to 1, for tracking calls.
pub(crate) type Random = Arc<dyn Fn() -> f64 + Send + Sync>;

/// What all clones of a client share.
pub(crate) struct Core {
    /// Nothing once the client has opted out.
    pub(crate) settings: RwLock<Option<Arc<Settings>>>,
    pub(crate) backing: Backing,
    pub(crate) policy: Policy,
    pub(crate) launch: Launch,
    pub(crate) sender: Sender,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Random,
    pub(crate) callback: Option<Callback>,
    pub(crate) batch: Option<Batcher>,
    pub(crate) queue: Queue,
    pub(crate) http: Http,
    pub(crate) counters: Counters,
}

/// One call of a user of the SDK.
pub(crate) struct Case<'a> {
    pub(crate) settings: &'a Arc<Settings>,
    pub(crate) options: &'a Options,
    pub(crate) context: Context<'a>,
    pub(crate) request: Request<'a>,
}

/// A case and what was read for it.
pub(crate) struct Known<'c, 'a> {
    case: &'c Case<'a>,
    needed: Keys<'a>,
    read: Read,
}

/// Whether claims were answered by the store, or only spooled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    Yes,
    NotYet,
}

impl Answered {
    fn of(claims: &[Claimed]) -> Self {
        match claims.iter().any(|claim| claim.outcome == Outcome::Spooled) {
            true => Self::NotYet,
            false => Self::Yes,
        }
    }
}

impl Core {
    pub(crate) fn settings(&self) -> Option<Arc<Settings>> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
    pub(crate) fn replace(&self, settings: Option<Arc<Settings>>) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }
    pub(crate) fn moment(&self) -> Moment {
        Moment::at(self.clock.now(), (self.random)())
    }

    /// Decides, stores and tells. A failing store does not fail the call, unless the policy says so.
    pub(crate) async fn ask<'a>(self: &Arc<Self>, case: &Case<'a>) -> Result<Decision<'a>> {
        let decision = self.decide(case).await?;
        // In this order: a callback that panics must not cost a conversion.
        if !decision.events.is_empty() && !self.launch.development {
            self.tell(case, None, &decision.events);
        }
        self.integrate(case, &decision.seen);
        Ok(decision)
    }

    async fn decide<'a>(self: &Arc<Self>, case: &Case<'a>) -> Result<Decision<'a>> {
        let needed = keys_needed(case.settings, &case.context, &case.request);
        let read = match self.backing.read(case.context.user, &needed).await {
            Ok(read) => read,
            Err(error) => {
                self.counters.failed_reads.add(1);
                tracing::warn!(%error, "an assignment could not be read");
                match self.policy.answer(Failure::Read, error, &self.counters)? {
                    Instead::Decided => Read::Failed,
                    Instead::Control => return Ok(policy::control(case)),
                }
            }
        };
        let known = Known { case, needed, read };
        let decision = known.decide();
        match &self.backing {
            Backing::Store { store, scope } if !decision.offers.is_empty() => {
                self.claim(&known, decision, &**store, scope).await
            }
            Backing::Own(storage) if !decision.offers.is_empty() && !known.unread() => {
                for offered in &decision.offers {
                    let record = known.read.record(&known.needed, case.context.user, offered);
                    if let Err(error) = storage.set(record).await {
                        let error = failed(error);
                        self.counters.failed_claims.add(1);
                        tracing::warn!(%error, "an assignment could not be stored");
                        if offered.fresh {
                            return self.unconfirmed(Failure::Claim, error, &known, decision);
                        }
                    }
                }
                Ok(decision)
            }
            _ => {
                if known.unread() {
                    self.counters.answered_without_sticking.add(1);
                }
                // Without a claim nobody can say whether a conversion is new.
                let claims = matches!(self.backing, Backing::Store { .. }) || !known.unread();
                Ok(if claims || !counts_once(&decision) { decision } else { policy::uncounted(decision) })
            }
        }
    }

    async fn claim<'a>(
        self: &Arc<Self>,
        known: &Known<'_, 'a>,
        decision: Decision<'a>,
        store: &dyn AssignmentStore,
        scope: &Scope,
    ) -> Result<Decision<'a>> {
        let user = known.case.context.user;
        let fresh = known.unread() || decision.offers.iter().any(|offered| offered.fresh);
        let failure = if fresh { Failure::Claim } else { Failure::Goal };
        let offers = match known.read.offers(scope, user, &decision.offers, &[], self.clock.now()) {
            Ok(offers) => offers,
            Err(error) => {
                self.counters.failed_claims.add(1);
                tracing::warn!(%error, "an assignment cannot be stored");
                let dropped = decision.events.iter().map(|event| waiting_in(event)).sum::<usize>();
                self.counters.conversions_dropped.add(dropped as u64);
                let decision = if dropped > 0 { policy::uncounted(decision) } else { decision };
                return self.unconfirmed(failure, error, known, decision);
            }
        };
        if !counts_once(&decision) {
            return match self.claim_twice(store, &offers).await {
                Ok(claims) => Ok(self.settled(known, decision, &offers, claims, store, scope).await.0),
                Err(error) => self.unconfirmed(failure, error, known, decision),
            };
        }
        // From here on the conversion is sent once, even if this future is dropped: the claim may have been stored.
        let waiting = Waiting::new(known.case, known.read.clone(), offers, self.moment());
        let mut pending = Pending::new(self, waiting);
        match self.claim_twice(store, pending.offers()).await {
            Ok(claims) => {
                let settled = self.settled(known, decision, pending.offers(), claims, store, scope).await;
                let (mut decision, answered) = settled;
                if answered == Answered::NotYet {
                    drop(pending);
                    decision.events.clear(); // they wait
                    return Ok(decision);
                }
                pending.settle();
                Ok(decision)
            }
            Err(error) => {
                drop(pending);
                let mut decision = decision;
                decision.events.clear(); // they wait
                self.unconfirmed(failure, error, known, decision)
            }
        }
    }

    /// The decision once the claims of its `offers` are answered, or spooled: then the decision holds as far as anybody
    /// knows, and which goals are new is told to whoever repeats the claims.
    pub(crate) async fn settled<'a>(
        &self,
        known: &Known<'_, 'a>,
        decision: Decision<'a>,
        offers: &[Offer],
        claims: Vec<Claimed>,
        store: &dyn AssignmentStore,
        scope: &Scope,
    ) -> (Decision<'a>, Answered) {
        let answered = Answered::of(&claims);
        let (again, first) = match known.settle(decision, &claims) {
            Settled::Done(decision) => return (decision, answered),
            Settled::Again(again, first) => (again, first),
        };
        if answered == Answered::NotYet {
            return (again, answered);
        }
        self.counters.decided_again.add(1);
        let user = known.case.context.user;
        let claimed = match known.read.offers(scope, user, &again.offers, offers, self.clock.now()) {
            Ok(offers) => self.claim_twice(store, &offers).await,
            Err(error) => Err(error),
        };
        match claimed {
            Ok(second) => {
                let answered = Answered::of(&second);
                let (again, claims) = both(again, second, first, claims);
                match known.settle(again, &claims) {
                    Settled::Done(decision) | Settled::Again(decision, _) => (decision, answered),
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a variation that these settings do not have was not replaced");
                self.counters.answered_without_sticking.add(1);
                (again, answered)
            }
        }
    }

    /// A failure that may pass is tried once more: the same offers, so that the answer is the same.
    pub(crate) async fn claim_twice(&self, store: &dyn AssignmentStore, offers: &[Offer]) -> Result<Vec<Claimed>> {
        let note = |error: &Error| {
            self.counters.failed_claims.add(1);
            tracing::warn!(%error, "a claim failed");
        };
        match store.claim(offers).await {
            Err(error) if error.is_transient() => {
                note(&error);
                store.claim(offers).await.inspect_err(note)
            }
            first => first.inspect_err(note),
        }
    }

    /// A claim failed.
    fn unconfirmed<'a>(
        &self,
        failure: Failure,
        error: Error,
        known: &Known<'_, 'a>,
        decision: Decision<'a>,
    ) -> Result<Decision<'a>> {
        match (self.policy.answer(failure, error, &self.counters)?, failure) {
            (Instead::Control, _) => Ok(policy::control(known.case)),
            (Instead::Decided, Failure::Goal) => Ok(decision),
            (Instead::Decided, Failure::Read | Failure::Claim) => {
                self.counters.answered_without_sticking.add(1);
                Ok(decision)
            }
        }
    }

    /// Queues the tracking calls that `events`, of now or another moment, amount to.
    pub(crate) fn tell(self: &Arc<Self>, case: &Case<'_>, moment: Option<Moment>, events: &[Event<'_>]) {
        if self.launch.development {
            return;
        }
        if let ([Event::Shown { campaign, variation }], None) = (events, &self.batch) {
            let visit = Visit::new(case, self.clock.now(), campaign, variation);
            return self.queue.push(Work::Visit(Box::new(visit)), &self.counters);
        }
        let moment = moment.unwrap_or_else(|| self.moment());
        for call in calls(case.settings, &case.context, &self.sender, moment, events) {
            match (call, &self.batch) {
                (Call::Queue(event), Some(batch)) => batch.add(self, event),
                (call, _) => self.send(case.settings, &call),
            }
        }
    }

    pub(crate) fn send(&self, settings: &Settings, call: &Call) {
        match call.to_http(settings, &self.sender) {
            Ok(Some(call)) => self.queue.push(Work::Send { call: Box::new(call), told: None }, &self.counters),
            Ok(None) => {}
            Err(error) => {
                self.counters.calls_given_up.add(1);
                tracing::warn!(%error, "a tracking call cannot be written");
            }
        }
    }

    fn integrate(&self, case: &Case<'_>, seen: &[Seen<'_>]) {
        if let Some(callback) = &self.callback {
            for seen in seen {
                callback(&integration::payload(case, seen, &self.sender));
            }
        }
    }
}

impl<'c, 'a> Known<'c, 'a> {
    pub(crate) fn new(case: &'c Case<'a>, read: Read) -> Self {
        Self { case, needed: keys_needed(case.settings, &case.context, &case.request), read }
    }
    pub(crate) fn decide(&self) -> Decision<'a> {
        let Case { settings, context, request, .. } = self.case;
        let find = |campaign: &str| self.held(campaign);
        decide(settings, context, request, self.read.storage(&find))
    }
    fn settle(&self, decision: Decision<'a>, claims: &[Claimed]) -> Settled<'a> {
        let Case { settings, context, request, .. } = self.case;
        let find = |campaign: &str| self.held(campaign);
        settle(settings, context, request, self.read.storage(&find), decision, claims)
    }
    fn held(&self, campaign: &str) -> Option<Held<'_>> {
        self.read.held(&self.needed, self.case.context.user, campaign)
    }
    fn unread(&self) -> bool {
        matches!(self.read, Read::Failed)
    }
}

/// Whether a conversion of this decision counts only if its claim says so.
fn counts_once(decision: &Decision<'_>) -> bool {
    decision.events.iter().any(|event| waiting_in(event) > 0)
}

fn waiting_in(event: &Event<'_>) -> usize {
    match event {
        Event::Converted(conversions) => conversions.each.iter().filter(|conversion| conversion.once).count(),
        Event::Shown { .. } | Event::Tagged(_) => 0,
    }
}
