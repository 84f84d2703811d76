//! What a decision costs, in time and in allocations: `bench/decisions` runs this beside the official Node SDK.
//! Every result is one line of JSON.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use stayput::{AssignmentStore, ClaimId, Key, Kind, Scope, Timestamp, backends::Memory};
use stayput_engine::{Context, Held, Json, Launch, Request, Settings, Storage, decide, keys_needed, settle};
use stayput_sdk::calls::{Moment, Sender, calls};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    hint::black_box,
    pin::pin,
    task::{Poll, Waker},
    time::Instant,
};

/// The system's allocator, counting.
struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "an allocator cannot be written without")]
// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    let file = std::env::args().nth(1).filter(|argument| !argument.starts_with('-'));
    let Some(file) = file else { return }; // `cargo test` only wants to know that it builds
    let settings = Settings::parse(&std::fs::read(&file).unwrap()).unwrap();
    let record = Json::parse(br#"{"userId":"user","campaignKey":"checkout","variationName":"Control"}"#).unwrap();
    let read = |key: &str| Held::from_record(&record, "user", key);
    let context = Context { user: "user", ..Context::default() };
    let request = Request::Activate("checkout");
    report("returning", 2_000, 500, |_| {
        let needed = keys_needed(&settings, &context, &request);
        black_box(&needed);
        decide(&settings, &context, &request, Storage::Read(&read)).answer
    });
    let store = Memory::default();
    let sender = Sender::default();
    report("first", 1_000, 100, |round| first(&settings, &sender, &store, round));
    let large = std::fs::read(std::env::args().nth(2).unwrap()).unwrap();
    report("parse", 40, 1, |_| Settings::parse(&large).unwrap());
}

/// A new user's activation: read, decide, claim, settle, and the tracking call, ready to be sent.
fn first(settings: &Settings, sender: &Sender, store: &Memory, round: u64) -> usize {
    let user = format!("user-{round}");
    let context = Context { user: &user, launch: Launch::default(), ..Context::default() };
    let request = Request::Activate("checkout");
    let needed = keys_needed(settings, &context, &request);
    let scope = Scope::default();
    let keys: Vec<Key> = needed.iter().map(|key| Key::new(&scope, Kind::Classic, &user, key).unwrap()).collect();
    let held = wait(store.get(&keys)).unwrap();
    let read = |key: &str| {
        let place = needed.iter().position(|needed| *needed == key)?;
        held[place].as_ref().map(Held::from)
    };
    let decision = decide(settings, &context, &request, Storage::Read(&read));
    let now = Timestamp::from_millis(1_700_000_000_000);
    let offers: Vec<_> = decision
        .offers
        .iter()
        .map(|offer| {
            let key = Key::new(&scope, Kind::Classic, &user, offer.campaign).unwrap();
            offer.offer(key, ClaimId::random().unwrap(), now).unwrap()
        })
        .collect();
    let claims = wait(store.claim(&offers)).unwrap();
    let settled = settle(settings, &context, &request, Storage::Read(&read), decision, &claims);
    let (stayput_engine::Settled::Done(decision) | stayput_engine::Settled::Again(decision)) = settled;
    let moment = Moment { milliseconds: 1_700_000_000_000, random: 0.5 };
    calls(settings, &context, sender, moment, &decision.events).len()
}

#[expect(clippy::disallowed_methods, reason = "measures")]
fn report<R>(name: &str, parts: u64, rounds: u64, mut one: impl FnMut(u64) -> R) {
    let mut best = f64::INFINITY;
    let mut allocations = 0;
    for part in 0..parts {
        let (start, before) = (Instant::now(), COUNT.with(Cell::get));
        for round in 0..rounds {
            black_box(one(part * rounds + round));
        }
        best = best.min(start.elapsed().as_nanos() as f64 / rounds as f64);
        allocations = (COUNT.with(Cell::get) - before) / rounds;
    }
    println!(r#"{{"name":"{name}","nanoseconds":{best:.0},"allocations":{allocations}}}"#);
}

/// Waits for what is ready at once.
fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("memory never waits"),
    }
}
