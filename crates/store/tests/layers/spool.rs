//! What is spooled is delivered, in order, once; or loses to an earlier writer with its goals kept; or is a dead letter.
use super::{Backend, backend, key, name, offer};
use stayput::{
    AssignmentStore, AssignmentStoreExt, ClaimId, Entry, Error, ErrorKind, Offer, Outcome, Over, ScanStore, Timestamp,
    layers::{List, Of, Spool, SpoolDisk, SpoolOptions, SpoolQueue},
    testing::{ForgetfulDisk, ManualClock, Operation, Plan},
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::task::JoinHandle;

/// What a listener was told: the user, what came of the offer, and its new goals.
type Told = Arc<Mutex<Vec<(String, Result<Outcome, ErrorKind>, Vec<String>)>>>;

/// A process: a spool over a store, and its replay.
struct Process {
    store: Spool<Backend>,
    told: Told,
    replay: JoinHandle<()>,
}

impl Process {
    fn start(backend: &Backend, disk: &ForgetfulDisk) -> Self {
        Self::with(backend, disk, SpoolOptions::default())
    }
    fn with(backend: &Backend, disk: &ForgetfulDisk, options: SpoolOptions) -> Self {
        let told = Told::default();
        let teller = told.clone();
        let on_settled = move |offer: &Offer, result: Result<&stayput::Claimed, &Error>| {
            let goals = result.map(|claimed| claimed.new_goals.iter().map(ToString::to_string).collect());
            let outcome = result.map(|claimed| claimed.outcome).map_err(Error::kind);
            let told = (offer.key.user_id().to_owned(), outcome, goals.unwrap_or_default());
            teller.lock().expect("no panic").push(told);
        };
        let jitter = Arc::new(|| 0.5);
        let options = SpoolOptions { on_settled: Some(Arc::new(on_settled)), jitter, ..options };
        let (store, replay) = Spool::new(backend.clone(), Arc::new(disk.clone()), options);
        Self { store, told, replay: tokio::spawn(replay) }
    }
    fn queue(&self) -> Arc<SpoolQueue> {
        self.store.queue()
    }
    fn waiting(&self) -> u64 {
        self.queue().stats().expect("stats").waiting
    }
    fn told(&self) -> Vec<(String, Result<Outcome, ErrorKind>, Vec<String>)> {
        self.told.lock().expect("no panic").clone()
    }
    /// Until nothing waits; in paused time that costs nothing.
    async fn drained(&self) {
        let drained = async {
            while self.waiting() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(600), drained).await.expect("delivered");
    }
    /// As kill -9 ends it.
    fn kill(self) {
        self.replay.abort();
    }
}

async fn spooled(process: &Process, offer: &Offer) -> stayput::Claimed {
    let claimed = process.store.claim_one(offer).await.expect("spooled, not failed");
    assert_eq!((claimed.outcome, &claimed.new_goals), (Outcome::Spooled, &Vec::new()));
    claimed
}
fn down(backend: &Backend) {
    backend.always(Plan::fail(ErrorKind::Unavailable));
}
fn up(backend: &Backend) {
    backend.always(Plan::pass());
}
async fn variation(backend: &Backend, user: &str) -> Option<String> {
    backend.inner().get_one(&key(user)).await.expect("memory").map(|held| held.variation.to_string())
}

#[tokio::test(start_paused = true)]
async fn what_timed_out_or_was_unavailable_is_spooled_and_nothing_else() {
    let (backend, disk) = (backend(), ForgetfulDisk::default());
    let process = Process::start(&backend, &disk);
    for kind in [ErrorKind::Invalid, ErrorKind::Corrupt, ErrorKind::Refused] {
        backend.always(Plan::fail(kind));
        assert_eq!(process.store.claim_one(&offer("u", "v")).await.expect_err("told").kind(), kind);
    }
    assert_eq!(process.waiting(), 0);
    for (user, kind) in [("u", ErrorKind::Timeout), ("w", ErrorKind::Unavailable)] {
        backend.always(Plan::fail(kind));
        let claimed = spooled(&process, &offer(user, "v").bringing([name("g")])).await;
        let held = claimed.held.expect("what will be held if nobody was earlier");
        assert_eq!((held.variation.as_str(), held.goals.len()), ("v", 1));
        assert_eq!(process.store.get_one(&key(user)).await.expect_err("a failed read fails").kind(), kind);
    }
    assert_eq!(process.waiting(), 2);
    assert!(process.told().is_empty(), "nothing is settled yet");
    up(&backend);
    process.drained().await;
    for user in ["u", "w"] {
        assert_eq!(variation(&backend, user).await.as_deref(), Some("v"));
    }
    let mut told = process.told();
    told.sort_by(|one, other| one.0.cmp(&other.0));
    let created = |user: &str| (user.to_owned(), Ok(Outcome::Created), vec!["g".to_owned()]);
    assert_eq!(told, [created("u"), created("w")]);
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_was_applied_and_then_spooled_counts_once() {
    let (backend, disk) = (backend(), ForgetfulDisk::default());
    let process = Process::start(&backend, &disk);
    backend.next([Plan::apply_then_fail(ErrorKind::Timeout)]);
    spooled(&process, &offer("u", "v").bringing([name("g")])).await;
    process.drained().await;
    assert_eq!(process.told(), [("u".into(), Ok(Outcome::Created), vec!["g".into()])], "the answer that was lost");
    assert_eq!(backend.inner().get_one(&key("u")).await.expect("memory").map(|held| held.revision), Some(1));
}

#[tokio::test(start_paused = true)]
async fn later_offers_of_a_key_queue_behind_earlier_ones_and_are_delivered_in_order() {
    let (backend, disk) = (backend(), ForgetfulDisk::default());
    let process = Process::start(&backend, &disk);
    let other = Process::start(&backend, &disk); // another process of the machine
    down(&backend);
    spooled(&process, &offer("u", "first")).await;
    // The store answers everybody, but not yet who replays.
    let batch = Arc::new(Mutex::new(Vec::new()));
    let seen = batch.clone();
    backend.plan(move |call| match call.operation {
        Operation::Claim(offers) if offers.iter().any(|offer| offer.key.user_id() == "u") => {
            let variations = offers.iter().filter_map(|offer| offer.variation.clone()).map(|name| name.to_string());
            seen.lock().expect("no panic").extend(variations);
            Plan::fail(ErrorKind::Unavailable)
        }
        _ => Plan::pass(),
    });
    let behind = spooled(&other, &offer("u", "second").bringing([name("g")])).await;
    assert_eq!(behind.held.expect("joined").variation.as_str(), "first", "whoever was first on this machine");
    let keys = [offer("w", "v"), offer("u", "third")];
    let mixed = other.store.claim(&keys).await.expect("one goes, one waits");
    assert_eq!(mixed.iter().map(|claimed| claimed.outcome).collect::<Vec<_>>(), [Outcome::Created, Outcome::Spooled]);
    assert_eq!(process.waiting(), 3);
    assert!(batch.lock().expect("no panic").iter().all(|variation| variation == "first"), "only the oldest may go");
    up(&backend);
    process.drained().await;
    let mut told = [process.told(), other.told()].concat();
    told.retain(|(user, ..)| user == "u");
    let outcomes: Vec<_> = told.into_iter().map(|(_, outcome, goals)| (outcome.ok(), goals.len())).collect();
    use Outcome::{Created, Kept};
    assert_eq!(outcomes, [(Some(Created), 0), (Some(Kept), 1), (Some(Kept), 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_read_answers_what_is_held_joined_with_what_waits() {
    let (backend, disk) = (backend(), ForgetfulDisk::default());
    let process = Process::start(&backend, &disk);
    backend.inner().claim_one(&offer("held", "early").bringing([name("a")])).await.expect("memory");
    down(&backend);
    spooled(&process, &offer("held", "late").bringing([name("b")])).await;
    spooled(&process, &offer("new", "v")).await;
    backend.plan(|call| match call.operation {
        Operation::Claim(_) => Plan::fail(ErrorKind::Unavailable),
        _ => Plan::pass(),
    });
    let held = process.store.get(&[key("new"), key("held"), key("nobody")]).await.expect("get");
    let shown: Vec<_> = held.iter().flatten().map(|held| (held.variation.to_string(), held.goals.len())).collect();
    assert_eq!(shown, [("v".into(), 1 - 1), ("early".into(), 2)]);
    assert!(held[2].is_none());
    let user = process.store.user(key("new").user()).await.expect("user");
    assert_eq!(user.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_comes_late_loses_to_an_earlier_writer_and_its_goals_are_kept() {
    let (backend, disk) = (backend(), ForgetfulDisk::default());
    let process = Process::start(&backend, &disk);
    down(&backend);
    spooled(&process, &offer("u", "late").bringing([name("g")])).await;
    backend.inner().claim_one(&offer("u", "early")).await.expect("memory");
    up(&backend);
    process.drained().await;
    assert_eq!(process.told(), [("u".into(), Ok(Outcome::Kept), vec!["g".into()])]);
    assert_eq!(variation(&backend, "u").await.as_deref(), Some("early"));
    assert_eq!(process.queue().stats().expect("stats").lost, 1);
}

#[tokio::test(start_paused = true)]
async fn an_over_that_waits_replaces_only_the_claim_that_its_writer_saw() {
    let (backend, disk) = (backend(), ForgetfulDisk::default());
    let process = Process::start(&backend, &disk);
    for (user, by) in [("named", true), ("unnamed", false), ("another", true)] {
        let seen = offer(user, "old");
        backend.inner().claim_one(&seen).await.expect("memory");
        down(&backend);
        spooled(&process, &offer(user, "new").replacing(name("old"), by.then_some(seen.claim))).await;
        if user == "another" {
            backend.inner().remove(&[key(user)]).await.expect("memory");
            backend.inner().claim_one(&offer(user, "old")).await.expect("memory");
        }
        up(&backend);
        process.drained().await;
    }
    assert_eq!(variation(&backend, "named").await.as_deref(), Some("new"));
    assert_eq!(variation(&backend, "unnamed").await.as_deref(), Some("old"), "it names nobody, so it never replaces");
    assert_eq!(variation(&backend, "another").await.as_deref(), Some("old"), "the same name by another claim");
}

#[tokio::test(start_paused = true)]
async fn the_same_offer_again_is_kept_once() {
    let (backend, disk) = (backend(), ForgetfulDisk::default());
    let process = Process::start(&backend, &disk);
    down(&backend);
    let first = offer("u", "v").replacing(name("x"), None);
    for _ in 0..3 {
        spooled(&process, &first).await;
    }
    assert_eq!(process.waiting(), 1);
    let again = Offer { over: Some(Over { variation: name("x"), by: Some(ClaimId(7)) }), ..first };
    spooled(&process, &again).await;
    assert_eq!(process.waiting(), 2, "one claim id, but something else is offered");
}

#[tokio::test(start_paused = true)]
async fn what_can_never_be_stored_is_a_dead_letter_and_the_others_are_delivered() {
    let (backend, disk) = (backend(), ForgetfulDisk::default());
    let process = Process::start(&backend, &disk);
    down(&backend);
    for user in ["a", "bad", "b", "c"] {
        spooled(&process, &offer(user, "v")).await;
    }
    let bad = |offers: &[Offer]| offers.iter().any(|offer| offer.key.user_id() == "bad");
    backend.plan(move |call| match call.operation {
        Operation::Claim(offers) if bad(offers) => Plan::fail(ErrorKind::Corrupt),
        _ => Plan::pass(),
    });
    process.drained().await;
    for user in ["a", "b", "c"] {
        assert_eq!(variation(&backend, user).await.as_deref(), Some("v"));
    }
    let dead = process.queue().dead_letters(10).expect("dead letters");
    let shown = dead.iter().map(|dead| (dead.kind, dead.offer.as_ref().map(|offer| offer.key.user_id())));
    assert_eq!(shown.collect::<Vec<_>>(), [(ErrorKind::Corrupt, Some("bad"))]);
    assert!(process.told().contains(&("bad".into(), Err(ErrorKind::Corrupt), Vec::new())));
    let stats = process.queue().stats().expect("stats");
    assert_eq!((stats.dead, stats.buried, stats.replayed), (1, 1, 3));
    assert_eq!(process.queue().clear_dead_letters().await.expect("cleared"), 1);
    assert_eq!(process.queue().stats().expect("stats").dead, 0);
}

#[tokio::test(start_paused = true)]
async fn a_full_spool_refuses_and_says_so_and_keeps_what_it_has() {
    let (backend, disk) = (backend(), ForgetfulDisk::default());
    let process = Process::with(&backend, &disk, SpoolOptions { limit: 2_000, ..SpoolOptions::default() });
    down(&backend);
    let mut kept = 0;
    let refused = loop {
        match process.store.claim_one(&offer(&format!("u{kept}"), "v")).await {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((refused.kind(), refused.message().contains("the spool is full")), (ErrorKind::Refused, true));
    let stats = process.queue().stats().expect("stats");
    assert!(kept > 0 && stats.bytes <= 2_000, "{stats:?}");
    assert_eq!((stats.waiting, stats.refused), (kept, 1));
    up(&backend);
    process.drained().await;
    for user in 0..kept {
        assert!(variation(&backend, &format!("u{user}")).await.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn erasing_a_user_purges_what_waits_and_what_is_dead() {
    let (backend, disk) = (backend(), ForgetfulDisk::default());
    let process = Process::start(&backend, &disk);
    down(&backend);
    for user in ["u", "u2", "dead", "removed"] {
        spooled(&process, &offer(user, "v")).await;
    }
    backend.plan(|call| match call.operation {
        Operation::Claim(offers) if offers.iter().any(|offer| offer.key.user_id() == "dead") => match offers.len() {
            1 => Plan::fail(ErrorKind::Invalid),
            _ => Plan::fail(ErrorKind::Corrupt),
        },
        Operation::Claim(_) => Plan::fail(ErrorKind::Unavailable),
        _ => Plan::pass(),
    });
    let dead = async {
        while process.queue().stats().expect("stats").dead == 0 {
            // Delivered one by one, the first that cannot be reached ends the round: only alone does it come up.
            process.store.erase(key("u").user()).await.expect("erased");
            process.store.remove(&[key("removed")]).await.expect("removed");
            process.store.erase(key("u2").user()).await.expect("erased");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(600), dead).await.expect("a dead letter");
    process.store.erase(key("dead").user()).await.expect("erased");
    assert_eq!(process.queue().stats().expect("stats").bytes, 0, "nothing of them is left on this machine");
    up(&backend);
    tokio::time::sleep(Duration::from_secs(60)).await;
    for user in ["u", "u2", "dead", "removed"] {
        assert_eq!(variation(&backend, user).await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn an_erasure_waits_for_what_is_on_its_way() {
    let (backend, disk) = (backend(), ForgetfulDisk::default());
    let process = Process::start(&backend, &disk);
    let other = Process::start(&backend, &disk);
    down(&backend);
    spooled(&process, &offer("u", "v")).await;
    backend.plan(|call| match call.operation {
        Operation::Claim(_) => Plan::pass().delayed(Duration::from_secs(5)),
        _ => Plan::pass(),
    });
    let calls = backend.calls();
    while backend.calls() == calls {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    other.store.erase(key("u").user()).await.expect("erased"); // by whichever process
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(variation(&backend, "u").await, None, "what was on its way did not bring it back");
}

#[tokio::test(start_paused = true)]
async fn one_process_replays_and_another_takes_over_when_it_dies() {
    let (backend, disk) = (backend(), ForgetfulDisk::default());
    let (first, second) = (Process::start(&backend, &disk), Process::start(&backend, &disk));
    tokio::time::sleep(Duration::from_secs(1)).await;
    down(&backend);
    for user in 0..50 {
        spooled(if user % 2 == 0 { &first } else { &second }, &offer(&format!("u{user}"), "v")).await;
    }
    up(&backend);
    first.drained().await;
    let counts = [&first, &second].map(|process| process.told().len());
    assert!(counts == [50, 0] || counts == [0, 50], "one of them: {counts:?}");
    down(&backend);
    spooled(&first, &offer("last", "v")).await;
    let (dies, lives) = if counts[0] > 0 { (first, second) } else { (second, first) };
    dies.kill();
    up(&backend);
    lives.drained().await;
    assert_eq!(variation(&backend, "last").await.as_deref(), Some("v"));
}

#[tokio::test(start_paused = true)]
async fn what_was_acknowledged_survives_a_crash_and_what_was_delivered_is_not_told_twice() {
    let (backend, disk) = (backend(), ForgetfulDisk::default());
    let process = Process::start(&backend, &disk);
    down(&backend);
    spooled(&process, &offer("u", "v").bringing([name("g")])).await;
    process.kill();
    disk.crash();
    let process = Process::start(&backend, &disk);
    assert_eq!(process.waiting(), 1);
    up(&backend);
    process.drained().await;
    assert_eq!(process.told(), [("u".into(), Ok(Outcome::Created), vec!["g".into()])]);
    process.kill();
    disk.crash();
    let process = Process::start(&backend, &disk);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!((process.waiting(), process.told().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn waits_grow_are_jittered_and_end_soon_after_the_store_answers_somebody() {
    let (backend, disk) = (backend(), ForgetfulDisk::default());
    let process = Process::start(&backend, &disk);
    down(&backend);
    spooled(&process, &offer("u", "v")).await;
    let before = backend.calls();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let attempts = backend.calls() - before;
    assert!((12..30).contains(&attempts), "{attempts} attempts in a minute");
    up(&backend);
    process.store.get_one(&key("somebody")).await.expect("get");
    let began = tokio::time::Instant::now();
    process.drained().await;
    assert!(began.elapsed() <= Duration::from_millis(500), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_operators_put_comes_before_what_waits() {
    let (backend, disk) = (backend(), ForgetfulDisk::default());
    let process = Process::start(&backend, &disk);
    down(&backend);
    spooled(&process, &offer("u", "waiting").bringing([name("g")])).await;
    let joined = offer("u", "put").join(None, Timestamp::from_millis(1));
    let entry = Entry { key: key("u"), assignment: joined.claimed.held.expect("created") };
    up(&backend);
    process.store.put(&[entry]).await.expect("put");
    process.drained().await;
    assert_eq!(variation(&backend, "u").await.as_deref(), Some("put"));
}

#[tokio::test(start_paused = true)]
async fn what_the_server_behind_has_only_spooled_is_not_answered_yet() {
    let (backend, disks) = (backend(), [ForgetfulDisk::default(), ForgetfulDisk::default()]);
    let (behind, replay) = Spool::new(backend.clone(), Arc::new(disks[0].clone()), SpoolOptions::default());
    tokio::spawn(replay);
    let behind = Arc::new(stayput::testing::Faulty::new(behind));
    let settled = Arc::new(Mutex::new(Vec::new()));
    let told = settled.clone();
    let on_settled: stayput::layers::OnSettled = Arc::new(move |_, result| {
        told.lock().expect("no panic").push(result.expect("storable").new_goals.len());
    });
    let options = SpoolOptions { on_settled: Some(on_settled), ..SpoolOptions::default() };
    let (front, replay) = Spool::new(behind.clone(), Arc::new(disks[1].clone()), options);
    tokio::spawn(replay);
    down(&backend);
    behind.next([Plan::fail(ErrorKind::Unavailable)]);
    front.claim_one(&offer("u", "v").bringing([name("g")])).await.expect("spooled here");
    tokio::time::sleep(Duration::from_secs(60)).await;
    let waits = [front.queue(), behind.inner().queue()].map(|queue| queue.stats().expect("stats").waiting);
    assert_eq!((waits, settled.lock().expect("no panic").len()), ([1, 1], 0), "there too, once, and told nobody");
    up(&backend);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((front.queue().stats().expect("stats").waiting, &*settled.lock().expect("no panic")), (0, &vec![1]));
}

#[tokio::test(start_paused = true)]
async fn it_tells_how_long_the_oldest_has_waited() {
    let (backend, disk) = (backend(), ForgetfulDisk::default());
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000_000)));
    let process = Process::with(&backend, &disk, SpoolOptions { clock: clock.clone(), ..SpoolOptions::default() });
    assert_eq!(process.queue().stats().expect("stats").oldest, None);
    down(&backend);
    spooled(&process, &offer("u", "v")).await;
    clock.advance(Duration::from_secs(90));
    spooled(&process, &offer("w", "v")).await;
    assert_eq!(process.queue().stats().expect("stats").oldest, Some(Duration::from_secs(90)));
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_panics_does_not_end_the_replay() {
    let (backend, disk) = (backend(), ForgetfulDisk::default());
    let options = SpoolOptions { on_settled: Some(Arc::new(|_, _| panic!("as planned"))), ..SpoolOptions::default() };
    let (store, replay) = Spool::new(backend.clone(), Arc::new(disk), options);
    let replay = tokio::spawn(replay);
    down(&backend);
    for user in ["a", "b"] {
        store.claim_one(&offer(user, "v")).await.expect("spooled");
    }
    up(&backend);
    while store.queue().stats().expect("stats").waiting > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!replay.is_finished());
    drop(store);
    tokio::time::timeout(Duration::from_secs(60), replay).await.expect("it ends with its store").expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_process_had_removed_does_not_come_back_after_an_erasure() {
    let (backend, disk) = (backend(), ForgetfulDisk::default());
    let process = Process::start(&backend, &disk);
    down(&backend);
    spooled(&process, &offer("u", "v")).await;
    // Another process delivers it, and is killed before its disk has synced that.
    let rows = disk.read(List::Waiting, Of::All, 1).expect("memory");
    disk.remove(List::Waiting, rows.iter().map(|row| row.number).collect()).await.expect("memory");
    up(&backend);
    process.store.erase(key("u").user()).await.expect("erased");
    process.kill();
    disk.crash();
    assert_eq!(disk.used().expect("memory").waiting, 0);
}
