//! Arguments, environment and file into what was meant.
use super::{Limits, file, redacted};
use crate::cli::{self, Arguments};
use clap::{ArgMatches, Args, Command, FromArgMatches, error::ErrorKind};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// The text of each option of `serve`, by its long flag; only names of it are ever shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<String, Vec<OsString>>);

/// Reads the command line `arguments`, the environment, and the file that they name, which `load` loads. What is
/// wrong, and help, is told on the spot; the exit code is what is left to do.
pub fn read(
    arguments: &[OsString],
    load: impl Fn(&Path) -> io::Result<String>,
) -> Result<(Arguments, Settings), ExitCode> {
    let matches = layered(arguments, load).map_err(|wrong| tell(&wrong, arguments))?;
    let settings = Settings::of(&matches);
    let read = Arguments::from_arg_matches(&matches).map_err(|wrong| tell(&wrong, arguments))?;
    Ok((read, settings))
}

impl Settings {
    /// Which options differ in `other`.
    pub fn changed(&self, other: &Self) -> Vec<String> {
        let names = self.0.keys().chain(other.0.keys().filter(|name| !self.0.contains_key(*name)));
        names.filter(|name| self.0.get(*name) != other.0.get(*name)).cloned().collect()
    }
    /// Takes `option` over from `other`.
    pub fn keep(&mut self, option: &str, other: &Self) {
        if let Some(values) = other.0.get(option) {
            self.0.insert(option.to_owned(), values.clone());
        }
    }

    fn of(matches: &ArgMatches) -> Self {
        let Some(("serve", matches)) = matches.subcommand() else { return Self::default() };
        let serve = cli::serve();
        let text = |arg: &clap::Arg| {
            let values = matches.get_raw(arg.get_id().as_str())?.map(OsString::from).collect();
            Some((arg.get_long()?.to_owned(), values))
        };
        Self(file::known(&serve).filter_map(text).collect())
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The limits that nobody changed.
pub(super) fn defaults() -> Limits {
    let command = Limits::augment_args(Command::new("limits")).mut_args(|arg| arg.env(None::<&str>));
    let matches = command.no_binary_name(true).get_matches_from(Vec::<OsString>::new());
    // Only a default that its own option refuses could end this, and a test would see it.
    Limits::from_arg_matches(&matches).unwrap_or_else(|wrong| wrong.exit())
}

fn layered(arguments: &[OsString], load: impl Fn(&Path) -> io::Result<String>) -> clap::error::Result<ArgMatches> {
    let command = cli::command();
    let matches = command.clone().try_get_matches_from(arguments)?;
    // Not every command has the option.
    let path = matches.subcommand().and_then(|(_, sub)| sub.try_get_one::<PathBuf>("config").ok()?.cloned());
    let Some(path) = path else { return Ok(matches) };
    let wrong = |message: String| clap::Error::raw(ErrorKind::InvalidValue, format!("{message}\n"));
    let text = load(&path).map_err(|error| wrong(format!("cannot read {}: {error}", path.display())))?;
    let filled = file::apply(command.clone(), &cli::serve(), &path.display().to_string(), &text).map_err(wrong)?;
    filled.try_get_matches_from(arguments)
}

/// Prints what is wrong, or help, without secrets.
fn tell(wrong: &clap::Error, arguments: &[OsString]) -> ExitCode {
    if !wrong.use_stderr() {
        // Help is for people who may have closed the pipe.
        let _ = wrong.print();
        return ExitCode::SUCCESS;
    }
    let text = wrong.render().to_string();
    let mut shown = redacted(&text).into_owned();
    if let Some(variable) = variable(wrong, arguments) {
        shown = shown.replacen('\n', &format!(" (from the environment: {variable})\n"), 1);
    }
    let _ = io::stderr().lock().write_all(shown.as_bytes());
    ExitCode::from(2)
}

/// Where a wrong value came from, if no flag gave it.
fn variable(wrong: &clap::Error, arguments: &[OsString]) -> Option<String> {
    use clap::error::{ContextKind::InvalidArg, ContextValue::String};
    let String(flag) = wrong.get(InvalidArg)? else { return None };
    let flag = flag.split([' ', '=']).next()?;
    let given = arguments.iter().filter_map(|argument| argument.to_str()).any(|argument| argument.starts_with(flag));
    let serve = cli::serve();
    let option = serve.get_arguments().find(|arg| arg.get_long() == flag.strip_prefix("--"));
    (!given).then_some(option?.get_env()?.to_str()?.to_owned())
}
