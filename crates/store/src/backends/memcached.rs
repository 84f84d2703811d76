//! Assignments in Memcached 1.6 or newer, where it is accepted that some are lost: `memcached://a,b,c?evictable=accepted`.
//!
//! Memcached is a cache: when its memory is full it throws away what was not asked for lately, and a restart empties it. A
//! user whose assignment is gone is assigned anew: if the campaign has changed since, to another variation, and goals that
//! were counted count again. That costs an experiment its meaning little by little and unseen, so the store opens only if
//! the URL accepts it, and then counts: evictions are watched, logged, and told by [`Memcached::losses`].
//!
//! | event | what is lost |
//! |---|---|
//! | memory is full (`-m`) | assignments that were not read lately, for ever; they may be won by somebody else |
//! | a node's process ends, however | everything on that node |
//! | a node cannot be reached | nothing; its users get errors until it is back, and none is looked for elsewhere |
//! | a node is added to or taken from the URL | the users whose place it is now, about one in as many as there are nodes; the others stay |
//! | two clients have different nodes in their URLs | for users whose place differs **two winners are possible** |
//!
//! All of a user lives on one node, which the names of the nodes and of the user say and nothing else. Names of values are
//! hashes, since Memcached's keys are short; the whole key is in the value and compared. Claims replace the version that
//! they read (CAS). What would need a list of what is there, [`ScanStore`], is refused: Memcached has none.
//!
//! | option | meaning |
//! |---|---|
//! | `evictable` | must be `accepted` |
//! | `prefix` | what names of values begin with; `stayput:` |
//! | `timeout` | how long an operation may take; 1s |
//! | `connect` | how long it may take to make a connection; 500ms |
//!
//! Neither TLS nor a login: Memcached belongs into a network of its own. The client is ours, in one file: the one crate that
//! knows versions (memcache 0.21) has them in a module that calls itself experimental, beside a pool of blocking threads.
mod failure;
mod node;
mod place;
mod watch;
mod wire;

use crate::{
    Assignment, AssignmentStore, BoxFuture, Claimed, Clock, Cursor, Entry, Error, ErrorKind, Key, Offer, Page, Result,
    ScanStore, Scope, StoreUrl, SystemClock, Timestamp, User, distinct, queues::Queues, several::several,
};
use failure::Trouble;
use futures_util::future::try_join_all;
use node::Node;
use std::{sync::Arc, time::Duration};
use tokio::time;
pub use watch::MemcachedLosses;
use watch::Watch;
use wire::{Answer, Ask, Found, Instead};

const NAME: &str = "memcached";

/// How many keys of one batch are written at once.
const AT_ONCE: usize = 16;
/// How many keys one write asks for: few enough that neither side waits for the other to read.
const ASKED: usize = 100;
/// Values go away this much later than they end, so that clocks may differ.
const LATER: Duration = Duration::from_secs(300);

/// A client of some nodes.
#[derive(Debug)]
pub struct Memcached {
    nodes: Arc<Vec<Node>>,
    watch: Arc<Watch>,
    queues: Queues,
    prefix: String,
    timeout: Duration,
}

/// Where a value is, or belongs.
struct Home<'a> {
    node: &'a Node,
    name: String,
}

