//! The rule's promises under random schedules: several writers, lost answers, retries and late replays in any order.
use proptest::{collection::vec, prelude::*, sample::subsequence};
use stayput::{Assignment, ClaimId, Claimed, Key, Kind, Name, Offer, Outcome, Scope, Timestamp, limits};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

/// What one writer wants, before it has seen anything.
#[derive(Clone, Debug)]
struct Wish {
    variation: Option<&'static str>,
    goals: Vec<&'static str>,
    /// Whether it names the holder that it read, if anything is held by then.
    over: bool,
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The next writer reads, makes its offer and sends it; the answer arrives, or is lost.
    Begin { heard: bool },
    /// An offer whose answer was lost is sent again.
    Retry { which: usize, heard: bool },
    /// An offer that was answered long ago is sent again by a queue that does not know.
    Replay { which: usize },
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000 * rounds(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_first_writer_stays_and_each_goal_is_new_to_one_claim(
        wishes in vec(wish(false), 1..10),
        steps in vec(step(), 0..40),
    ) {
        let world = World::after(&wishes, &steps);
        if let Some(held) = &world.held {
            prop_assert_eq!(world.holders.len(), 1, "nobody said over, yet the variation moved");
            prop_assert_eq!(held.by, world.holders[0]);
        }
        world.conversions_add_up();
    }

    #[test]
    fn replacing_takes_place_once_whatever_is_repeated(
        wishes in vec(wish(true), 1..10),
        steps in vec(step(), 0..40),
    ) {
        let world = World::after(&wishes, &steps);
        let distinct: BTreeSet<_> = world.holders.iter().collect();
        prop_assert_eq!(distinct.len(), world.holders.len(), "an offer won twice: {:?}", world.holders);
        world.conversions_add_up();
    }

    #[test]
    fn of_several_offers_over_the_same_holder_one_wins(order in Just((2..8_u64).collect::<Vec<_>>()).prop_shuffle()) {
        let first = offer(1).offering(variation("void"));
        let mut held = first.join(None, at(0)).claimed.held;
        let mut won = Vec::new();
        for claim in order {
            let rival = offer(claim).offering(variation(&format!("v{claim}"))).replacing(variation("void"), Some(ClaimId(1)));
            let joined = rival.join(held, at(claim));
            if joined.claimed.outcome == Outcome::Replaced {
                won.push(claim);
            }
            held = joined.claimed.held;
        }
        prop_assert_eq!(won.len(), 1);
        prop_assert_eq!(held.map(|held| held.by), Some(ClaimId(won[0])));
    }

    #[test]
    fn goals_do_not_depend_on_the_order_of_arrival(
        wishes in vec(wish(false), 2..8),
        order in Just((0..8_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let first = offer(99).offering(variation("a"));
        let run = |order: &[usize]| {
            let begun = first.join(None, at(0)).claimed.held;
            order.iter().filter_map(|i| wishes.get(*i).map(|wish| (i, wish))).fold(begun, |held, (i, wish)| {
                wish.offer(*i as u64, None).join(held, at(1)).claimed.held
            })
        };
        let goals = |held: Option<Assignment>| -> BTreeSet<String> {
            held.iter().flat_map(|held| &held.goals).map(|goal| goal.name.to_string()).collect()
        };
        prop_assert_eq!(goals(run(&order)), goals(run(&[0, 1, 2, 3, 4, 5, 6, 7])));
    }

    #[test]
    fn an_expiry_never_comes_nearer(lasts in vec(1..1_000_u64, 1..12), waits in vec(0..400_u64, 12)) {
        let (mut held, mut now) = (None, 0);
        for (i, (lasts, wait)) in lasts.into_iter().zip(waits).enumerate() {
            now += wait;
            let before: Option<Assignment> = held.take();
            let offer = Offer { lasts: Some(Duration::from_millis(lasts)), ..offer(i as u64).offering(variation("v")) };
            let after = offer.join(before.clone(), at(now)).claimed.held.expect("an offer of a variation is held");
            let left = after.expires_at.map_or(0, |end| at(now).until(end).as_millis() as u64);
            prop_assert!(left >= lasts / 2, "{left} ms left after a claim that lasts {lasts} ms");
            match before.filter(|before| before.is_live(at(now))) {
                Some(before) => prop_assert!(after.expires_at >= before.expires_at),
                None => prop_assert_eq!((after.revision, left), (1, lasts)),
            }
            held = Some(after);
        }
    }
}

#[test]
fn after_expiry_everything_starts_anew() {
    let brief =
        Offer { lasts: Some(Duration::from_millis(10)), ..offer(1).offering(variation("old")).bringing([goal("g")]) };
    let held = brief.join(None, at(0)).claimed.held;
    let late = offer(2).offering(variation("new")).bringing([goal("g")]);
    let too_early = late.join(held.clone(), at(9)).claimed;
    assert_eq!((too_early.outcome, too_early.new_goals), (Outcome::Kept, vec![]));
    let in_time = late.join(held, at(10)).claimed;
    assert_eq!((in_time.outcome, in_time.new_goals), (Outcome::Created, vec![goal("g")]));
    assert_eq!(in_time.held.map(|held| held.revision), Some(1));
}

#[test]
fn goals_beyond_the_limit_are_counted_and_cost_little() {
    let many: Vec<Name> = (0..limits::GOALS * 100).map(|i| goal(&i.to_string())).collect();
    let claimed = offer(1).offering(variation("v")).bringing(many.clone()).join(None, at(0)).claimed;
    assert_eq!((claimed.new_goals.len(), claimed.dropped_goals), (limits::GOALS, limits::GOALS * 99));
    let again = offer(2).offering(variation("v")).bringing(many).join(claimed.held, at(1));
    assert!(!again.changed, "a full list takes nothing more");
    assert_eq!((again.claimed.new_goals.len(), again.claimed.dropped_goals), (0, limits::GOALS * 99));
}

/// One stored assignment, and everything that was ever said about it.
#[derive(Default)]
struct World {
    held: Option<Assignment>,
    /// Who put the variation there, in order.
    holders: Vec<ClaimId>,
    /// Which claim was told that a goal is new.
    converted: HashMap<Name, ClaimId>,
    time: u64,
}

impl World {
    fn after(wishes: &[Wish], steps: &[Step]) -> Self {
        let mut world = Self::default();
        let (mut begun, mut unheard, mut heard) = (0, Vec::<Offer>::new(), Vec::<Offer>::new());
        for step in steps {
            let (offer, is_heard) = match *step {
                Step::Begin { heard } if begun < wishes.len() => {
                    begun += 1;
                    (wishes[begun - 1].offer(begun as u64, world.held.as_ref()), heard)
                }
                Step::Retry { which, heard } if !unheard.is_empty() => {
                    (unheard.swap_remove(which % unheard.len()), heard)
                }
                Step::Replay { which } if !heard.is_empty() => {
                    world.deliver(&heard[which % heard.len()]);
                    continue;
                }
                _ => continue,
            };
            let answer = world.deliver(&offer);
            if is_heard {
                // Goals alone that met nobody leave no trace, so a late duplicate of them would be a new offer.
                heard.extend(answer.held.is_some().then(|| offer.clone()));
                world.hear(&offer, answer);
            } else {
                unheard.push(offer);
            }
        }
        for offer in unheard {
            let answer = world.deliver(&offer); // nobody gives up before an answer arrives
            world.hear(&offer, answer);
        }
        world
    }

    fn deliver(&mut self, offer: &Offer) -> Claimed {
        self.time += 1;
        let before = self.held.take();
        let joined = offer.join(before.clone(), at(self.time));
        let again = offer.join(joined.claimed.held.clone(), at(self.time + 1));
        assert_eq!((&again.claimed, again.changed), (&joined.claimed, false), "a repeat gets the same answer");
        assert_eq!(joined.changed, joined.claimed.held != before, "what changed is said to have changed");
        self.held.clone_from(&joined.claimed.held);
        if let (Some(before), Some(after)) = (&before, &self.held) {
            let kept: Vec<_> = after.goals.iter().take(before.goals.len()).collect();
            assert_eq!(kept, before.goals.iter().collect::<Vec<_>>(), "goals neither disappear nor move");
            assert_eq!(after.revision - before.revision, u64::from(joined.changed));
        }
        if let Some(by) = self.held.as_ref().map(|held| held.by).filter(|by| self.holders.last() != Some(by)) {
            self.holders.push(by);
        }
        joined.claimed
    }

    fn hear(&mut self, offer: &Offer, answer: Claimed) {
        for goal in answer.new_goals {
            let other = self.converted.insert(goal, offer.claim);
            assert!(other.is_none_or(|other| other == offer.claim), "a goal was new to two claims");
        }
    }

    fn conversions_add_up(&self) {
        let held: BTreeMap<_, _> =
            self.held.iter().flat_map(|held| &held.goals).map(|goal| (&goal.name, goal.by)).collect();
        let converted: BTreeMap<_, _> = self.converted.iter().map(|(goal, by)| (goal, *by)).collect();
        assert_eq!(held, converted, "every goal was heard to be new, by the one claim that it counts for");
    }
}

impl Wish {
    fn offer(&self, claim: u64, seen: Option<&Assignment>) -> Offer {
        let mut offer = offer(claim).bringing(self.goals.iter().map(|name| goal(name)));
        offer.variation = self.variation.map(variation);
        match seen.filter(|_| self.over) {
            Some(seen) => offer.replacing(seen.variation.clone(), Some(seen.by)),
            None => offer,
        }
    }
}

fn wish(may_replace: bool) -> impl Strategy<Value = Wish> {
    let variation = prop_oneof![1 => Just(None), 3 => prop::sample::select(vec!["a", "b", "c"]).prop_map(Some)];
    let goals = subsequence(vec!["w", "x", "y", "z"], 0..=3);
    (variation, goals, any::<bool>()).prop_map(move |(variation, goals, over)| Wish {
        variation,
        goals,
        over: over && may_replace,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        any::<bool>().prop_map(|heard| Step::Begin { heard }),
        (0..20_usize, any::<bool>()).prop_map(|(which, heard)| Step::Retry { which, heard }),
        (0..20_usize).prop_map(|which| Step::Replay { which }),
    ]
}

/// More schedules in a long run.
#[expect(clippy::disallowed_methods, reason = "tests read their own switches")]
fn rounds() -> u32 {
    if std::env::var("STAYPUT_LONG").is_ok() { 50 } else { 1 }
}
fn offer(claim: u64) -> Offer {
    let key = Key::new(&Scope::default(), Kind::Classic, "user", "campaign").expect("a legal key");
    Offer::new(key, ClaimId(claim), at(claim))
}
fn variation(name: &str) -> Name {
    Name::variation(name).expect("a legal name")
}
fn goal(name: &str) -> Name {
    Name::goal(name).expect("a legal name")
}
fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}
