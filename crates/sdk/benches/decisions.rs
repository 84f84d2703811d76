//! What a decision costs, in time and in allocations: `bench/decisions` runs this beside the official Node SDK.
//! Every result is one line of JSON.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use stayput::backends::Memory;
use stayput_engine::{Context, Held, Json, Request, Settings, Storage, decide, keys_needed};
use stayput_sdk::{
    Client, Options, Queueing,
    calls::{Moment, Sender, calls},
    launch,
};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    hint::black_box,
    pin::pin,
    sync::Arc,
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
    let text = std::fs::read(&file).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // The runtime does not run while a decision is measured: calls are queued and not sent, as on the other side.
    let _entered = runtime.enter();
    let client = wait(start(text.clone()));
    let options = Options::default();
    let users: Vec<String> = (0..1_000).map(|user| format!("returning-{user}")).collect();
    let activate = |user: &str| wait(client.activate("checkout", user, &options)).unwrap().unwrap();
    for user in &users {
        activate(user);
    }
    report("returning", 1_000, 500, |round| activate(&users[round as usize % users.len()]));
    report("first", 1_000, 100, |round| activate(&format!("user-{round}")));
    assert_eq!(client.stats().calls_dropped, 0);

    let settings = Settings::parse(&text).unwrap();
    let record = Json::parse(br#"{"userId":"user","campaignKey":"checkout","variationName":"Control"}"#).unwrap();
    let read = |key: &str| Held::from_record(&record, "user", key);
    let context = Context { user: "user", ..Context::default() };
    let request = Request::Activate("checkout");
    report("engine", 1_000, 500, |_| {
        let needed = keys_needed(&settings, &context, &request);
        black_box(&needed);
        decide(&settings, &context, &request, Storage::Read(&read)).answer
    });
    let sender = Sender::default();
    let moment = Moment { milliseconds: 1_700_000_000_000, random: 0.5 };
    let decision = decide(&settings, &context, &request, Storage::None);
    report("call", 1_000, 100, |_| {
        let calls = calls(&settings, &context, &sender, moment, &decision.events);
        calls.iter().map(|call| call.to_http(&settings, &sender).unwrap()).collect::<Vec<_>>()
    });
    let large = std::fs::read(std::env::args().nth(2).unwrap()).unwrap();
    report("parse", 40, 1, |_| Settings::parse(&large).unwrap());
}

async fn start(settings: Vec<u8>) -> Client {
    let queueing = Queueing { calls: usize::MAX, bytes: usize::MAX, ..Queueing::default() };
    let launcher = launch(settings).store(Arc::new(Memory::default())).endpoint("http://127.0.0.1:9");
    launcher.queueing(queueing).start().await.unwrap()
}

#[expect(clippy::disallowed_methods, reason = "measures")]
fn report<R>(name: &str, parts: u64, rounds: u64, mut one: impl FnMut(u64) -> R) {
    if std::env::args().nth(3).is_some_and(|only| only != name && !only.starts_with('-')) {
        return; // for a profiler
    }
    let (mut times, mut allocations) = (Vec::new(), 0);
    for part in 0..parts {
        let (start, before) = (Instant::now(), COUNT.with(Cell::get));
        for round in 1..rounds {
            black_box(one(part * rounds + round));
        }
        let _last = black_box(one(part * rounds)); // dropped when the part is over
        times.push(start.elapsed().as_nanos() as f64 / rounds as f64);
        allocations = (COUNT.with(Cell::get) - before) / rounds;
    }
    times.sort_by(f64::total_cmp);
    let (best, median) = (times[0], times[times.len() / 2]);
    println!(r#"{{"name":"{name}","best":{best:.0},"median":{median:.0},"allocations":{allocations}}}"#);
}

/// Waits for what is ready at once.
fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("memory never waits"),
    }
}
