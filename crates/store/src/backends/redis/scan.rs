//! Enumeration: the buckets one after the other, in each its index of users in byte order, of each user everything.
//!
//! `SCAN` would need no index. But it may repeat what it has said, and a cursor of one server means nothing to the
//! replica that takes over, so that nobody could promise each assignment exactly once.
use super::{
    Redis, bytes,
    keys::{BUCKETS, Bucket, key},
    link::{Ask, Deadline, Repeat},
    list,
    script::strange,
};
use crate::{Cursor, Entry, Error, ErrorKind, Key, Page, Result, Scope, Timestamp, Unreadable, User, codec};
use redis::{Cmd, cmd};
use std::{collections::VecDeque, sync::atomic::Ordering};

/// So many buckets are looked at in one round trip for any users at all.
const WINDOW: u16 = 512;
/// The assignments of so many users are fetched in one round trip.
const USERS: usize = 64;

/// Where a scan stands: behind this user's campaign, if a user is named.
#[derive(Debug)]
struct Position {
    bucket: Bucket,
    member: Vec<u8>,
    field: Vec<u8>,
}

impl Redis {
    /// Everything of one user, or what is wrong with it, in key order; expired assignments are left out.
    pub(super) async fn everything(&self, of: &[(Bucket, Vec<u8>)], deadline: Deadline) -> Result<Vec<Vec<Found>>> {
        loop {
            let ask_time = self.expires.load(Ordering::Relaxed);
            let ask = |(bucket, member): &(Bucket, Vec<u8>)| {
                let mut all = cmd("HGETALL");
                all.arg(self.keys.member(*bucket, member));
                let commands = if ask_time { vec![all, cmd("TIME")] } else { vec![all] };
                Ask { bucket: *bucket, commands }
            };
            let asks: Vec<Ask> = of.iter().map(ask).collect();
            let answers = self.link.ask(&asks, Repeat::Once, deadline).await?;
            let found = answers.into_iter().zip(of).map(|(answers, (_, member))| found(answers, member));
            let found = found.collect::<Result<Vec<_>>>()?;
            let expires = |found: &Found| found.held.as_ref().is_ok_and(|held| held.assignment.expires_at.is_some());
            if ask_time || !found.iter().flatten().any(expires) {
                return Ok(found);
            }
            self.expires.store(true, Ordering::Relaxed); // once: from now on the time is asked for
        }
    }

    /// Looks at one window of buckets: bounded work, whatever is held.
    pub(super) async fn page(&self, scope: Option<&Scope>, after: Option<&Cursor>, limit: usize) -> Result<Page> {
        let (limit, deadline) = (limit.max(1), self.link.deadline());
        let mut position = after.map_or_else(|| Ok(Position::first(0)), Position::read)?;
        let mut page = Page::default();
        let until = BUCKETS.min(position.bucket.0.saturating_add(WINDOW));
        let mut inhabited = self.inhabited(&position, until, scope, deadline).await?;
        while !inhabited.is_empty() {
            let users = self.users(&position, &mut inhabited, scope, deadline).await?;
            for ((bucket, member), found) in users.iter().zip(self.everything(&users, deadline).await?) {
                for Found { field, held } in found {
                    if position.is_behind(*bucket, member, &field) {
                        continue;
                    }
                    if page.entries.len() == limit {
                        page.next = Some(position.write());
                        return Ok(page);
                    }
                    position = Position { bucket: *bucket, member: member.clone(), field };
                    match held {
                        Ok(entry) => page.entries.push(entry),
                        Err(unreadable) => page.unreadable.push(unreadable),
                    }
                }
                position = Position { bucket: *bucket, member: member.clone(), field: vec![u8::MAX] }; // all campaigns
            }
        }
        page.next = (until < BUCKETS).then(|| Position::first(until).write());
        Ok(page)
    }

    /// The buckets from `position` on that have users of `scope` at or behind it, and how many.
    async fn inhabited(
        &self,
        position: &Position,
        until: u16,
        scope: Option<&Scope>,
        deadline: Deadline,
    ) -> Result<VecDeque<(Bucket, usize)>> {
        let ask = |bucket| {
            let mut count = cmd("ZLEXCOUNT");
            self.range(&mut count, bucket, position, scope);
            Ask { bucket, commands: vec![count] }
        };
        let asks: Vec<Ask> = (position.bucket.0..until).map(Bucket).map(ask).collect();
        let answers = self.link.ask(&asks, Repeat::Once, deadline).await?;
        let mut inhabited = VecDeque::new();
        for (ask, answers) in asks.iter().zip(answers) {
            match super::first(answers)? {
                redis::Value::Int(0) => {}
                redis::Value::Int(count) => inhabited.push_back((ask.bucket, usize::try_from(count).unwrap_or(1))),
                _ => return Err(strange()),
            }
        }
        Ok(inhabited)
    }

