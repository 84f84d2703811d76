//! Who passes: the states of a breaker, and what each end of an operation means for them.
use super::BreakerOptions;
use crate::{
    Error, ErrorKind, Result, Timestamp,
    sync::{Mutex, MutexGuard},
};
use std::sync::PoisonError;

/// The gate of a breaker.
#[derive(Debug)]
pub struct Gate {
    options: BreakerOptions,
    // A std mutex: nothing awaits while it is held.
    now: Mutex<Now>,
}

/// What a breaker does with operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// They pass.
    Closed,
    /// They fail.
    Open,
    /// One of them is asking whether the store is back; the others fail.
    Probing,
}

#[derive(Debug)]
struct Now {
    state: State,
    /// Changes whenever the state does: an operation that began before says nothing about what holds since.
    era: u64,
    opened: u64,
    /// Whether the next operation may probe without waiting for the end of the pause.
    hurried: bool,
    /// What the store said when it failed last.
    said: String,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed { failures: u32 },
    Open { since: Timestamp },
    Probing { since: Timestamp },
}

/// An operation on its way. Dropped before it ended, its caller gave up.
#[derive(Debug)]
pub(super) struct Passage<'a> {
    gate: &'a Gate,
    era: u64,
    began: Timestamp,
    ended: bool,
}

/// What an operation has shown about the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Life,
    Failure,
    None,
}

impl BreakerState {
    /// `closed`, `open` or `probing`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Probing => "probing",
        }
    }
}

impl Gate {
    pub(super) fn new(options: BreakerOptions) -> Self {
        let now = Now { state: State::Closed { failures: 0 }, era: 0, opened: 0, hurried: false, said: String::new() };
        Self { options, now: Mutex::new(now) }
    }
    /// What happens to operations now.
    pub fn state(&self) -> BreakerState {
        match self.now().state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::Probing { .. } => BreakerState::Probing,
        }
    }
    /// How often it has opened; a probe that failed does not count again.
    pub fn opened(&self) -> u64 {
        self.now().opened
    }

    /// Lets the next operation probe, whatever is left of the pause.
    pub fn hurry(&self) {
        self.now().hurried = true;
    }

    pub(super) fn enter(&self) -> Result<Passage<'_>> {
        let began = self.options.clock.now();
        let mut now = self.now();
        match now.state {
            State::Closed { .. } => {}
            State::Open { since } if now.hurried || since.until(began) >= self.options.pause => {
                now.turn(State::Probing { since });
            }
            State::Open { since } => {
                // A clock that was set back must not keep it open for longer than one pause more.
                now.state = State::Open { since: since.min(began) };
                return Err(self.left_alone(&now));
            }
            State::Probing { .. } => return Err(self.left_alone(&now)),
        }
        Ok(Passage { gate: self, era: now.era, began, ended: false })
    }

    fn left_alone(&self, now: &Now) -> Error {
        let (failures, pause) = (self.options.failures, self.options.pause);
        let message = format!(
            "the store failed {failures} times in a row and is asked once every {pause:?} until it answers; it said: {}",
            now.said
        );
        Error::new(ErrorKind::Unavailable, "breaker", message)
    }

    fn told(&self, era: u64, sign: Sign, said: impl FnOnce() -> String) {
        let mut now = self.now();
        if now.era != era {
            return;
        }
        match (now.state, sign) {
            (State::Closed { failures }, Sign::Failure) => {
                let failures = failures.saturating_add(1);
                now.state = State::Closed { failures };
                now.said = said();
                if failures >= self.options.failures {
                    now.opened += 1;
                    now.turn(State::Open { since: self.options.clock.now() });
                    tracing::warn!(failures, pause = ?self.options.pause, said = now.said, "the store is left alone");
                }
            }
            (State::Closed { failures }, Sign::Life) if failures > 0 => now.state = State::Closed { failures: 0 },
            (State::Probing { .. }, Sign::Failure) => {
                now.said = said();
                now.turn(State::Open { since: self.options.clock.now() });
            }
            (State::Probing { .. }, Sign::Life) => {
                now.turn(State::Closed { failures: 0 });
                tracing::warn!("the store answers again");
            }
            // The next one may probe at once.
            (State::Probing { since }, Sign::None) => now.turn(State::Open { since }),
            (State::Closed { .. } | State::Open { .. }, _) => {}
        }
    }
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Now {
    fn turn(&mut self, state: State) {
        (self.state, self.hurried) = (state, false);
        self.era += 1;
    }
}

