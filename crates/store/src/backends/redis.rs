//! Assignments in Redis or Valkey: one server, one behind sentinels, or a cluster.
//!
//! What is acknowledged and then lost, and when two writers can both be told that they won (or that one goal is new):
//!
//! | event | what is lost | two winners | what changes it |
//! |---|---|---|---|
//! | the server process is killed or crashes | `appendfsync everysec` or `always`: nothing; no append-only file: everything since the last snapshot | for what was lost | `appendonly yes` |
//! | the machine crashes | `everysec`: up to about a second (two, if the disk stalls); `always`: nothing | for what was lost | `appendfsync always` |
//! | fail-over, by sentinels or in a cluster | what the promoted replica had not received yet: usually milliseconds | for what was lost | `min-replicas-to-write` bounds it; nothing in Redis excludes it |
//! | a master is cut off from the majority | what it accepts until it notices: up to `cluster-node-timeout`, or for as long as clients reach it without sentinels | yes, one on each side | `min-replicas-to-write 1` and a short `min-replicas-max-lag` |
//! | memory runs out | `noeviction`: nothing, writes fail; `volatile-*`: what has a retention; `allkeys-*`: anything | for what was lost | `maxmemory-policy`; what could drop assignments is refused unless `?evictable=accepted` |
//!
//! Repeating a claim after any of these is safe: it joins what the servers then hold.
//!
//! A read or a claim is one round trip per node, a claim of FME two if it changes something: reads ask the master, so that nothing acknowledged is missed. All of
//! a user is one hash, beside an index of users for scans. The index costs a sorted-set member per user (about 100
//! bytes and the id) and one `ZADD` when a user comes first; claims that only change what is held do not touch it.
//! With a retention, an index entry stays until later first claims of its bucket come across it.
//!
//! Commands that Stayput needs: EVALSHA, EVAL, HGET, HMGET, HGETALL, HSET, HDEL, HLEN, PERSIST, PTTL, PEXPIREAT, EXISTS,
//! UNLINK, ZADD, ZREM, ZRANDMEMBER, ZLEXCOUNT, ZRANGEBYLEX, TIME, HELLO, at the start CONFIG GET or INFO,
//! and for near caches CLIENT TRACKING and PING, in a cluster CLUSTER SLOTS.
mod checks;
mod failure;
mod follow;
mod keys;
mod link;
mod masters;
mod place;
mod scan;
mod script;
mod strings;
mod swap;
mod target;
mod together;

