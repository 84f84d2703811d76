//! One connection to each server that matters, replaced when it fails, and one deadline for all that an operation asks.
use super::{
    STORE,
    failure::{failed, is_lost, not_connected},
    keys::Bucket,
    place::Place,
    target::Target,
};
use crate::{Error, ErrorKind, Result};
use futures_util::future::try_join_all;
use redis::{
    Cmd, Pipeline, ProtocolVersion, RedisError, RedisResult, Value,
    aio::MultiplexedConnection,
    cluster_async::ClusterConnection,
    cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo, SingleNodeRoutingInfo},
};
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, timeout_at};

/// After a failed attempt to connect, the next one waits so long: a dead server is not stormed.
const PAUSE: Duration = Duration::from_millis(50);
/// How many times the time for one connection an attempt takes at most, all servers of a cluster together.
const STEPS: u32 = 4;

/// What is asked of the node that one bucket lives on, in order.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) bucket: Bucket,
    pub(super) commands: Vec<Cmd>,
}

/// Whether an operation is asked again after its connection broke: then it may have been applied the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    Once,
    Never,
}

/// The moment by which an operation has an answer or an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Deadline(pub(super) Instant);

/// The way to the servers.
#[derive(Clone)]
pub(super) struct Link(Arc<Shared>);

struct Shared {
    spelled: String,
    timeout: Duration,
    connect: Duration,
    current: Mutex<Option<(u64, Wire)>>,
    connecting: tokio::sync::Mutex<Connecting>,
    renewing: AtomicBool,
}

struct Connecting {
    target: Target,
    made: u64,
    failed: Option<(Instant, RedisError)>,
}

#[derive(Clone)]
pub(super) enum Wire {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Link {
    /// Connects nothing yet.
    pub(super) fn new(place: &Place) -> Result<Self> {
        let target = Target::of(place, ProtocolVersion::RESP2)
            .map_err(|error| not_connected(&place.spelled(), place.connect, error))?;
        Ok(Self(Arc::new(Shared {
            spelled: place.spelled(),
            timeout: place.timeout,
            connect: place.connect,
            current: Mutex::default(),
            connecting: tokio::sync::Mutex::new(Connecting { target, made: 0, failed: None }),
            renewing: AtomicBool::new(false),
        })))
    }
    /// When an operation that begins now must end.
    pub(super) fn deadline(&self) -> Deadline {
        Deadline(Instant::now() + self.0.timeout)
    }
    /// Where the servers are.
    pub(super) fn spelled(&self) -> &str {
        &self.0.spelled
    }
    /// Asks; the answers stand in the order of the questions, and an answer may be an error of the server.
    pub(super) async fn ask(&self, asks: &[Ask], repeat: Repeat, deadline: Deadline) -> Result<Vec<Vec<Value>>> {
        if asks.is_empty() {
            return Ok(Vec::new());
        }
        let mut answers = self.send(deadline, repeat, |wire| wire.ask(asks)).await?.into_iter();
        let answers: Vec<Vec<Value>> = match asks {
            _ if answers.len() == asks.len() => answers.collect(),
            // One connection answers everything in one row.
            _ => {
                let mut row = answers.next().unwrap_or_default().into_iter();
                asks.iter().map(|ask| row.by_ref().take(ask.commands.len()).collect()).collect()
            }
        };
        match answers.iter().zip(asks).all(|(answers, ask)| answers.len() == ask.commands.len()) {
            true => Ok(answers),
            false => Err(Error::new(ErrorKind::Unavailable, STORE, "the server left questions unanswered")),
        }
    }
    /// Asks one thing of the node that `bucket` lives on; the answer may be an error of the server.
    pub(super) async fn ask_one(
        &self,
        bucket: Bucket,
        command: &Cmd,
        repeat: Repeat,
        deadline: Deadline,
    ) -> Result<Value> {
        self.send(deadline, repeat, |wire| wire.ask_one(bucket, command)).await
    }
    /// Asks every master the same.
    pub(super) async fn ask_all(&self, command: &Cmd, deadline: Deadline) -> Result<Vec<Value>> {
        self.send(deadline, Repeat::Once, |wire| wire.ask_all(command)).await
    }

    async fn send<T, F: Future<Output = RedisResult<T>>>(
        &self,
        deadline: Deadline,
        repeat: Repeat,
        ask: impl Fn(Wire) -> F,
    ) -> Result<T> {
        let mut may_repeat = repeat == Repeat::Once;
        loop {
            let (number, wire) = self.wire(deadline).await?;
            match timeout_at(deadline.0, ask(wire)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) if !is_lost(&error) => return Err(failed(error)),
                Ok(Err(error)) => {
                    self.give_up(number);
                    if !may_repeat {
                        return Err(failed(error));
                    }
                    may_repeat = false;
                }
                // A peer that is gone without a word looks just like one that is slow, so it is knocked at anew.
                Err(_) => {
                    self.give_up(number);
                    return Err(self.too_late());
                }
            }
        }
    }

