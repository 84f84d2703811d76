//! What a hit costs, beside the table underneath, and how many hits a small cache has.
//!
//! The hit ratio is printed once, before anything is timed: users drawn from zipf(0.9), 1 M of them, room for 10 %,
//! against a cache that always holds the most frequent ones.
use criterion::{Criterion, criterion_group, criterion_main};
use quick_cache::sync::Cache;
use stayput::{
    Assignment, AssignmentStore, ClaimId, Clock, Entry, Goals, Key, Kind, Name, Scope, TickingClock, Timestamp, User,
    backends::Memory,
    layers::{NearCache, NearCacheOptions, Peek},
};
use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::runtime::{Builder, Runtime};

const USERS: usize = 10_000;

criterion_group!(benches, hits, ratio);
criterion_main!(benches);

fn hits(criterion: &mut Criterion) {
    let (runtime, keys) = (Builder::new_current_thread().enable_all().build().expect("a runtime"), keys(USERS));
    let cache = filled(&runtime, &keys, NearCacheOptions::default());
    let bare: Cache<User, Arc<Assignment>> = Cache::new(2 * USERS);
    for key in &keys {
        bare.insert(key.user().clone(), Arc::new(assignment()));
    }
    let dynamic: Arc<dyn AssignmentStore> = Arc::new(cache.clone());
    let mut group = criterion.benchmark_group("a hit");
    let mut next = (0..USERS).cycle().map(|number| number * 7_919 % USERS);
    let mut key = || &keys[next.next().unwrap_or_default()];
    group.bench_function("of quick_cache", |bencher| bencher.iter(|| black_box(bare.get(key().user()))));
    group.bench_function("of peek", |bencher| bencher.iter(|| black_box(cache.peek(key()))));
    group.bench_function("of get, through Arc<dyn>", |bencher| {
        bencher.iter(|| runtime.block_on(async { black_box(dynamic.get(std::slice::from_ref(key())).await) }))
    });
    group.finish();
    paired(&cache, &bare, &keys);
}

/// Both sides interleaved, so that whatever else the machine does is done to both.
#[expect(clippy::disallowed_methods, reason = "nothing pauses this clock")]
fn paired(cache: &NearCache<Arc<Memory>>, bare: &Cache<User, Arc<Assignment>>, keys: &[Key]) {
    let timed = |work: &dyn Fn()| {
        let began = Instant::now();
        work();
        began.elapsed().as_secs_f64()
    };
    let peek = || keys.iter().for_each(|key| assert!(matches!(black_box(cache.peek(key)), Peek::Held(_))));
    let get = || keys.iter().for_each(|key| assert!(black_box(bare.get(key.user())).is_some()));
    let dated = || {
        keys.iter().for_each(|key| {
            assert!(black_box(bare.get(key.user())).is_some() && black_box(TickingClock.now()) > Timestamp::default())
        });
    };
    let rounds: Vec<[f64; 3]> = (0..301).map(|_| [timed(&peek), timed(&get), timed(&dated)]).collect();
    let median = |figure: &dyn Fn(&[f64; 3]) -> f64| {
        let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    let nanoseconds = |side: usize| median(&|round| round[side]) / keys.len() as f64 * 1e9;
    println!(
        "peek takes {:.2} times as long as a bare hit, a bare hit and a look at the clock {:.2} times (medians of {} rounds; \
         {:.1}, {:.1} and {:.1} ns)",
        median(&|[peek, bare, _]| peek / bare),
        median(&|[_, bare, dated]| dated / bare),
        rounds.len(),
        nanoseconds(0),
        nanoseconds(1),
        nanoseconds(2),
    );
}

fn ratio(_: &mut Criterion) {
    const POPULATION: usize = 1_000_000;
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (mut cumulated, mut total) = (Vec::with_capacity(POPULATION), 0.0);
    for rank in 1..=POPULATION {
        total += (rank as f64).powf(-0.9);
        cumulated.push(total);
    }
    let (mut state, keys) = (0x9E37_79B9_7F4A_7C15_u64, keys(POPULATION));
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let wanted = (state >> 11) as f64 / (1_u64 << 53) as f64 * total;
        cumulated.partition_point(|sum| *sum < wanted).min(POPULATION - 1)
    };
    let one = {
        let cache = filled(&runtime, &keys[..1_000], NearCacheOptions::default());
        cache.stats().bytes / cache.stats().users
    };
    let bytes = one * POPULATION as u64 / 10;
    let store = Memory::default();
    let entry = |key: &Key| Entry { key: key.clone(), assignment: assignment() };
    runtime.block_on(store.put(&keys.iter().map(entry).collect::<Vec<_>>())).expect("put");
    let options = NearCacheOptions::default().bytes(bytes).max_age(Duration::from_secs(86_400));
    let cache = NearCache::new(Arc::new(store), options);
    let mut visit = |visits: usize| {
        let mut frequent = 0;
        for _ in 0..visits {
            let user = draw();
            frequent += usize::from(user < POPULATION / 10);
            if cache.peek(&keys[user]) == Peek::Unknown {
                runtime.block_on(cache.get(std::slice::from_ref(&keys[user]))).expect("get");
            }
        }
        frequent as f64 / visits as f64
    };
    visit(3_000_000);
    let before = cache.stats().hits;
    let perfect = visit(2_000_000);
    let stats = cache.stats();
    let ratio = (stats.hits - before) as f64 / 2_000_000.0;
    println!(
        "hit ratio {ratio:.3}, a perfect cache's {perfect:.3}: {:.3} of it; {} users",
        ratio / perfect,
        stats.users
    );
}

fn filled(runtime: &Runtime, keys: &[Key], options: NearCacheOptions) -> NearCache<Arc<Memory>> {
    let store = Arc::new(Memory::default());
    let entry = |key: &Key| Entry { key: key.clone(), assignment: assignment() };
    runtime.block_on(store.put(&keys.iter().map(entry).collect::<Vec<_>>())).expect("put");
    let cache = NearCache::new(store, options.max_age(Duration::from_secs(86_400)));
    // One after the other, as users come: read at once, they would lie scattered among what the reading needs.
    keys.iter().for_each(|key| drop(runtime.block_on(cache.get(std::slice::from_ref(key))).expect("get")));
    cache
}

fn keys(users: usize) -> Vec<Key> {
    let key = |user| Key::new(&Scope::default(), Kind::Classic, &format!("user-{user}"), "checkout").expect("legal");
    (0..users).map(key).collect()
}

fn assignment() -> Assignment {
    Assignment {
        variation: Name::variation("variation-1").expect("legal"),
        by: ClaimId(1),
        replaced: None,
        goals: Goals::default(),
        meta_data: None,
        extra: None,
        assigned_at: Timestamp::from_millis(1),
        changed_at: Timestamp::from_millis(1),
        expires_at: None,
        revision: 1,
        epoch: 0,
        unknown: Default::default(),
    }
}
