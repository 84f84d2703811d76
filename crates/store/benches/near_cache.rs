//! What a hit costs, beside the table underneath, and how many hits a small cache has.
//!
//! The hit ratio is printed once, before anything is timed: users drawn from zipf(0.9), 1 M of them, room for 10 %,
//! against a cache that always holds the most frequent ones.
use criterion::{Criterion, criterion_group, criterion_main};
use quick_cache::sync::Cache;
use stayput::{
    Assignment, AssignmentStore, AssignmentStoreExt, ClaimId, Clock, Entry, Goals, Key, Kind, Name, Scope, SystemClock,
    Timestamp, User,
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
    let bare: Cache<User, Arc<Assignment>> = Cache::new(2 * USERS);
    let cache = filled(&runtime, &keys, NearCacheOptions::default(), |key, held| bare.insert(key.user().clone(), held));
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
    println!("peek, by a bare hit; a bare hit and a look at the clock, by a bare hit (medians):");
    paired("10,000 users, one after the other", &cache, &bare, &keys);
    let far: Vec<Key> = (0..USERS).map(|number| keys[number * 7_919 % USERS].clone()).collect();
    paired("10,000 users, each far from the last", &cache, &bare, &far);
    paired("500 users", &cache, &bare, &keys[..500]);
    paired("500 users, by keys made anew", &cache, &bare, &self::keys(500));
}

/// Both sides take turns, so that whatever else the machine does is done to both. Before each lap that counts, the same
/// one is run without counting: no side finds the processor's caches full of what the others have read.
#[expect(clippy::disallowed_methods, reason = "nothing pauses this clock")]
fn paired(what: &str, cache: &NearCache<Arc<Memory>>, bare: &Cache<User, Arc<Assignment>>, keys: &[Key]) {
    let laps = USERS / keys.len();
    let timed = |lap: &dyn Fn()| {
        lap();
        let began = Instant::now();
        (0..laps).for_each(|_| lap());
        began.elapsed().as_secs_f64() / (laps * keys.len()) as f64 * 1e9
    };
    let peek = || keys.iter().for_each(|key| assert!(matches!(black_box(cache.peek(key)), Peek::Held(_))));
    let get = || keys.iter().for_each(|key| assert!(black_box(bare.get(key.user())).is_some()));
    let dated = || {
        keys.iter().for_each(|key| {
            assert!(black_box(bare.get(key.user())).is_some() && black_box(SystemClock.recent()) > Timestamp::default())
        });
    };
    let rounds: Vec<[f64; 3]> = (0..501).map(|_| [timed(&peek), timed(&get), timed(&dated)]).collect();
    let median = |figure: &dyn Fn(&[f64; 3]) -> f64| {
        let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    let [peek, get, dated] = [0, 1, 2].map(|side| median(&|round| round[side]));
    let (of_peek, of_dated) = (median(&|[peek, bare, _]| peek / bare), median(&|[_, bare, dated]| dated / bare));
    println!("  {what:<38} {of_peek:.2}   {of_dated:.2}   ({peek:.1}, {get:.1} and {dated:.1} ns)");
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
        let cache = filled(&runtime, &keys[..1_000], NearCacheOptions::default(), |_, _| {});
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

/// `other` keeps the same, and what it keeps lies beside what the cache keeps: memory is no better for one side.
fn filled(
    runtime: &Runtime,
    keys: &[Key],
    options: NearCacheOptions,
    other: impl Fn(&Key, Arc<Assignment>),
) -> NearCache<Arc<Memory>> {
    let store = Arc::new(Memory::default());
    let entry = |key: &Key| Entry { key: key.clone(), assignment: assignment() };
    runtime.block_on(store.put(&keys.iter().map(entry).collect::<Vec<_>>())).expect("put");
    let cache = NearCache::new(store.clone(), options.max_age(Duration::from_secs(86_400)));
    // One after the other, as users come: read at once, they would lie scattered among what the reading needs.
    for key in keys {
        drop(runtime.block_on(cache.get(std::slice::from_ref(key))).expect("get"));
        let held = runtime.block_on(store.get_one(key)).expect("get").expect("it was put");
        other(key, Arc::new(held));
    }
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