use crate::{
    Assignment, AssignmentStore, BoxFuture, Changes, Claimed, Cursor, Entry, Error, ErrorKind, Key, Kind, Offer, Page,
    Result, ScanStore, Scope, StoreUrl, User, codec, distinct,
};
use failure::failed;
use keys::{Bucket, Keys, field};
use link::{Ask, Deadline, Link, Repeat};
use place::{Place, Topology};
use redis::{Cmd, Value, cmd};
use scan::{Found, moment, place_of};
use script::{Call, Code, Scripts, Words, strange, tell_offer};
use std::{
    slice,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use swap::Placed;
use together::Together;

pub use strings::{RedisStrings, StringsPage};

const STORE: &str = "redis";

/// A client of one server, of a master behind sentinels, or of a cluster.
#[derive(Debug)]
pub struct Redis {
    place: Arc<Place>,
    link: Link,
    keys: Keys,
    scripts: Scripts,
    claims: Together,
    /// Whether something that expires was ever read: then reads ask for the time in the same round trip.
    expires: AtomicBool,
}

impl Redis {
    /// Connects to the servers that `url` names, and makes sure that they can keep assignments; `expires` says whether
    /// a retention will be asked of them.
    ///
    /// `redis://`, `redis+cluster://` and `redis+sentinel://`, or with TLS `rediss://` and so on. User and password
    /// stand before the hosts. Options: `prefix`, `timeout` for one operation (2s), `connect` for one connection (1s),
    /// `db`, `ca`, `cert` and `key` (PEM files), `sentinel-user`, `sentinel-password`, `evictable=accepted`.
    pub async fn open(mut url: StoreUrl, expires: bool) -> Result<Self> {
        let place = Place::parse(&mut url)?;
        let link = Link::new(&place)?;
        checks::check(&link, &place, expires).await?;
        let (keys, scripts) = (Keys::new(place.prefix.clone()), Scripts::new());
        let claims = Together::new(link.clone(), Code::claim(), place.topology == Topology::Cluster);
        Ok(Self { place: Arc::new(place), link, keys, scripts, claims, expires: AtomicBool::new(expires) })
    }

    /// What anybody changes from now on. Expiry and what the server throws away to make room count as changes.
    pub fn changes(&self) -> Changes {
        follow::follow(&self.place, &self.keys)
    }

    /// One HGET, for as long as nothing was read that expires.
    async fn read_one(&self, key: &Key, deadline: Deadline) -> Result<Vec<Option<Assignment>>> {
        let mut command = Cmd::with_capacity(3, 128);
        command.arg("HGET").arg(self.keys.user(key.user())).arg(field(key));
        let value = self.link.ask_one(Bucket::of(key.user()), &command, Repeat::Once, deadline).await?;
        let held = bytes(sound(value)?)?.map(|value| codec::decode(STORE, &value)).transpose()?;
        if held.as_ref().is_some_and(|held| held.expires_at.is_some()) {
            return self.read(slice::from_ref(key), deadline).await;
        }
        Ok(vec![held])
    }
    /// One HGET or HMGET for keys of one user. What expires is judged by the server's clock, which is asked only if it
    /// matters.
    async fn read(&self, keys: &[Key], deadline: Deadline) -> Result<Vec<Option<Assignment>>> {
        let ask_time = self.expires.load(Ordering::Relaxed);
        let users: Vec<&[Key]> = keys.chunk_by(|one, other| one.user() == other.user()).collect();
        let ask = |keys: &&[Key]| {
            let [key, ..] = keys else { return Ask { bucket: Bucket(0), commands: Vec::new() } };
            let mut values = Cmd::with_capacity(2 + keys.len(), 64 * (1 + keys.len()));
            values.arg(if keys.len() == 1 { "HGET" } else { "HMGET" }).arg(self.keys.user(key.user()));
            for key in *keys {
                values.arg(field(key));
            }
            let commands = if ask_time { vec![values, cmd("TIME")] } else { vec![values] };
            Ask { bucket: Bucket::of(key.user()), commands }
        };
        let asks: Vec<Ask> = users.iter().map(ask).collect();
        let answers = self.link.ask(&asks, Repeat::Once, deadline).await?;
        let mut all = Vec::with_capacity(keys.len());
        for ((keys, ask), answers) in users.iter().zip(&asks).zip(answers) {
            let mut answers = answers.into_iter();
            let values = sound(answers.next().unwrap_or_default())?;
            let values = if keys.len() == 1 { vec![values] } else { list(values)? };
            let mut now = answers.next().map(moment).transpose()?;
            if values.len() != keys.len() {
                return Err(strange());
            }
            for value in values {
                let held = bytes(value)?.map(|value| codec::decode(STORE, &value)).transpose()?;
                if now.is_none() && held.as_ref().is_some_and(|held| held.expires_at.is_some()) {
                    self.expires.store(true, Ordering::Relaxed);
                    let ask = [Ask { bucket: ask.bucket, commands: vec![cmd("TIME")] }];
                    let answer = self.link.ask(&ask, Repeat::Once, deadline).await?;
                    now = Some(moment(first(answer.into_iter().next().unwrap_or_default())?)?);
                }
                all.push(held.filter(|held| now.is_none_or(|now| held.is_live(now))));
            }
        }
        Ok(all)
    }
}

impl Redis {
    /// Joins an offer of a classic campaign with what is held.
    async fn claim_one(&self, offer: &Offer, deadline: Deadline) -> Result<Vec<Claimed>> {
        let call = Call::of(&self.keys, &offer.key, |to| tell_offer(offer, to));
        let answer = self.claims.run_one(call, deadline).await?;
        Ok(vec![offer.answer(held_after(sole(answer))?)])
    }
    /// Joins each of `offers`, of classic campaigns, with what is held.
    async fn claim_by_script(&self, offers: Vec<Placed<'_>>, deadline: Deadline) -> Result<Vec<(usize, Claimed)>> {
        let tell = |number: usize, to: &mut Words| {
            if let Some((_, offer)) = offers.get(number) {
                tell_offer(offer, to);
            }
        };
        let calls = Call::grouped(&self.keys, offers.iter().map(|(_, offer)| &offer.key), tell);
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let answers = self.claims.run(&calls, deadline).await?;
        let mut claimed = Vec::with_capacity(offers.len());
        for (call, answer) in calls.iter().zip(answers) {
            // What was decided at a glance is answered bare.
            let values = match answer {
                Value::Array(values) => values,
                value => vec![value],
            };
            for (number, value) in call.places.iter().zip(values) {
                if let Some((place, offer)) = offers.get(*number) {
                    claimed.push((*place, offer.answer(held_after(value)?)));
                }
            }
        }
        Ok(claimed)
    }
}

#[deny(clippy::missing_trait_methods)]
impl AssignmentStore for Redis {
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Assignment>>>> {
        Box::pin(async move {
            match keys {
                [] => Ok(Vec::new()),
                [key] if !self.expires.load(Ordering::Relaxed) => self.read_one(key, self.link.deadline()).await,
                keys => self.read(keys, self.link.deadline()).await,
            }
        })
    }
    fn claim<'a>(&'a self, offers: &'a [Offer]) -> BoxFuture<'a, Result<Vec<Claimed>>> {
        Box::pin(async move {
            let deadline = self.link.deadline();
            if let [offer] = offers
                && offer.key.kind() == Kind::Classic
            {
                return self.claim_one(offer, deadline).await;
            }
            distinct(offers.iter().map(|offer| &offer.key))?;
            let placed = offers.iter().enumerate();
            let (scripted, others): (Vec<Placed<'_>>, Vec<_>) =
                placed.partition(|(_, offer)| offer.key.kind() == Kind::Classic);
            let mut claimed: Vec<Option<Claimed>> = vec![None; offers.len()];
            let answers = self.claim_by_script(scripted, deadline).await?;
            for (place, answer) in answers.into_iter().chain(self.claim_by_swapping(others, deadline).await?) {
                if let Some(claimed) = claimed.get_mut(place) {
                    *claimed = Some(answer);
                }
            }
            claimed.into_iter().map(|claimed| claimed.ok_or_else(strange)).collect()
        })
    }
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            distinct(entries.iter().map(|entry| &entry.key))?;
            let tell = |place: usize, to: &mut Words| {
                if let Some(Entry { assignment, .. }) = entries.get(place) {
                    to.push(&codec::encode(assignment));
                    let ends = assignment.expires_at.map(|end| end.as_millis().to_string());
                    to.push(ends.unwrap_or_default().as_bytes());
                }
            };
            let calls = Call::grouped(&self.keys, entries.iter().map(|entry| &entry.key), tell);
            // Never again: a claim may have come in between, and would be undone.
            self.scripts.put.run(&self.link, &calls, Repeat::Never, self.link.deadline()).await.map(drop)
        })
    }
    fn remove<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            distinct(keys)?;
            let calls = Call::grouped(&self.keys, keys, |_, _| {});
            self.scripts.remove.run(&self.link, &calls, Repeat::Never, self.link.deadline()).await.map(drop)
        })
    }
    /// Nothing is kept back here; see the table above for what the servers keep back.
    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

