//! News of changes: the server pushes the names of all keys of ours that anybody changes (RESP3, tracking in broadcast
//! mode), on a connection of its own.
//!
//! Not yet from a cluster, where each node pushes what it holds, and nodes come and go.
use super::{
    STORE,
    failure::{failed, not_connected},
    keys::Keys,
    place::{Place, Topology},
    target::Target,
};
use crate::{Change, Changes, Error, ErrorKind, Feed, Result, changes};
use redis::{ProtocolVersion, PushInfo, PushKind, Value, aio::MultiplexedConnection, cmd};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    time::{interval, timeout},
};

/// How often the server has to show that it is there: a connection that died without a word pushes nothing.
const BEAT: Duration = Duration::from_secs(1);

/// Follows the servers of `place`; not if they are a cluster.
pub(super) fn follow(place: &Arc<Place>, keys: &Keys) -> Option<Changes> {
    if place.topology == Topology::Cluster {
        return None;
    }
    let (place, keys) = (place.clone(), keys.clone());
    Some(changes::follow(move |feed| listen(place.clone(), keys.clone(), feed)))
}

async fn listen(place: Arc<Place>, keys: Keys, feed: Feed) -> Result<()> {
    let (sender, mut pushed) = mpsc::unbounded_channel();
    let late = |_| Error::new(ErrorKind::Timeout, STORE, "the connection for changes took too long");
    let connect = async {
        let mut target = Target::of(&place, ProtocolVersion::RESP3)?;
        let mut connection = target.follow(place.connect, sender).await?;
        let mut track = cmd("CLIENT");
        track.arg("TRACKING").arg("ON").arg("BCAST").arg("PREFIX").arg(keys.all());
        track.query_async::<()>(&mut connection).await?;
        Ok(connection)
    };
    let connected = timeout(4 * place.connect, connect).await.map_err(late)?;
    let mut connection: MultiplexedConnection =
        connected.map_err(|error| not_connected(&place.spelled(), place.connect, error))?;
    feed.tell(Change::Everything);
    let mut beat = interval(BEAT);
    loop {
        tokio::select! {
            push = pushed.recv() => match push {
                Some(PushInfo { kind: PushKind::Invalidate, data }) => tell(&keys, data, &feed),
                Some(PushInfo { kind: PushKind::Disconnection, .. }) | None => return Ok(()),
                Some(_) => {}
            },
            _ = beat.tick() => {
                let ping = cmd("PING");
                let answer = timeout(place.timeout, ping.query_async::<Value>(&mut connection)).await;
                answer.map_err(|_| Error::new(ErrorKind::Timeout, STORE, "the connection for changes is silent"))?
                    .map_err(failed)?;
            }
        }
    }
}

/// An invalidation names keys, or nothing at all if the server threw everything away.
fn tell(keys: &Keys, data: Vec<Value>, feed: &Feed) {
    for named in data {
        match named {
            Value::Array(names) => {
                for name in names {
                    if let Value::BulkString(name) = name
                        && let Some(user) = keys.user_of(&name)
                    {
                        feed.tell(Change::User(user));
                    }
                }
            }
            _ => feed.tell(Change::Everything),
        }
    }
}