impl Passage<'_> {
    /// The operation has an answer, or failed with `error`.
    pub(super) fn ended(mut self, error: Option<&Error>) {
        self.ended = true;
        let sign = match error.map(Error::kind) {
            None | Some(ErrorKind::Corrupt | ErrorKind::Refused) => Sign::Life,
            Some(ErrorKind::Invalid) => Sign::None,
            Some(ErrorKind::Timeout | ErrorKind::Unavailable) => Sign::Failure,
        };
        self.gate.told(self.era, sign, || error.map(Error::to_string).unwrap_or_default());
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        if !self.ended {
            let waited = self.began.until(self.gate.options.clock.now());
            let sign = if waited >= self.gate.options.patience { Sign::Failure } else { Sign::None };
            self.gate.told(self.era, sign, || format!("nothing, and the caller gave up after {waited:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BreakerOptions, BreakerState, Gate};
    use crate::{Clock, Error, ErrorKind, Timestamp};
    use shuttle::{check_random, thread};
    use std::{
        sync::{
            Arc,
            atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
        },
        time::Duration,
    };

    const PAUSE: u64 = 10;

    #[derive(Debug, Default)]
    struct Hand(AtomicU64);
    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(SeqCst))
        }
    }

    fn gate(failures: u32) -> (Arc<Gate>, Arc<Hand>) {
        let clock = Arc::new(Hand::default());
        let pause = Duration::from_millis(PAUSE);
        (Arc::new(Gate::new(BreakerOptions { failures, pause, patience: 2 * pause, clock: clock.clone() })), clock)
    }
    fn failure() -> Error {
        Error::new(ErrorKind::Timeout, "test", "no answer")
    }

    #[test]
    fn model_of_many_that_come_after_the_pause_one_probes() {
        let model = || {
            let (gate, clock) = gate(1);
            gate.enter().expect("closed").ended(Some(&failure()));
            clock.0.store(PAUSE, SeqCst);
            let probing = Arc::new(AtomicUsize::new(0));
            let come = |_| {
                let (gate, probing) = (gate.clone(), probing.clone());
                thread::spawn(move || {
                    let Ok(passage) = gate.enter() else { return 0 };
                    assert_eq!(probing.fetch_add(1, SeqCst), 0, "one at a time");
                    thread::yield_now();
                    probing.fetch_sub(1, SeqCst);
                    passage.ended(Some(&failure()));
                    1
                })
            };
            let probes: Vec<_> = (0..3).map(come).collect();
            let probes: usize = probes.into_iter().map(|probe| probe.join().expect("no panic")).sum();
            assert_eq!((probes, gate.state(), gate.opened()), (1, BreakerState::Open, 1));
        };
        check_random(model, 1_000);
    }

    #[test]
    fn model_whatever_ends_as_it_may_the_store_is_asked_again() {
        let model = || {
            let (gate, clock) = gate(2);
            let ends = |how: usize| {
                let (gate, clock) = (gate.clone(), clock.clone());
                thread::spawn(move || {
                    for turn in 0..3 {
                        clock.0.fetch_add(PAUSE / 2, SeqCst);
                        let Ok(passage) = gate.enter() else { continue };
                        thread::yield_now();
                        match (how + turn) % 3 {
                            0 => passage.ended(None),
                            1 => passage.ended(Some(&failure())),
                            _ => drop(passage), // the caller gave up
                        }
                    }
                })
            };
            (0..3).map(ends).collect::<Vec<_>>().into_iter().for_each(|ended| ended.join().expect("no panic"));
            assert_ne!(gate.state(), BreakerState::Probing, "nobody is on the way");
            clock.0.fetch_add(PAUSE, SeqCst);
            gate.enter().expect("closed, or the pause is over").ended(None);
            let expected = if gate.opened() == 0 { "never opened" } else { "closed by an answer" };
            assert_eq!(gate.state(), BreakerState::Closed, "{expected}");
        };
        check_random(model, 1_000);
    }
}
