//! What a decision costs end to end on a store in memory, and what settings cost.
use criterion::{Criterion, criterion_group, criterion_main};
use stayput::backends::Memory;
use stayput_sdk::{Launcher, Options, Settings, blocking, launch};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint::black_box,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

criterion_group!(benches, decisions, settings);
criterion_main!(benches);

struct Counting;
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[expect(unsafe_code, reason = "there is no other way to count allocations")]
// SAFETY: everything is the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn decisions(c: &mut Criterion) {
    const USERS: usize = 10_000;
    let client = client(true);
    let users: Vec<String> = (0..USERS).map(|user| format!("user-{user}")).collect();
    let options = Options::default();
    for user in &users {
        client.activate("checkout-button", user, &options).expect("memory does not fail");
    }
    let mut turn = 0;
    let mut next = || {
        turn = (turn + 7_919) % users.len();
        users[turn].as_str()
    };
    let allocated = count(|| drop(client.activate("checkout-button", next(), &options)));
    println!("a returning user's decision allocates {allocated} times");
    let mut group = c.benchmark_group("activate on memory:");
    group.bench_function("returning user", |b| {
        b.iter(|| client.activate("checkout-button", black_box(next()), &options))
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let asynchronous = runtime.block_on(async {
        let client = launcher(true).start().await.expect("the example is right");
        for user in &users {
            client.activate("checkout-button", user, &options).await.expect("memory does not fail");
        }
        client
    });
    group.bench_function("returning user, asynchronous", |b| {
        b.iter(|| wait(asynchronous.activate("checkout-button", black_box(next()), &options)))
    });
    group.bench_function("returning user, no storage", |b| {
        let bare = self::client(false);
        b.iter(|| bare.activate("checkout-button", black_box(next()), &options))
    });
    let mut number = 0u64;
    let allocated = count(|| drop(client.activate("checkout-button", "somebody new", &options)));
    println!("a first activation allocates {allocated} times");
    group.bench_function("first activation", |b| {
        b.iter(|| {
            number += 1;
            client.activate("checkout-button", &format!("new-{number}"), &options)
        })
    });
    group.finish();
}

fn settings(c: &mut Criterion) {
    let example = include_str!("../../../examples/settings.json");
    let (head, rest) = example.split_once(r#""campaigns": ["#).expect("the example has campaigns");
    let rest = rest.trim_end().trim_end_matches('}').trim_end().trim_end_matches(']');
    let two = |number: usize| {
        rest.replace("\"checkout-button\"", &format!("\"c{number}\"")).replace("230", &format!("{}", 1_000 + number))
    };
    let campaigns: Vec<String> = (0..500).map(two).collect();
    let text = format!(r#"{head}"campaigns": [{}]}}"#, campaigns.join(","));
    assert_eq!(Settings::parse(text.as_bytes()).expect("legal settings").campaigns.len(), 1_000);
    c.bench_function("settings with 1,000 campaigns", |b| b.iter(|| Settings::parse(black_box(text.as_bytes()))));
}

fn client(stores: bool) -> blocking::Client {
    launcher(stores).start_blocking().expect("the example is right")
}
fn launcher(stores: bool) -> Launcher {
    let launcher = launch(include_str!("../../../examples/settings.json")).development_mode(true);
    if stores { launcher.store(Arc::new(Memory::default())) } else { launcher }
}
/// Memory never waits, so polling once is enough.
fn wait<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => unreachable!("memory never waits"),
    }
}

fn count(once: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    once();
    ALLOCATIONS.load(Ordering::Relaxed) - before
}
