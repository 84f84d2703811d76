//! The faults.
use super::bent::{Fault, Flaw, SOUND};
use serde_json::Value;
use stayput::{
    Assignment, ClaimId, Claimed, Clock, Document, Goal, Goals, Key, Kind, Name, Offer, Outcome, Scope, SystemClock,
    codec,
};

#[rustfmt::skip]
pub(crate) const FAULTS: &[Fault] = &[
    // The rule.
    Fault { name: "a claim overwrites", offer: overwrite, ..SOUND },
    Fault { name: "`over` is ignored", offer: |o, _| o.over = None, ..SOUND },
    Fault { name: "the `by` of `over` is ignored", offer: |o, _| o.over.iter_mut().for_each(|o| o.by = None), ..SOUND },
    Fault { name: "`over` only looks at `by`", offer: over_by_only, ..SOUND },
    Fault { name: "`over` needs a holder", left: over_needs_holder, ..SOUND },
    Fault { name: "only one replacement is possible", offer: one_replacement, ..SOUND },
    Fault { name: "goals alone create", offer: |o, _| _ = o.variation.get_or_insert_with(|| name("none")), ..SOUND },
    Fault { name: "goals need a variation", offer: |o, _| if o.variation.is_none() { o.goals.clear() }, ..SOUND },
    Fault { name: "the loser's goals are dropped", offer: drop_losers_goals, ..SOUND },
    Fault { name: "older metaData wins", left: |o, b, c| take_meta_data(o, b, c, true), ..SOUND },
    Fault { name: "the loser's metaData wins", left: |o, b, c| take_meta_data(o, b, c, false), ..SOUND },
    Fault { name: "metaData never changes", left: keep_meta_data, ..SOUND },
    Fault { name: "metaData goes with its variation", left: drop_meta_data, ..SOUND },
    Fault { name: "extra is dropped", offer: |o, _| o.extra = None, ..SOUND },
    Fault { name: "extra changes with every claim", left: |o, _, c| held(c, |h| h.extra = o.extra.clone()), ..SOUND },
    Fault { name: "extra stays through replacements", left: keep_extra, ..SOUND },
    Fault { name: "assigned at the claim", offer: |o, _| o.decided_at = SystemClock.now(), ..SOUND },
    Fault { name: "a replacement keeps when it was assigned", left: keep_assigned_at, ..SOUND },
    Fault { name: "changed when it was decided", left: |o, _, c| held(c, |h| h.changed_at = o.decided_at), ..SOUND },
    Fault { name: "every claim raises the revision", left: |_, _, c| held(c, |h| h.revision += 1), ..SOUND },
    Fault { name: "revisions stand still", left: |_, _, c| held(c, |h| h.revision = 1), ..SOUND },
    Fault { name: "revisions restart at replacements", left: restart_revision, ..SOUND },
    Fault { name: "revisions outlive expiry and removal", left: go_on, flaw: Flaw::RemoveHides, ..SOUND },
    Fault { name: "`replaced` is forgotten", left: |_, _, c| held(c, |h| h.replaced = None), ..SOUND },
    Fault { name: "the latest claim takes the credit", left: |o, _, c| held(c, |h| h.by = o.claim), ..SOUND },
    Fault { name: "a retry is taken for a rival", offer: |o, _| o.claim = fresh(), ..SOUND },
    Fault { name: "epochs are ignored", offer: |o, _| o.epoch = 0, ..SOUND },
    Fault { name: "created is told as joined", left: |_, _, c| if c.won() { c.outcome = Outcome::Joined }, ..SOUND },
    // Decisions of FME.
    Fault { name: "none takes the place of decisions", left: none_replaces, ..SOUND },
    Fault { name: "none needs a decision", offer: |o, h| if is(o, "none") && h.is_none() { o.variation = None }, ..SOUND },
    Fault { name: "none makes no way", offer: |o, h| stay(o, h, |held, _| held == "none"), ..SOUND },
    Fault { name: "an experiment makes its rollout go on", offer: |o, h| stay(o, h, |h, o| o.starts_with(h)), ..SOUND },
    Fault { name: "an experiment may join any rollout", offer: |o, h| go(o, h, |_, o| o.contains('+')), ..SOUND },
    Fault { name: "an experiment may be taken away", offer: |o, h| go(o, h, |h, o| h.starts_with(o)), ..SOUND },
    Fault { name: "every decision clears holdouts", offer: |o, h| go(o, h, |h, o| h == o), ..SOUND },
    Fault { name: "no decision clears holdouts", offer: |o, h| o.over = o.over.take().filter(|_| !same(o, h)), ..SOUND },
    Fault { name: "who clears does not become the holder", left: clear_unnamed, ..SOUND },
    Fault { name: "a decision is not completed", left: not_completed, ..SOUND },
    Fault { name: "a decision takes the feature's fields along", left: take_along, ..SOUND },
    // Goals.
    Fault { name: "goals are lost", offer: |o, _| o.goals.clear(), ..SOUND },
    Fault { name: "goals are lost on replacement", left: drop_older_goals, ..SOUND },
    Fault { name: "goals outlive expiry", left: goals_outlive, ..SOUND },
    Fault { name: "goals are sorted", left: |_, _, c| goals(c, |g| g.sort_by_key(|g| g.name.clone())), ..SOUND },
    Fault { name: "goals end too early", left: |_, _, c| goals(c, |g| g.truncate(999)), ..SOUND },
    Fault { name: "every goal is new to everybody", left: |o, _, c| c.new_goals.clone_from(&o.goals), ..SOUND },
    Fault { name: "a goal offered twice is new twice", left: new_twice, ..SOUND },
    Fault { name: "no goal is ever new", left: |_, _, c| c.new_goals.clear(), ..SOUND },
    Fault { name: "dropped goals are not counted", left: |_, _, c| c.dropped_goals = 0, ..SOUND },
    // Times.
    Fault { name: "the times of imports are ignored", offer: |o, _| o.imported = None, ..SOUND },
    Fault { name: "imports never expire", offer: |o, _| o.imported.iter_mut().for_each(|i| i.expires_at = None), ..SOUND },
    Fault { name: "imports bring their times to what is held", left: import_times, ..SOUND },
    Fault { name: "retention is ignored", offer: |o, _| o.lasts = None, ..SOUND },
    Fault { name: "retention counts from the decision", left: from_decision, ..SOUND },
    Fault { name: "retention is counted from every claim", left: from_every_claim, ..SOUND },
    Fault { name: "every claim prolongs", left: |o, _, c| prolong(o, c, true), ..SOUND },
    Fault { name: "only the same variation renews", offer: renew_same, ..SOUND },
    Fault { name: "what never expires is given an end", left: |o, _, c| prolong(o, c, false), ..SOUND },
    Fault { name: "what expired is shown", flaw: Flaw::NeverExpires, ..SOUND },
    Fault { name: "put forgets when it ends", put: |e| e.assignment.expires_at = None, ..SOUND },
    // The contract.
    Fault { name: "reads are answered backwards", found: |f| f.reverse(), ..SOUND },
    Fault { name: "reads are answered once per key", found: |f| f.dedup(), ..SOUND },
    Fault { name: "absence is left out", found: |f| f.retain(Option::is_some), ..SOUND },
    Fault { name: "an empty question gets an answer", found: |f| f.resize(f.len().max(1), None), ..SOUND },
    Fault { name: "big reads are cut off", found: |f| f.truncate(256), ..SOUND },
    Fault { name: "claims are answered backwards", claimed: |c| c.reverse(), ..SOUND },
    Fault { name: "only claims that hold are answered", claimed: |c| c.retain(|c| c.held.is_some()), ..SOUND },
    Fault { name: "big claims are cut off", claimed: |c| c.truncate(256), ..SOUND },
    Fault { name: "absence is cached", remembers: Option::is_none, ..SOUND },
    Fault { name: "reads are stale after writes", remembers: Option::is_some, ..SOUND },
    Fault { name: "claims read, then write", flaw: Flaw::TornClaims, ..SOUND },
    Fault { name: "one write may name a key twice", flaw: Flaw::KeyTwice, ..SOUND },
    Fault { name: "a batch is refused after it was applied", flaw: Flaw::LateCheck, ..SOUND },
    Fault { name: "a dropped call breaks the store", flaw: Flaw::Fragile, ..SOUND },
    Fault { name: "put keeps a higher revision", flaw: Flaw::PutKeepsHigherRevision, ..SOUND },
    Fault { name: "put takes metaData for as old as the variation", put: date_meta_data, ..SOUND },
    Fault { name: "claim ids are doubles", put: |e| e.assignment.by.0 = e.assignment.by.0 as f64 as u64, ..SOUND },
    Fault { name: "epochs are signed", put: |e| e.assignment.epoch &= i32::MAX as u32, ..SOUND },
    Fault { name: "put forgets who brought a goal", put: |e| claim_goals(&mut e.assignment), ..SOUND },
    Fault { name: "only what is there can be removed", flaw: Flaw::RemoveNeedsHolder, ..SOUND },
    Fault { name: "flush is refused", flaw: Flaw::FlushFails, ..SOUND },
    // Limits and keys.
    Fault { name: "values end at 64 KiB", left: |_, _, c| cut(c, 65_536), ..SOUND },
    Fault { name: "documents end at 8 KiB", left: |_, _, c| held(c, short_documents), ..SOUND },
    Fault { name: "numbers are doubles", left: |_, _, c| held(c, doubles), ..SOUND },
    Fault { name: "names are trimmed", offer: |o, _| names(o, str::trim), put: |e| trim(&mut e.assignment), ..SOUND },
    Fault { name: "variations ignore case", offer: ignore_case, ..SOUND },
    Fault { name: "ids ignore case", key: |k| id(k, |id| id.to_lowercase()), ..SOUND },
    Fault { name: "ids are trimmed", key: |k| id(k, |id| id.trim_end().to_owned()), ..SOUND },
    Fault { name: "ids are decoded once too often", key: |k| id(k, |id| id.replace("%2F", "/")), ..SOUND },
    Fault { name: "ids are composed", key: |k| id(k, |id| id.replace("e\u{301}", "é")), ..SOUND },
    Fault { name: "ids end at 1,000 bytes", key: |k| id(k, |id| id.chars().take(1_000).collect()), ..SOUND },
    Fault { name: "keys are glued", key: glue, ..SOUND },
    Fault { name: "kinds meet", key: |k| *k = k.user().key(Kind::Classic, k.campaign()).expect("legal"), ..SOUND },
    Fault { name: "scopes meet", key: one_scope, ..SOUND },
    // Enumeration.
    Fault { name: "a user's list is in another order", listed: |l| l.reverse(), ..SOUND },
    Fault { name: "a user's list lacks a kind", listed: |l| l.retain(|e| e.key.kind() == Kind::Classic), ..SOUND },
    Fault { name: "a user's list is cut off", listed: |l| l.truncate(10), ..SOUND },
    Fault { name: "a user is found by prefix", flaw: Flaw::UserByPrefix, ..SOUND },
    Fault { name: "erase misses a kind", flaw: Flaw::EraseMissesAKind, ..SOUND },
    Fault { name: "erase goes by prefix", flaw: Flaw::EraseByPrefix, ..SOUND },
    Fault { name: "erase counts nothing", flaw: Flaw::EraseCountsNothing, ..SOUND },
    Fault { name: "scan skips at page borders", flaw: Flaw::ScanSkipsAtTheBorder, ..SOUND },
    Fault { name: "scan repeats at some page borders", flaw: Flaw::ScanRepeatsAtTheBorder, ..SOUND },
    Fault { name: "scan counts instead of seeking", flaw: Flaw::ScanCountsInsteadOfSeeking, ..SOUND },
    Fault { name: "scan needs the cursor's entry", flaw: Flaw::ScanNeedsTheCursorsEntry, ..SOUND },
    Fault { name: "scan takes a scope for a prefix", flaw: Flaw::ScanByPrefix, ..SOUND },
    Fault { name: "scan ignores the scope", flaw: Flaw::ScanIgnoresTheScope, ..SOUND },
    Fault { name: "scan ignores the limit", flaw: Flaw::ScanIgnoresTheLimit, ..SOUND },
    Fault { name: "scan lists what expired", flaw: Flaw::ScanListsExpired, ..SOUND },
];