    /// The next users from `position` on, the one that it stands in included; what is done leaves `inhabited`.
    async fn users(
        &self,
        position: &Position,
        inhabited: &mut VecDeque<(Bucket, usize)>,
        scope: Option<&Scope>,
        deadline: Deadline,
    ) -> Result<Vec<(Bucket, Vec<u8>)>> {
        let (mut asks, mut users) = (Vec::new(), 0);
        while users < USERS
            && let Some((bucket, count)) = inhabited.pop_front()
        {
            let mut range = cmd("ZRANGEBYLEX");
            self.range(&mut range, bucket, position, scope);
            range.arg("LIMIT").arg(0).arg(USERS);
            asks.push(Ask { bucket, commands: vec![range] });
            users += count;
        }
        let answers = self.link.ask(&asks, Repeat::Once, deadline).await?;
        let (mut found, mut asked) = (Vec::new(), asks.iter().zip(answers));
        while let Some((ask, answers)) = asked.next() {
            let members = list(super::first(answers)?)?;
            let has_more = members.len() == USERS;
            for member in members {
                found.push((ask.bucket, bytes(member)?.ok_or_else(strange)?));
            }
            if has_more {
                // Not only the last one can be cut short: users may have come since they were counted.
                let later: Vec<Bucket> = asked.map(|(ask, _)| ask.bucket).collect();
                later.into_iter().rev().for_each(|bucket| inhabited.push_front((bucket, USERS)));
                inhabited.push_front((ask.bucket, USERS));
                break;
            }
        }
        Ok(found)
    }

    /// Names the bucket's index, and in it the users from `position` on that belong to `scope`.
    fn range(&self, command: &mut Cmd, bucket: Bucket, position: &Position, scope: Option<&Scope>) {
        let scope = scope.map(codec::scope_prefix);
        let begin = if bucket == position.bucket { position.member.as_slice() } else { &[] };
        let begin = begin.max(scope.as_deref().unwrap_or_default());
        let from = if begin.is_empty() { b"-".to_vec() } else { [b"[", begin].concat() };
        let until = match scope {
            None => b"+".to_vec(),
            Some(mut scope) => {
                scope.pop();
                [b"(", scope.as_slice(), &[1]].concat()
            }
        };
        command.arg(self.keys.index(bucket)).arg(from).arg(until);
    }
}

/// One field of a user's hash.
#[derive(Debug)]
pub(super) struct Found {
    field: Vec<u8>,
    pub(super) held: Result<Entry, Unreadable>,
}

fn found(answers: Vec<redis::Value>, member: &[u8]) -> Result<Vec<Found>> {
    let mut answers = answers.into_iter();
    let (all, now) = (answers.next().unwrap_or_default(), answers.next().map(moment).transpose()?);
    let mut parts = list(super::sound(all)?)?.into_iter();
    let mut found = Vec::new();
    while let (Some(field), Some(value)) = (parts.next(), parts.next()) {
        let (field, value) = (bytes(field)?.ok_or_else(strange)?, bytes(value)?.ok_or_else(strange)?);
        let key = key(member, &field);
        let held = match (key, codec::decode(super::STORE, &value)) {
            (Ok(_), Ok(assignment)) if now.is_some_and(|now| !assignment.is_live(now)) => continue,
            (Ok(key), Ok(assignment)) => Ok(Entry { key, assignment }),
            (key, assignment) => Err(Unreadable { why: why(&key, assignment.err()), key: key.ok() }),
        };
        found.push(Found { field, held });
    }
    found.sort_by(|a, b| a.field.cmp(&b.field));
    Ok(found)
}

fn why(key: &Result<Key>, assignment: Option<Error>) -> String {
    let error = key.as_ref().err().or(assignment.as_ref());
    error.map(|error| error.message().to_owned()).unwrap_or_default()
}

/// What TIME answers.
pub(super) fn moment(answer: redis::Value) -> Result<Timestamp> {
    let mut parts = list(super::sound(answer)?)?.into_iter();
    let mut number = || -> Option<u64> { redis::from_redis_value(parts.next()?).ok() };
    let (seconds, micros) = (number().ok_or_else(strange)?, number().ok_or_else(strange)?);
    Ok(Timestamp::from_millis(seconds.saturating_mul(1_000).saturating_add(micros / 1_000)))
}

/// The place of all of `user`.
pub(super) fn place_of(user: &User) -> (Bucket, Vec<u8>) {
    (Bucket::of(user), super::keys::member(user))
}

impl Position {
    fn first(bucket: u16) -> Self {
        Self { bucket: Bucket(bucket), member: Vec::new(), field: Vec::new() }
    }
    fn is_behind(&self, bucket: Bucket, member: &[u8], field: &[u8]) -> bool {
        self.bucket == bucket && self.member == member && field <= self.field.as_slice()
    }
    /// Two bytes of bucket, two of the member's length, the member, the field.
    fn write(&self) -> Cursor {
        let length = self.member.len() as u16; // a scope and a user id: some 1,200 bytes at most
        Cursor([&self.bucket.0.to_be_bytes(), &length.to_be_bytes(), self.member.as_slice(), &self.field].concat())
    }
    fn read(cursor: &Cursor) -> Result<Self> {
        let parse = |bytes: &[u8]| {
            let (bucket, rest) = bytes.split_first_chunk()?;
            let (length, rest) = rest.split_first_chunk()?;
            let (member, field) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
            let bucket = Bucket(u16::from_be_bytes(*bucket));
            Some(Self { bucket, member: member.to_vec(), field: field.to_vec() })
        };
        parse(&cursor.0).ok_or_else(|| Error::new(ErrorKind::Invalid, super::STORE, "this is no cursor of this store"))
    }
}
