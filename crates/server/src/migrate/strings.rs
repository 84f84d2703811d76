//! Plain strings in Redis that hold JSON, one per user and campaign or one per user.
use super::{
    read::{Reading, has_profile, is_profile, object},
    source::{At, BATCH, Batch, Found, Position, Wrong},
    template::{Named, Template},
};
use serde_json::{Map, Value};
use stayput::{Error, Offer, Result, backends::RedisStrings};

/// All strings of one database whose keys fit a template.
#[derive(Debug)]
pub(crate) struct Strings {
    redis: RedisStrings,
    template: Template,
    reading: Reading,
    life: Option<String>,
    next: Option<u64>,
    ended: bool,
}

impl Strings {
    /// From the beginning.
    pub(crate) async fn open(redis: RedisStrings, template: Template, reading: Reading) -> Result<Self> {
        let life = redis.life().await?;
        Ok(Self { redis, template, reading, life, next: None, ended: false })
    }
    /// The next of them.
    pub(crate) async fn next(&mut self) -> Result<Option<Batch>> {
        if self.ended {
            return Ok(None);
        }
        let page = self.redis.page(self.next, BATCH).await?;
        (self.next, self.ended) = (page.next, page.next.is_none());
        let position = page.next.map(|cursor| Position::Keys { life: self.life.clone(), cursor });
        let steps = page.strings.len() as u64 + page.others;
        let mut batch = Batch { others: page.others, steps, position, ..Batch::default() };
        for (key, value) in page.strings {
            let Some(offers) = std::str::from_utf8(&key).ok().and_then(|key| self.read(key, &value)) else {
                batch.others += 1;
                continue;
            };
            for offer in offers {
                let at = At::Name(key.clone());
                match offer {
                    Ok(offer) => batch.found.push(Found { at, offer }),
                    Err(error) => batch.wrong.push(Wrong { at, why: error.to_string() }),
                }
            }
        }
        Ok(Some(batch))
    }
    /// A cursor means nothing to a server that was started again.
    pub(crate) async fn resume(&mut self, life: Option<&str>, cursor: u64) -> Result<bool> {
        let goes_on = life.is_some() && life == self.life.as_deref();
        self.next = goes_on.then_some(cursor);
        Ok(goes_on)
    }
    /// How many keys there are.
    pub(crate) async fn count(&self) -> Result<u64> {
        self.redis.count().await
    }

    /// `None` if the key is not of this layout.
    fn read(&self, key: &str, value: &[u8]) -> Option<Vec<Result<Offer>>> {
        let named = self.template.read(key);
        if named == Named::Nothing {
            return None;
        }
        Some(object(value).map_or_else(|error| vec![Err(error)], |fields| self.fields(key, &named, fields)))
    }
    fn fields(&self, key: &str, named: &Named<'_>, mut fields: Map<String, Value>) -> Vec<Result<Offer>> {
        match named {
            Named::One(user, None) if is_profile(&fields) => return self.reading.profile(user, &fields),
            Named::One(user, campaign) => {
                let user_field = if has_profile(&fields) { "user_id" } else { "userId" };
                fields.entry(user_field).or_insert_with(|| (*user).into());
                if let Some(campaign) = campaign {
                    fields.entry("campaignKey").or_insert_with(|| (*campaign).into());
                }
            }
            Named::Nothing | Named::Several => {}
        }
        let offers = self.reading.fields(fields);
        offers.into_iter().map(|offer| offer.and_then(|offer| self.of_key(offer, key))).collect()
    }
    /// A value that names somebody else than its key does is not believed.
    fn of_key(&self, offer: Offer, key: &str) -> Result<Offer> {
        match self.template.key(offer.key.user_id(), offer.key.campaign()) == key {
            true => Ok(offer),
            false => Err(Error::invalid("key", "the value names another user or campaign than its key")),
        }
    }
}
