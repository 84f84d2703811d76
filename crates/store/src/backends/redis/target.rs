//! What to connect to, in terms of the client library.
use super::{
    link::Wire,
    place::{Place, Tls, Topology},
};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    ProtocolVersion, PushInfo, RedisConnectionInfo, RedisError, RedisResult, TlsCertificates, TlsMode,
    aio::MultiplexedConnection,
    cluster::{ClusterClient, ClusterClientBuilder},
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// One server, the one that sentinels name, or the nodes of a cluster.
pub(super) enum Target {
    Alone(Box<Client>),
    Cluster(Box<ClusterClient>),
    Sentinel(Box<SentinelClient>),
}

impl Target {
    /// Checks what can be checked without a network. Only RESP3 can push.
    pub(super) fn of(place: &Place, protocol: ProtocolVersion) -> RedisResult<Self> {
        if place.tls.is_some() {
            // The client library uses the process's provider, and panics if it would have to choose between two. Fails
            // only if the process has chosen already, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let certificates = place.tls.as_ref().map(Tls::certificates);
        match &place.topology {
            Topology::Alone => {
                let Some(info) = infos(place, &place.hosts, protocol, place.database)?.pop() else {
                    return Err(no_host());
                };
                let client = match certificates {
                    Some(certificates) => Client::build_with_tls(info, certificates)?,
                    None => Client::open(info)?,
                };
                Ok(Self::Alone(Box::new(client)))
            }
            Topology::Cluster => {
                let mut builder = ClusterClientBuilder::new(infos(place, &place.hosts, protocol, 0)?)
                    .connection_timeout(place.connect)
                    .response_timeout(place.timeout)
                    .retries(4) // redirections count: one for a slot that moved, one for one that is on its way
                    .min_retry_wait(10)
                    .max_retry_wait(200);
                if let Some(certificates) = certificates {
                    builder = builder.tls(TlsMode::Secure).certs(certificates);
                }
                Ok(Self::Cluster(Box::new(builder.build()?)))
            }
            Topology::Sentinel(name) => {
                let addresses = place.hosts.iter().map(|host| address(host, place.tls.is_some()));
                let mut builder = SentinelClientBuilder::new(addresses, name, SentinelServerType::Master)?
                    .set_client_to_redis_db(place.database);
                if let Some(user) = &place.login.user {
                    builder = builder.set_client_to_redis_username(user);
                }
                if let Some(password) = &place.login.password {
                    builder = builder.set_client_to_redis_password(password);
                }
                if let Some(user) = &place.sentinel_login.user {
                    builder = builder.set_client_to_sentinel_username(user);
                }
                if let Some(password) = &place.sentinel_login.password {
                    builder = builder.set_client_to_sentinel_password(password);
                }
                if let Some(certificates) = certificates {
                    builder = builder
                        .set_client_to_redis_tls_mode(TlsMode::Secure)
                        .set_client_to_redis_certificates(certificates.clone())
                        .set_client_to_sentinel_tls_mode(TlsMode::Secure)
                        .set_client_to_sentinel_certificates(certificates);
                }
                let builder = builder.set_client_to_redis_protocol(protocol);
                Ok(Self::Sentinel(Box::new(builder.build()?)))
            }
        }
    }
    /// Connects for what the server pushes, which arrives at `sender`; to a cluster there is one for each
    /// node ([`follow_node`]).
    pub(super) async fn follow(
        &mut self,
        connect: Duration,
        sender: UnboundedSender<PushInfo>,
    ) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(connect)).set_push_sender(sender);
        match self {
            Self::Alone(client) => client.get_multiplexed_async_connection_with_config(&config).await,
            Self::Sentinel(client) => client.get_async_connection_with_config(&config).await,
            Self::Cluster(_) => Err((redis::ErrorKind::InvalidClientConfig, "a cluster has many connections").into()),
        }
    }
    /// Connects; `connect` bounds each step.
    pub(super) async fn connect(&mut self, connect: Duration) -> RedisResult<Wire> {
        // Operations have deadlines of their own.
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(connect)).set_response_timeout(None);
        match self {
            Self::Alone(client) => client.get_multiplexed_async_connection_with_config(&config).await.map(Wire::One),
            Self::Sentinel(client) => client.get_async_connection_with_config(&config).await.map(Wire::One),
            Self::Cluster(client) => client.get_async_connection().await.map(Wire::Cluster),
        }
    }
}

impl Tls {
    fn certificates(&self) -> TlsCertificates {
        let client = |(client_cert, client_key): (Vec<u8>, Vec<u8>)| ClientTlsConfig { client_cert, client_key };
        TlsCertificates { client_tls: self.certificate.clone().map(client), root_cert: self.authority.clone() }
    }
}

/// Connects to one node of a cluster for what it pushes, which arrives at `sender`.
pub(super) async fn follow_node(
    place: &Place,
    node: &(String, u16),
    sender: UnboundedSender<PushInfo>,
) -> RedisResult<MultiplexedConnection> {
    let info = infos(place, std::slice::from_ref(node), ProtocolVersion::RESP3, 0)?.pop().ok_or_else(no_host)?;
    let client = match place.tls.as_ref().map(Tls::certificates) {
        Some(certificates) => Client::build_with_tls(info, certificates)?,
        None => Client::open(info)?,
    };
    Target::Alone(Box::new(client)).follow(place.connect, sender).await
}

fn infos(
    place: &Place,
    hosts: &[(String, u16)],
    protocol: ProtocolVersion,
    database: i64,
) -> RedisResult<Vec<ConnectionInfo>> {
    let mut settings = RedisConnectionInfo::default().set_db(database).set_protocol(protocol);
    let login = &place.login;
    if let Some(user) = &login.user {
        settings = settings.set_username(user);
    }
    if let Some(password) = &login.password {
        settings = settings.set_password(password);
    }
    let info = |host| {
        let info = address(host, place.tls.is_some()).into_connection_info()?;
        Ok(info.set_redis_settings(settings.clone()))
    };
    hosts.iter().map(info).collect()
}

fn address((host, port): &(String, u16), is_tls: bool) -> ConnectionAddr {
    match is_tls {
        true => ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure: false, tls_params: None },
        false => ConnectionAddr::Tcp(host.clone(), *port),
    }
}

fn no_host() -> RedisError {
    (redis::ErrorKind::InvalidClientConfig, "no server is named").into()
}