type Before<'a> = Option<&'a Assignment>;

fn held(claimed: &mut Claimed, bend: impl FnOnce(&mut Assignment)) {
    claimed.held.as_mut().map(bend);
}
fn live(before: Before<'_>) -> Before<'_> {
    before.filter(|before| before.is_live(SystemClock.now()))
}
fn name(name: &str) -> Name {
    Name::variation(name).expect("legal")
}
fn fresh() -> ClaimId {
    ClaimId::random().expect("random")
}

fn overwrite(offer: &mut Offer, held: Before<'_>) {
    if let Some(held) = held {
        *offer = offer.clone().replacing(held.variation.clone(), None);
    }
}
fn over_by_only(offer: &mut Offer, held: Before<'_>) {
    if let (Some(over), Some(held)) = (&mut offer.over, held)
        && over.by == Some(held.by)
    {
        over.variation = held.variation.clone();
    }
}
fn over_needs_holder(offer: &Offer, before: Before<'_>, claimed: &mut Claimed) {
    if offer.over.is_some() && live(before).is_none() {
        (claimed.held, claimed.outcome) = (None, Outcome::Unchanged);
    }
}
fn one_replacement(offer: &mut Offer, held: Before<'_>) {
    if held.is_some_and(|held| held.replaced.is_some()) {
        offer.over = None;
    }
}
fn drop_losers_goals(offer: &mut Offer, held: Before<'_>) {
    if held.is_some_and(|held| offer.variation.as_ref().is_some_and(|offered| *offered != held.variation)) {
        offer.goals.clear();
    }
}
fn take_meta_data(offer: &Offer, _: Before<'_>, claimed: &mut Claimed, of_the_same: bool) {
    held(claimed, |held| {
        if (offer.variation.as_ref() == Some(&held.variation)) == of_the_same
            && let Some(document) = offer.meta_data.clone()
        {
            held.meta_data = Some(stayput::MetaData { document, at: offer.decided_at });
        }
    });
}
fn keep_meta_data(_: &Offer, before: Before<'_>, claimed: &mut Claimed) {
    if let Some(before) = live(before) {
        held(claimed, |held| held.meta_data = before.meta_data.clone());
    }
}
fn drop_meta_data(offer: &Offer, _: Before<'_>, claimed: &mut Claimed) {
    if claimed.outcome == Outcome::Replaced && offer.meta_data.is_none() {
        held(claimed, |held| held.meta_data = None);
    }
}
fn keep_extra(_: &Offer, before: Before<'_>, claimed: &mut Claimed) {
    if let (Some(before), Outcome::Replaced) = (live(before), claimed.outcome) {
        held(claimed, |held| held.extra = before.extra.clone());
    }
}
fn keep_assigned_at(_: &Offer, before: Before<'_>, claimed: &mut Claimed) {
    if let Some(before) = live(before) {
        held(claimed, |held| held.assigned_at = before.assigned_at);
    }
}
fn restart_revision(_: &Offer, _: Before<'_>, claimed: &mut Claimed) {
    if claimed.outcome == Outcome::Replaced {
        held(claimed, |held| held.revision = 1);
    }
}
fn go_on(_: &Offer, before: Before<'_>, claimed: &mut Claimed) {
    if let (Some(before), None) = (before, live(before)) {
        held(claimed, |held| held.revision = before.revision + 1);
    }
}

fn is(offer: &Offer, identity: &str) -> bool {
    offer.key.kind() == Kind::Fme && offer.variation.as_deref() == Some(identity)
}
fn same(offer: &Offer, held: Before<'_>) -> bool {
    held.is_some_and(|held| is(offer, &held.variation))
}
fn none_replaces(offer: &Offer, before: Before<'_>, claimed: &mut Claimed) {
    if is(offer, "none") && live(before).is_some() {
        held(claimed, |held| held.variation = name("none"));
    }
}
/// Takes the variation from an offer that does not name what it meets, if it and that are so.
fn stay(offer: &mut Offer, held: Before<'_>, so: fn(&str, &str) -> bool) {
    if let (Kind::Fme, Some(held), Some(offered), None) = (offer.key.kind(), held, &offer.variation, &offer.over)
        && so(&held.variation, offered)
    {
        offer.variation = None;
    }
}
/// Lets an offer name what it meets, if it and that are so.
fn go(offer: &mut Offer, held: Before<'_>, so: fn(&str, &str) -> bool) {
    if let (Kind::Fme, Some(held), Some(offered)) = (offer.key.kind(), held, &offer.variation)
        && so(&held.variation, offered)
    {
        *offer = offer.clone().replacing(held.variation.clone(), None);
    }
}
fn clear_unnamed(offer: &Offer, before: Before<'_>, claimed: &mut Claimed) {
    if let (true, Some(before)) = (same(offer, before), live(before)) {
        held(claimed, |held| (held.by, held.replaced) = (before.by, before.replaced.clone()));
    }
}
fn not_completed(offer: &Offer, before: Before<'_>, claimed: &mut Claimed) {
    if let (true, Some(before)) = (same(offer, before), live(before)) {
        held(claimed, |held| held.extra = before.extra.clone());
    }
}
fn take_along(offer: &Offer, _: Before<'_>, claimed: &mut Claimed) {
    if offer.key.kind() == Kind::Fme && claimed.outcome == Outcome::Replaced {
        held(claimed, |held| held.extra = offer.extra.clone());
    }
}

fn goals(claimed: &mut Claimed, bend: impl FnOnce(&mut Vec<Goal>)) {
    held(claimed, |held| {
        let mut goals: Vec<Goal> = std::mem::take(&mut held.goals).into();
        bend(&mut goals);
        held.goals = goals.into();
    });
}
fn drop_older_goals(offer: &Offer, _: Before<'_>, claimed: &mut Claimed) {
    if claimed.outcome == Outcome::Replaced {
        goals(claimed, |goals| goals.retain(|goal| goal.by == offer.claim));
    }
}
fn goals_outlive(_: &Offer, before: Before<'_>, claimed: &mut Claimed) {
    if let (Some(before), None) = (before, live(before)) {
        let known: Vec<&Name> = before.goals.iter().map(|goal| &goal.name).collect();
        claimed.new_goals.retain(|goal| !known.contains(&goal));
        goals(claimed, |goals| goals.splice(0..0, before.goals.iter().cloned()).for_each(drop));
    }
}
fn new_twice(offer: &Offer, _: Before<'_>, claimed: &mut Claimed) {
    let new = offer.goals.iter().filter(|goal| claimed.new_goals.contains(goal)).cloned().collect();
    claimed.new_goals = new;
}
fn claim_goals(assignment: &mut Assignment) {
    let by = assignment.by;
    assignment.goals = assignment.goals.iter().map(|goal| Goal { by, ..goal.clone() }).collect::<Goals>();
}

fn import_times(offer: &Offer, _: Before<'_>, claimed: &mut Claimed) {
    if let Some(imported) = offer.imported {
        held(claimed, |held| (held.changed_at, held.expires_at) = (imported.changed_at, imported.expires_at));
    }
}
fn from_decision(offer: &Offer, before: Before<'_>, claimed: &mut Claimed) {
    if let (Some(lasts), None, None) = (offer.lasts, live(before), offer.imported) {
        held(claimed, |held| held.expires_at = Some(offer.decided_at.plus(lasts)));
    }
}
fn from_every_claim(offer: &Offer, _: Before<'_>, claimed: &mut Claimed) {
    if let Some(lasts) = offer.lasts {
        held(claimed, |held| held.expires_at = held.expires_at.map(|_| SystemClock.now().plus(lasts)));
    }
}
fn prolong(offer: &Offer, claimed: &mut Claimed, what_ends: bool) {
    if let Some(end) = offer.lasts.map(|lasts| SystemClock.now().plus(lasts)) {
        held(claimed, |held| {
            if held.expires_at.is_some() == what_ends {
                held.expires_at = held.expires_at.max(Some(end));
            }
        });
    }
}
fn renew_same(offer: &mut Offer, held: Before<'_>) {
    if held.is_some_and(|held| offer.variation.as_ref() != Some(&held.variation)) {
        offer.lasts = None;
    }
}
fn date_meta_data(entry: &mut stayput::Entry) {
    let at = entry.assignment.assigned_at;
    entry.assignment.meta_data.iter_mut().for_each(|meta_data| meta_data.at = at);
}

fn cut(claimed: &mut Claimed, most: usize) {
    if claimed.held.as_ref().is_some_and(|held| codec::encode(held).len() > most) {
        goals(claimed, |goals| goals.truncate(100));
    }
}
fn short_documents(held: &mut Assignment) {
    if held.meta_data.as_ref().is_some_and(|held| held.document.as_str().len() > 8_192) {
        held.meta_data = None;
    }
}
fn doubles(held: &mut Assignment) {
    fn bend(value: &mut Value) {
        match value {
            Value::Number(number) => *value = number.as_f64().into(),
            Value::Array(items) => items.iter_mut().for_each(bend),
            Value::Object(fields) => fields.values_mut().for_each(bend),
            Value::Null | Value::Bool(_) | Value::String(_) => (),
        }
    }
    if let Some(meta_data) = &mut held.meta_data {
        let mut value = meta_data.document.to_value();
        bend(&mut value);
        meta_data.document = Document::new("metaData", &value).expect("legal");
    }
}
fn names(offer: &mut Offer, bend: fn(&str) -> &str) {
    let bend = |name: &Name| Name::variation(bend(name)).unwrap_or_else(|_| name.clone());
    offer.goals = offer.goals.iter().map(bend).collect();
    offer.variation = offer.variation.as_ref().map(bend);
}
fn trim(held: &mut Assignment) {
    held.variation = Name::variation(held.variation.trim()).unwrap_or_else(|_| held.variation.clone());
}
fn ignore_case(offer: &mut Offer, held: Before<'_>) {
    let same = |one: &Name, other: &Name| one.to_lowercase() == other.to_lowercase();
    if let (Some(offered), Some(held)) = (&mut offer.variation, held)
        && same(offered, &held.variation)
    {
        *offered = held.variation.clone();
    }
}

fn id(key: &mut Key, bend: impl Fn(&str) -> String) {
    if let Ok(bent) = Key::new(key.scope(), key.kind(), &bend(key.user_id()), key.campaign()) {
        *key = bent;
    }
}
fn glue(key: &mut Key) {
    let glued = format!("{}:{}", key.user_id(), key.campaign());
    if glued.len() <= stayput::limits::USER {
        *key = Key::new(key.scope(), key.kind(), &glued, "c").expect("legal");
    }
}
fn one_scope(key: &mut Key) {
    let scope = Scope::new(key.scope().as_str().trim_end_matches('x')).expect("legal");
    *key = Key::new(&scope, key.kind(), key.user_id(), key.campaign()).expect("legal");
}
