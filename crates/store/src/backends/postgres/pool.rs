//! The one way to the server: a pool of connections, one deadline for each operation, and retries that are safe.
use super::{
    cancel::Places,
    failure,
    row::Params,
    sql::{COUNT, Statement},
};
use crate::{BoxFuture, Error, ErrorKind, Result};
use deadpool::managed::{self, Manager, Metrics, QueueMode, RecycleResult};
use deadpool_postgres::{
    ClientWrapper, ManagerConfig, RecyclingMethod, Runtime,
    tokio_postgres::{self, Config, Row},
};
use futures_util::future::{join_all, join3};
use std::{array, fmt, sync::OnceLock, time::Duration};
use tokio::time;
use tokio_postgres_rustls::MakeRustlsConnect;

/// How often one statement is sent on another connection after the first was lost: a restart leaves a dead one in
/// every place of the pool, and a second is rarely dead too.
const FRESH: usize = 2;

/// How long a pooler may take to pass on that a statement is to be cancelled: it may be busy, and nobody waits for this.
const CANCEL: Duration = Duration::from_secs(60);

pub(super) struct Pool {
    connections: managed::Pool<Connector>,
    tls: MakeRustlsConnect,
    timeout: Duration,
    /// A pooler stands in between that may change servers with each transaction: nothing is prepared, nothing is set.
    pooler: bool,
    /// Where a pooler is told to cancel.
    places: Option<Places>,
}

/// One statement with its parameters.
pub(super) struct Call<'a> {
    pub(super) statement: &'a Statement,
    pub(super) params: Params<'a>,
}

impl Pool {
    pub(super) fn new(settings: super::address::Settings, pooler: bool) -> Result<Self> {
        let super::address::Settings { config, tls, connections, timeout, connect, .. } = settings;
        let places = pooler.then(|| Places::of(&config));
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Connector(deadpool_postgres::Manager::from_config(config, tls.clone(), recycling));
        let connections = managed::Pool::builder(manager).max_size(connections).create_timeout(Some(connect));
        // The one that was used last: the server's process behind it is still warm, and those too many grow old.
        let connections = connections.queue_mode(QueueMode::Lifo).runtime(Runtime::Tokio1).build();
        let connections = connections.map_err(|_| failure::unavailable("the pool of connections cannot be made"))?;
        Ok(Self { connections, tls, timeout, pooler, places })
    }

    /// Does `work` before its deadline.
    pub(super) fn bounded<'a, T: Send + 'a>(
        &'a self,
        work: impl Future<Output = Result<T>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T>> {
        Box::pin(async move {
            time::timeout(self.timeout, work).await.unwrap_or_else(|_| {
                // What made this one wait, a dead network say, waits in connections that nobody has used since, too.
                self.connections.retain(|_, metrics| metrics.last_used() < self.timeout);
                let message = format!("no answer within {}", humantime::format_duration(self.timeout));
                Err(Error::new(ErrorKind::Timeout, super::NAME, message))
            })
        })
    }

    /// The rows of one statement.
    pub(super) async fn rows(&self, statement: &Statement, params: Params<'_>) -> Result<Vec<Row>> {
        Ok(self.all(&[Call { statement, params }]).await?.pop().unwrap_or_default())
    }

    /// The rows of each of `calls`, in one round trip and one transaction.
    ///
    /// Whoever sends several calls that write sends them in the order of their keys, so that no two wait for each other.
    pub(super) async fn all(&self, calls: &[Call<'_>]) -> Result<Vec<Vec<Row>>> {
        let repeatable = calls.iter().all(|call| call.statement.repeatable);
        let mut lost = 0;
        loop {
            let mut lease = self.lease().await?;
            let error = match lease.send(calls).await {
                Ok(rows) => {
                    lease.is_idle = true;
                    return Ok(rows);
                }
                Err(error) => error,
            };
            let is_lost = failure::is_lost(&error);
            lease.is_idle = !is_lost;
            if is_lost && repeatable && lost < FRESH {
                lost += 1;
            } else if !failure::is_collision(&error) {
                return Err(failure::of(&error));
            }
        }
    }

    async fn lease(&self) -> Result<Lease<'_>> {
        let connection = self.connections.get().await.map_err(|error| failure::of_pool(&error))?;
        Ok(Lease { connection: Some(connection), pool: self, is_idle: false })
    }
}

/// Makes connections.
struct Connector(deadpool_postgres::Manager);

impl Manager for Connector {
    type Type = Connection;
    type Error = tokio_postgres::Error;

