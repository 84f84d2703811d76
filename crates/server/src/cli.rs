//! The command line: what it takes, and how a command ends.
use crate::{
    config::{Config, File, Hidden, redacted},
    decide::Decide,
    demo::Demo,
};
use clap::{Args, CommandFactory, Parser, Subcommand};
use stayput::{Error, ErrorKind, Kind, ScanStore, Scope};
use std::{error::Error as _, fmt, process::ExitCode, sync::Arc};

mod assignment;
mod bench;
mod doctor;
mod generate;
mod migrate;
pub(crate) mod print;
mod spool;
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
    Serve(Box<Config>),
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
    /// Carry every assignment from one store, or from something else that kept them, to another store
    Migrate(migrate::Migrate),
    /// Look for what is wrong, and say what to do
    Doctor(doctor::Doctor),
    /// Measure a store or a server
    Bench(bench::Bench),
    /// Show what waits for the store in a spool, and what could never be stored
    Spool(spool::Show),
    /// Write what completes this command line in a shell
    Completions(generate::Completions),
    /// Write the manual page
    Man(generate::Man),
    /// Answer calls of the SDK from standard input, to compare them with another SDK's answers
    Decide(Decide),
    /// Run an experiment that changes while it runs, with and without Stayput
    Demo(Demo),
}

/// The whole command line, as clap knows it.
pub fn command() -> clap::Command {
    let command = Arguments::command();
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    // A secret in the environment is not shown by --help.
    let quiet = |sub: clap::Command| sub.mut_args(|arg| arg.hide_env_values(true));
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, quiet))
}

/// `serve` alone: the one that has every option.
pub(crate) fn serve() -> clap::Command {
    Config::augment_args(clap::Command::new("serve"))
}

/// Which store, and whose part of it.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// The store, as a URL: file:PATH, redis://…, postgres://…, mongodb://…, memcached://…, stayput://host:port,
    /// stayput+unix:PATH, memory:
    #[arg(long, value_name = "URL", env = "STAYPUT_STORE", default_value = "file:./stayput-data")]
    pub store: Hidden,
    /// Account and environment; scopes never meet
    #[arg(long, value_name = "NAME", env = "STAYPUT_SCOPE", default_value = "default", value_parser = Scope::new)]
    pub scope: Scope,
    /// Where these and more options are.
    #[command(flatten)]
    pub file: File,
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
            Self::Migrate(migrate) => migrate.run().await,
            Self::Doctor(doctor) => doctor.run().await,
            Self::Bench(bench) => bench.run().await,
            Self::Spool(show) => show.run().await,
            Self::Completions(completions) => completions.run(),
            Self::Man(man) => man.run(),
            Self::Decide(decide) => decide.run(),
            Self::Demo(demo) => demo.run().await,
        }
    }
}

impl Place {
    /// Opens the store.
    pub async fn open(&self) -> Result<Arc<dyn ScanStore>> {
        Ok(stayput::open(self.store.reveal()).await?)
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
    /// A use that `message` corrects.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), usage: true }
    }
    /// Tells it on stderr.
    pub fn report(self) -> ExitCode {
        eprintln!("error: {}", redacted(&self.message));
        ExitCode::from(if self.usage { 2 } else { 1 })
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted(&self.message))
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
        if error.is_transient() {
            message.push_str("; check that the store runs, and that --store names it");
        }
        Self { message, usage: error.kind() == ErrorKind::Invalid }
    }
}

fn kind(name: &str) -> Result<Kind, String> {
    Kind::named(name).ok_or_else(|| "a kind is classic or fme".to_owned())
}
