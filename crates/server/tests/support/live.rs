//! Live servers, in this process and as the real binary, and a client that sends exactly the bytes it is told.
#![allow(dead_code, reason = "each test target uses its part")]
use serde_json::Value;
use stayput::Scope;
use stayput_server::{App, Listener};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::Duration,
};
use tokio::{runtime::Runtime, sync::oneshot};

/// A server in this process, on a port of its own; it stops when dropped.
pub(crate) struct Live {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The real binary, serving; it is killed when dropped.
pub(crate) struct Binary {
    pub(crate) address: SocketAddr,
    pub(crate) child: Child,
    told: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Live {
    pub(crate) fn start() -> Self {
        let (ready, bound) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            Runtime::new().expect("threads").block_on(async {
                let app = App::new(stayput::open("memory:").await.expect("a store"), Scope::default());
                let listener = Listener::bind("127.0.0.1:0", app).await.expect("a free port");
                ready.send(listener.address().expect("TCP")).expect("somebody waits");
                listener.serve(async { drop(stopped.await) }).await.expect("flushed");
            });
        });
        Self { address: bound.recv().expect("a server"), stop: Some(stop), thread: Some(thread) }
    }
    pub(crate) fn call(&self, method: &str, target: &str, body: impl AsRef<[u8]>) -> Answer {
        call(self.address, method, target, body.as_ref())
    }
    pub(crate) fn raw(&self, bytes: &[u8]) -> Answer {
        raw(self.address, bytes)
    }
    pub(crate) fn export(&self) -> String {
        String::from_utf8(self.call("GET", "/v1/export", "").body).expect("UTF-8")
    }
    /// As a store.
    pub(crate) fn store(&self) -> String {
        format!("stayput://{}", self.address)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the server panicked");
        }
    }
}

impl Binary {
    pub(crate) fn serve(store: &str) -> Self {
        Self::with(&["--store", store], &[])
    }
    /// `serve` with these arguments and this environment besides.
    pub(crate) fn with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let listens = arguments.contains(&"--listen") || environment.iter().any(|(name, _)| *name == "STAYPUT_LISTEN");
        let listen: &[&str] = if listens { &[] } else { &["--listen", "127.0.0.1:0"] };
        let mut child = Command::new(env!("CARGO_BIN_EXE_stayput"))
            .arg("serve")
            .args(arguments)
            .args(listen)
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary");
        let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
        let mut started = String::new();
        // A line of the log may come first.
        while !started.contains("listening on ") {
            let read = stderr.read_line(&mut started).expect("UTF-8");
            assert!(read > 0, "it did not start: {started}");
        }
        let listens = started.rsplit("listening on ").next().unwrap_or_default();
        let address = listens.split(['/', ',', ' ']).find_map(|part| part.parse().ok());
        // Whoever listens on a Unix socket only is not asked at an address.
        let address = address.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
        let told = Arc::new(Mutex::new(started));
        let teller = told.clone();
        // Whatever else it says must not block it.
        let reader = std::thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).is_ok_and(|read| read > 0) {
                teller.lock().expect("a log").push_str(&line);
                line.clear();
            }
        });
        Self { address, child, told, reader: Some(reader) }
    }
    /// What it has said so far.
    pub(crate) fn told(&self) -> String {
        self.told.lock().expect("a log").clone()
    }
    /// Waits until it says `words`.
    pub(crate) fn says(&self, words: &str) {
        for _ in 0..6_000 {
            if self.told().contains(words) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("it never said {words:?}: {}", self.told());
    }
    /// Waits for its end and tells everything that it said.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().expect("it ends").code();
        if let Some(reader) = self.reader.take() {
            reader.join().expect("read");
        }
        (code, self.told())
    }
    /// A line of its `/proc/PID/status`, in bytes.
    pub(crate) fn memory(&self, field: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("a field");
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
    }
    /// How many threads of the runtime it has.
    pub(crate) fn workers(&self) -> usize {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it runs").flatten();
        let names = tasks.map(|task| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default());
        names.filter(|name| name.starts_with("tokio")).count()
    }
    /// How many file descriptors it has.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("it runs").count()
    }
    pub(crate) fn call(&self, method: &str, target: &str, body: impl AsRef<[u8]>) -> Answer {
        call(self.address, method, target, body.as_ref())
    }
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(sent.expect("kill").success());
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
    /// The kind and the field of an error.
    pub(crate) fn error(&self) -> (u16, String, String) {
        let error = &self.json()["error"];
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{self:?}");
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        (self.status, text("kind"), text("field"))
    }
}

pub(crate) fn call(address: SocketAddr, method: &str, target: &str, body: &[u8]) -> Answer {
    let length = body.len();
    let head =
        format!("{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    raw(address, &[head.as_bytes(), body].concat())
}

/// Sends `bytes` on a connection of their own and reads one answer.
pub(crate) fn raw(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).expect("a server");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    stream.write_all(bytes).expect("the server reads");
    read(&mut stream)
}

/// Reads one answer, to the end of the connection.
pub(crate) fn read(stream: &mut TcpStream) -> Answer {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n").expect("a head");
    let (head, body) = (String::from_utf8_lossy(&answer[..end]).into_owned(), &answer[end + 4..]);
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Answer { status, head, body: if chunked { unchunked(body) } else { body.to_vec() } }
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|part| part == b"\r\n").expect("a chunk, so the answer is complete");
        let size = std::str::from_utf8(&body[..end]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.expect("a size");
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 2 + size + 2..];
    }
}

/// Waits until `now` is so.
pub(crate) fn eventually(what: &str, mut now: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if now() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("not in a minute: {what}");
}
