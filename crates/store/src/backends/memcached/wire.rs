//! Memcached's protocol, as much of it as claims need: get with a version, store if that is still it, delete.
//!
//! All commands but one are of the meta protocol. Values are asked for by the old `gets`: that is one command for many
//! of them, and a server turns to other connections after twenty commands.
use super::failure::{self, Trouble};
use crate::Result;
use std::{mem, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Longer answers than any of ours: what speaks like that is no Memcached.
const LINE: usize = 1_024;
/// How much is read at once at least.
const READ: usize = 8 << 10;
/// What is kept for what comes next; a large value takes its room along.
const KEPT: usize = 64 << 10;
/// The largest value that is read; servers hold 1 MB unless told otherwise.
const VALUE: usize = 64 << 20;

/// A connection on which one exchange follows another.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    /// What was read; up to `used` it is of no more use.
    read: Vec<u8>,
    used: usize,
}

/// What is stored under some names, in their order.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// All values, one behind the other.
    bytes: Vec<u8>,
    /// The version of each, and where it ends.
    places: Vec<Option<(u64, usize)>>,
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
    /// Names, a space before each.
    Get(String),
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
    Found(Found),
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

impl Found {
    /// The version and the value of each, if there is one.
    pub(super) fn iter(&self) -> impl Iterator<Item = Option<(u64, &[u8])>> {
        let mut begin = 0;
        self.places.iter().map(move |place| {
            let (version, end) = (*place)?;
            Some((version, self.bytes.get(mem::replace(&mut begin, end)..end)?))
        })
    }
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
        Ok(Self { stream, read: Vec::new(), used: 0 })
    }

    /// What lies under each of `names`.
    async fn get(&mut self, names: &str) -> Result<Found, Trouble> {
        self.send(&[b"gets", names.as_bytes(), b"\r\n"].concat()).await?;
        let (mut found, mut names) = (Found::default(), names.split(' ').skip(1));
        // They come in the order in which they were asked for, those that are missing left out.
        while let Some((missing, length, version)) = self.value(&mut names).await? {
            found.places.extend((0..missing).map(|_| None));
            self.bytes(length, &mut found.bytes).await?;
            found.places.push(Some((version, found.bytes.len())));
        }
        found.places.extend(names.map(|_| None));
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
        self.send(&[command.as_bytes(), value, b"\r\n"].concat()).await?;
        let answer = self.line().await?;
        match answer.split(' ').next() {
            Some("HD") => Ok(true),
            Some("NS" | "EX" | "NF") => Ok(false),
            _ => Err(failure::answered(answer)),
        }
    }
    /// Whether there was something to delete.
    async fn delete(&mut self, key: &str) -> Result<bool, Trouble> {
        self.send(format!("md {key}\r\n").as_bytes()).await?;
        let answer = self.line().await?;
        match answer.split(' ').next() {
            Some("HD") => Ok(true),
            Some("NF") => Ok(false),
            _ => Err(failure::answered(answer)),
        }
    }
    async fn stats(&mut self) -> Result<Stats, Trouble> {
        self.send(b"stats\r\n").await?;
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
        self.send(b"mn\r\n").await?;
        Ok(self.line().await? == "MN")
    }

    /// How many of `names` the next value leaves out, how long it is, and its version; `None` if no other comes.
    async fn value<'a>(
        &mut self,
        names: &mut impl Iterator<Item = &'a str>,
    ) -> Result<Option<(usize, usize, u64)>, Trouble> {
        let answer = self.line().await?;
        let mut words = answer.split(' ');
        match words.next() {
            Some("VALUE") => {}
            Some("END") => return Ok(None),
            _ => return Err(failure::answered(answer)),
        }
        let missing = words.next().and_then(|found| names.position(|name| name == found));
        let length = words.nth(1).and_then(|word| word.parse().ok()).filter(|length| *length <= VALUE);
        let version = words.next().and_then(|word| word.parse().ok());
        match (missing, length, version) {
            (Some(missing), Some(length), Some(version)) => Ok(Some((missing, length, version))),
            _ => Err(Trouble::Strange),
        }
    }
    /// Adds a value `to` others.
    async fn bytes(&mut self, length: usize, to: &mut Vec<u8>) -> Result<(), Trouble> {
        loop {
            let unused = self.read.get(self.used..).unwrap_or_default();
            match unused.split_at_checked(length) {
                Some((value, [b'\r', b'\n', ..])) => {
                    to.extend_from_slice(value);
                    self.used += length + 2;
                    return Ok(());
                }
                Some((_, [_, _, ..])) => return Err(Trouble::Strange),
                _ => self.more().await?,
            }
        }
    }
    /// Without its end.
    async fn line(&mut self) -> Result<&str, Trouble> {
        let mut looked_at = 0;
        let length = loop {
            let new = self.read.get(self.used + looked_at..).unwrap_or_default();
            let end = new.iter().position(|byte| *byte == b'\n');
            looked_at += end.map_or(new.len(), |end| end + 1);
            match end {
                _ if looked_at > LINE => return Err(Trouble::Strange),
                Some(_) => break looked_at,
                None => self.more().await?,
            }
        };
        let begin = self.used;
        self.used += length;
        let line = self.read.get(begin..self.used).and_then(|line| line.strip_suffix(b"\r\n"));
        line.and_then(|line| std::str::from_utf8(line).ok()).ok_or(Trouble::Strange)
    }
    async fn send(&mut self, asked: &[u8]) -> Result<(), Trouble> {
        self.stream.write_all(asked).await.map_err(|_| Trouble::Lost)
    }
    /// Waits for more of the answer.
    async fn more(&mut self) -> Result<(), Trouble> {
        self.read.drain(..mem::take(&mut self.used));
        if self.read.is_empty() {
            self.read.shrink_to(KEPT);
        }
        self.read.reserve(READ);
        match self.stream.read_buf(&mut self.read).await {
            Ok(0) | Err(_) => Err(Trouble::Lost),
            Ok(_) => Ok(()),
        }
    }
}