impl Memcached {
    /// Makes sure that losing assignments is accepted, and that the nodes that answer can do what is needed.
    pub async fn open(mut url: StoreUrl) -> Result<Self> {
        let accepted = url.option("evictable");
        let timeout = url.duration("timeout")?.unwrap_or(Duration::from_secs(1));
        let connect = url.duration("connect")?.unwrap_or(Duration::from_millis(500));
        let prefix = url.option("prefix").unwrap_or_else(|| "stayput:".to_owned());
        if prefix.len() > 128 || prefix.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(Error::invalid("prefix", "prefix must be at most 128 letters of ASCII without spaces"));
        }
        let names = names(&url)?;
        url.finish(&["retention", "evictable", "prefix", "timeout", "connect"])?;
        match accepted.as_deref() {
            Some("accepted") => {}
            Some(_) => return Err(Error::invalid("evictable", "evictable can only be accepted: ?evictable=accepted")),
            None => {
                let message = "Memcached throws assignments away when its memory is full and when it restarts: those users \
                               may change their variation, and their conversions count again. If that is acceptable, say \
                               so with ?evictable=accepted";
                return Err(Error::new(ErrorKind::Refused, NAME, message));
            }
        }
        let nodes: Vec<Node> = names.into_iter().map(|name| Node::new(name, connect)).collect();
        let nodes = Arc::new(nodes);
        check(&nodes, timeout).await?;
        let watch = Watch::start(&nodes).await;
        Ok(Self { nodes, watch, queues: Queues::default(), prefix, timeout })
    }
    /// What the nodes have lost since this store was opened, to look at whenever one likes. Losses are logged, too.
    pub fn losses(&self) -> MemcachedLosses {
        self.watch.losses().clone()
    }
    /// How many values the nodes have thrown away since this store was opened; they are asked now.
    pub async fn evicted(&self) -> u64 {
        self.watch.look().await;
        self.watch.losses().evicted()
    }

    fn bounded<'a, T: 'a>(&'a self, work: impl Future<Output = Result<T>> + Send + 'a) -> BoxFuture<'a, Result<T>> {
        Box::pin(async move {
            match time::timeout(self.timeout, work).await {
                Ok(done) => done,
                Err(_) => {
                    self.nodes.iter().for_each(Node::forget);
                    Err(Error::new(ErrorKind::Timeout, NAME, format!("no answer within {:?}", self.timeout)))
                }
            }
        })
    }
    fn node(&self, user: &User) -> Result<(usize, &Node)> {
        let place = place::node(self.nodes.iter().map(|node| node.hash), user);
        let node = place.and_then(|place| Some((place, self.nodes.get(place)?)));
        node.ok_or_else(|| Error::invalid("store", "the URL names no node"))
    }
    fn home(&self, key: &Key) -> Result<Home<'_>> {
        Ok(Home { node: self.node(key.user())?.1, name: place::name(&self.prefix, key) })
    }
    /// What lies under names, each with a space before it, all on `node`.
    async fn find(&self, node: &Node, names: String) -> Result<Found> {
        match node.exchange(&Ask::Get(names), true).await? {
            Answer::Found(found) => Ok(found),
            _ => Err(failure::of(Trouble::Strange, &node.name)),
        }
    }
    /// What is held and lives at each of some places among `keys`, all on `node`.
    async fn read(&self, node: &Node, keys: Vec<(usize, &Key)>) -> Result<Vec<(usize, Assignment)>> {
        let mut read = Vec::with_capacity(keys.len());
        for keys in keys.chunks(ASKED) {
            let found = self.find(node, place::names(&self.prefix, keys.iter().map(|(_, key)| *key))).await?;
            let now = SystemClock.now();
            for ((place, key), found) in keys.iter().zip(found.iter()) {
                let held = found.map(|(_, value)| place::held(key, value)).transpose()?;
                read.extend(held.filter(|held| held.is_live(now)).map(|held| (*place, held)));
            }
        }
        Ok(read)
    }
    async fn store(&self, Home { node, name }: Home<'_>, value: Vec<u8>, ends: u64, instead: Instead) -> Result<bool> {
        // What names a version may be repeated: if it was stored, the second attempt does not match, and who reads sees.
        let repeated = instead != Instead::Anything;
        let answer = node.exchange(&Ask::Set { name, value, ends, instead }, repeated).await?;
        Ok(matches!(answer, Answer::Done(true)))
    }
    async fn claim_one(&self, offer: &Offer) -> Result<Claimed> {
        if let Some(claimed) = self.attempt(offer).await? {
            return Ok(claimed);
        }
        let _turn = self.queues.turn(&offer.key).await;
        // Each time somebody's claim is stored, and the caller's deadline ends the rest.
        loop {
            if let Some(claimed) = self.attempt(offer).await? {
                return Ok(claimed);
            }
        }
    }
    /// `None` if a rival was faster.
    async fn attempt(&self, offer: &Offer) -> Result<Option<Claimed>> {
        let (key, home) = (&offer.key, self.home(&offer.key)?);
        let found = self.find(home.node, format!(" {}", home.name)).await?;
        let found = found.iter().next().flatten();
        let held = found.map(|(_, value)| place::held(key, value)).transpose()?;
        let joined = offer.join(held, SystemClock.now());
        let stored = match joined.claimed.held.as_ref().filter(|_| joined.changed) {
            None => true,
            Some(next) => {
                let instead = found.map_or(Instead::Nothing, |(version, _)| Instead::Version(version));
                self.store(home, place::value(key, next), ends(next.expires_at), instead).await?
            }
        };
        Ok(Some(joined.claimed).filter(|_| stored))
    }
    async fn put_one(&self, entry: &Entry) -> Result<()> {
        let (value, ends) = (place::value(&entry.key, &entry.assignment), ends(entry.assignment.expires_at));
        self.store(self.home(&entry.key)?, value, ends, Instead::Anything).await.map(drop)
    }
    async fn remove_one(&self, key: &Key) -> Result<()> {
        let Home { node, name } = self.home(key)?;
        node.exchange(&Ask::Delete(name), false).await.map(drop)
    }
}

