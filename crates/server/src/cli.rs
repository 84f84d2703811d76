//! The command line: what it takes, and how a command ends.
use crate::logs::LevelFilter;
use clap::{Args, Parser, Subcommand};
use stayput::{Error, ErrorKind, Kind, ScanStore, Scope};
use std::{error::Error as _, process::ExitCode, sync::Arc};

mod assignment;
mod print;
mod transfer;
mod user;

/// Keeps A/B-test assignments where they are.
///
/// A variation belongs to the first writer, goals only grow. `stayput serve` answers VWO's User Storage Service over
/// HTTP; the other commands work on any store directly, or on a running server (--store stayput://127.0.0.1:7717).
#[derive(Debug, Parser)]
#[command(name = "stayput", version, max_term_width = 80, after_help = AFTER)]
pub struct Arguments {
    #[command(subcommand)]
    /// What to do.
    pub command: Command,
}

const AFTER: &str = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing found";

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer HTTP requests
    Serve(Serve),
    /// Show what is held for a user in a campaign
    Get(assignment::Get),
    /// Claim a variation, and goals, for a user in a campaign
    Set(assignment::Set),
    /// Show everything that is held about a user
    User(user::Show),
    /// Erase everything that is held about a user, of every kind
    Forget(user::Forget),
    /// Write everything of a scope as NDJSON, one assignment a line
    Export(transfer::ToLines),
    /// Read the lines of an export
    Import(transfer::FromLines),
}

/// How to serve.
#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    /// The store.
    pub place: Place,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7717")]
    pub listen: String,
    /// How much to log to stderr: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log: LevelFilter,
}

/// Which store, and whose part of it.
#[derive(Debug, Args)]
pub struct Place {
    /// The store, as a URL: file:PATH, memory:, stayput://host:port
    #[arg(long, value_name = "URL", env = "STAYPUT_STORE", default_value = "file:./stayput-data")]
    #[arg(hide_env_values = true)]
    pub store: String,
    /// Account and environment; scopes never meet
    #[arg(long, value_name = "NAME", env = "STAYPUT_SCOPE", default_value = "default", value_parser = Scope::new)]
    #[arg(hide_env_values = true)]
    pub scope: Scope,
}

/// How a command without an error ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It did what it was told.
    Done,
    /// A part of it failed, and it said so.
    Partly,
    /// There is nothing to show, and it said so.
    NothingFound,
}

/// Why a command failed, in one sentence.
#[derive(Debug)]
pub struct Failed {
    message: String,
    usage: bool,
}

/// How a command ended.
pub type Result<T = Ended, E = Failed> = std::result::Result<T, E>;

impl Command {
    /// Does everything but serve.
    pub async fn run(self) -> Result {
        match self {
            Self::Serve(_) => Err(Failed::new("serve is not run from here")),
            Self::Get(get) => get.run().await,
            Self::Set(set) => set.run().await,
            Self::User(show) => show.run().await,
            Self::Forget(forget) => forget.run().await,
            Self::Export(export) => export.run().await,
            Self::Import(import) => import.run().await,
        }
    }
}

impl Place {
    /// Opens the store.
    pub async fn open(&self) -> Result<Arc<dyn ScanStore>> {
        Ok(stayput::open(&self.store).await?)
    }
    /// The store's URL as it may be shown: without a password.
    pub fn shown(&self) -> String {
        let Some((scheme, rest)) = self.store.split_once("://") else { return self.store.clone() };
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        match authority.rsplit_once('@') {
            Some((_, host)) => format!("{scheme}://***@{host}{path}"),
            None => self.store.clone(),
        }
    }
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        Self::from(match ended {
            Ended::Done => 0,
            Ended::Partly => 1,
            Ended::NothingFound => 3,
        })
    }
}

impl Failed {
    /// A failure that `message` explains.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), usage: false }
    }
    /// Tells it on stderr.
    pub fn report(self) -> ExitCode {
        eprintln!("error: {}", self.message);
        ExitCode::from(if self.usage { 2 } else { 1 })
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        let mut message = error.to_string();
        let mut next = error.source();
        while let Some(cause) = next {
            let cause_says = cause.to_string();
            if !message.contains(&cause_says) {
                message = format!("{message}: {cause_says}");
            }
            next = cause.source();
        }
        Self { message, usage: error.kind() == ErrorKind::Invalid }
    }
}

fn kind(name: &str) -> Result<Kind, String> {
    Kind::named(name).ok_or_else(|| "a kind is classic or fme".to_owned())
}
