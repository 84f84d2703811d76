//! Everything of one place into a store, page by page: by claims, so that what is held stays and repeating is safe.
mod mover;
mod read;
mod rows;
mod source;
mod state;
mod strings;
mod template;
mod text;

pub(crate) use mover::{Mover, Pass, Report};
pub(crate) use read::Reading;
pub(crate) use source::{At, Source};
pub(crate) use state::{State, StateFile};
pub(crate) use strings::Strings;
pub(crate) use template::Template;
pub(crate) use text::{Form, Text};

use source::Batch;
use stayput::{Error, ErrorKind, Result};
use std::time::Duration;
use tokio::time::sleep;

/// After so many batches the position is written down.
const KEEP: u32 = 4;

/// Hears what happens on the way.
pub(crate) trait Listener {
    /// Went on by so many assignments, bytes or keys.
    fn step(&self, steps: u64, report: &Report);
    /// Something about one assignment.
    fn tell(&self, at: &At, says: &str);
}

/// Goes through `source` to its end; `keep` remembers how far it came.
pub(crate) async fn pass(
    source: &mut Source,
    mover: &Mover,
    state: &mut State,
    keep: Option<&StateFile>,
    listener: &impl Listener,
) -> Result<()> {
    let (mut batch, mut unkept) = (next(source).await?, 0);
    while let Some(Batch { found, wrong, others, steps, position }) = batch {
        if state.pass != Pass::Verify {
            state.report.found += found.len() as u64;
            state.report.failed += wrong.len() as u64;
            state.report.others += others;
            wrong.iter().for_each(|wrong| listener.tell(&wrong.at, &wrong.why));
        }
        let (following, told) = tokio::join!(next(source), mover.take(found, &mut state.report));
        told?.iter().for_each(|told| listener.tell(&told.at, &told.says));
        state.position = position;
        listener.step(steps, &state.report);
        unkept += 1;
        if let Some(keep) = keep.filter(|_| state.position.is_some() && (unkept >= KEEP || following.is_err())) {
            mover.flush().await?;
            keep.write(state).map_err(|error| not_kept(keep, &error))?;
            unkept = 0;
        }
        batch = following?;
    }
    mover.flush().await
}

/// A source that is away for moments only does not end it.
async fn next(source: &mut Source) -> Result<Option<Batch>> {
    let mut pauses = [100, 500, 2_000, 5_000, 10_000, 20_000].into_iter().map(Duration::from_millis);
    loop {
        match source.next().await {
            Err(error) if error.is_transient() && source.may_be_asked_again() => match pauses.next() {
                Some(pause) => sleep(pause).await,
                None => return Err(error),
            },
            answer => return answer,
        }
    }
}

fn not_kept(file: &StateFile, error: &std::io::Error) -> Error {
    let message = format!("{} cannot be written ({error}); --state names another file", file.path().display());
    Error::new(ErrorKind::Unavailable, "migrate", message)
}
