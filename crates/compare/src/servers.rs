//! The servers that are compared: real processes in folders of their own, ended when dropped.
use crate::{Options, Result};
use stayput_server::bench::Address;
use std::{
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// A server, and where it listens.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) tcp: Address,
    pub(crate) unix: Address,
}

impl Server {
    /// `stayput serve` on the store in `folder`, with a thread for each processor or as many as `threads`.
    pub(crate) fn stayput(options: &Options, folder: &Path, threads: Option<usize>) -> Result<Self> {
        let socket = folder.join(threads.map_or("stayput.sock".into(), |threads| format!("stayput-{threads}.sock")));
        let mut command = Command::new(stayput(options)?);
        if let Some(threads) = threads {
            command.env("STAYPUT_THREADS", threads.to_string());
        }
        let mut child = command
            .args(["serve", "--log", "error", "--listen", "127.0.0.1:0", "--store"])
            .arg(format!("file:{}", folder.join("data").display()))
            .arg("--listen")
            .arg(format!("unix:{}", socket.display()))
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stderr = BufReader::new(child.stderr.take().ok_or("no stderr")?);
        let mut line = String::new();
        stderr.read_line(&mut line)?;
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::stderr()));
        let address = line.split(['/', ',', ' ']).find_map(|part| part.parse().ok());
        let Some(address) = address else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("stayput did not start: {line}").into());
        };
        Ok(Self { child, tcp: Address::Tcp(address), unix: Address::Unix(socket) })
    }

    /// `redis-server` without persistence, or with every write on disk before it is answered.
    pub(crate) fn redis(folder: &Path, durable: bool) -> Result<Self> {
        let address: SocketAddr = (Ipv4Addr::LOCALHOST, free_port()?).into();
        let socket = folder.join(if durable { "durable.sock" } else { "redis.sock" });
        let mut command = Command::new("redis-server");
        command.args(["--port", &address.port().to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"]).arg(folder);
        command.arg("--unixsocket").arg(&socket);
        if durable {
            command.args(["--appendonly", "yes", "--appendfsync", "always"]);
        }
        let started = command.stdout(Stdio::null()).spawn();
        let child = started
            .map_err(|error| format!("redis-server cannot be started (apt-get install redis-server): {error}"))?;
        let server = Self { child, tcp: Address::Tcp(address), unix: Address::Unix(socket) };
        for _ in 0..100 {
            if TcpStream::connect(address).is_ok() {
                return Ok(server);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err("redis-server does not answer".into())
    }
}

impl Server {
    /// Seconds of processor time that it has used so far.
    pub(crate) fn used(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        // Behind the name, which is in parentheses; in hundredths of a second on every Linux.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
        let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        ticks / 100.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary that serves.
pub(crate) fn stayput(options: &Options) -> Result<PathBuf> {
    let beside = || Ok(std::env::current_exe()?.with_file_name("stayput"));
    options.stayput.clone().map_or_else(beside, Ok)
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
