//! Where a server listens, and what it accepts there: TCP and Unix sockets.
use crate::wire::Stream;
use std::{
    fmt, fs,
    io::{self, ErrorKind},
    net::SocketAddr,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    str::FromStr,
};
use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixStream, lookup_host};

/// How many connections the system keeps until they are accepted.
const BACKLOG: u32 = 4_096;

/// What `--listen` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `host:port`.
    Tcp(String),
    /// `unix:PATH`.
    Unix(PathBuf),
}

/// A bound endpoint.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, Owned),
}

/// A socket file of ours; it is removed with this, unless it has been replaced by another process.
#[derive(Debug)]
pub(crate) struct Owned {
    path: PathBuf,
    inode: u64,
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => Err("unix: needs a path, for example unix:/run/stayput/stayput.sock".into()),
            Some(path) => Ok(Self::Unix(path.into())),
            None => match text.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(Self::Tcp(text.into())),
                _ => Err("host:port or unix:PATH is needed, for example 127.0.0.1:7717".into()),
            },
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Socket {
    /// Takes `endpoint`; a Unix socket gets `mode`.
    pub(crate) async fn bind(endpoint: &Endpoint, mode: u32) -> io::Result<Self> {
        match endpoint {
            Endpoint::Tcp(address) => tcp(address).await.map(Self::Tcp),
            Endpoint::Unix(path) => unix(path, mode).await.map(|(listener, owned)| Self::Unix(listener, owned)),
        }
    }
    /// Where it listens, if that is a TCP port.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(..) => None,
        }
    }
    /// The next connection.
    pub(crate) async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Answers are small and written at once: waiting for more only delays them.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY could not be set");
                }
                Ok(Stream::Tcp(stream))
            }
            Self::Unix(listener, _) => Ok(Stream::Unix(listener.accept().await?.0)),
        }
    }
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(address) => write!(f, "http://{address}"),
                Err(_) => f.write_str("a TCP port"),
            },
            Self::Unix(_, owned) => write!(f, "unix:{}", owned.path.display()),
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|data| data.ino() == self.inode)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "the socket could not be removed");
        }
    }
}

async fn tcp(address: &str) -> io::Result<TcpListener> {
    let mut last = io::Error::new(ErrorKind::NotFound, "this name has no address");
    for address in lookup_host(address).await? {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        match socket.bind(address).and_then(|()| socket.listen(BACKLOG)) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Binds under another name first, so that nobody connects before the mode is set, and replaces only what is dead.
async fn unix(path: &Path, mode: u32) -> io::Result<(UnixListener, Owned)> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
        Ok(data) if !data.file_type().is_socket() => {
            return Err(io::Error::new(ErrorKind::AlreadyExists, "there is something else than a socket"));
        }
        Ok(_) => match UnixStream::connect(path).await {
            Ok(_) => return Err(io::Error::new(ErrorKind::AddrInUse, "another process listens there")),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                tracing::info!(path = %path.display(), "a socket that nobody listens on any more is replaced");
            }
            Err(error) => return Err(error),
        },
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    let _ = fs::remove_file(&beside);
    let listener = std::os::unix::net::UnixListener::bind(&beside)?;
    listener.set_nonblocking(true)?;
    let settled = fs::set_permissions(&beside, fs::Permissions::from_mode(mode));
    let settled = settled.and_then(|()| fs::symlink_metadata(&beside)).and_then(|data| {
        fs::rename(&beside, path)?;
        Ok(Owned { path: path.to_owned(), inode: data.ino() })
    });
    let owned = settled.inspect_err(|_| drop(fs::remove_file(&beside)))?;
    Ok((UnixListener::from_std(listener)?, owned))
}

#[cfg(test)]
mod tests {
    use super::Endpoint;

    #[test]
    fn an_endpoint_is_host_and_port_or_the_path_of_a_socket() {
        for right in ["127.0.0.1:0", "[::1]:7717", "localhost:80", "unix:/run/x.sock", "unix:relative"] {
            assert_eq!(right.parse::<Endpoint>().expect("legal").to_string(), right);
        }
        for wrong in ["", ":80", "host", "host:", "host:99999", "unix:", "/run/x.sock"] {
            assert!(wrong.parse::<Endpoint>().is_err(), "{wrong}");
        }
    }
}
