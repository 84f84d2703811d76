//! Connections, each with one request in flight, served by one thread.
use super::{Asked, Protocol, Report};
use mio::{
    Events, Interest, Poll, Registry, Token,
    net::{TcpStream, UnixStream},
};
use std::{
    fmt,
    io::{self, Read, Write},
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};
use tokio::time::Instant;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `host:port`.
    Tcp(SocketAddr),
    /// `unix:PATH`.
    Unix(PathBuf),
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

struct Connection {
    stream: Stream,
    asked: Asked,
    since: Instant,
    answer: Vec<u8>,
}

/// How long nothing may come before the server is given up.
const SILENCE: Duration = Duration::from_secs(10);
/// How often `progress` is told.
const TICK: Duration = Duration::from_millis(100);

/// Keeps `connections` busy for `time`, or until `requests` were answered; blocks. `progress` is told now and then how
/// much time has passed.
pub fn drive(
    address: &Address,
    connections: usize,
    time: Duration,
    requests: Option<u64>,
    protocol: &mut impl Protocol,
    progress: &mut dyn FnMut(Duration),
) -> io::Result<Report> {
    let (mut poll, mut report) = (Poll::new()?, Report::default());
    let connect = |at| connect(address, poll.registry(), Token(at));
    let mut streams = (0..connections).map(connect).collect::<io::Result<Vec<_>>>()?;
    let (mut events, mut bytes, mut buffer) = (Events::with_capacity(1_024), Vec::new(), vec![0; 64 << 10]);
    let started = Instant::now();
    for connection in &mut streams {
        connection.ask(protocol, &mut bytes, Instant::now())?;
    }
    let (mut heard, mut told) = (started, started);
    loop {
        poll.poll(&mut events, Some(TICK))?;
        for event in &events {
            let Some(connection) = streams.get_mut(event.token().0) else { continue };
            if !connection.read(protocol, &mut buffer)? {
                continue;
            }
            let now = Instant::now();
            report.add(connection.asked, now - connection.since);
            connection.ask(protocol, &mut bytes, now)?;
            heard = now;
        }
        let now = Instant::now();
        if now - heard > SILENCE {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the server did not answer"));
        }
        if now - told >= TICK {
            told = now;
            progress(now - started);
        }
        if now - started >= time || requests.is_some_and(|requests| report.requests() >= requests) {
            report.took(now - started);
            return Ok(report);
        }
    }
}

impl Connection {
    fn ask(&mut self, protocol: &mut impl Protocol, bytes: &mut Vec<u8>, now: Instant) -> io::Result<()> {
        bytes.clear();
        self.asked = protocol.ask(bytes);
        self.since = now;
        // A request is small and nothing else is under way: it fits into the socket's buffer.
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(bytes),
            Stream::Unix(stream) => stream.write_all(bytes),
        }
    }

    /// Whether the answer is complete.
    fn read(&mut self, protocol: &impl Protocol, buffer: &mut [u8]) -> io::Result<bool> {
        loop {
            let read = match &mut self.stream {
                Stream::Tcp(stream) => stream.read(buffer),
                Stream::Unix(stream) => stream.read(buffer),
            };
            let length = match read {
                Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed a connection")),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let new = buffer.get(..length).unwrap_or_default();
            let answered = match self.answer.is_empty() {
                true => protocol.answered(new),
                false => {
                    self.answer.extend_from_slice(new);
                    protocol.answered(&self.answer)
                }
            };
            match answered.map_err(io::Error::other)? {
                Some(_) => {
                    self.answer.clear();
                    return Ok(true);
                }
                None if self.answer.is_empty() => self.answer.extend_from_slice(new),
                None => {}
            }
        }
    }
}

fn connect(address: &Address, registry: &Registry, token: Token) -> io::Result<Connection> {
    // Connected before it is registered, so that its first event is an answer.
    let mut stream = match address {
        Address::Tcp(address) => {
            let stream = std::net::TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            Stream::Tcp(TcpStream::from_std(stream))
        }
        Address::Unix(path) => {
            let stream = std::os::unix::net::UnixStream::connect(path)?;
            stream.set_nonblocking(true)?;
            Stream::Unix(UnixStream::from_std(stream))
        }
    };
    match &mut stream {
        Stream::Tcp(stream) => registry.register(stream, token, Interest::READABLE)?,
        Stream::Unix(stream) => registry.register(stream, token, Interest::READABLE)?,
    }
    Ok(Connection { stream, asked: Asked::Get, since: Instant::now(), answer: Vec::new() })
}

impl FromStr for Address {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(path.into()));
        }
        let wrong = || "a server is given as host:port, http://host:port or unix:PATH".to_owned();
        let text = text.strip_prefix("http://").unwrap_or(text);
        let text = text.strip_suffix('/').unwrap_or(text);
        text.to_socket_addrs().ok().and_then(|mut found| found.next()).map(Self::Tcp).ok_or_else(wrong)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "http://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
