//! A server of its own that is killed while it is written to.
use super::{
    faults::{check, offers, write_until},
    servers::{bare, fresh_schema, open, rounds, with},
};
use futures_util::future::join_all;
use stayput::{AssignmentStoreExt, Offer, Outcome, Scope};
use std::{fs, path::Path, time::Duration};
use tokio::{process::Command, time};

pub(crate) async fn a_killed_server_loses_nothing_and_is_found_again(_: String) {
    let folder = tempfile::tempdir().expect("a folder");
    let servers = Servers(folder.path());
    let url = servers.up().await;
    let store = open(&with(&url, "timeout=1s&connect=1s&pool=8&purge=off")).await;
    let scope = Scope::new(&fresh_schema()).expect("legal");
    let (done, stop) = tokio::sync::watch::channel(false);
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let (store, scope, stop) = (store.clone(), scope.clone(), stop.clone());
            tokio::spawn(async move { write_until(&store, &scope, writer, || *stop.borrow()).await })
        })
        .collect();
    for round in 0..2 * rounds(5) {
        time::sleep(Duration::from_millis(300)).await;
        // Fast shutdown first, then none at all.
        servers.signal(if round % 2 == 0 { "INT" } else { "KILL" }).await;
        time::sleep(Duration::from_millis(300)).await;
        assert_eq!(servers.up().await, url, "the same port");
    }
    time::sleep(Duration::from_millis(500)).await;
    done.send(true).expect("writers listen");
    let written = join_all(writers).await;
    check(&store, written.into_iter().map(|written| written.expect("a writer")).collect()).await;
    let known = stayput::Key::new(
        &Scope::new(&format!("{}-0", scope.as_str())).expect("legal"),
        stayput::Kind::Classic,
        "user-1",
        "c",
    );
    assert!(store.get_one(&known.expect("legal")).await.expect("get").is_some());
    drop(store);
    servers.down().await;
}

/// Its last claims are lost then; those that are there are whole, and those that a checkpoint saw are.
pub(crate) async fn a_killed_server_that_does_not_wait_for_its_disk_loses_the_last_claims_and_tears_none(_: String) {
    let folder = tempfile::tempdir().expect("a folder");
    let servers = Servers(folder.path());
    let url = servers.up().await;
    // Nothing is written until somebody asks for it, or there is a megabyte of it.
    let settings = "ALTER SYSTEM SET synchronous_commit = off; ALTER SYSTEM SET wal_writer_delay = '10s'";
    for setting in settings.split(';').chain(["SELECT pg_reload_conf()"]) {
        bare(&url).await.batch_execute(setting).await.expect("a setting");
    }
    let store = open(&with(&url, "pool=8&purge=off&timeout=60s&connect=60s")).await;
    let scope = Scope::new(&fresh_schema()).expect("legal");
    let mut next = offers(&scope);
    let written: Vec<Offer> = (0..3_000).map(|_| next()).collect();
    let (seen, later) = written.split_at(1_000);
    for offers in [seen, later] {
        for offers in offers.chunks(8) {
            for claimed in join_all(offers.iter().map(|offer| store.claim_one(offer))).await {
                assert_eq!(claimed.expect("claim").outcome, Outcome::Created);
            }
        }
        if offers.len() == seen.len() {
            bare(&url).await.batch_execute("CHECKPOINT").await.expect("everything is on the disk");
        }
    }
    servers.signal("KILL").await;
    assert_eq!(servers.up().await, url, "the same port");
    let store = open(&with(&url, "timeout=60s&connect=60s")).await;
    let mut lost = 0;
    for (place, offer) in written.iter().enumerate() {
        match store.get_one(&offer.key).await.expect("what is there can be read") {
            Some(held) => {
                let goals: Vec<&str> = held.goals.iter().map(|goal| goal.name.as_str()).collect();
                assert_eq!((held.by, held.revision, goals), (offer.claim, 1, vec!["g"]));
            }
            None => {
                assert!(place >= seen.len(), "a checkpoint had seen it");
                lost += 1;
            }
        }
    }
    println!("synchronous_commit=off: {lost} of {} acknowledged claims were lost", later.len());
    let page = store.scan(Some(&scope), None, 1_000).await.expect("scan");
    assert!(page.unreadable.is_empty());
    for offer in &written {
        let claimed = store.claim_one(offer).await.expect("a repeat");
        assert_eq!((claimed.outcome, claimed.new_goals.len()), (Outcome::Created, 1), "lost or not, a repeat wins");
    }
    drop(store);
    servers.down().await;
}

/// `servers/up` and `servers/down` on a folder of our own.
pub(crate) struct Servers<'a>(pub(crate) &'a Path);

impl Servers<'_> {
    async fn up(&self) -> String {
        self.up_as("postgres", "POSTGRES").await
    }
    /// Starts what `servers/up` calls `name`; the URL that it gives `variable`.
    pub(crate) async fn up_as(&self, name: &str, variable: &str) -> String {
        self.run("up", &[name]).await;
        let env = fs::read_to_string(self.0.join("env")).expect("it says where it is");
        let url = env.lines().find_map(|line| line.strip_prefix(&format!("export STAYPUT_TEST_{variable}=")));
        url.expect("it was started").replace('\\', "") // bash may quote
    }
    pub(crate) async fn down(&self) {
        self.run("down", &[]).await;
    }
    async fn run(&self, script: &str, names: &[&str]) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../servers").join(script);
        let status = Command::new(script).arg(self.0).args(names).status().await.expect("the script");
        assert!(status.success(), "{status}");
    }
    /// Signals the first process and waits until it is gone; its children notice.
    async fn signal(&self, signal: &str) {
        self.signal_to("postgres", signal).await;
    }
    pub(crate) async fn signal_to(&self, server: &str, signal: &str) {
        let pid = fs::read_to_string(self.0.join(format!("{server}.pid"))).expect("a pid");
        let status = Command::new("kill").args(["-s", signal, pid.trim()]).status().await.expect("kill");
        assert!(status.success());
        while Path::new("/proc").join(pid.trim()).join("cwd").exists() {
            time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Servers<'_> {
    /// Also when the test fails: nothing is left running.
    fn drop(&mut self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../servers/down");
        let _ = std::process::Command::new(script).arg(self.0).status();
    }
}
