//! `spool`: what waits for the store, and what could never be stored.
use super::{Ended, Failed, Result, print};
use crate::answer::rfc3339;
use clap::Args;
use serde_json::json;
use stayput::layers::{DeadLetter, SpoolFolder, SpoolOptions, SpoolQueue, SpoolStats};
use std::{path::PathBuf, sync::Arc};

/// How many dead letters are shown.
const SHOWN: usize = 1_000;

/// `spool --spool PATH`
#[derive(Debug, Args)]
pub struct Show {
    /// The folder that was given to serve; a server may be using it
    #[arg(long, value_name = "PATH", env = "STAYPUT_SPOOL", hide_env_values = true)]
    spool: PathBuf,
    /// Forget the dead letters
    #[arg(long)]
    clear_dead: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What the spool in `folder` holds, which must exist. Nothing is delivered by asking.
pub(crate) fn inspect(folder: &PathBuf) -> Result<SpoolQueue> {
    match folder.join("data.mdb").exists() {
        true => Ok(SpoolQueue::new(Arc::new(SpoolFolder::open(folder)?), SpoolOptions::default())),
        false => Err(Failed::new(format!("there is no spool in {}", folder.display()))),
    }
}

impl Show {
    pub(super) async fn run(self) -> Result {
        let queue = inspect(&self.spool)?;
        let (stats, dead) = (queue.stats()?, queue.dead_letters(SHOWN)?);
        let SpoolStats { waiting, oldest, bytes, .. } = stats;
        let oldest = oldest.map(|oldest| oldest.as_secs());
        if self.json {
            let letters: Vec<_> = dead.iter().map(letter).collect();
            let told = json!({"waiting": waiting, "oldestSeconds": oldest, "bytes": bytes, "dead": stats.dead});
            print::json(&json!({"spool": told, "deadLetters": letters}))?;
        } else {
            let oldest = oldest.map_or_else(|| "nothing waits".to_owned(), |seconds| format!("{seconds} s"));
            let fields = [
                ("waiting", waiting.to_string()),
                ("oldest", oldest),
                ("bytes", bytes.to_string()),
                ("dead letters", stats.dead.to_string()),
            ];
            print::fields(&fields)?;
            if !dead.is_empty() {
                print::table(
                    ["USER", "CAMPAIGN", "VARIATION", "SINCE", "WHY"],
                    &dead.iter().map(row).collect::<Vec<_>>(),
                )?;
            }
        }
        if self.clear_dead {
            let cleared = queue.clear_dead_letters().await?;
            eprintln!("forgot {cleared} dead letters");
        }
        Ok(Ended::Done)
    }
}

fn letter(dead: &DeadLetter) -> serde_json::Value {
    json!({"offer": dead.offer, "at": rfc3339(dead.at), "kind": dead.kind, "message": dead.message})
}
fn row(dead: &DeadLetter) -> [String; 5] {
    let (at, why) = (rfc3339(dead.at), dead.message.clone());
    match &dead.offer {
        Some(offer) => {
            let variation = offer.variation.as_ref().map_or_else(String::new, ToString::to_string);
            [offer.key.user_id().to_owned(), offer.key.campaign().to_owned(), variation, at, why]
        }
        None => [String::new(), String::new(), String::new(), at, why],
    }
}
