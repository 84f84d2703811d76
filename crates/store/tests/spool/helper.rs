//! What this program does as one of several processes.
use stayput::{
    AssignmentStoreExt, ClaimId, ErrorKind, Key, Kind, Name, Offer, Outcome, Scope, Timestamp,
    backends::{File, FileOptions},
    layers::{Spool, SpoolFolder, SpoolOptions},
    testing::{Faulty, Plan},
};
use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
    time::Duration,
};

/// Runs the role `arguments[0]` on the spool `arguments[1]` and the store `arguments[2]`.
pub(crate) fn run(arguments: &[String]) {
    let [role, spool, store, me] = arguments else { panic!("wrong arguments") };
    match role.as_str() {
        "spool-for-ever" => run_on(spool_for_ever(Path::new(spool), Path::new(store), me)),
        "replay" => run_on(replay(Path::new(spool), Path::new(store))),
        other => panic!("no role {other}"),
    }
}

/// Runs `work` on a runtime of its own.
pub(crate) fn run_on<T>(work: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_time().build().unwrap().block_on(work)
}

pub(crate) fn key(user: &str) -> Key {
    Key::new(&Scope::default(), Kind::Classic, user, "campaign").unwrap()
}
pub(crate) fn offer(user: &str) -> Offer {
    let name = |name| Name::variation(name).unwrap();
    let claim = ClaimId::random().unwrap();
    Offer::new(key(user), claim, Timestamp::from_millis(1)).offering(name("v")).bringing([name("g")])
}

fn say(line: &str) {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

/// 16 writers whose store is down; each says what was acknowledged, and that alone.
async fn spool_for_ever(spool: &Path, store: &Path, me: &str) {
    let backend = Arc::new(Faulty::new(File::open(store, FileOptions::default()).unwrap()));
    backend.always(Plan::fail(ErrorKind::Unavailable));
    let disk = Arc::new(SpoolFolder::open(spool).unwrap());
    let (spool, replay) = Spool::new(backend, disk, SpoolOptions::default());
    tokio::spawn(replay);
    let spool = Arc::new(spool);
    let mut writers = Vec::new();
    for writer in 0..16 {
        let (spool, me) = (spool.clone(), me.to_owned());
        writers.push(tokio::spawn(async move {
            for number in 0.. {
                let offer = offer(&format!("{me}-{writer}-{number}"));
                assert_eq!(spool.claim_one(&offer).await.unwrap().outcome, Outcome::Spooled);
                say(&format!("{}.", offer.key.user_id()));
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
}

/// Delivers what waits, until nothing does; says each goal that is new, and then how many it delivered.
async fn replay(spool: &Path, store: &Path) {
    let backend = File::open(store, FileOptions::default()).unwrap();
    let disk = Arc::new(SpoolFolder::open(spool).unwrap());
    let on_settled: stayput::layers::OnSettled = Arc::new(|offer, result| {
        for _ in &result.unwrap().new_goals {
            say(&format!("{}.", offer.key.user_id()));
        }
    });
    let options = SpoolOptions { on_settled: Some(on_settled), batch: 16, ..SpoolOptions::default() };
    let (spool, replay) = Spool::new(backend, disk, options);
    tokio::spawn(replay);
    let queue = spool.queue();
    while queue.stats().unwrap().waiting > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    say(&format!("delivered {}", queue.stats().unwrap().replayed));
}
