//! Memcached's meta protocol, as much of it as claims need: get with a version, store if that is still it, delete.
use super::failure::{self, Trouble};
use crate::Result;
use std::time::Duration;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream},
    net::TcpStream,
    time::timeout,
};

/// Longer answers than any of ours: what speaks like that is no Memcached.
const LINE: u64 = 1_024;
/// The largest value that is read; servers hold 1 MB unless told otherwise.
const VALUE: usize = 64 << 20;

/// A connection on which one exchange follows another.
#[derive(Debug)]
pub(super) struct Wire {
    stream: BufStream<TcpStream>,
    /// The line that was read last.
    line: Vec<u8>,
}

/// What is stored, and the version by which it can be replaced.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) version: u64,
    pub(super) value: Vec<u8>,
}

/// What a value is to replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instead {
    /// Nothing: it is the first.
    Nothing,
    Version(u64),
    Anything,
}

/// One question, whole, so that it can be asked again.
#[derive(Debug)]
pub(super) enum Ask {
    Get(Vec<String>),
    Set {
        name: String,
        value: Vec<u8>,
        ends: u64,
        instead: Instead,
    },
    Delete(String),
    Stats,
    /// Whether it speaks the meta protocol: 1.6 and later do.
    Hello,
}

/// What comes back, by the kind of question.
#[derive(Debug)]
pub(super) enum Answer {
    Found(Vec<Option<Found>>),
    Done(bool),
    Stats(Stats),
}

/// What a node says of itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stats {
    /// Values thrown away for want of memory.
    pub(super) evictions: u64,
    /// Those of them that nobody had read.
    pub(super) unread: u64,
    /// For how many seconds it has been up.
    pub(super) uptime: u64,
    /// Its process; in a container often the same for ever.
    pub(super) process: u64,
}

impl Wire {
    pub(super) async fn ask(&mut self, ask: &Ask) -> Result<Answer, Trouble> {
        match ask {
            Ask::Get(names) => self.get(names).await.map(Answer::Found),
            Ask::Set { name, value, ends, instead } => self.set(name, value, *ends, *instead).await.map(Answer::Done),
            Ask::Delete(name) => self.delete(name).await.map(Answer::Done),
            Ask::Stats => self.stats().await.map(Answer::Stats),
            Ask::Hello => self.speaks_meta().await.map(Answer::Done),
        }
    }
    pub(super) async fn connect(address: &str, within: Duration) -> Result<Self, Trouble> {
        let stream = timeout(within, TcpStream::connect(address)).await.map_err(|_| Trouble::Connect)?;
        let stream = stream.map_err(|_| Trouble::Connect)?;
        stream.set_nodelay(true).map_err(|_| Trouble::Lost)?;
        Ok(Self { stream: BufStream::new(stream), line: Vec::new() })
    }

    /// Values of `keys`, asked for in one write.
    async fn get(&mut self, keys: &[String]) -> Result<Vec<Option<Found>>, Trouble> {
        let mut asked = String::with_capacity(keys.iter().map(|key| key.len() + 10).sum());
        for key in keys {
            for part in ["mg ", key, " v c\r\n"] {
                asked.push_str(part);
            }
        }
        self.send(&[asked.as_bytes()]).await?;
        let mut found = Vec::with_capacity(keys.len());
        for _ in keys {
            found.push(self.value().await?);
        }
        Ok(found)
    }
    /// Whether `value` was stored; not, if there is something else than it was to replace.
    async fn set(&mut self, key: &str, value: &[u8], ends: u64, instead: Instead) -> Result<bool, Trouble> {
        let condition = match instead {
            Instead::Nothing => " ME".to_owned(),
            Instead::Version(version) => format!(" C{version}"),
            Instead::Anything => String::new(),
        };
        let command = format!("ms {key} {} T{ends}{condition}\r\n", value.len());
        self.send(&[command.as_bytes(), value, b"\r\n"]).await?;
        let answer = self.line().await?;
        match answer.split(' ').next() {
            Some("HD") => Ok(true),
            Some("NS" | "EX" | "NF") => Ok(false),
            _ => Err(failure::answered(answer)),
        }
    }
    /// Whether there was something to delete.
    async fn delete(&mut self, key: &str) -> Result<bool, Trouble> {
        self.send(&[format!("md {key}\r\n").as_bytes()]).await?;
        let answer = self.line().await?;
        match answer.split(' ').next() {
            Some("HD") => Ok(true),
            Some("NF") => Ok(false),
            _ => Err(failure::answered(answer)),
        }
    }
    async fn stats(&mut self) -> Result<Stats, Trouble> {
        self.send(&[b"stats\r\n"]).await?;
        let mut stats = Stats::default();
        loop {
            let answer = self.line().await?;
            let mut words = answer.split(' ');
            let number = |word: Option<&str>| word.and_then(|word| word.parse().ok()).unwrap_or(0);
            match (words.next(), words.next()) {
                (Some("END"), _) => return Ok(stats),
                (Some("STAT"), Some("evictions")) => stats.evictions = number(words.next()),
                (Some("STAT"), Some("evicted_unfetched")) => stats.unread = number(words.next()),
                (Some("STAT"), Some("pid")) => stats.process = number(words.next()),
                (Some("STAT"), Some("uptime")) => stats.uptime = number(words.next()),
                (Some("STAT"), _) => {}
                _ => return Err(failure::answered(answer)),
            }
        }
    }
    async fn speaks_meta(&mut self) -> Result<bool, Trouble> {
        self.send(&[b"mn\r\n"]).await?;
        Ok(self.line().await? == "MN")
    }

    async fn value(&mut self) -> Result<Option<Found>, Trouble> {
        let answer = self.line().await?;
        let mut words = answer.split(' ');
        match words.next() {
            Some("EN") => return Ok(None),
            Some("VA") => {}
            _ => return Err(failure::answered(answer)),
        }
        let length = words.next().and_then(|word| word.parse().ok()).filter(|length| *length <= VALUE);
        let version = words.find_map(|word| word.strip_prefix('c')?.parse().ok());
        let (Some(length), Some(version)) = (length, version) else { return Err(Trouble::Strange) };
        let mut value = vec![0; length + 2];
        self.stream.read_exact(&mut value).await.map_err(|_| Trouble::Lost)?;
        match value.ends_with(b"\r\n") {
            true => value.truncate(length),
            false => return Err(Trouble::Strange),
        }
        Ok(Some(Found { version, value }))
    }
    async fn send(&mut self, parts: &[&[u8]]) -> Result<(), Trouble> {
        for part in parts {
            self.stream.write_all(part).await.map_err(|_| Trouble::Lost)?;
        }
        self.stream.flush().await.map_err(|_| Trouble::Lost)
    }
    /// Without its end.
    async fn line(&mut self) -> Result<&str, Trouble> {
        self.line.clear();
        let mut limited = (&mut self.stream).take(LINE);
        limited.read_until(b'\n', &mut self.line).await.map_err(|_| Trouble::Lost)?;
        match self.line.strip_suffix(b"\r\n") {
            Some(line) => std::str::from_utf8(line).map_err(|_| Trouble::Strange),
            None if self.line.len() as u64 >= LINE => Err(Trouble::Strange),
            None => Err(Trouble::Lost),
        }
    }
}
