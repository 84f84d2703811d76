//! One schedule: processes on machines, what befalls them, and what must be true when all is over.
use crate::{
    client,
    dice::{Dice, Virtual},
    machine::{Life, Seat, SlowDisk, Waited},
    truth::{Truth, said},
};
use stayput::{
    AssignmentStore, ClaimId, Claimed, Clock, Error, ErrorKind, Key, Offer, Outcome, Stack, StackOptions,
    layers::{BreakerOptions, NearCacheOptions, SpoolOptions, SpoolQueue},
    testing::{Faulty, ForgetfulDisk, Operation, Plan},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{task::JoinHandle, time::sleep};

/// How a process reaches the backend; changes while it runs.
const MOODS: &[u64] = &[CALM, FLAKY, FLAKY, DOWN, HANGS, DEAF];
const CALM: u64 = 0;
const FLAKY: u64 = 1;
const DOWN: u64 = 2;
const HANGS: u64 = 3;
const DEAF: u64 = 4;

/// Everything of one schedule.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) truth: Arc<Truth>,
    pub(crate) dice: Arc<Dice>,
    pub(crate) clock: Arc<Virtual>,
    pub(crate) machines: Vec<Machine>,
    /// How long an assignment lasts.
    pub(crate) lasts: Option<Duration>,
    planted: Planted,
    is_late: bool,
    limit: u64,
    processes: AtomicU64,
}

/// A fault that the schedule must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Planted {
    Nothing,
    /// Spools deliver the latest offer first.
    LatestFirst,
}

/// A disk that outlives processes, and what was promised about it.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) disk: ForgetfulDisk,
    pub(crate) has_spool: bool,
    pub(crate) waited: Waited,
    pub(crate) promises: Mutex<Promises>,
}

/// What clients were told.
#[derive(Debug, Default)]
pub(crate) struct Promises {
    pub(crate) spooled: Vec<Spooled>,
    pub(crate) purges: Vec<Purge>,
    /// How often each claim was settled.
    settled: HashMap<ClaimId, u64>,
}

/// An offer that was answered `spooled`.
#[derive(Clone, Debug)]
pub(crate) struct Spooled {
    pub(crate) offer: Offer,
    pub(crate) begun: u64,
    pub(crate) told: u64,
}

/// A removal or an erasure.
#[derive(Debug)]
pub(crate) struct Purge {
    pub(crate) keys: Vec<Key>,
    pub(crate) begun: u64,
    /// When it ended, if it was seen to end.
    pub(crate) ended: Option<(u64, bool)>,
}

/// A process that runs.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) number: usize,
    pub(crate) machine: usize,
    pub(crate) stack: Stack,
    /// How old an answer may be, and how old while the backend fails.
    pub(crate) ages: [Duration; 2],
    pub(crate) own: Mutex<client::Own>,
    pub(crate) life: Arc<Life>,
    mood: Arc<AtomicU64>,
}

struct Running {
    process: Arc<Process>,
    clients: Vec<JoinHandle<()>>,
}

/// Runs the schedule of `seed`; tells what was wrong, and what happened if `traced`.
pub(crate) async fn run(seed: u64, traced: bool, planted: Planted) -> (Vec<String>, Vec<String>) {
    let dice = Arc::new(Dice::new(seed));
    let clock = Arc::new(Virtual::new());
    let machine = |_| Machine {
        disk: ForgetfulDisk::default(),
        has_spool: dice.percent(75),
        waited: Waited::new(clock.clone()),
        promises: Mutex::default(),
    };
    let world = Arc::new(World {
        truth: Arc::new(Truth::new(clock.clone(), traced)),
        machines: (0..1 + dice.below(2)).map(machine).collect(),
        lasts: dice.percent(30).then(|| Duration::from_millis(300 + dice.below(1_500))),
        planted,
        is_late: dice.percent(25),
        limit: if dice.percent(10) { 900 } else { 1 << 20 },
        processes: AtomicU64::new(0),
        dice,
        clock,
    });
    world.clone().plays().await;
    let mut book = world.truth.book();
    (std::mem::take(&mut book.wrong), book.trace.take().unwrap_or_default())
}

