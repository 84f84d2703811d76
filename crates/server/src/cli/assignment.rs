//! `get` and `set`: one assignment.
use super::{Ended, Place, Result, kind, print};
use crate::{
    answer::rfc3339,
    claiming::{self, Wish},
};
use clap::Args;
use serde_json::{Map, Value};
use stayput::{Assignment, AssignmentStoreExt, Clock, Error, Key, Kind, Outcome, Record, SystemClock};

/// `get USER CAMPAIGN`
#[derive(Debug, Args)]
pub struct Get {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    place: Place,
    /// Print JSON, as over HTTP
    #[arg(long)]
    json: bool,
}

/// `set USER CAMPAIGN VARIATION`
#[derive(Debug, Args)]
pub struct Set {
    #[command(flatten)]
    named: Named,
    /// The variation to claim; in FME a decision such as rollout:1:2+experiment:3:4, or none
    #[arg(value_name = "VARIATION")]
    variation: String,
    /// A goal that the user reached; may be given several times
    #[arg(long = "goal", value_name = "GOAL")]
    goals: Vec<String>,
    /// The variation that may be replaced; without it the first one stays
    #[arg(long, value_name = "VARIATION")]
    over: Option<String>,
    /// metaData, as JSON
    #[arg(long, value_name = "JSON")]
    meta_data: Option<String>,
    #[command(flatten)]
    place: Place,
    /// Print JSON, as over HTTP
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Named {
    /// The userId
    #[arg(value_name = "USER")]
    user: String,
    /// The campaignKey, or the featureKey
    #[arg(value_name = "CAMPAIGN")]
    campaign: String,
    /// The family of campaigns: classic (FullStack) or fme
    #[arg(long, value_name = "KIND", default_value = "classic", value_parser = kind)]
    kind: Kind,
}

impl Named {
    fn key(&self, place: &Place) -> Result<Key> {
        Ok(Key::new(&place.scope, self.kind, &self.user, &self.campaign)?)
    }
}

impl Get {
    pub(super) async fn run(self) -> Result {
        let key = self.named.key(&self.place)?;
        let Some(held) = self.place.open().await?.get_one(&key).await? else {
            eprintln!("nothing is held for this user and campaign");
            return Ok(Ended::NothingFound);
        };
        match self.json {
            true => print::json(&Record::shown(&key, &held, Default::default()))?,
            false => print::fields(&described(key.kind(), &held))?,
        }
        Ok(Ended::Done)
    }
}

impl Set {
    pub(super) async fn run(self) -> Result {
        let key = self.named.key(&self.place)?;
        let offer = self.wish()?.offer(key, SystemClock.now())?;
        let store = self.place.open().await?;
        let claimed = store.claim_one(&offer).await?;
        store.flush().await?;
        if self.json {
            print::json(&claiming::answer(&offer.key, &claimed))?;
            return Ok(Ended::Done);
        }
        let mut fields = vec![("outcome", claimed.outcome.name().to_owned())];
        if !self.goals.is_empty() {
            let new: Vec<&str> = claimed.new_goals.iter().map(|goal| goal.as_str()).collect();
            let shown = match claimed.outcome {
                Outcome::Spooled => "not known yet".into(),
                _ if new.is_empty() => "none".into(),
                _ => new.join(", "),
            };
            let name = match self.named.kind {
                Kind::Classic => "new goals",
                Kind::Fme => "new holdouts",
            };
            fields.push((name, shown));
        }
        fields.extend(claimed.held.iter().flat_map(|held| described(offer.key.kind(), held)));
        print::fields(&fields)?;
        Ok(Ended::Done)
    }

    /// The same record that would come over HTTP, so that both ways store the same.
    fn wish(&self) -> Result<Wish> {
        let mut fields = Map::new();
        fields.insert("variationName".into(), self.variation.clone().into());
        if !self.goals.is_empty() {
            fields.insert("goalIdentifier".into(), self.goals.join("_vwo_").into());
        }
        if let Some(over) = &self.over {
            fields.insert("over".into(), over.clone().into());
        }
        if let Some(text) = &self.meta_data {
            let value: Value = serde_json::from_str(text)
                .map_err(|error| Error::invalid("metaData", format!("--meta-data is not JSON: {error}")))?;
            fields.insert("metaData".into(), value);
        }
        Ok(Wish::parse(self.named.kind, fields)?)
    }
}

fn described(kind: Kind, held: &Assignment) -> Vec<(&'static str, String)> {
    let [variation, goals] = match kind {
        Kind::Classic => ["variation", "goals"],
        Kind::Fme => ["decision", "holdouts"],
    };
    let mut fields = vec![(variation, held.variation.to_string()), (goals, print::goals(held))];
    fields.extend(held.meta_data.iter().map(|meta_data| ("metaData", meta_data.document.as_str().to_owned())));
    fields.extend(held.extra.iter().map(|extra| ("more", extra.as_str().to_owned())));
    fields.push(("assigned", rfc3339(held.assigned_at)));
    fields.push(("changed", rfc3339(held.changed_at)));
    fields.push(("expires", held.expires_at.map_or_else(|| "never".into(), rfc3339)));
    fields
}
