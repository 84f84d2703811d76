//! What claims find overrules what was decided: races, lost conversions, settings of another age.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use stayput::{Assignment, ClaimId, Claimed, Goals, Key, Kind, Scope, Timestamp};
use stayput_engine::{
    Answer, Context, Decision, Event, Held, Json, Listed, Object, Request, Settings, Settled, Storage, Targets, decide,
    settle,
};

/// One campaign `c` of two variations, all users in the one with this name.
fn settings(all_in: &str, more: &str) -> Settings {
    let weight = |name: &str| if name == all_in { 100 } else { 0 };
    let text = format!(
        r#"{{"accountId":1,"version":1{more},"campaigns":[{{"id":7,"key":"c","type":"VISUAL_AB","status":"RUNNING",
        "percentTraffic":100,"segments":{{}},"isForcedVariationEnabled":true,
        "goals":[{{"id":1,"identifier":"g","type":"CUSTOM_GOAL"}}],"variations":[
        {{"id":1,"name":"A","weight":{}}},{{"id":2,"name":"B","weight":{},"segments":{{"user":"vip"}}}}]}}]}}"#,
        weight("A"),
        weight("B")
    );
    Settings::parse(text.as_bytes()).unwrap()
}

/// One assignment, joined as every store joins.
#[derive(Default)]
struct Store(Option<Assignment>);

const NOW: u64 = 1_700_000_000_000;

impl Store {
    fn claim(&mut self, decision: &Decision<'_>, id: u64) -> Vec<Claimed> {
        let now = Timestamp::from_millis(NOW);
        let key = Key::new(&Scope::default(), Kind::Classic, "user", "c").unwrap();
        let offers = decision.offers.iter().map(|offer| offer.offer(key.clone(), ClaimId(id), now).unwrap());
        let claims: Vec<Claimed> = offers
            .map(|offer| {
                let joined = offer.join(self.0.take(), now);
                self.0 = joined.claimed.held.clone();
                joined.claimed
            })
            .collect();
        claims
    }
    fn holding(variation: &str) -> Self {
        let mut store = Self::default();
        let key = Key::new(&Scope::default(), Kind::Classic, "user", "c").unwrap();
        let offer = stayput::Offer::new(key, ClaimId(99), Timestamp::from_millis(NOW));
        store.0 = offer
            .offering(stayput::Name::variation(variation).unwrap())
            .join(None, Timestamp::from_millis(NOW))
            .claimed
            .held;
        store
    }
}

const ACTIVATE: Request<'static> = Request::Activate("c");
const TRACK: Request<'static> = Request::Track { campaigns: Targets::One("c"), goal: "g" };

