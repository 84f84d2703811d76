//! A slot that is moved from one master to another while its users are read and claimed for.
use crate::bench::{Add, Needs, Servers, eventually, key, name, offer, open};
use redis::{Cmd, RedisResult, aio::MultiplexedConnection, cmd};
use stayput::{AssignmentStoreExt, Key, Offer};
use std::error::Error as _;

pub(crate) fn tests(add: Add<'_>) {
    add("a_slot_on_its_way_to_another_master_is_an_error_or_right", Needs::Program, || Box::pin(resharded()));
}

/// In between some keys of the slot are here and some there: what needs one of each is told TRYAGAIN.
async fn resharded() {
    let bench = Servers::start("redis_cluster");
    let store = open(&bench.url("timeout=1s")).await;
    let mut masters = Vec::new();
    let place = bench.url("");
    for node in place.trim_start_matches("redis+cluster://").trim_end_matches('?').split(',') {
        let client = redis::Client::open(format!("redis://{node}")).expect("a URL");
        let mut node =
            Node { address: node.to_owned(), link: client.get_multiplexed_async_connection().await.expect("a node") };
        let id: String = node.ask(cmd("CLUSTER").arg("MYID")).await.expect("its name");
        masters.push((node, id));
    }
    let settled: Vec<Offer> =
        (0..200).map(|user| offer(key(&format!("user-{user}"), "campaign")).offering(name("v"))).collect();
    for offer in &settled {
        assert!(store.claim_one(offer).await.expect("a claim").won());
    }
    // A slot with a user in it, and whose it is.
    let (mut from, mut slot) = (None, 0_u16);
    for (at, (master, _)) in masters.iter_mut().enumerate() {
        let keys: Vec<Vec<u8>> = master.ask(cmd("KEYS").arg("*u*user-7")).await.expect("keys");
        if let Some(found) = keys.first() {
            slot = master.ask(cmd("CLUSTER").arg("KEYSLOT").arg(found)).await.expect("a slot");
            from = Some(at);
        }
    }
    let from = from.expect("somebody holds user-7");
    let to = (from + 1) % masters.len();
    let ids = [masters[from].1.clone(), masters[to].1.clone()];
    let user: Key = key("user-7", "campaign");
    let seventh = settled.get(7).expect("the seventh").clone();
    set_slot(&mut masters[to].0, slot, "IMPORTING", &ids[0]).await;
    set_slot(&mut masters[from].0, slot, "MIGRATING", &ids[1]).await;
    let (host, port) =
        masters[to].0.address.split_once(':').map(|(host, port)| (host.to_owned(), port.to_owned())).expect("a port");
    let keys: Vec<Vec<u8>> =
        masters[from].0.ask(cmd("CLUSTER").arg("GETKEYSINSLOT").arg(slot).arg(1_000)).await.expect("keys");
    assert!(keys.len() >= 2, "the user and the index");
    let (mut errors, mut told_to_try_again) = (0, 0);
    for moved in &keys {
        // One of them is there now, and another still here.
        let mut migrate = cmd("MIGRATE");
        migrate.arg(&host).arg(&port).arg(moved).arg(0).arg(5_000);
        masters[from].0.ask::<redis::Value>(&migrate).await.expect("moved");
        for _ in 0..5 {
            match store.get_one(&user).await {
                Ok(held) => assert_eq!(held.map(|held| held.by), Some(seventh.claim), "absence for what is held"),
                Err(error) => {
                    assert!(error.is_transient(), "{error}");
                    errors += 1;
                }
            }
            match store.claim_one(&seventh.clone().bringing([name("goal")])).await {
                Ok(claimed) => assert!(claimed.won(), "{claimed:?}"),
                Err(error) => {
                    assert!(error.is_transient(), "{error}");
                    let said = error.source().map(|cause| format!("{cause:?}")).unwrap_or_default();
                    told_to_try_again += usize::from(said.to_lowercase().contains("tryagain"));
                    errors += 1;
                }
            }
        }
    }
    println!("{errors} errors of {} operations while {} keys of the slot moved", keys.len() * 10, keys.len());
    assert!(told_to_try_again > 0, "the keys were never apart");
    for (master, _) in &mut masters {
        set_slot(master, slot, "NODE", &ids[1]).await;
    }
    eventually("service", async || store.claim_one(&seventh.clone().bringing([name("goal")])).await.is_ok()).await;
    for offer in &settled {
        let held = store.get_one(&offer.key).await.expect("service").expect("nobody is lost");
        assert_eq!(held.by, offer.claim);
    }
    let held = store.get_one(&user).await.expect("service").expect("held");
    assert_eq!(held.goals.len(), 1);
}

struct Node {
    address: String,
    link: MultiplexedConnection,
}

impl Node {
    async fn ask<T: redis::FromRedisValue>(&mut self, command: &Cmd) -> RedisResult<T> {
        command.query_async(&mut self.link).await
    }
}

async fn set_slot(node: &mut Node, slot: u16, state: &str, id: &str) {
    let mut set = cmd("CLUSTER");
    set.arg("SETSLOT").arg(slot).arg(state).arg(id);
    node.ask::<()>(&set).await.expect("a slot");
}
