//! What this program does as one of several processes.
use super::support::{entry, held, key, name, offer, open};
use stayput::{
    AssignmentStore, AssignmentStoreExt, ScanStore,
    backends::{File, FileOptions},
};
use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
    thread,
    time::Duration,
};

/// Runs the role `arguments[0]` on the folder `arguments[1]`.
pub(crate) fn run_role(role: &str, path: &Path, more: &[String]) {
    match role {
        "write-for-ever" => write_for_ever(path, &more[0]),
        "hold-the-lock" => hold_the_lock(path),
        "race" => race(path, &more[0]),
        "fill" => fill(path, more[0].parse().unwrap(), &more[1]),
        "fork" => fork(path),
        "look" => look(path),
        "hold" => hold(path),
        "count-and-add" => count_and_add(path, &more[0]),
        "open" => {
            say(&File::open(path, FileOptions::default())
                .map_or_else(|e| format!("{:?} {e}", e.kind()), |_| "open".into()))
        }
        "open-as-nobody" => open_as_nobody(path),
        other => panic!("no role {other}"),
    }
}
pub(crate) fn run(arguments: &[String]) {
    run_role(&arguments[0], Path::new(&arguments[1]), &arguments[2..]);
}

/// Keeps the folder open until it is killed.
fn hold(path: &Path) {
    let _store = open(path);
    say("open");
    loop {
        thread::park();
    }
}

fn count_and_add(path: &Path, user: &str) {
    let store = open(path);
    super::support::run(async {
        say(&store.scan(None, None, usize::MAX).await.unwrap().entries.len().to_string());
        store.put(&[entry(&key(user, "c"), "A")]).await.unwrap();
    });
}

fn say(line: &str) {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

/// 16 writers; each says what has been acknowledged, and that alone.
fn write_for_ever(path: &Path, round: &str) {
    let (store, round) = (Arc::new(open(path)), round.to_owned());
    super::support::run(async {
        let mut writers = Vec::new();
        for writer in 0..16 {
            let (store, round) = (store.clone(), round.clone());
            writers.push(tokio::spawn(async move {
                for number in 0.. {
                    let key = key(&format!("{round}-{writer}-{number}"), "c");
                    store.claim_one(&offer(&key, "v").bringing([name("g")])).await.unwrap();
                    say(&format!("{}.", key.user_id()));
                }
            }));
        }
        for writer in writers {
            writer.await.unwrap();
        }
    });
}

fn hold_the_lock(path: &Path) {
    let mut options = heed::EnvOpenOptions::new();
    options.map_size(64 << 30).max_dbs(2);
    #[expect(unsafe_code, reason = "maps the store behind its back")]
    // SAFETY: nobody cuts the file off meanwhile.
    let environment = unsafe { options.open(path) }.unwrap();
    let _transaction = environment.write_txn().unwrap();
    say("held");
    loop {
        thread::sleep(Duration::from_secs(60));
    }
}

fn race(path: &Path, me: &str) {
    let store = open(path);
    say("ready");
    io::stdin().read_line(&mut String::new()).unwrap_or_default();
    super::support::run(async {
        for number in 0..200 {
            let key = key(&format!("u{number}"), "c");
            let goals = (0..8).map(|goal| name(&format!("g{goal}")));
            let claimed = store.claim_one(&offer(&key, me).bringing(goals)).await.unwrap();
            let held = claimed.held.as_ref().unwrap().variation.to_string();
            say(&format!("{number} {held} {} {}", claimed.won(), claimed.new_goals.len()));
        }
    });
}

fn fill(path: &Path, map: u64, prefix: &str) {
    let store = File::open(path, FileOptions::default().map(map)).unwrap();
    super::support::run(async {
        for number in 0..2_000 {
            store.claim_one(&offer(&key(&format!("{prefix}{number}"), "c"), "v")).await.unwrap();
        }
        for prefix in ["a", "b"] {
            let found = held(&store, &key(&format!("{prefix}0"), "c")).await;
            say(&format!("{prefix} {}", found.is_some()));
        }
    });
}

/// A process without other threads of its own forks while its store is open.
fn fork(path: &Path) {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let store = open(path);
    let second = open(path);
    runtime().block_on(store.claim_one(&offer(&key("before", "c"), "v"))).unwrap();
    #[expect(unsafe_code, reason = "there is no other way to fork")]
    // SAFETY: the child goes on with this thread alone, as prefork servers do.
    let child = unsafe { libc::fork() };
    runtime().block_on(async {
        let me = if child == 0 { "child" } else { "parent" };
        for number in 0..100 {
            let store = if number % 2 == 0 { &store } else { &second };
            assert_eq!(held(store, &key("before", "c")).await.unwrap().variation, name("v"));
            store.claim_one(&offer(&key(&format!("{me}{number}"), "c"), me)).await.unwrap();
            store.claim_one(&offer(&key("both", &format!("c{number}")), me)).await.unwrap();
        }
        store.flush().await.unwrap();
    });
    if child == 0 {
        drop((store, second));
        // The parent's readers and locks are untouched only if the child let go of nothing but its own.
        std::process::exit(0);
    }
    let mut status = 0;
    #[expect(unsafe_code, reason = "waits for the child of the fork")]
    // SAFETY: `status` is a number of this stack.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!((waited, status), (child, 0), "the child failed");
    runtime().block_on(async {
        for number in 0..100 {
            for who in ["child", "parent"] {
                assert!(held(&store, &key(&format!("{who}{number}"), "c")).await.is_some());
            }
        }
    });
    say("forked");
}

/// Reads and writes what may be damaged, and says how that went.
fn look(path: &Path) {
    let store = match File::open(path, FileOptions::default()) {
        Ok(store) => store,
        Err(error) => return say(&format!("refused {:?} {error}", error.kind())),
    };
    super::support::run(async {
        let scanned = store.scan(None, None, 1_000).await;
        let put = store.put(&[entry(&key("new", "c"), "v")]).await;
        say(&format!("scanned {} put {}", scanned.is_ok(), put.is_ok()));
    });
}

fn open_as_nobody(path: &Path) {
    #[expect(unsafe_code, reason = "gives up the right to write everywhere")]
    // SAFETY: changes nothing but the user of this process.
    unsafe {
        libc::setuid(65_534);
    }
    run_role("open", path, &[]);
}
