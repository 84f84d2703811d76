//! What the nodes throw away is counted, so that a loss is at least seen.
use super::{
    node::Node,
    wire::{Answer, Ask},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Mutex, time};

/// How often nodes are asked.
const EVERY: Duration = Duration::from_secs(30);
/// How long one may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a node said last.
#[derive(Clone, Copy, Debug)]
struct Seen {
    evictions: u64,
    uptime: u64,
}

/// What was seen of each node, and what that comes to.
#[derive(Debug)]
pub(super) struct Watch {
    nodes: Arc<Vec<Node>>,
    seen: Mutex<Vec<Option<Seen>>>,
    evicted: AtomicU64,
}

impl Watch {
    /// Counts from now on, as long as the store is there.
    pub(super) async fn start(nodes: &Arc<Vec<Node>>) -> Arc<Self> {
        let seen = Mutex::new(vec![None; nodes.len()]);
        let watch = Arc::new(Self { nodes: nodes.clone(), seen, evicted: AtomicU64::new(0) });
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
    /// How many values were thrown away so far.
    pub(super) async fn look(&self) -> u64 {
        let mut seen = self.seen.lock().await;
        for (node, seen) in self.nodes.iter().zip(seen.iter_mut()) {
            let ask = node.exchange(&Ask::Evictions, true);
            // One that does not answer is heard of by those who need it.
            let Ok(Ok(Answer::Evictions { evictions, uptime })) = time::timeout(PATIENCE, ask).await else { continue };
            let now = Seen { evictions, uptime };
            let before = seen.replace(now);
            if before.is_some_and(|before| now.uptime < before.uptime) {
                tracing::warn!(node = node.name, "the node was restarted: every assignment on it is lost");
            }
            let lost = since(before, now);
            if lost > 0 {
                self.evicted.fetch_add(lost, Ordering::Relaxed);
                tracing::warn!(node = node.name, lost, "the node has no memory left and threw away values");
            }
        }
        self.evicted.load(Ordering::Relaxed)
    }
}

/// Evictions since `before`; a node that was restarted counts from nothing.
fn since(before: Option<Seen>, now: Seen) -> u64 {
    match before {
        None => 0,
        Some(before) if now.uptime < before.uptime => now.evictions,
        Some(before) => now.evictions.saturating_sub(before.evictions),
    }
}
