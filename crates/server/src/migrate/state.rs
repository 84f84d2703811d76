//! Where a migration stands, in a small file that people may look at, and delete to begin anew.
use super::{
    mover::{Pass, Report},
    source::Position,
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// What is being done, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct State {
    /// Without passwords.
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) scope: Option<String>,
    pub(crate) key_template: Option<String>,
    pub(crate) pass: Pass,
    pub(crate) position: Option<Position>,
    pub(crate) report: Report,
}

/// The file.
#[derive(Debug)]
pub(crate) struct StateFile(PathBuf);

impl State {
    /// Whether `other` is about the same migration.
    pub(crate) fn is_of(&self, other: &Self) -> bool {
        let what = |state: &Self| {
            [Some(&state.from), Some(&state.to), state.scope.as_ref(), state.key_template.as_ref()]
                .map(Option::<&String>::cloned)
        };
        what(self) == what(other)
    }
    /// What the file is called if nobody says it: the same for the same migration.
    pub(crate) fn file_name(&self) -> String {
        let what = [Some(&self.from), Some(&self.to), self.scope.as_ref(), self.key_template.as_ref()];
        let what: Vec<&str> = what.into_iter().map(|part| part.map_or("", String::as_str)).collect();
        format!("stayput-migrate-{}.json", crate::doctor::hash(what.join("\0").as_bytes()))
    }
}

impl StateFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
    /// What it says; `None` if it is not there.
    pub(crate) fn read(&self) -> io::Result<Option<State>> {
        match fs::read(&self.0) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
    /// Replaces what it says, whole or not at all.
    pub(crate) fn write(&self, state: &State) -> io::Result<()> {
        let mut partial = self.0.as_os_str().to_owned();
        partial.push(".partial");
        let mut file = File::create(&partial)?;
        file.write_all(&serde_json::to_vec(state)?)?;
        file.sync_all()?;
        fs::rename(&partial, &self.0)
    }
    /// Everything is done.
    pub(crate) fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
