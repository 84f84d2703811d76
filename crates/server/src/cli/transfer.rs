//! `export` and `import`: everything of a scope.
use super::{Ended, Failed, Place, Result, print};
use crate::{
    app::App,
    export::Export,
    import::{Import, Report},
    lines::Lines,
};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::{
    fs::{self, File},
    io::{self, BufWriter, IsTerminal, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

/// `export [FILE]`
#[derive(Debug, Args)]
pub struct ToLines {
    /// Where to write; stdout if it is left out or -
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

/// `import [FILE]`
#[derive(Debug, Args)]
pub struct FromLines {
    /// What to read; stdin if it is left out or -
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Store each line whatever is held; without it, what is held stays
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    place: Place,
    /// Print the report as JSON, as over HTTP
    #[arg(long)]
    json: bool,
}

impl ToLines {
    pub(super) async fn run(self) -> Result {
        let mut export = Export::new(self.place.open().await?, self.place.scope.clone());
        let file = named(self.file.as_deref());
        let mut target = Target::create(file)?;
        let progress = progress(None);
        let (mut exported, mut unreadable) = (0, 0);
        while let Some(chunk) = export.next().await? {
            target.write(&chunk.text)?;
            exported += chunk.exported;
            unreadable += chunk.unreadable;
            progress.set_position(exported);
        }
        target.finish()?;
        progress.finish_and_clear();
        match (self.json, file) {
            (true, Some(_)) => print::json(&json!({"exported": exported, "unreadable": unreadable}))?,
            _ => eprintln!("exported {}", print::assignments(exported)),
        }
        if unreadable > 0 {
            eprintln!("{} could not be read; such lines say why", print::assignments(unreadable));
            return Ok(Ended::Partly);
        }
        Ok(Ended::Done)
    }
}

impl FromLines {
    pub(super) async fn run(self) -> Result {
        let file = named(self.file.as_deref());
        let mut source: Box<dyn Read> = match file {
            Some(path) => Box::new(File::open(path).map_err(|error| failed("read", path, &error))?),
            None => Box::new(io::stdin().lock()),
        };
        let size = file.and_then(|path| fs::metadata(path).ok()).map(|data| data.len());
        let store = self.place.open().await?;
        let app = App::new(store.clone(), self.place.scope.clone());
        let mut import = Import::new(app, self.place.scope.clone(), self.overwrite);
        let (progress, mut lines, mut buffer) = (progress(size), Lines::default(), vec![0; 64 * 1024]);
        loop {
            let length = source.read(&mut buffer).map_err(|error| failed("read", shown(file), &error))?;
            let mut chunk = buffer.get(..length).unwrap_or_default();
            if chunk.is_empty() {
                break;
            }
            while let Some(line) = lines.next(&mut chunk) {
                import.line(line).await?;
            }
            progress.inc(length as u64);
        }
        if let Some(line) = lines.last() {
            import.line(line).await?;
        }
        let report = import.finish().await?;
        store.flush().await?;
        progress.finish_and_clear();
        if self.json {
            print::json(&report)?
        } else {
            tell(&report)?
        }
        Ok(if report.failed > 0 { Ended::Partly } else { Ended::Done })
    }
}

fn tell(report: &Report) -> Result<()> {
    let Report { lines, created, joined, kept, unchanged, spooled, overwritten, failed, errors } = report;
    for error in errors {
        eprintln!("line {}: {}", error.line, error.message());
    }
    let more = failed.saturating_sub(errors.len() as u64);
    if more > 0 {
        eprintln!("and {more} more");
    }
    let counts = [
        ("lines", lines),
        ("created", created),
        ("joined", joined),
        ("kept", kept),
        ("unchanged", unchanged),
        ("spooled", spooled),
        ("overwritten", overwritten),
        ("failed", failed),
    ];
    print::fields(&counts.map(|(name, count)| (name, count.to_string())))
}

/// Where an export goes: a file gets its name only when it is complete.
enum Target<'a> {
    Stdout(BufWriter<io::StdoutLock<'static>>),
    File { file: BufWriter<File>, partial: PathBuf, path: &'a Path },
}

impl<'a> Target<'a> {
    fn create(path: Option<&'a Path>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self::Stdout(BufWriter::new(io::stdout().lock()))) };
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let file = File::create(&partial).map_err(|error| failed("write", &partial, &error))?;
        Ok(Self::File { file: BufWriter::new(file), partial, path })
    }
    fn write(&mut self, text: &[u8]) -> Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.write_all(text).map_err(|error| failed("write", shown(None), &error)),
            Self::File { file, partial, .. } => file.write_all(text).map_err(|error| failed("write", partial, &error)),
        }
    }
    fn finish(self) -> Result<()> {
        match self {
            Self::Stdout(mut stdout) => stdout.flush().map_err(|error| failed("write", shown(None), &error)),
            Self::File { mut file, partial, path } => {
                let finished = file.flush().and_then(|()| file.get_ref().sync_all());
                finished.and_then(|()| fs::rename(&partial, path)).map_err(|error| failed("write", path, &error))
            }
        }
    }
}

/// Counts assignments, or bytes of `size`; only on a terminal.
pub(super) fn progress(size: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(size, ProgressDrawTarget::hidden());
    }
    let template = match size {
        Some(_) => "{bar:30} {binary_bytes} of {binary_total_bytes}, {eta} left",
        None => "{spinner} {human_pos}",
    };
    let progress = size.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    if let Ok(style) = ProgressStyle::with_template(template) {
        progress.set_style(style);
    }
    progress.enable_steady_tick(Duration::from_millis(100));
    progress
}

fn named(file: Option<&Path>) -> Option<&Path> {
    file.filter(|path| *path != Path::new("-"))
}
fn shown(file: Option<&Path>) -> &Path {
    file.unwrap_or(Path::new("the standard stream"))
}
fn failed(what: &str, path: &Path, error: &io::Error) -> Failed {
    Failed::new(format!("cannot {what} {}: {error}", path.display()))
}
