//! The scripts that make a write atomic in one round trip, and how an offer is told to them.
use super::{
    STORE,
    failure::{failed, is_no_script},
    keys::{Bucket, Keys, field},
    link::{Ask, Deadline, Link, Repeat},
};
use crate::{
    Assignment, Error, ErrorKind, Goals, Key, MetaData, Offer, Result, Timestamp, Unknown, User, codec, limits,
};
use redis::{Cmd, Script, Value};
use std::{collections::HashSet, iter, time::Duration};

/// What Stayput does inside the server.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) swap: Code,
    pub(super) put: Code,
    pub(super) remove: Code,
}

/// A script, and the hash by which a server that has seen it knows it.
#[derive(Debug)]
pub(super) struct Code {
    text: String,
    hash: String,
}

/// What one call of a script is about: users of one bucket, or of many where there are no slots, and arguments about
/// them.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) bucket: Bucket,
    keys: Words,
    arguments: Words,
    /// Which of the caller's questions it is about, in order.
    pub(super) places: Vec<usize>,
}

/// Arguments, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Words {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            swap: Code::new(concat!(include_str!("hold.lua"), include_str!("swap.lua"))),
            put: Code::new(concat!(include_str!("hold.lua"), include_str!("put.lua"))),
            remove: Code::new(include_str!("remove.lua")),
        }
    }
}

impl Code {
    /// The rule: joins offers with what is held.
    pub(super) fn claim() -> Self {
        Self::new(concat!(include_str!("quick.lua"), include_str!("hold.lua"), include_str!("claim.lua")))
    }
    fn new(text: &str) -> Self {
        let text = text.replace("$GOALS", &limits::GOALS.to_string());
        let text = text.replace("$LAST", &Timestamp::MAX.as_millis().to_string());
        Self { hash: Script::new(&text).get_hash().to_owned(), text }
    }
    /// Runs it once; a server that does not know it is told the whole text.
    pub(super) async fn run_one(&self, link: &Link, call: &Call, repeat: Repeat, deadline: Deadline) -> Result<Value> {
        let known = call.command("EVALSHA", &self.hash);
        match link.ask_one(call.bucket, &known, repeat, deadline).await?.extract_error() {
            Err(error) if is_no_script(&error) => {
                let told = call.command("EVAL", &self.text);
                link.ask_one(call.bucket, &told, repeat, deadline).await?.extract_error().map_err(failed)
            }
            answer => answer.map_err(failed),
        }
    }
    /// Runs it once for each of `calls`; a server that does not know it is told the whole text.
    pub(super) async fn run(
        &self,
        link: &Link,
        calls: &[Call],
        repeat: Repeat,
        deadline: Deadline,
    ) -> Result<Vec<Value>> {
        let known: Vec<Ask> = calls.iter().map(|call| call.ask("EVALSHA", &self.hash)).collect();
        let answers = link.ask(&known, repeat, deadline).await?;
        let mut answers: Vec<_> = answers.into_iter().map(sole).collect();
        let is_unknown = |answer: &Result<Value, redis::RedisError>| answer.as_ref().is_err_and(is_no_script);
        let unknown: Vec<usize> = answers.iter().enumerate().filter(|(_, a)| is_unknown(a)).map(|(i, _)| i).collect();
        if !unknown.is_empty() {
            let told = unknown.iter().filter_map(|i| calls.get(*i)).map(|call| call.ask("EVAL", &self.text));
            let again = link.ask(&told.collect::<Vec<_>>(), repeat, deadline).await?;
            for (i, answer) in unknown.into_iter().zip(again) {
                if let Some(place) = answers.get_mut(i) {
                    *place = sole(answer);
                }
            }
        }
        answers.into_iter().map(|answer| answer.map_err(failed)).collect()
    }
}

impl Call {
    /// One call for each bucket that `keys` live in.
    pub(super) fn grouped<'a>(
        spelling: &Keys,
        keys: impl IntoIterator<Item = &'a Key>,
        mut tell: impl FnMut(usize, &mut Words),
    ) -> Vec<Self> {
        let keys = keys.into_iter().enumerate();
        let mut keys: Vec<_> = keys.map(|(place, key)| (Bucket::of(key.user()), place, key)).collect();
        keys.sort_by_key(|(bucket, place, _)| (*bucket, *place));
        let call = |keys: &[(Bucket, usize, &'a Key)]| {
            let bucket = keys.first().map_or(Bucket(0), |(bucket, ..)| *bucket);
            let (mut call, mut last) = (Self::new(bucket), None);
            for (_, place, key) in keys {
                call.about(spelling, key.user(), last);
                last = Some(key.user());
                call.arguments.push(&field(key));
                tell(*place, &mut call.arguments);
                call.places.push(*place);
            }
            call
        };
        keys.chunk_by(|(one, ..), (other, ..)| one == other).map(call).collect()
    }
    /// A call about one key.
    pub(super) fn of(spelling: &Keys, key: &Key, tell: impl FnOnce(&mut Words)) -> Self {
        let mut call = Self::new(Bucket::of(key.user()));
        call.about(spelling, key.user(), None);
        call.arguments.push(&field(key));
        tell(&mut call.arguments);
        call
    }
    /// A call about everything of `user`.
    pub(super) fn whole(spelling: &Keys, user: &User) -> Self {
        let mut call = Self::new(Bucket::of(user));
        call.about(spelling, user, None);
        call.arguments.push(b"");
        call
    }
    /// One call for all that `calls` are about, in their order.
    pub(super) fn united<'a>(calls: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut all = Self::new(Bucket(0));
        for call in calls {
            all.keys.append(&call.keys);
            all.arguments.append(&call.arguments);
        }
        all
    }
    fn new(bucket: Bucket) -> Self {
        Self { bucket, keys: Words::default(), arguments: Words::default(), places: Vec::new() }
    }
    /// The next arguments are about `user`; those before were about `last`.
    fn about(&mut self, spelling: &Keys, user: &User, last: Option<&User>) {
        if last == Some(user) {
            return self.arguments.push(b"0");
        }
        self.keys.push(&spelling.index(self.bucket));
        self.keys.push(&spelling.user(user));
        self.arguments.push(b"2");
    }
    fn ask(&self, verb: &str, script: &str) -> Ask {
        Ask { bucket: self.bucket, commands: vec![self.command(verb, script)] }
    }
    fn command(&self, verb: &str, script: &str) -> Cmd {
        let size = script.len() + self.keys.bytes.len() + self.arguments.bytes.len();
        let mut command = Cmd::with_capacity(3 + self.keys.len() + self.arguments.len(), size + 16);
        command.arg(verb).arg(script).arg(self.keys.len());
        for word in self.keys.iter().chain(self.arguments.iter()) {
            command.arg(word);
        }
        command
    }
}

