//! What every claim costs before any disk or network: the rule, the bytes, and the reference store.
//!
//! Rivals in the same run: the clone that any answer needs, and a map under a mutex.
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use stayput::{
    Assignment, AssignmentStore, ClaimId, Key, Kind, Name, Offer, Scope, Timestamp, backends::Memory, codec,
};
use std::{
    collections::HashMap,
    future::Future,
    hint::black_box,
    pin::pin,
    slice,
    sync::Mutex,
    task::{Context, Poll, Waker},
};

criterion_group!(benches, join, bytes, memory);
criterion_main!(benches);

fn join(c: &mut Criterion) {
    let mut group = c.benchmark_group("join");
    for goals in [0, 3, 100] {
        let held = held(goals);
        let repeat = offer(2).bringing([goal(0)]);
        group.bench_function(BenchmarkId::new("clone of what is held", goals), |b| b.iter(|| black_box(&held).clone()));
        group.bench_function(BenchmarkId::new("changes nothing", goals), |b| {
            b.iter(|| repeat.join(Some(black_box(&held).clone()), now()))
        });
        let newest = offer(2).bringing([goal(goals)]);
        group.bench_function(BenchmarkId::new("brings a goal", goals), |b| {
            b.iter(|| newest.join(Some(black_box(&held).clone()), now()))
        });
    }
    group.bench_function("creates", |b| b.iter(|| offer(1).join(None, now())));
}

fn bytes(c: &mut Criterion) {
    let mut group = c.benchmark_group("codec");
    for goals in [0, 3, 100] {
        let held = held(goals);
        let encoded = codec::encode(&held);
        group.bench_function(BenchmarkId::new("encode", goals), |b| b.iter(|| codec::encode(black_box(&held))));
        group.bench_function(BenchmarkId::new("decode", goals), |b| {
            b.iter(|| codec::decode("bench", black_box(&encoded)))
        });
    }
    group.bench_function("key", |b| b.iter(|| codec::encode_key(black_box(&key(7)))));
}

fn memory(c: &mut Criterion) {
    const USERS: u64 = 100_000;
    let mut group = c.benchmark_group("memory");
    let store = Memory::default();
    let keys: Vec<Key> = (0..USERS).map(key).collect();
    for key in &keys {
        let offer = Offer { key: key.clone(), ..offer(1) };
        wait(store.claim(slice::from_ref(&offer))).expect("memory takes every offer");
    }
    let bare: Mutex<HashMap<Key, Assignment>> = Mutex::new(keys.iter().map(|key| (key.clone(), held(0))).collect());
    let mut turn = 0;
    let mut next = || {
        turn = (turn + 7_919) % keys.len();
        &keys[turn]
    };
    group.bench_function("get, bare map", |b| {
        b.iter(|| bare.lock().expect("nobody panics here").get(black_box(next())).cloned())
    });
    group.bench_function("get", |b| b.iter(|| wait(store.get(slice::from_ref(next())))));
    group.bench_function("claim that changes nothing", |b| {
        b.iter(|| {
            let offer = Offer { key: next().clone(), ..offer(2) };
            wait(store.claim(slice::from_ref(&offer)))
        })
    });
}

fn held(goals: usize) -> Assignment {
    let offer = offer(1).bringing((0..goals).map(goal));
    offer.join(None, now()).claimed.held.expect("an offer of a variation is held")
}
fn offer(claim: u64) -> Offer {
    Offer::new(key(1), ClaimId(claim), now()).offering(Name::variation("Variation-1").expect("a legal name"))
}
fn goal(number: usize) -> Name {
    Name::goal(&format!("goal-{number}")).expect("a legal name")
}
fn key(number: u64) -> Key {
    Key::new(&Scope::default(), Kind::Classic, &format!("user-{number}"), "campaign").expect("a legal key")
}
fn now() -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000)
}
/// Memory never waits, so polling once is enough.
fn wait<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => unreachable!("memory never waits"),
    }
}
