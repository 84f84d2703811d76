//! A disk of the server that is full.
use super::{
    restart::Servers,
    servers::{bare, fresh_schema, now, open, with},
};
use stayput::{AssignmentStoreExt, ClaimId, ErrorKind, Key, Kind, Name, Offer, Scope};
use std::{fs, os::unix::fs::PermissionsExt, process::Command};
use tempfile::TempDir;

/// Its tables live on a tmpfs, which takes a mount.
pub(crate) fn may_mount() -> Option<String> {
    Disk::new("64k").is_none().then(|| "this process may not mount a tmpfs".to_owned())
}

pub(crate) async fn a_full_disk_refuses_loses_nothing_acknowledged_and_works_again_with_room(_: String) {
    let (disk, name) = (Disk::new("4m").expect("a tmpfs"), fresh_schema());
    // One of its own: a server whose tables went away can be of no more use to anybody.
    let folder = tempfile::tempdir().expect("a folder");
    let servers = Servers(folder.path());
    let url = servers.up_as("postgres", "POSTGRES").await;
    let admin = bare(&url).await;
    let place = disk.0.path().join("tables");
    fs::create_dir(&place).expect("a folder");
    let whose: String = admin.query_one("SHOW data_directory", &[]).await.expect("where it is").get(0);
    assert!(Command::new("chown").arg("--reference").arg(whose).arg(&place).status().expect("chown").success());
    for statement in [
        format!("CREATE TABLESPACE {name} LOCATION '{}'", place.display()),
        format!("CREATE ROLE {name} LOGIN PASSWORD 'correct-horse'"),
        format!("GRANT CREATE ON TABLESPACE {name} TO {name}"),
        format!("ALTER ROLE {name} SET default_tablespace = {name}"),
        format!("CREATE SCHEMA {name} AUTHORIZATION {name}"),
    ] {
        admin.batch_execute(&statement).await.expect("a statement");
    }
    let theirs = url.replace("//stayput:", &format!("//{name}:"));
    let store = open(&with(&theirs, &format!("schema={name}&purge=off&timeout=20s"))).await;
    let ballast = disk.0.path().join("ballast");
    fs::write(&ballast, vec![1; 3 << 20]).expect("room");
    let big = |user: usize| {
        let key = Key::new(&Scope::default(), Kind::Classic, &format!("user-{user}"), "c").expect("legal");
        let offer = Offer::new(key, ClaimId::random().expect("random"), now());
        let goals = (0..15).map(|goal| Name::goal(&format!("{}{goal}", "g".repeat(100))).expect("legal"));
        offer.offering(Name::variation("v").expect("legal")).bringing(goals.collect::<Vec<_>>())
    };
    let mut stored = Vec::new();
    let (refused, error) = loop {
        let offer = big(stored.len());
        match store.claim_one(&offer).await {
            Ok(claimed) if claimed.won() => stored.push(offer),
            Ok(claimed) => panic!("{claimed:?}"),
            Err(error) => break (offer, error),
        }
        assert!(stored.len() < 100_000, "4 MB are never full");
    };
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.message().contains("disk is full"), "{error}");
    println!("{} claims found room", stored.len());
    assert!(stored.len() > 10);
    for offer in &stored {
        let held = store.get_one(&offer.key).await.expect("it reads").expect("acknowledged and lost");
        assert_eq!((held.by, held.goals.len()), (offer.claim, 15));
    }
    assert_eq!(store.get_one(&refused.key).await.expect("it reads"), None, "a refused claim was stored");
    fs::remove_file(&ballast).expect("room again");
    let repeated = store.claim_one(&refused).await.expect("room again");
    assert!(repeated.won() && repeated.new_goals.len() == 15, "{repeated:?}");
    drop(store);
    servers.down().await;
}

/// A tmpfs; gone when this is dropped.
struct Disk(TempDir);

impl Disk {
    fn new(size: &str) -> Option<Self> {
        // The server, who is somebody else, must pass.
        let folder =
            tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir().expect("a folder");
        let options = format!("size={size},mode=755");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).output();
        mount.is_ok_and(|mount| mount.status.success()).then(|| Self(folder))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).output();
    }
}