    /// The present connection, or a new one. An attempt to connect outlives the operation that began it.
    async fn wire(&self, deadline: Deadline) -> Result<(u64, Wire)> {
        if let Some(current) = &*self.0.current() {
            return Ok(current.clone());
        }
        let made = tokio::spawn(self.0.clone().replace(None));
        match timeout_at(deadline.0, made).await {
            Ok(Ok(made)) => made.map_err(|error| not_connected(&self.0.spelled, self.0.connect, error)),
            // Not finished in time; or the runtime is shutting down.
            Ok(Err(_)) | Err(_) => Err(self.too_late()),
        }
    }

    /// Sees to it that the connection with this number is replaced, unless it has been already.
    ///
    /// A cluster's connection goes on while the new one is made: most of its nodes are well, and it mends what
    /// it sees break. It does not see that a node is silent, and that another has taken over: hence a new one.
    fn give_up(&self, number: u64) {
        let shared = self.0.clone();
        let mut current = shared.current();
        match &*current {
            Some((made, Wire::One(_))) if *made == number => *current = None,
            Some((made, Wire::Cluster(_))) if *made == number && !shared.renewing.swap(true, Ordering::AcqRel) => {
                let shared = shared.clone();
                tokio::spawn(async move {
                    let _ = shared.clone().replace(Some(number)).await; // failed: the old one will be given up again
                    shared.renewing.store(false, Ordering::Release);
                });
            }
            _ => {}
        }
    }
    pub(super) fn too_late(&self) -> Error {
        Error::new(ErrorKind::Timeout, STORE, format!("no answer within {:?}", self.0.timeout))
    }
}

impl Shared {
    /// Connects, unless somebody else has replaced the connection numbered `stale` meanwhile, or has just failed.
    async fn replace(self: Arc<Self>, stale: Option<u64>) -> RedisResult<(u64, Wire)> {
        let mut connecting = self.connecting.lock().await;
        if let Some(current) = self.current().as_ref().filter(|(made, _)| Some(*made) != stale) {
            return Ok(current.clone());
        }
        if let Some((_, error)) = connecting.failed.as_ref().filter(|(at, _)| Instant::now() < *at + PAUSE) {
            return Err(error.clone());
        }
        // Several handshakes follow each other where there are several servers.
        let until = Instant::now() + STEPS * self.connect;
        let made = timeout_at(until, connecting.target.connect(self.connect)).await;
        match made.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into())) {
            Ok(wire) => {
                connecting.made += 1;
                connecting.failed = None;
                let made = (connecting.made, wire);
                *self.current() = Some(made.clone());
                Ok(made)
            }
            Err(error) => {
                connecting.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }
    fn current(&self) -> MutexGuard<'_, Option<(u64, Wire)>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({})", self.0.spelled)
    }
}

impl Wire {
    /// One connection gives one row of answers, a cluster one row for each question.
    async fn ask(self, asks: &[Ask]) -> RedisResult<Vec<Vec<Value>>> {
        match self {
            Self::One(mut connection) => {
                if let [Ask { commands, .. }] = asks
                    && let [command] = commands.as_slice()
                {
                    return Ok(vec![vec![connection.send_packed_command(command).await?]]);
                }
                let pipeline = pipeline(asks.iter().flat_map(|ask| &ask.commands));
                let count = pipeline.len();
                Ok(vec![connection.send_packed_commands(&pipeline, 0, count).await?])
            }
            Self::Cluster(connection) => {
                let ask = |ask: &Ask| {
                    let (mut connection, pipeline) = (connection.clone(), pipeline(&ask.commands));
                    let route = SingleNodeRoutingInfo::SpecificNode(ask.bucket.route());
                    async move {
                        let count = pipeline.len();
                        connection.route_pipeline(pipeline, 0, count, route).await
                    }
                };
                try_join_all(asks.iter().map(ask)).await
            }
        }
    }
    async fn ask_one(self, bucket: Bucket, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::One(mut connection) => connection.send_packed_command(command).await,
            Self::Cluster(mut connection) => {
                let route = SingleNodeRoutingInfo::SpecificNode(bucket.route());
                let answers = connection.route_pipeline(pipeline([command]), 0, 1, route).await?;
                Ok(answers.into_iter().next().unwrap_or_default())
            }
        }
    }
    async fn ask_all(self, command: &Cmd) -> RedisResult<Vec<Value>> {
        match self {
            Self::One(mut connection) => Ok(vec![connection.send_packed_command(command).await?.extract_error()?]),
            Self::Cluster(mut connection) => {
                let masters = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
                match connection.route_command(command.clone(), masters).await?.extract_error()? {
                    Value::Map(answers) => Ok(answers.into_iter().map(|(_, answer)| answer).collect()),
                    answer => Ok(vec![answer]),
                }
            }
        }
    }
}

fn pipeline<'a>(commands: impl IntoIterator<Item = &'a Cmd>) -> Pipeline {
    let mut pipeline = Pipeline::new();
    for command in commands {
        pipeline.add_command(command.clone());
    }
    pipeline
}
