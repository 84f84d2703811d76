//! What the nodes throw away is counted, so that a loss is at least seen.
use super::{
    node::Node,
    wire::{Answer, Ask, Stats},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{sync::Mutex, time};

/// How often nodes are asked.
const EVERY: Duration = Duration::from_secs(10);
/// How long one may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the nodes of a [`Memcached`](super::Memcached) have lost since it was opened, ours or not, as far as they were
/// asked: every ten seconds they are.
#[derive(Clone, Debug, Default)]
pub struct MemcachedLosses(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    evicted: AtomicU64,
    unread: AtomicU64,
    restarts: AtomicU64,
}

impl MemcachedLosses {
    /// Values thrown away for want of memory.
    pub fn evicted(&self) -> u64 {
        self.0.evicted.load(Relaxed)
    }
    /// Those of them that nobody had read since they were stored.
    pub fn unread(&self) -> u64 {
        self.0.unread.load(Relaxed)
    }
    /// How often a node came back empty.
    pub fn restarts(&self) -> u64 {
        self.0.restarts.load(Relaxed)
    }
}

/// What was seen of each node, and what that comes to.
#[derive(Debug)]
pub(super) struct Watch {
    nodes: Arc<Vec<Node>>,
    seen: Mutex<Vec<Option<Stats>>>,
    losses: MemcachedLosses,
}

impl Watch {
    /// Counts from now on, as long as the store is there.
    pub(super) async fn start(nodes: &Arc<Vec<Node>>) -> Arc<Self> {
        let seen = Mutex::new(vec![None; nodes.len()]);
        let watch = Arc::new(Self { nodes: nodes.clone(), seen, losses: MemcachedLosses::default() });
        watch.look().await;
        let weak = Arc::downgrade(&watch);
        tokio::spawn(async move {
            loop {
                time::sleep(EVERY).await;
                match weak.upgrade() {
                    Some(watch) => watch.look().await,
                    None => return,
                };
            }
        });
        watch
    }
    /// What was lost so far.
    pub(super) fn losses(&self) -> &MemcachedLosses {
        &self.losses
    }
    /// Asks the nodes.
    pub(super) async fn look(&self) {
        let mut seen = self.seen.lock().await;
        for (node, seen) in self.nodes.iter().zip(seen.iter_mut()) {
            let ask = node.exchange(&Ask::Stats, true);
            // One that does not answer is heard of by those who need it.
            let Ok(Ok(Answer::Stats(now))) = time::timeout(PATIENCE, ask).await else { continue };
            // What was lost before this store was opened is nobody's here.
            let before = seen.replace(now).unwrap_or(now);
            let is_new = now.process != before.process || now.uptime < before.uptime;
            if is_new {
                self.losses.0.restarts.fetch_add(1, Relaxed);
                tracing::warn!(node = node.name, "the node was restarted: every assignment on it is lost");
            }
            // One that was restarted counts from nothing.
            let since = |count: fn(&Stats) -> u64| count(&now).saturating_sub(if is_new { 0 } else { count(&before) });
            let lost = since(|stats| stats.evictions);
            self.losses.0.evicted.fetch_add(lost, Relaxed);
            self.losses.0.unread.fetch_add(since(|stats| stats.unread), Relaxed);
            if lost > 0 {
                tracing::warn!(node = node.name, lost, "the node has no memory left and threw away values");
            }
        }
    }
}
