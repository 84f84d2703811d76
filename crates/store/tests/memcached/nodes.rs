//! Which node a user lives on, and what becomes of them when it is away or full.
use super::{
    network::{Offers, eventually},
    servers::{Servers, nodes, open, with},
};
use stayput::{AssignmentStore, AssignmentStoreExt, ClaimId, Name, Offer, Outcome, StoreUrl, backends::Memcached};
use std::process::{Child, Command, Stdio};
use tokio::net::TcpStream;

const USERS: usize = 120;

fn users() -> Vec<Offer> {
    let offers = Offers::new();
    (0..USERS).map(|user| offers.of(&format!("user-{user}"))).collect()
}

pub(crate) async fn no_user_moves_while_a_node_is_away_and_after_it_is_back(_: String) {
    let servers = Servers::start();
    let store = open(&with(&servers.url(), "timeout=1s&connect=500ms")).await;
    let users = users();
    for offer in &users {
        assert_eq!(store.claim_one(offer).await.expect("claim").outcome, Outcome::Created);
    }
    servers.signal(2, "STOP");
    // Asked at once: each user of the node that is away costs the whole time for one operation.
    let other = Name::variation("second").expect("legal");
    let rival = |offer: &Offer| Offer { claim: ClaimId(7), variation: Some(other.clone()), ..offer.clone() };
    let asked = users.iter().map(|offer| {
        let (store, key, rival) = (store.clone(), offer.key.clone(), rival(offer));
        tokio::spawn(async move { (store.get_one(&key).await, store.claim_one(&rival).await) })
    });
    let mut away = 0;
    for (offer, answers) in users.iter().zip(asked.collect::<Vec<_>>()) {
        match answers.await.expect("a user") {
            (Ok(read), Ok(claimed)) => {
                assert_eq!(read.map(|held| held.by), Some(offer.claim), "absent, though it was never forgotten");
                assert_eq!(claimed.outcome, Outcome::Kept);
            }
            (Err(read), Err(claimed)) => {
                assert!(read.is_transient() && claimed.is_transient(), "{read}, {claimed}");
                away += 1;
            }
            (read, claimed) => panic!("{read:?}, {claimed:?}: one node has both"),
        }
    }
    assert!((USERS / 6..USERS / 2).contains(&away), "{away} of {USERS} users live on one of three nodes");
    servers.signal(2, "CONT");
    for offer in &users {
        let key = &offer.key;
        eventually("recovery", async || store.get_one(key).await.is_ok()).await;
        let held = store.get_one(key).await.expect("everybody is back");
        assert_eq!(
            held.map(|held| (held.by, held.variation)),
            Some((offer.claim, offer.variation.clone().expect("one")))
        );
    }
}

pub(crate) async fn the_order_of_nodes_does_not_matter_and_another_node_takes_few(url: String) {
    let mut named: Vec<String> = nodes(&url).iter().map(ToString::to_string).collect();
    let of = |nodes: &[String]| format!("memcached://{}?evictable=accepted&timeout=20s", nodes.join(","));
    let store = open(&of(&named)).await;
    let users = users();
    store.claim(&users).await.expect("claims");
    named.reverse();
    let keys: Vec<_> = users.iter().map(|offer| offer.key.clone()).collect();
    let reversed = open(&of(&named)).await.get(&keys).await.expect("reads");
    assert!(reversed.iter().all(Option::is_some), "somebody moved");
    named.pop();
    let fewer = open(&of(&named)).await.get(&keys).await.expect("reads");
    let stayed = fewer.iter().flatten().count();
    assert!((USERS / 2..USERS * 5 / 6).contains(&stayed), "{stayed} of {USERS} stayed when one of three nodes went");
}

pub(crate) async fn evictions_are_counted(_: String) {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("its number");
    drop(free);
    let mut command = Command::new("memcached");
    command.args(["-u", "nobody", "-l", "127.0.0.1", "-U", "0", "-m", "2", "-p"]).arg(address.port().to_string());
    let _node = Killed(command.stdout(Stdio::null()).spawn().expect("memcached"));
    eventually("a node", async || TcpStream::connect(address).await.is_ok()).await;
    let url = StoreUrl::parse(&format!("memcached://{address}?evictable=accepted&timeout=20s")).expect("a URL");
    let store = Memcached::open(url).await.expect("a node");
    assert_eq!(store.evicted().await, 0);
    let offers = Offers::new();
    let first = offers.of("first");
    store.claim_one(&first).await.expect("claim");
    for batch in 0..200 {
        let goals: Vec<_> = (0..100).map(|i| Name::goal(&format!("{}{i}", "g".repeat(200))).expect("legal")).collect();
        let claims =
            (0..20).map(|user| offers.of(&format!("{batch}-{user}")).bringing(goals.clone())).collect::<Vec<_>>();
        store.claim(&claims).await.expect("a full node makes room");
        if store.evicted().await > 0 {
            return;
        }
    }
    panic!("80 MB in 2 MB, and nothing was thrown away");
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
