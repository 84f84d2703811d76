//! A settings file as it is read: each campaign is compiled as soon as it was read, so that no tree of all is built.
use super::{campaign::Campaign, check};
use crate::json::{Json, Object};
use serde::{
    Deserialize, Deserializer,
    de::{
        MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};
use std::fmt;

/// Settings, or something else.
pub(super) enum Document {
    Settings { json: Object, campaigns: Campaigns },
    Other,
}

/// What `campaigns` is.
pub(super) enum Campaigns {
    /// The campaigns and their problems, or what is wrong with the first wrong one.
    List(Result<(Vec<Campaign>, Vec<String>), String>),
    Other(Option<Json>),
}

impl Campaigns {
    fn list() -> Self {
        Self::List(Ok(Default::default()))
    }

    fn push(&mut self, json: Json) {
        let Self::List(list) = self else { return };
        let Ok((campaigns, problems)) = list else { return };
        let read = check::campaign(&json).and_then(|()| Campaign::read(json, problems));
        match read {
            Ok(campaign) => campaigns.push(campaign),
            Err(reason) => *list = Err(format!("campaigns[{}].{reason}", campaigns.len())),
        }
    }
}

impl From<&Json> for Document {
    fn from(json: &Json) -> Self {
        let Json::Object(object) = json else { return Self::Other };
        let campaigns = match object.get("campaigns") {
            Some(Json::Array(all)) => {
                let mut list = Campaigns::list();
                all.iter().for_each(|campaign| list.push(campaign.clone()));
                list
            }
            other => Campaigns::Other(other.cloned()),
        };
        let rest = object.iter().filter(|(key, _)| *key != "campaigns");
        Self::Settings { json: rest.map(|(key, value)| (key.to_owned(), value.clone())).collect(), campaigns }
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Document;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Document, A::Error> {
                let (mut rest, mut campaigns) = (Vec::new(), Campaigns::Other(None));
                while let Some(key) = fields.next_key::<String>()? {
                    match key.as_str() {
                        "campaigns" => campaigns = fields.next_value()?, // of several, the last counts
                        _ => rest.push((key, fields.next_value()?)),
                    }
                }
                Ok(Document::Settings { json: rest.into_iter().collect(), campaigns })
            }
            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Document, A::Error> {
                Json::deserialize(SeqAccessDeserializer::new(items)).map(|_| Document::Other)
            }
            fn visit_unit<E>(self) -> Result<Document, E> {
                Ok(Document::Other)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Document, E> {
                Ok(Document::Other)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Document, E> {
                Ok(Document::Other)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Document, E> {
                Ok(Document::Other)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Document, E> {
                Ok(Document::Other)
            }
            fn visit_str<E>(self, _: &str) -> Result<Document, E> {
                Ok(Document::Other)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

impl<'de> Deserialize<'de> for Campaigns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Campaigns;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Campaigns, A::Error> {
                let mut list = Campaigns::list();
                while let Some(campaign) = items.next_element::<Json>()? {
                    list.push(campaign);
                }
                Ok(list)
            }
            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Campaigns, A::Error> {
                Json::deserialize(MapAccessDeserializer::new(fields)).map(other)
            }
            fn visit_unit<E>(self) -> Result<Campaigns, E> {
                Ok(other(Json::Null))
            }
            fn visit_bool<E>(self, truth: bool) -> Result<Campaigns, E> {
                Ok(other(truth.into()))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Campaigns, E> {
                Ok(other((number as f64).into()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Campaigns, E> {
                Ok(other((number as f64).into()))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Campaigns, E> {
                Ok(other(number.into()))
            }
            fn visit_str<E>(self, text: &str) -> Result<Campaigns, E> {
                Ok(other(text.into()))
            }
        }
        fn other(json: Json) -> Campaigns {
            Campaigns::Other(Some(json))
        }
        deserializer.deserialize_any(Reader)
    }
}
