//! The scripts that make a write atomic in one round trip, and how an offer is told to them.
use super::{
    STORE,
    failure::{failed, is_no_script},
    keys::{Bucket, Keys, field},
    link::{Ask, Deadline, Link, Repeat},
};
use crate::{Error, ErrorKind, Key, Offer, Result, Timestamp, User, limits};
use redis::{Cmd, Script, Value};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

/// What Stayput does inside the server.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) claim: Code,
    pub(super) put: Code,
    pub(super) remove: Code,
}

/// A script, and the hash by which a server that has seen it knows it.
#[derive(Debug)]
pub(super) struct Code {
    text: String,
    hash: String,
}

/// What one call of a script is about: one bucket, users in it, and arguments about them.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) bucket: Bucket,
    users: HashMap<&'a User, usize>,
    keys: Vec<Vec<u8>>,
    arguments: Vec<Vec<u8>>,
    /// Which of the caller's questions it is about, in order.
    pub(super) places: Vec<usize>,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            claim: Code::new(concat!(include_str!("hold.lua"), include_str!("claim.lua"))),
            put: Code::new(concat!(include_str!("hold.lua"), include_str!("put.lua"))),
            remove: Code::new(include_str!("remove.lua")),
        }
    }
}

impl Code {
    fn new(text: &str) -> Self {
        let text = text.replace("$GOALS", &limits::GOALS.to_string());
        let text = text.replace("$LAST", &Timestamp::MAX.as_millis().to_string());
        Self { hash: Script::new(&text).get_hash().to_owned(), text }
    }
    /// Runs it once for each of `calls`; a server that does not know it is told the whole text.
    pub(super) async fn run(
        &self,
        link: &Link,
        calls: &[Call<'_>],
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

impl<'a> Call<'a> {
    /// One call for each bucket that `keys` live in.
    pub(super) fn grouped(
        spelling: &Keys,
        keys: impl IntoIterator<Item = &'a Key>,
        mut tell: impl FnMut(usize, &mut Vec<Vec<u8>>),
    ) -> Vec<Self> {
        let mut calls = BTreeMap::new();
        for (place, key) in keys.into_iter().enumerate() {
            let bucket = Bucket::of(key.user());
            let call = calls.entry(bucket).or_insert_with(|| Self::new(spelling, bucket));
            call.about(spelling, key.user());
            call.arguments.push(field(key));
            tell(place, &mut call.arguments);
            call.places.push(place);
        }
        calls.into_values().collect()
    }
    /// A call about everything of `user`.
    pub(super) fn whole(spelling: &Keys, user: &'a User) -> Self {
        let mut call = Self::new(spelling, Bucket::of(user));
        call.about(spelling, user);
        call.arguments.push(Vec::new());
        call
    }
    fn new(spelling: &Keys, bucket: Bucket) -> Self {
        let keys = vec![spelling.index(bucket)];
        Self { bucket, users: HashMap::new(), keys, arguments: Vec::new(), places: Vec::new() }
    }
    /// The next arguments are about `user`.
    fn about(&mut self, spelling: &Keys, user: &'a User) {
        let number = *self.users.entry(user).or_insert_with(|| {
            self.keys.push(spelling.user(user));
            self.keys.len()
        });
        self.arguments.push(number.to_string().into_bytes());
    }
    fn ask(&self, verb: &str, script: &str) -> Ask {
        let mut command = Cmd::new();
        command.arg(verb).arg(script).arg(self.keys.len()).arg(&self.keys).arg(&self.arguments);
        Ask { bucket: self.bucket, commands: vec![command] }
    }
}

/// What `claim.lua` takes from its arguments for one offer, after user and field.
pub(super) fn tell_offer(offer: &Offer, to: &mut Vec<Vec<u8>>) {
    let text = |text: Option<&str>| text.unwrap_or_default().as_bytes().to_vec();
    let number = |number: Option<u64>| number.map(|number| number.to_string().into_bytes()).unwrap_or_default();
    let moment = |time: Option<Timestamp>| number(time.map(Timestamp::as_millis));
    let over = offer.over.as_ref();
    to.push(offer.claim.0.to_le_bytes().to_vec());
    to.push(number(Some(offer.epoch.into())));
    to.push(text(offer.variation.as_deref()));
    to.push(text(over.map(|over| &*over.variation)));
    to.push(over.and_then(|over| over.by).map(|by| by.0.to_le_bytes().to_vec()).unwrap_or_default());
    to.push(text(offer.meta_data.as_ref().map(|document| document.as_str())));
    to.push(text(offer.extra.as_ref().map(|document| document.as_str())));
    to.push(moment(Some(offer.decided_at)));
    to.push(moment(offer.lasts.map(|lasts| Timestamp::default().plus(lasts))));
    to.push(number(offer.lasts.map(|lasts| millis_rounded_up(lasts / 2))));
    to.push(moment(offer.imported.map(|imported| imported.changed_at)));
    to.push(moment(offer.imported.and_then(|imported| imported.expires_at)));
    // At most so many can be held already and so many more find room; what comes behind changes nothing.
    let mut distinct = HashSet::new();
    let goals = offer.goals.iter().filter(|goal| distinct.insert(*goal)).take(2 * limits::GOALS);
    let goals: Vec<_> = goals.map(|goal| goal.as_bytes().to_vec()).collect();
    to.push(number(Some(goals.len() as u64)));
    to.extend(goals);
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
