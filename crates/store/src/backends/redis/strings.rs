//! Plain strings of a Redis that something else filled, to be read and moved.
use super::{
    bytes,
    keys::Bucket,
    link::{Ask, Link, Repeat},
    list,
    place::{Place, Topology},
    script::strange,
    sound,
};
use crate::{Error, Result, StoreUrl};
use redis::{Cmd, Value, cmd};

/// Reads every string of one database.
#[derive(Debug)]
pub struct RedisStrings {
    link: Link,
}

/// Some of the strings.
#[derive(Debug, Default)]
pub struct StringsPage {
    /// Keys and their values; a key may come again on a later page.
    pub strings: Vec<(Vec<u8>, Vec<u8>)>,
    /// How many keys hold something else than a string.
    pub others: u64,
    /// Where to go on; `None` after the last page.
    pub next: Option<u64>,
}

impl RedisStrings {
    /// Connects to the one server, or the master behind sentinels, that `url` names.
    pub async fn open(mut url: StoreUrl) -> Result<Self> {
        let place = Place::parse(&mut url)?;
        if place.topology == Topology::Cluster {
            return Err(Error::invalid("store", "plain strings are read from one server (redis:), not from a cluster"));
        }
        Ok(Self { link: Link::new(&place)? })
    }
    /// What [`RedisStrings::page`] says means something as long as this stays the same; `None` if the server keeps it
    /// to itself.
    pub async fn life(&self) -> Result<Option<String>> {
        let mut info = cmd("INFO");
        info.arg("server");
        let Ok(info) = self.one(info).await?.extract_error() else { return Ok(None) };
        let text = match info {
            Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Value::VerbatimString { text, .. } => text,
            _ => return Ok(None),
        };
        Ok(text.lines().find_map(|line| line.strip_prefix("run_id:")).map(|id| id.trim().to_owned()))
    }
    /// How many keys there are.
    pub async fn count(&self) -> Result<u64> {
        match sound(self.one(cmd("DBSIZE")).await?)? {
            Value::Int(count) => Ok(count.unsigned_abs()),
            _ => Err(strange()),
        }
    }
    /// About `limit` of the strings that come after `after`. What is there from the first page to the last appears at
    /// least once.
    pub async fn page(&self, after: Option<u64>, limit: usize) -> Result<StringsPage> {
        let mut scan = cmd("SCAN");
        scan.arg(after.unwrap_or(0)).arg("COUNT").arg(limit);
        let mut answer = list(sound(self.one(scan).await?)?)?.into_iter();
        let next = answer.next().map(bytes).transpose()?.flatten().ok_or_else(strange)?;
        let next: u64 = std::str::from_utf8(&next).ok().and_then(|next| next.parse().ok()).ok_or_else(strange)?;
        let keys = answer.next().map(list).transpose()?.ok_or_else(strange)?.into_iter().map(bytes);
        let keys: Vec<Vec<u8>> = keys.filter_map(Result::transpose).collect::<Result<_>>()?;
        let mut page = StringsPage { next: Some(next).filter(|next| *next != 0), ..StringsPage::default() };
        if !keys.is_empty() {
            let mut values = cmd("MGET");
            values.arg(&keys);
            let values = list(sound(self.one(values).await?)?)?;
            if values.len() != keys.len() {
                return Err(strange());
            }
            for (key, value) in keys.into_iter().zip(values) {
                match bytes(value)? {
                    Some(value) => page.strings.push((key, value)),
                    None => page.others += 1,
                }
            }
        }
        Ok(page)
    }

    async fn one(&self, command: Cmd) -> Result<Value> {
        let asks = [Ask { bucket: Bucket(0), commands: vec![command] }];
        let answers = self.link.ask(&asks, Repeat::Once, self.link.deadline()).await?;
        answers.into_iter().flatten().next().ok_or_else(strange)
    }
}