impl World {
    async fn plays(self: Arc<Self>) {
        let mut running: Vec<Running> = Vec::new();
        for machine in 0..self.machines.len() {
            (0..1 + self.dice.below(2)).for_each(|_| running.push(self.start(machine, true)));
        }
        for _ in 0..2 + self.dice.below(5) {
            sleep(self.dice.millis(400)).await;
            let unlucky = self.dice.below(running.len() as u64) as usize;
            match self.dice.below(10) {
                0 | 1 => {
                    let machine = self.kill(&mut running[unlucky]);
                    running[unlucky] = self.start(machine, true);
                }
                2 => {
                    let machine = running[unlucky].process.machine;
                    self.crash(machine, &mut running);
                }
                _ => {
                    let (mood, process) = (self.dice.of(MOODS), &running[unlucky].process);
                    self.truth.trace(|| format!("p{} is in mood {mood}", process.number));
                    process.mood.store(mood, Relaxed);
                }
            }
        }
        running.iter().for_each(|running| running.process.mood.store(CALM, Relaxed));
        for running in &mut running {
            for client in running.clients.drain(..) {
                if let Err(error) = client.await {
                    self.truth.book().wrong(format!("a client ended badly: {error}"));
                }
            }
        }
        self.delivers().await;
        self.holds();
        running.iter().for_each(|running| running.process.life.ends());
    }

    /// As kill -9 ends it.
    fn kill(&self, running: &mut Running) -> usize {
        self.truth.trace(|| format!("p{} is killed", running.process.number));
        running.clients.iter().for_each(JoinHandle::abort);
        running.process.life.ends();
        running.process.machine
    }
    /// Power fails: all processes of the machine end, and what its disk had not synced is gone.
    fn crash(self: &Arc<Self>, machine: usize, running: &mut [Running]) {
        let mut here: Vec<_> = running.iter_mut().filter(|running| running.process.machine == machine).collect();
        for running in &mut here {
            self.kill(running);
        }
        let Machine { disk, waited, .. } = &self.machines[machine];
        waited.note(disk);
        disk.crash();
        here.into_iter().for_each(|running| *running = self.start(machine, true));
    }

    fn start(self: &Arc<Self>, machine: usize, busy: bool) -> Running {
        let number = 1 + self.processes.fetch_add(1, Relaxed) as usize;
        let (life, mood) = (Arc::new(Life::default()), Arc::new(AtomicU64::new(self.dice.of(&[CALM, CALM, FLAKY]))));
        let seat = Seat {
            truth: self.truth.clone(),
            process: number,
            life: life.clone(),
            dice: self.dice.clone(),
            is_late: self.is_late,
        };
        let backend = Faulty::new(seat);
        let (dice, now) = (self.dice.clone(), mood.clone());
        backend.plan(move |call| plan(now.load(Relaxed), &dice, matches!(call.operation, Operation::Claim(_))));
        let max_age = Duration::from_millis(self.dice.of(&[50, 300, 2_000]));
        let max_stale = Duration::from_millis(self.dice.of(&[0, 1_000, 5_000]));
        let has_cache = self.dice.percent(70);
        let options = StackOptions {
            timeout: Duration::from_millis(200),
            breaker: BreakerOptions {
                failures: 3,
                pause: Duration::from_millis(150),
                patience: Duration::from_millis(100),
                clock: self.clock.clone(),
            },
            spool: self.machines[machine].has_spool.then(|| {
                let Machine { disk, waited, .. } = &self.machines[machine];
                let (disk, waited, dice) = (disk.clone(), waited.clone(), self.dice.clone());
                let is_backwards = self.planted == Planted::LatestFirst;
                let disk = SlowDisk { disk, waited, life: life.clone(), dice, is_backwards };
                (Arc::new(disk) as _, self.spool_options(machine, life.clone()))
            }),
            near_cache: has_cache.then(|| {
                let absent_for = Duration::from_millis(self.dice.of(&[0, 50]));
                let bytes = self.dice.of(&[2_000, 1 << 20]);
                let options = NearCacheOptions::default().bytes(bytes).max_age(max_age).max_stale(max_stale);
                options.absent_for(absent_for).clock(self.clock.clone())
            }),
            retention: None, // offers say it themselves
        };
        let ages = if has_cache { [max_age, max_stale] } else { [Duration::ZERO; 2] };
        self.truth.trace(|| {
            format!("p{number} starts on m{machine}, spool {}, cached {ages:?}", self.machines[machine].has_spool)
        });
        let stack = stayput::stack(Arc::new(backend), Arc::new(()), options);
        let process = Arc::new(Process { number, machine, stack, ages, own: Mutex::default(), life, mood });
        let clients = if busy { 1 + self.dice.below(2) } else { 0 };
        let clients = (0..clients).map(|_| {
            let steps = 3 + self.dice.below(12);
            tokio::spawn(client::works(self.clone(), process.clone(), steps))
        });
        Running { clients: clients.collect(), process: process.clone() }
    }

