//! News of changes: the server pushes the names of all keys of ours that anybody changes (RESP3, tracking in broadcast
//! mode), on a connection of its own.
//!
//! In a cluster each master does ([`masters`]).
use super::{
    STORE,
    failure::{failed, not_connected},
    keys::Keys,
    masters,
    place::{Place, Topology},
    target::Target,
};
use crate::{Change, Changes, Error, ErrorKind, Feed, Result, changes};
use redis::{Cmd, ProtocolVersion, PushInfo, PushKind, RedisResult, Value, aio::MultiplexedConnection, cmd};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    time::{interval, timeout},
};

/// How often the server has to show that it is there: a connection that died without a word pushes nothing.
pub(super) const BEAT: Duration = Duration::from_secs(1);

/// Follows the servers of `place`.
pub(super) fn follow(place: &Arc<Place>, keys: &Keys) -> Changes {
    let (place, keys) = (place.clone(), keys.clone());
    changes::follow(move |feed| {
        let (place, keys) = (place.clone(), keys.clone());
        async move {
            match place.topology {
                Topology::Cluster => masters::listen(&place, &keys, feed).await,
                _ => listen(&place, &keys, feed).await,
            }
        }
    })
}

async fn listen(place: &Place, keys: &Keys, feed: Feed) -> Result<()> {
    let (sender, mut pushed) = mpsc::unbounded_channel();
    let connect = async {
        let mut connection = Target::of(place, ProtocolVersion::RESP3)?.follow(place.connect, sender).await?;
        track(&mut connection, keys).await?;
        Ok(connection)
    };
    let connected = timeout(4 * place.connect, connect).await.map_err(|_| too_long())?;
    let mut connection = connected.map_err(|error| not_connected(&place.spelled(), place.connect, error))?;
    feed.tell(Change::Everything);
    let mut beat = interval(BEAT);
    loop {
        tokio::select! {
            push = pushed.recv() => {
                if !hear(push, keys, &feed) {
                    return Ok(());
                }
            }
            _ = beat.tick() => drop(ask(&mut connection, &cmd("PING"), place).await?),
        }
    }
}

/// Asks the server to push.
pub(super) async fn track(connection: &mut MultiplexedConnection, keys: &Keys) -> RedisResult<()> {
    let mut track = cmd("CLIENT");
    track.arg("TRACKING").arg("ON").arg("BCAST").arg("PREFIX").arg(keys.all());
    track.query_async(connection).await
}

/// Asks something on a connection for changes; silence is an error.
pub(super) async fn ask(connection: &mut MultiplexedConnection, question: &Cmd, place: &Place) -> Result<Value> {
    let answer = timeout(place.timeout, question.query_async::<Value>(connection)).await;
    answer.map_err(|_| Error::new(ErrorKind::Timeout, STORE, "the connection for changes is silent"))?.map_err(failed)
}

pub(super) fn too_long() -> Error {
    Error::new(ErrorKind::Timeout, STORE, "the connection for changes took too long")
}

/// Tells what was pushed; false when nothing more will come.
pub(super) fn hear(push: Option<PushInfo>, keys: &Keys, feed: &Feed) -> bool {
    match push {
        Some(PushInfo { kind: PushKind::Invalidate, data }) => tell(keys, data, feed),
        Some(PushInfo { kind: PushKind::Disconnection, .. }) | None => return false,
        Some(_) => {}
    }
    true
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
