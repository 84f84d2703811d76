//! Several campaigns in one call of `track`: what becomes of one costs no other its conversion.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use stayput::{Assignment, ClaimId, Claimed, Key, Kind, Name, Offer, Scope};
use stayput_engine::{
    Answer, Context, Decision, Event, Held, Json, Launch, Listed, Object, Request, Settings, Settled, Storage, Targets,
    both, decide, settle,
};
use std::collections::BTreeMap;

fn user() -> Context<'static> {
    Context { user: "user", launch: Launch { integrations: true, ..Launch::default() }, ..Context::default() }
}

/// Campaigns `a` and `b`, everybody in `Here`.
fn settings() -> Settings {
    let campaign = |id: u32, key: &str| {
        format!(
            r#"{{"id":{id},"key":"{key}","type":"VISUAL_AB","status":"RUNNING","percentTraffic":100,"segments":{{}},
            "goals":[{{"id":1,"identifier":"g","type":"CUSTOM_GOAL"}}],
            "variations":[{{"id":1,"name":"Here","weight":100}}]}}"#
        )
    };
    let campaigns = [campaign(7, "a"), campaign(8, "b")].join(",");
    Settings::parse(format!(r#"{{"accountId":1,"version":1,"campaigns":[{campaigns}]}}"#).as_bytes()).unwrap()
}

fn track() -> Request<'static> {
    Request::Track { campaigns: Targets::Several(vec![Listed::Key("a"), Listed::Key("b")]), goal: "g" }
}

/// Assignments by campaign, joined as every store joins.
#[derive(Default)]
struct Store(BTreeMap<String, Assignment>);

impl Store {
    /// Somebody else, whose settings are of another age.
    fn hold(&mut self, campaign: &str, variation: &str, by: u64) {
        let offer = offer(campaign, by).offering(Name::variation(variation).unwrap());
        self.0.insert(campaign.to_owned(), offer.join(None, NOW.into()).claimed.held.unwrap());
    }
    fn claim(&mut self, decision: &Decision<'_>, id: u64) -> Vec<Claimed> {
        let claim = |offered: &stayput_engine::Offered<'_>| {
            let empty = offer(offered.campaign, id);
            let offer = offered.offer(empty.key, empty.claim, NOW.into()).unwrap();
            let joined = offer.join(self.0.remove(offered.campaign), NOW.into());
            self.0.extend(joined.claimed.held.clone().map(|held| (offered.campaign.to_owned(), held)));
            joined.claimed
        };
        decision.offers.iter().map(claim).collect()
    }
}

const NOW: u64 = 1_700_000_000_000;

fn offer(campaign: &str, id: u64) -> Offer {
    let key = Key::new(&Scope::default(), Kind::Classic, "user", campaign).unwrap();
    Offer::new(key, ClaimId(id), NOW.into())
}

fn converted(decision: &Decision<'_>) -> Vec<String> {
    let each = decision.events.iter().flat_map(|event| match event {
        Event::Converted(conversions) => conversions.each.as_slice(),
        _ => &[],
    });
    each.map(|conversion| format!("{} in {}", conversion.variation.name(), conversion.campaign.key)).collect()
}

#[test]
fn a_campaign_that_loses_its_claim_costs_no_other_its_conversion() {
    let (settings, request, mut store) = (settings(), track(), Store::default());
    store.hold("a", "Elsewhere", 98); // nobody could read that
    let decision = decide(&settings, &user(), &request, Storage::Unread);
    let claims = store.claim(&decision, 1);
    let Settled::Again(again, first) = settle(&settings, &user(), &request, Storage::Unread, decision, &claims) else {
        panic!("Elsewhere is unknown here")
    };
    assert_eq!(converted(&again), ["Here in a", "Here in b"]);
    let second = store.claim(&again, 1);
    let (again, claims) = both(again, second, first, claims);
    let Settled::Done(last) = settle(&settings, &user(), &request, Storage::Unread, again, &claims) else {
        panic!("nobody came between")
    };
    assert_eq!(converted(&last), ["Here in a", "Here in b"]);
    assert!(last.seen.iter().all(|seen| !seen.stored), "both were decided just now");
}

#[test]
fn a_campaign_that_loses_two_claims_in_a_row_costs_no_other_its_conversion() {
    // What the other campaign's first claim finds: nothing, the same, another variation, or the goal as well.
    for (held, goal_is_new) in [(None, true), (Some("Here"), true), (Some("There"), true), (Some("Here"), false)] {
        let (settings, request, mut store) = (settings(), track(), Store::default());
        store.hold("a", "Elsewhere", 98);
        held.into_iter().for_each(|variation| store.hold("b", variation, 99));
        if !goal_is_new {
            let goal = offer("b", 97).bringing([Name::goal("g").unwrap()]);
            let held = goal.join(store.0.remove("b"), NOW.into()).claimed.held.unwrap();
            store.0.insert("b".to_owned(), held);
        }
        let decision = decide(&settings, &user(), &request, Storage::Unread);
        let claims = store.claim(&decision, 1);
        let Settled::Again(again, first) = settle(&settings, &user(), &request, Storage::Unread, decision, &claims)
        else {
            panic!("Elsewhere is unknown here")
        };
        store.hold("a", "Elsewhere again", 100);
        let second = store.claim(&again, 1);
        let (again, claims) = both(again, second, first, claims);
        let settled = settle(&settings, &user(), &request, Storage::Unread, again, &claims);
        let (Settled::Done(last) | Settled::Again(last, _)) = settled;
        let expected: &[&str] = if goal_is_new { &["Here in a", "Here in b"] } else { &["Here in a"] };
        assert_eq!(converted(&last), expected, "{held:?}");
        let answer = vec![("a".into(), true), ("b".into(), goal_is_new)];
        assert_eq!(last.answer, Answer::Tracked(Some(answer)), "{held:?}");
    }
}

#[test]
fn goals_of_a_record_without_a_variation_count_where_other_data_names_one() {
    let settings = settings();
    let record = Json::parse(br#"{"userId":"user","campaignKey":"a","variationName":"","goalIdentifier":"x_vwo_g"}"#);
    let (record, data) = (record.unwrap(), Json::parse(br#"{"variationName":"Here"}"#).unwrap());
    let data: &Object = data.as_object().unwrap();
    let read = |key: &str| Held::from_record(&record, "user", key);
    let context = Context { user_storage_data: Some(data), ..user() };
    let request = Request::Track { campaigns: Targets::One("a"), goal: "g" };
    let with = decide(&settings, &context, &request, Storage::Read(&read));
    assert_eq!(with.answer, Answer::Tracked(Some(vec![("a".into(), false)])), "it was counted before");
    let without = decide(&settings, &user(), &Request::VariationName("a"), Storage::Read(&read));
    assert_eq!(without.answer, Answer::Variation(None), "nobody was assigned");
}