    fn spool_options(self: &Arc<Self>, machine: usize, life: Arc<Life>) -> SpoolOptions {
        let (world, dice) = (Arc::downgrade(self), self.dice.clone());
        let settled = move |offer: &Offer, result: std::result::Result<&Claimed, &Error>| {
            if let Some(world) = world.upgrade().filter(|_| !life.is_over()) {
                world.settled(machine, offer, result);
            }
        };
        SpoolOptions {
            limit: self.limit,
            batch: 2,
            pauses: (Duration::from_millis(20), Duration::from_millis(300)),
            idle: Duration::from_millis(60),
            on_settled: Some(Arc::new(settled)),
            clock: self.clock.clone(),
            jitter: Arc::new(move || dice.below(100) as f64 / 100.0),
        }
    }
    fn settled(&self, machine: usize, offer: &Offer, result: std::result::Result<&Claimed, &Error>) {
        let mut promises = self.machines[machine].promises.lock().expect("no panic");
        *promises.settled.entry(offer.claim).or_default() += 1;
        let times = promises.settled[&offer.claim];
        self.truth.trace(|| format!("m{machine} settles {}: {:?}", said(offer), result.map(|claimed| claimed.outcome)));
        let mut book = self.truth.book();
        if times > 1 && book.repeats(offer.claim) < times {
            book.wrong(format!("{} was told to be settled {times} times", said(offer)));
        }
        if let Ok(claimed) = result {
            let from = stayput::Timestamp::default();
            let window = crate::truth::Window { from, to: self.clock.now(), floor: 0 };
            client::told(&mut book, offer, claimed, window, "settled");
        }
    }

    /// Everything is well again: what waits is delivered.
    async fn delivers(self: &Arc<Self>) {
        let replaying: Vec<Running> = (0..self.machines.len()).map(|machine| self.start(machine, false)).collect();
        replaying.iter().for_each(|running| running.process.mood.store(CALM, Relaxed));
        for (number, Machine { disk, .. }) in self.machines.iter().enumerate() {
            let queue = SpoolQueue::new(Arc::new(disk.clone()), SpoolOptions::default());
            for _ in 0..600 {
                if queue.stats().is_ok_and(|stats| stats.waiting == 0) {
                    break;
                }
                sleep(Duration::from_millis(100)).await;
            }
            let left = queue.stats().expect("memory").waiting;
            if left > 0 {
                self.truth.book().wrong(format!("{left} offers still wait on m{number} after a minute"));
            }
        }
        replaying.iter().for_each(|running| running.process.life.ends());
    }

