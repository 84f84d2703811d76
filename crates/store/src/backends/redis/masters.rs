//! News of changes from a cluster: one connection to each master, because each pushes what it holds.
//!
//! They count only while all masters are followed and agree on who holds what. When one is lost, or slots go elsewhere,
//! what they held may have changed unseen: then all begins anew.
use super::{
    STORE,
    failure::{failed, not_connected},
    follow::{BEAT, ask, hear, too_long, track},
    keys::Keys,
    place::Place,
    target::follow_node,
};
use crate::{Change, Error, ErrorKind, Feed, Result};
use futures_util::future::try_join_all;
use redis::{PushInfo, RedisResult, Value, aio::MultiplexedConnection, cmd};
use std::collections::{BTreeMap, BTreeSet};
use tokio::{
    sync::mpsc::{self, UnboundedSender},
    time::{interval, timeout},
};

type Node = (String, u16);

/// Who holds the slots from one to another.
type Layout = BTreeMap<(u16, u16), Node>;

pub(super) async fn listen(place: &Place, keys: &Keys, feed: Feed) -> Result<()> {
    let (sender, mut pushed) = mpsc::unbounded_channel();
    let (layout, mut nodes) =
        timeout(4 * place.connect, begin(place, keys, sender)).await.map_err(|_| too_long())??;
    check(&layout, &mut nodes, place).await?;
    feed.tell(Change::Everything);
    let mut beat = interval(BEAT);
    loop {
        tokio::select! {
            push = pushed.recv() => {
                if !hear(push, keys, &feed) {
                    return Ok(());
                }
            }
            _ = beat.tick() => check(&layout, &mut nodes, place).await?,
        }
    }
}

/// Follows each master that the first node that answers knows.
async fn begin(
    place: &Place,
    keys: &Keys,
    sender: UnboundedSender<PushInfo>,
) -> Result<(Layout, Vec<(Node, MultiplexedConnection)>)> {
    let mut error = failed((redis::ErrorKind::Io, "no node").into());
    for seed in &place.hosts {
        // What this one pushes nobody hears: it may be a replica.
        let asked = async {
            let mut connection = connected(place, seed, follow_node(place, seed, mpsc::unbounded_channel().0).await)?;
            layout(&mut connection, seed, place).await
        };
        match asked.await {
            Ok(layout) => {
                let masters: BTreeSet<Node> = layout.values().cloned().collect();
                let follow = async |node: Node| {
                    let mut connection = connected(place, &node, follow_node(place, &node, sender.clone()).await)?;
                    track(&mut connection, keys).await.map_err(failed)?;
                    Ok::<_, Error>((node, connection))
                };
                let nodes = try_join_all(masters.into_iter().map(follow)).await?;
                return Ok((layout, nodes));
            }
            Err(failed) => error = failed,
        }
    }
    Err(error)
}

/// Whether all are there and say what was said in the beginning.
async fn check(known: &Layout, nodes: &mut [(Node, MultiplexedConnection)], place: &Place) -> Result<()> {
    let layouts = nodes.iter_mut().map(|(node, connection)| layout(connection, node, place));
    match try_join_all(layouts).await?.iter().all(|layout| layout == known) {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::Unavailable, STORE, "slots of the cluster have moved")),
    }
}

/// As `node` sees it.
async fn layout(connection: &mut MultiplexedConnection, node: &Node, place: &Place) -> Result<Layout> {
    let mut question = cmd("CLUSTER");
    question.arg("SLOTS");
    let Value::Array(ranges) = ask(connection, &question, place).await? else { return Err(strange()) };
    let range = |range| {
        let Value::Array(parts) = range else { return None };
        let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = parts.as_slice() else { return None };
        let [host, Value::Int(port), ..] = master.as_slice() else { return None };
        let host = match host {
            Value::BulkString(host) if !host.is_empty() => String::from_utf8(host.clone()).ok()?,
            Value::SimpleString(host) if !host.is_empty() => host.clone(),
            _ => node.0.clone(), // it does not know its own name: where it was found
        };
        Some(((u16::try_from(*first).ok()?, u16::try_from(*last).ok()?), (host, u16::try_from(*port).ok()?)))
    };
    ranges.into_iter().map(range).collect::<Option<Layout>>().filter(|layout| !layout.is_empty()).ok_or_else(strange)
}

fn connected(
    place: &Place,
    (host, port): &Node,
    made: RedisResult<MultiplexedConnection>,
) -> Result<MultiplexedConnection> {
    made.map_err(|error| not_connected(&format!("{host}:{port}"), place.connect, error))
}

fn strange() -> Error {
    Error::new(ErrorKind::Unavailable, STORE, "the cluster does not say who holds what")
}