#[deny(clippy::missing_trait_methods)]
impl ScanStore for Redis {
    fn user<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<Vec<Entry>>> {
        Box::pin(async move {
            let found = self.everything(&[place_of(user)], self.link.deadline()).await?;
            let entry = |Found { held, .. }: Found| held.map_err(|why| Error::new(ErrorKind::Corrupt, STORE, why.why));
            found.into_iter().flatten().map(entry).collect()
        })
    }
    fn erase<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let calls = [Call::whole(&self.keys, user)];
            let answers = self.scripts.remove.run(&self.link, &calls, Repeat::Never, self.link.deadline()).await?;
            match answers.first() {
                Some(Value::Int(erased)) => Ok(erased.unsigned_abs()),
                _ => Err(strange()),
            }
        })
    }
    fn scan<'a>(
        &'a self,
        scope: Option<&'a Scope>,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page>> {
        Box::pin(self.page(scope, after, limit))
    }
}

/// The answer about one offer: what was decided at a glance is answered bare.
fn sole(answer: Value) -> Value {
    match answer {
        Value::Array(answers) => answers.into_iter().next().unwrap_or_default(),
        answer => answer,
    }
}
/// What a claim says is held.
fn held_after(answer: Value) -> Result<Option<Assignment>> {
    let Some(value) = bytes(answer)? else { return Ok(None) };
    match value.strip_prefix(&[0]) {
        None => codec::decode(STORE, &value).map(Some),
        Some(unreadable) => match codec::decode(STORE, unreadable) {
            Err(error) => Err(error),
            Ok(_) => Err(Error::new(ErrorKind::Corrupt, STORE, "a stored assignment is damaged and cannot be read")),
        },
    }
}

fn first(answers: Vec<Value>) -> Result<Value> {
    sound(answers.into_iter().next().unwrap_or_default())
}
fn sound(answer: Value) -> Result<Value> {
    answer.extract_error().map_err(failed)
}
fn list(answer: Value) -> Result<Vec<Value>> {
    match answer {
        Value::Array(parts) => Ok(parts),
        Value::Map(pairs) => Ok(pairs.into_iter().flat_map(|(name, value)| [name, value]).collect()),
        _ => Err(strange()),
    }
}
fn bytes(answer: Value) -> Result<Option<Vec<u8>>> {
    match answer {
        Value::Nil | Value::Boolean(false) => Ok(None),
        Value::BulkString(bytes) => Ok(Some(bytes)),
        _ => Err(strange()),
    }
}