    async fn create(&self) -> Result<Connection, tokio_postgres::Error> {
        Ok(Connection { client: self.0.create().await?, prepared: array::from_fn(|_| OnceLock::new()) })
    }
    async fn recycle(&self, connection: &mut Connection, metrics: &Metrics) -> RecycleResult<tokio_postgres::Error> {
        self.0.recycle(&mut connection.client, metrics).await
    }
    fn detach(&self, connection: &mut Connection) {
        self.0.detach(&mut connection.client);
    }
}

/// A connection, and what was prepared on it, by number: to find that by its text takes longer than to send it.
struct Connection {
    client: ClientWrapper,
    prepared: [OnceLock<tokio_postgres::Statement>; COUNT],
}

impl Connection {
    async fn prepared(&self, statement: &Statement) -> Result<tokio_postgres::Statement, tokio_postgres::Error> {
        let place = self.prepared.get(statement.number);
        if let Some(prepared) = place.and_then(OnceLock::get) {
            return Ok(prepared.clone());
        }
        let prepared = self.client.prepare_typed(&statement.text, &statement.types).await?;
        place.and_then(|place| place.set(prepared.clone()).ok());
        Ok(prepared)
    }
}

/// A connection on loan.
struct Lease<'a> {
    connection: Option<managed::Object<Connector>>,
    pool: &'a Pool,
    is_idle: bool,
}

impl Lease<'_> {
    async fn send(&self, calls: &[Call<'_>]) -> Result<Vec<Vec<Row>>, tokio_postgres::Error> {
        let Some(connection) = &self.connection else { return Ok(Vec::new()) };
        if let [call] = calls {
            return Ok(vec![self.rows(connection, call).await?]);
        }
        if !self.pool.pooler {
            for call in calls {
                connection.prepared(call.statement).await?;
            }
        }
        // Polled in this order first, hence sent in this order, before any is answered.
        let begun = connection.client.batch_execute("BEGIN");
        let answers = join_all(calls.iter().map(|call| self.rows(connection, call)));
        let ended = connection.client.batch_execute("COMMIT");
        let (begun, answers, ended) = join3(begun, answers, ended).await;
        begun?;
        let rows = answers.into_iter().collect::<Result<Vec<_>, _>>()?; // the first error; later ones only follow from it
        ended?;
        Ok(rows)
    }
    async fn rows(&self, connection: &Connection, call: &Call<'_>) -> Result<Vec<Row>, tokio_postgres::Error> {
        let Statement { text, types, .. } = call.statement;
        if self.pool.pooler {
            let typed: Vec<_> = call.params.iter().copied().zip(types.iter().cloned()).collect();
            connection.client.query_typed(text, &typed).await
        } else {
            let prepared = connection.prepared(call.statement).await?;
            connection.client.query(&prepared, &call.params).await
        }
    }
}

impl Drop for Lease<'_> {
    /// Whoever asked may have gone before the answer came. Everything was sent then, or nothing: the connection is good
    /// again once it has answered, and goes back to the pool when it has.
    fn drop(&mut self) {
        let Some(connection) = self.connection.take().filter(|_| !self.is_idle) else { return };
        if connection.client.is_closed() {
            return drop(managed::Object::take(connection));
        }
        let (tls, timeout, places) = (self.pool.tls.clone(), self.pool.timeout, self.pool.places.clone());
        tokio::spawn(async move {
            if !matches!(time::timeout(timeout, connection.client.batch_execute("")).await, Ok(Ok(()))) {
                let connection = managed::Object::take(connection);
                // The server should have given up by itself (statement_timeout); behind a pooler it has to be told.
                // That it cannot be told does not matter here.
                let token = connection.client.cancel_token();
                let _ = match places {
                    Some(places) => time::timeout(CANCEL, places.cancel(token, tls)).await,
                    None => time::timeout(timeout, token.cancel_query(tls)).await.map(drop),
                };
            }
        });
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("timeout", &self.timeout).field("pooler", &self.pooler).finish_non_exhaustive()
    }
}
impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Call")
    }
}
impl Pool {
    /// A connection outside the pool, for what is done once.
    pub(super) async fn alone(
        config: &Config,
        tls: &MakeRustlsConnect,
    ) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
        let (client, connection) = config.connect(tls.clone()).await?;
        tokio::spawn(connection);
        Ok(client)
    }
}
