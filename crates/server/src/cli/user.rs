//! `user` and `forget`: everything about one user.
use super::{Ended, Place, Result, kind, print};
use crate::{answer::rfc3339, routes::user};
use clap::Args;
use stayput::{Clock, Entry, Kind, SystemClock, User};

/// `user USER`
#[derive(Debug, Args)]
pub struct Show {
    /// The userId
    #[arg(value_name = "USER")]
    user: String,
    /// The family of campaigns: classic (FullStack) or fme
    #[arg(long, value_name = "KIND", default_value = "classic", value_parser = kind)]
    kind: Kind,
    #[command(flatten)]
    place: Place,
    /// Print JSON, as over HTTP
    #[arg(long)]
    json: bool,
}

/// `forget USER`
#[derive(Debug, Args)]
pub struct Forget {
    /// The userId
    #[arg(value_name = "USER")]
    user: String,
    #[command(flatten)]
    place: Place,
    /// Print the receipt as JSON, as over HTTP
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(super) async fn run(self) -> Result {
        let user = User::new(&self.place.scope, &self.user)?;
        let entries = self.place.open().await?.user(&user).await?;
        if self.json {
            print::json(&user::shown(&user, self.kind, &entries))?;
        }
        let rows: Vec<_> = entries.iter().filter(|entry| entry.key.kind() == self.kind).map(row).collect();
        if rows.is_empty() {
            eprintln!("nothing is held about this user in {} campaigns", self.kind.name());
            return Ok(Ended::NothingFound);
        }
        if !self.json {
            print::table(head(self.kind), &rows)?;
        }
        Ok(Ended::Done)
    }
}

impl Forget {
    pub(super) async fn run(self) -> Result {
        let user = User::new(&self.place.scope, &self.user)?;
        let store = self.place.open().await?;
        let erased = store.erase(&user).await?;
        store.flush().await?;
        match self.json {
            true => print::json(&user::receipt(&user, erased, SystemClock.now()))?,
            false => print::line(&format!("erased {} of this user", print::assignments(erased)))?,
        }
        Ok(Ended::Done)
    }
}

fn head(kind: Kind) -> [&'static str; 4] {
    match kind {
        Kind::Classic => ["CAMPAIGN", "VARIATION", "ASSIGNED", "GOALS"],
        Kind::Fme => ["FEATURE", "DECISION", "ASSIGNED", "HOLDOUTS"],
    }
}

fn row(Entry { key, assignment }: &Entry) -> [String; 4] {
    let assigned = rfc3339(assignment.assigned_at);
    [key.campaign().to_owned(), assignment.variation.to_string(), assigned, print::goals(assignment)]
}
