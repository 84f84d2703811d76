//! However many ask at once, the store is asked once.
use super::scene::{Scene, all, key, slow_gets, user};
use stayput::{
    AssignmentStore, AssignmentStoreExt, Clock, ErrorKind, Kind,
    testing::{Operation, Plan},
};
use std::time::Duration;

const LATE: Duration = Duration::from_secs(5);
const MANY: usize = 1_000;

fn readers(scene: &Scene, many: usize) -> Vec<impl Future<Output = Option<String>> + Send + 'static> {
    let reader = |scene: Scene| async move { scene.read().await.expect("a read") };
    (0..many).map(|_| reader(scene.clone())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_thousand_misses_of_one_user_cost_one_read() {
    let scene = Scene::lasting();
    scene.held("v").await;
    scene.faulty.plan(slow_gets(LATE));
    assert!(all(readers(&scene, MANY)).await.iter().all(|held| held.as_deref() == Some("v")));
    assert_eq!((scene.calls(), scene.cache.stats().misses), (1, MANY as u64));
}

#[tokio::test(start_paused = true)]
async fn a_stampede_after_an_invalidation_costs_one_read() {
    let scene = Scene::lasting();
    scene.held("v").await;
    scene.faulty.plan(slow_gets(LATE));
    let before: Vec<_> = readers(&scene, MANY).into_iter().map(tokio::spawn).collect();
    scene.settle().await;
    let replaced = super::scene::offer("u", "w", scene.clock.now()).replacing(super::scene::name("v"), None);
    scene.other.claim_one(&replaced).await.expect("claim");
    scene.cache.forget(&user("u"));
    assert!(all(readers(&scene, MANY)).await.iter().all(|held| held.as_deref() == Some("w")), "nobody is told the old");
    for reader in before {
        assert_eq!(reader.await.expect("no panic").as_deref(), Some("v"), "they asked before");
    }
    assert_eq!(scene.calls(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_misses_on_several_threads_cost_one_read() {
    for round in 1..=20 {
        let scene = Scene::lasting();
        scene.held("v").await;
        assert!(all(readers(&scene, MANY)).await.iter().all(|held| held.as_deref() == Some("v")));
        assert_eq!(scene.calls(), 1, "round {round}");
    }
}

#[tokio::test(start_paused = true)]
async fn absence_is_shared_too_and_not_remembered() {
    let scene = Scene::lasting();
    scene.faulty.plan(slow_gets(LATE));
    assert!(all(readers(&scene, MANY)).await.iter().all(Option::is_none));
    assert_eq!(scene.calls(), 1);
    scene.read().await.expect("a read");
    assert_eq!(scene.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_whole_record_that_is_being_read_answers_for_each_key() {
    let scene = Scene::lasting();
    scene.held("v").await;
    scene.faulty.plan(slow_gets(LATE));
    let prefetch = |_| {
        let cache = scene.cache.clone();
        tokio::spawn(async move { cache.prefetch(&user("u")).await.expect("prefetch") })
    };
    let prefetches: Vec<_> = (0..MANY).map(prefetch).collect();
    scene.settle().await;
    assert!(all(readers(&scene, MANY)).await.iter().all(|held| held.as_deref() == Some("v")));
    for prefetch in prefetches {
        prefetch.await.expect("no panic");
    }
    assert_eq!(scene.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_batch_asks_only_for_what_nobody_is_asking_for() {
    let scene = Scene::lasting();
    scene.held("v").await;
    scene.faulty.plan(|call| match call.operation {
        Operation::Get(keys) if call.number == 1 => {
            assert_eq!(keys.len(), 2, "{keys:?}");
            Plan::pass()
        }
        _ => Plan::pass().answered_late(LATE),
    });
    let first = readers(&scene, 1).into_iter().map(tokio::spawn).next().expect("one");
    scene.settle().await;
    let other = user("u").key(Kind::Fme, "c").expect("legal");
    let answers = scene.cache.get(&[key("a"), key("u"), other, key("u")]).await.expect("a read");
    let variations: Vec<_> = answers.iter().map(|held| held.as_ref().map(|held| held.variation.to_string())).collect();
    assert_eq!(variations, [None, Some("v".into()), None, Some("v".into())]);
    first.await.expect("no panic");
    assert_eq!(scene.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_asked_first_may_lose_interest() {
    let scene = Scene::lasting();
    scene.held("v").await;
    let first = scene.slow_read(LATE).await;
    let others: Vec<_> = readers(&scene, 10).into_iter().map(tokio::spawn).collect();
    scene.settle().await;
    first.abort();
    for other in others {
        assert_eq!(other.await.expect("no panic").as_deref(), Some("v"));
    }
    assert_eq!((scene.calls(), scene.known()), (1, Some("v".into())));
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_to_all_who_wait_and_to_nobody_later() {
    let scene = Scene::lasting();
    scene.held("v").await;
    scene.faulty.always(Plan::fail(ErrorKind::Timeout).delayed(LATE));
    let reader = |scene: Scene| async move { scene.read().await.expect_err("the store fails").kind() };
    let kinds = all((0..10).map(|_| reader(scene.clone())).collect()).await;
    assert!(kinds.iter().all(|kind| *kind == ErrorKind::Timeout));
    assert_eq!(scene.calls(), 1);
    scene.heal();
    assert_eq!(scene.read().await.expect("a read"), Some("v".into()));
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_one_key_does_not_fail_who_asked_for_another() {
    let scene = Scene::lasting();
    scene.held("v").await;
    scene.faulty.plan(|call| match call.operation {
        Operation::Get(keys) if keys.contains(&key("bad")) => Plan::fail(ErrorKind::Corrupt).delayed(LATE),
        _ => Plan::pass(),
    });
    let cache = scene.cache.clone();
    let both = tokio::spawn(async move { cache.get(&[key("bad"), key("u")]).await });
    scene.settle().await;
    assert_eq!(scene.read().await.expect("it is not damaged"), Some("v".into()));
    assert_eq!(both.await.expect("no panic").expect_err("one is damaged").kind(), ErrorKind::Corrupt);
}

#[test]
fn a_runtime_that_ends_takes_its_reads_with_it_and_leaves_others_going() {
    let scene = Scene::lasting();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (ends, goes_on) = (runtime(), runtime());
    goes_on.block_on(scene.held("v"));
    let forgotten = ends.block_on(scene.slow_read(Duration::from_secs(3_600)));
    let waiting = goes_on.spawn({
        let scene = scene.clone();
        async move { scene.read().await }
    });
    goes_on.block_on(scene.settle());
    assert_eq!(scene.calls(), 1, "both wait for one read");
    drop(ends);
    drop(forgotten);
    assert_eq!(goes_on.block_on(waiting).expect("no panic").expect("asked again"), Some("v".into()));
}