/// The nodes, as the URL spells them, each with its port.
fn names(url: &StoreUrl) -> Result<Vec<String>> {
    let wrong = |rule| Error::invalid("store", format!("{rule}: memcached://host:11211,host,[::1]?evictable=accepted"));
    let hosts = url.place().strip_prefix("//").ok_or_else(|| wrong("two slashes follow the scheme"))?;
    let hosts = hosts.strip_suffix('/').unwrap_or(hosts);
    if hosts.contains(['@', '/']) {
        return Err(wrong("Memcached has neither logins nor databases"));
    }
    let mut names: Vec<String> = Vec::new();
    for host in hosts.split(',') {
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()),
            _ => (host, Some(11_211u16)),
        };
        let Some(port) = port.filter(|_| !name.is_empty()) else { return Err(wrong("each node is host or host:port")) };
        let name = format!("{}:{port}", name.to_ascii_lowercase());
        match names.contains(&name) {
            true => return Err(wrong("a node is named once")),
            false => names.push(name),
        }
    }
    Ok(names)
}

/// One node at least must answer: those that do not are told of, and their users get errors until they do.
async fn check(nodes: &[Node], within: Duration) -> Result<()> {
    let mut last = Ok(());
    let mut answered = false;
    for node in nodes {
        match time::timeout(within, node.exchange(&Ask::Hello, true)).await {
            Ok(Ok(Answer::Done(true))) => answered = true,
            Ok(Ok(_)) => return Err(failure::of(Trouble::Strange, &node.name)),
            Ok(Err(error)) if error.kind() == ErrorKind::Refused => return Err(error),
            Ok(Err(error)) => last = Err(error),
            Err(_) => last = Err(failure::of(Trouble::Connect, &node.name)),
        }
        if let Err(error) = &last {
            tracing::warn!("a node does not answer, and its users get errors until it does: {error}");
        }
    }
    if answered { Ok(()) } else { last }
}

/// When a value goes away, in seconds since 1970: never, if that is beyond what Memcached can count.
fn ends(expires_at: Option<Timestamp>) -> u64 {
    let ends = expires_at.map(|end| end.plus(LATER).as_millis() / 1_000);
    ends.filter(|seconds| *seconds < i32::MAX as u64).unwrap_or(0)
}

#[deny(clippy::missing_trait_methods)]
impl AssignmentStore for Memcached {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        self.bounded(async move {
            let mut by_node: Vec<Vec<(usize, &Key)>> = vec![Vec::new(); self.nodes.len()];
            let mut last: Option<(&User, usize)> = None;
            for (place, key) in keys.iter().enumerate() {
                let node = match last {
                    Some((user, node)) if user == key.user() => node,
                    _ => self.node(key.user())?.0,
                };
                last = Some((key.user(), node));
                by_node.get_mut(node).into_iter().for_each(|keys| keys.push((place, key)));
            }
            let asked = self.nodes.iter().zip(by_node).filter(|(_, keys)| !keys.is_empty());
            let reads: Vec<_> = asked.map(|(node, keys)| self.read(node, keys)).collect();
            let mut held: Vec<Option<Assignment>> = vec![None; keys.len()];
            for (place, read) in try_join_all(reads).await?.into_iter().flatten() {
                if let Some(held) = held.get_mut(place) {
                    *held = Some(read);
                }
            }
            Ok(held)
        })
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        self.bounded(async move {
            distinct(offers.iter().map(|offer| &offer.key))?;
            let claims: Vec<_> = offers.iter().map(|offer| self.claim_one(offer)).collect();
            several(claims, AT_ONCE).await
        })
    }
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        self.bounded(async move {
            distinct(entries.iter().map(|entry| &entry.key))?;
            let puts: Vec<_> = entries.iter().map(|entry| self.put_one(entry)).collect();
            several(puts, AT_ONCE).await.map(drop)
        })
    }
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        self.bounded(async move {
            distinct(keys)?;
            let removals: Vec<_> = keys.iter().map(|key| self.remove_one(key)).collect();
            several(removals, AT_ONCE).await.map(drop)
        })
    }
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) }) // nothing is kept back here, and nothing is durable there
    }
}

#[deny(clippy::missing_trait_methods)]
impl ScanStore for Memcached {
    fn user<'a>(&'a self, _: &'a User) -> BoxFuture<'a, Result<Vec<Entry>>> {
        refuse("it cannot list what a user has: ask for one campaign at a time")
    }
    fn erase<'a>(&'a self, _: &'a User) -> BoxFuture<'a, Result<u64>> {
        refuse("it cannot list what a user has, and so not erase it: remove one campaign at a time")
    }
    fn scan<'a>(&'a self, _: Option<&'a Scope>, _: Option<&'a Cursor>, _: usize) -> BoxFuture<'a, Result<Page>> {
        refuse("it cannot list what it holds, and so not be exported")
    }
}

fn refuse<'a, T: Send + 'a>(what: &'static str) -> BoxFuture<'a, Result<T>> {
    Box::pin(async move { Err(Error::new(ErrorKind::Refused, NAME, what)) })
}