impl Words {
    pub(super) fn push(&mut self, word: &[u8]) {
        self.bytes.extend_from_slice(word);
        self.ends.push(self.bytes.len());
    }
    fn append(&mut self, words: &Self) {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(&words.bytes);
        self.ends.extend(words.ends.iter().map(|end| begin + end));
    }
    fn number(&mut self, number: u64) {
        self.push(number.to_string().as_bytes());
    }
    fn len(&self) -> usize {
        self.ends.len()
    }
    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let begins = iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| self.bytes.get(begin..*end).unwrap_or_default())
    }
}

/// What `claim.lua` takes from its arguments for one offer, after user and field: the claim id, what the offer creates
/// but for its times, what few offers have, and the goals.
pub(super) fn tell_offer(offer: &Offer, to: &mut Words) {
    to.push(&offer.claim.0.to_le_bytes());
    to.push(&created(offer).unwrap_or_default());
    to.push(&rare(offer));
    if let [] | [_] = offer.goals.as_slice() {
        to.number(offer.goals.len() as u64);
        return offer.goals.iter().for_each(|goal| to.push(goal.as_bytes()));
    }
    // At most so many can be held already and so many more find room; what comes behind changes nothing.
    let mut distinct = HashSet::new();
    let goals = offer.goals.iter().filter(|goal| distinct.insert(*goal)).take(2 * limits::GOALS);
    let goals: Vec<_> = goals.collect();
    to.number(goals.len() as u64);
    goals.into_iter().for_each(|goal| to.push(goal.as_bytes()));
}

/// The bytes of what `offer` creates. It changed at the beginning of time and never ends: the script knows better.
fn created(offer: &Offer) -> Option<Vec<u8>> {
    let mut goals = Goals::default();
    goals.bring(&offer.goals, offer.claim);
    let document = offer.meta_data.clone();
    Some(codec::encode(&Assignment {
        variation: offer.variation.clone()?,
        by: offer.claim,
        replaced: None,
        goals,
        meta_data: document.map(|document| MetaData { document, at: offer.decided_at }),
        extra: offer.extra.clone(),
        assigned_at: offer.decided_at,
        changed_at: Timestamp::default(),
        expires_at: None,
        revision: 1,
        epoch: offer.epoch,
        unknown: Unknown::default(),
    }))
}

/// Nothing, or: the epoch, what follows, how long it lasts, below which rest that is renewed, when an import changed
/// and ends, and whom it may replace: by whom that was put there, and its name. Numbers are little-endian.
fn rare(offer: &Offer) -> Vec<u8> {
    let over = offer.over.as_ref();
    let by = over.and_then(|over| over.by);
    let imported_end = offer.imported.and_then(|imported| imported.expires_at);
    let has = [
        offer.lasts.is_some(),
        offer.imported.is_some(),
        imported_end.is_some(),
        over.is_some(),
        by.is_some(),
        offer.meta_data.is_some(),
    ];
    let flags = has.iter().rev().fold(0, |flags, has| flags << 1 | u8::from(*has));
    if flags == 0 && offer.epoch == 0 {
        return Vec::new();
    }
    let lasts = offer.lasts.unwrap_or_default();
    let mut bytes = offer.epoch.to_le_bytes().to_vec();
    bytes.push(flags);
    let numbers = [
        Timestamp::default().plus(lasts).as_millis(),
        millis_rounded_up(lasts / 2),
        offer.imported.map_or(0, |imported| imported.changed_at.as_millis()),
        imported_end.map_or(0, Timestamp::as_millis),
        by.map_or(0, |by| by.0),
    ];
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    bytes.extend_from_slice(over.map(|over| over.variation.as_bytes()).unwrap_or_default());
    bytes
}

/// The whole milliseconds that are less than `duration` are those less than this.
fn millis_rounded_up(duration: Duration) -> u64 {
    let up = u64::from(!duration.subsec_nanos().is_multiple_of(1_000_000));
    Timestamp::default().plus(duration).as_millis() + up
}

fn sole(answers: Vec<Value>) -> Result<Value, redis::RedisError> {
    answers.into_iter().next().unwrap_or_default().extract_error()
}

/// An answer that no server gives.
pub(super) fn strange() -> Error {
    Error::new(ErrorKind::Unavailable, STORE, "what answers does not speak as Redis does")
}