fn user(id: &str) -> Context<'_> {
    Context { user: id, ..Context::default() }
}
fn done(settled: Settled<'_>) -> Decision<'_> {
    match settled {
        Settled::Done(decision) => decision,
        Settled::Again(decision, _) => panic!("not done: {decision:?}"),
    }
}

#[test]
fn whoever_was_first_decides_for_everybody_and_is_counted_once() {
    let (old, new) = (settings("A", ""), settings("B", ""));
    let (context, nothing) = (user("user"), Storage::Read(&|_| None));
    let (first, second) = (decide(&old, &context, &ACTIVATE, nothing), decide(&new, &context, &ACTIVATE, nothing));
    assert_eq!(second.answer, Answer::Variation(Some("B")), "alone it would differ");
    let mut store = Store::default();
    let (won, lost) = (store.claim(&first, 1), store.claim(&second, 2));
    let first = done(settle(&old, &context, &ACTIVATE, nothing, first, &won));
    let second = done(settle(&new, &context, &ACTIVATE, nothing, second, &lost));
    assert_eq!((&first.answer, &second.answer), (&Answer::Variation(Some("A")), &Answer::Variation(Some("A"))));
    assert_eq!((first.events.len(), second.events.len()), (1, 0), "the loser does not count the user again");
}

#[test]
fn equal_decisions_of_a_race_are_counted_once() {
    let settings = settings("A", "");
    let (context, nothing) = (user("user"), Storage::Read(&|_| None));
    let mut store = Store::default();
    let events: usize = (0..8)
        .map(|id| {
            let decision = decide(&settings, &context, &ACTIVATE, nothing);
            let claims = store.claim(&decision, id);
            done(settle(&settings, &context, &ACTIVATE, nothing, decision, &claims)).events.len()
        })
        .sum();
    assert_eq!(events, 1);
}

#[test]
fn of_eight_workers_one_sends_the_conversion() {
    let settings = settings("A", "");
    let mut store = Store::holding("A");
    let before = store.0.clone().unwrap();
    let read = |_: &str| Some(Held::from(&before)); // all of them read before any of them claimed
    let context = user("user");
    let mut counted = Vec::new();
    for id in 0..8 {
        let decision = decide(&settings, &context, &TRACK, Storage::Read(&read));
        store.claim(&decision, id); // its answer is lost
        let claims = store.claim(&decision, id);
        let decision = done(settle(&settings, &context, &TRACK, Storage::Read(&read), decision, &claims));
        let Answer::Tracked(Some(results)) = &decision.answer else { panic!("{decision:?}") };
        assert_eq!(results[0].1, !decision.events.is_empty());
        counted.push(results[0].1);
    }
    assert_eq!(counted, [true, false, false, false, false, false, false, false]);
}

#[test]
fn a_goal_that_is_new_counts_although_the_variation_was_replaced_meanwhile() {
    let settings = settings("A", "");
    let before = Store::holding("A").0.unwrap();
    let read = |_: &str| Some(Held::from(&before));
    let (context, mut store) = (user("user"), Store::holding("B"));
    let decision = decide(&settings, &context, &TRACK, Storage::Read(&read));
    let claims = store.claim(&decision, 1);
    let decision = done(settle(&settings, &context, &TRACK, Storage::Read(&read), decision, &claims));
    let [Event::Converted(conversions)] = decision.events.as_slice() else { panic!("{decision:?}") };
    assert_eq!(conversions.each[0].variation.name(), "B", "it counts for what the user sees");
}

#[test]
fn a_forced_variation_is_never_overruled() {
    let settings = settings("A", "");
    let (context, mut store) = (user("vip"), Store::holding("A"));
    let nothing = Storage::Read(&|_| None); // read before somebody else stored A
    let decision = decide(&settings, &context, &TRACK, nothing);
    let claims = store.claim(&decision, 1);
    assert_eq!(&*claims[0].held.as_ref().unwrap().variation, "A");
    let decision = done(settle(&settings, &context, &TRACK, nothing, decision, &claims));
    let [Event::Converted(conversions)] = decision.events.as_slice() else { panic!("{decision:?}") };
    assert_eq!(conversions.each[0].variation.name(), "B");
}

#[test]
fn a_variation_that_these_settings_lack_is_replaced_once() {
    let settings = settings("A", "");
    let (context, nothing, mut store) = (user("user"), Storage::Read(&|_| None), Store::holding("Z"));
    let decision = decide(&settings, &context, &ACTIVATE, nothing);
    let claims = store.claim(&decision, 1);
    let Settled::Again(again, _) = settle(&settings, &context, &ACTIVATE, nothing, decision, &claims) else {
        panic!("Z is unknown here")
    };
    assert_eq!(again.offers[0].over, Some(("Z".to_owned(), Some(ClaimId(99)))));
    let claims = store.claim(&again, 2);
    let last = done(settle(&settings, &context, &ACTIVATE, nothing, again, &claims));
    assert_eq!(last.answer, Answer::Variation(Some("A")));
    assert_eq!((last.events.len(), &*store.0.unwrap().variation), (1, "A"));
}

#[test]
fn in_the_event_architecture_nothing_waits_for_a_claim() {
    let settings = settings("A", r#","isEventArchEnabled":true"#);
    let held = Store::holding("A").0.unwrap();
    assert_eq!(held.goals, Goals::default());
    let read = |_: &str| Some(Held::from(&held));
    let decision = decide(&settings, &user("user"), &TRACK, Storage::Read(&read));
    let [Event::Converted(conversions)] = decision.events.as_slice() else { panic!("{decision:?}") };
    assert!(!conversions.each[0].once && decision.offers.is_empty() && decision.sets.is_empty());
}

#[test]
fn a_failed_read_decides_and_offers_but_never_replaces() {
    let settings = settings("A", "");
    let decision = decide(&settings, &user("user"), &Request::VariationName("c"), Storage::Unread);
    assert_eq!(decision.answer, Answer::Variation(Some("A")));
    assert_eq!(decision.offers[0].over, None);
}

#[test]
fn an_explanation_says_every_step_as_text_and_as_json() {
    let settings = settings("A", "");
    let (decision, explanation) =
        stayput_engine::explain(&settings, &user("user"), &ACTIVATE, Storage::Read(&|_| None));
    assert_eq!(decision.answer, Answer::Variation(Some("A")));
    let text = explanation.to_string();
    for line in ["c: no variation is forced on the user", "c: nothing is stored", "c: the user is in its traffic"] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(text.trim_end().ends_with("is A"), "{text}");
    let json = Json::parse(serde_json::to_string(&explanation).unwrap().as_bytes()).unwrap();
    let steps: Vec<_> =
        json.as_array().unwrap().iter().map(|step| step.get("step").unwrap().as_str().unwrap()).collect();
    assert_eq!(steps, ["forced", "stored", "traffic", "traffic", "bucketed"]);
}

#[test]
fn data_of_another_campaign_does_not_speak_of_this_one() {
    let settings = settings("A", "");
    let other = Json::parse(br#"{"userId":"user","campaignKey":"other","variationName":"B"}"#).unwrap();
    let own = Json::parse(br#"{"userId":"user","campaignKey":"c","variationName":"B"}"#).unwrap();
    let with = |data: &Json| {
        let data: &Object = data.as_object().unwrap();
        let context = Context { user_storage_data: Some(data), ..user("user") };
        format!("{:?}", decide(&settings, &context, &ACTIVATE, Storage::Read(&|_| None)).answer)
    };
    assert_eq!(with(&other), r#"Variation(Some("A"))"#);
    assert_eq!(with(&own), r#"Variation(Some("B"))"#);
}

#[test]
fn a_campaign_named_twice_converts_once() {
    let settings = settings("A", "");
    let before = Store::holding("A").0.unwrap();
    let read = |_: &str| Some(Held::from(&before));
    let campaigns = Targets::Several(vec![Listed::Key("c"), Listed::Key("c")]);
    let decision = decide(&settings, &user("user"), &Request::Track { campaigns, goal: "g" }, Storage::Read(&read));
    assert_eq!(decision.answer, Answer::Tracked(Some(vec![("c".into(), false)])), "the second answer counts");
    let [Event::Converted(conversions)] = decision.events.as_slice() else { panic!("{decision:?}") };
    assert_eq!((conversions.each.len(), decision.offers.len(), decision.sets.len()), (1, 1, 1));
}