    /// What must be true in the end of what was spooled and erased.
    fn holds(&self) {
        for Machine { disk, promises, .. } in &self.machines {
            let promises = promises.lock().expect("no panic");
            let queue = SpoolQueue::new(Arc::new(disk.clone()), SpoolOptions::default());
            let letters = queue.dead_letters(usize::MAX).expect("memory");
            let mut book = self.truth.book();
            let buried = |claim| letters.iter().any(|letter| letter.offer.as_ref().is_some_and(|of| of.claim == claim));
            for spooled in &promises.spooled {
                let claim = spooled.offer.claim;
                let gone = promises.purges.iter().any(|purge| purge.concerns(spooled));
                if book.arrivals(claim).is_empty() && !gone && !buried(claim) {
                    book.wrong(format!("{} was spooled and has vanished", said(&spooled.offer)));
                }
                for later in promises.spooled.iter().filter(|later| !gone && later.begun > spooled.told) {
                    // What arrives may be an earlier attempt, which was on its way or kept before the other one waited.
                    if book.repeats(later.offer.claim) > 1 {
                        continue;
                    }
                    let one = book.arrivals(claim).first().copied();
                    let other = book.arrivals(later.offer.claim).iter().copied().find(|tick| *tick > later.begun);
                    if later.offer.key == spooled.offer.key && one.zip(other).is_some_and(|(one, other)| one > other) {
                        book.wrong(format!("{} went past {}", said(&later.offer), said(&spooled.offer)));
                    }
                }
                for purge in promises.purges.iter().filter(|purge| !self.is_late && purge.is_after(spooled)) {
                    let done = purge.ended.filter(|(_, well)| *well).map_or(u64::MAX, |(tick, _)| tick);
                    if book.arrivals(claim).iter().any(|tick| *tick > done) {
                        book.wrong(format!("{} came back after it was erased", said(&spooled.offer)));
                    }
                }
            }
        }
    }
}

impl Purge {
    /// It may have done away with the offer.
    fn concerns(&self, spooled: &Spooled) -> bool {
        self.keys.contains(&spooled.offer.key) && self.ended.is_none_or(|(tick, _)| tick > spooled.begun)
    }
    /// It had to do away with the offer.
    fn is_after(&self, spooled: &Spooled) -> bool {
        self.keys.contains(&spooled.offer.key) && self.begun > spooled.told
    }
}

/// What becomes of the next call.
fn plan(mood: u64, dice: &Dice, is_claim: bool) -> Plan {
    let soon = dice.millis(12);
    let late = Duration::from_millis(300 + dice.below(300));
    match (mood, dice.below(100)) {
        (CALM, 0..40) => Plan::pass(),
        (CALM, _) => Plan::pass().delayed(soon).answered_late(dice.millis(8)),
        (DOWN, _) => Plan::fail(ErrorKind::Unavailable),
        (HANGS, _) => Plan::pass().delayed(Duration::from_secs(20)),
        (DEAF, 0..50) => Plan::apply_then_fail(ErrorKind::Unavailable),
        (DEAF, _) => Plan::pass().answered_late(Duration::from_secs(20)),
        (_, 0..12) => Plan::fail(ErrorKind::Unavailable),
        (_, 12..20) => Plan::fail(ErrorKind::Timeout).delayed(soon),
        (_, 20..34) => Plan::apply_then_fail(ErrorKind::Timeout).delayed(soon),
        (_, 34..40) => Plan::pass().delayed(late),
        (_, 40..46) => Plan::pass().answered_late(late),
        (_, 46..50) => Plan::fail(ErrorKind::Refused),
        (_, 50..53) if is_claim => Plan::fail(ErrorKind::Invalid),
        _ => Plan::pass().delayed(soon).answered_late(soon),
    }
}

impl Process {
    pub(crate) fn spool_of<'a>(&self, world: &'a World) -> Option<&'a Machine> {
        world.machines.get(self.machine).filter(|machine| machine.has_spool)
    }
    pub(crate) fn store(&self) -> &dyn AssignmentStore {
        &self.stack.store
    }
}

pub(crate) fn is_spooled(claimed: &Claimed) -> bool {
    claimed.outcome == Outcome::Spooled
}
