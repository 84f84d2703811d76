//! `migrate`: from one store, or from something else that kept assignments, to another store.
use super::{Ended, Failed, Result, print};
use crate::{
    config::Hidden,
    migrate::{
        At, Form, Listener, Mover, Pass, Reading, Report, Source, State, StateFile, Strings, Template, Text, pass,
    },
};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use stayput::{Clock, ScanStore, Scope, StoreUrl, SystemClock, backends::RedisStrings};
use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{task::JoinHandle, time::Instant};

/// `migrate FROM TO`
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct Migrate {
    /// A store's URL, ndjson:FILE, or csv:FILE; - as the file is standard input
    #[arg(value_name = "FROM")]
    from: Hidden,
    /// The store that everything goes to, as a URL; it may be in use
    #[arg(value_name = "TO")]
    to: Hidden,
    /// FROM is a Redis that something else filled with JSON; how its keys name {user} and {campaign}, such as
    /// {campaign}:{user}
    #[arg(long, value_name = "TEMPLATE", value_parser = Template::parse)]
    key_template: Option<Template>,
    /// Only this scope; or, where FROM knows none, the scope that everything goes to, instead of default
    #[arg(long, value_name = "NAME", value_parser = Scope::new)]
    scope: Option<Scope>,
    /// Read everything again at the end, and compare
    #[arg(long)]
    verify: bool,
    /// Only say what would become of everything
    #[arg(long)]
    dry_run: bool,
    /// Where the position is kept, so that the same command goes on after a stop; left out, stayput-migrate-….json here
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Tell the users of entries that cannot be read, and of those that the target keeps differently
    #[arg(long)]
    show_users: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

const AFTER: &str = "What the target holds stays: everything is claimed. Doing it again changes nothing.\n\
    Exit codes: 0 done, 1 some entries could not be moved or differ, or it stopped; 2 wrong usage";

impl Migrate {
    pub(super) async fn run(self) -> Result {
        if self.from == self.to {
            return Err(Failed::usage("FROM and TO are the same store"));
        }
        let target = stayput::open(self.to.reveal()).await?;
        let mut source = self.source().await?;
        let file = self.state_file(&source);
        let (mut state, resumed) = self.begin(file.as_ref(), &mut source).await?;
        let (began, before) = (Instant::now(), state.report.found);
        if state.pass != Pass::Verify {
            self.pass(&mut source, &target, &mut state, file.as_ref()).await?;
        }
        let (seconds, moved) = (began.elapsed().as_secs_f64(), state.report.found.saturating_sub(before));
        if self.verify && state.pass == Pass::Move {
            (state.pass, state.position) = (Pass::Verify, None);
            source = self.source().await?;
        }
        if state.pass == Pass::Verify {
            self.pass(&mut source, &target, &mut state, file.as_ref()).await?;
        }
        if let Some(file) = &file {
            file.remove().map_err(|error| Failed::new(format!("cannot remove {}: {error}", file.path().display())))?;
        }
        self.tell(&state, resumed, moved, seconds)
    }

    async fn pass(
        &self,
        source: &mut Source,
        target: &Arc<dyn ScanStore>,
        state: &mut State,
        file: Option<&StateFile>,
    ) -> Result<()> {
        let shown = self.progress(source).await;
        let mover = Mover::new(target.clone(), state.pass);
        let ended = pass(source, &mover, state, file, &shown).await;
        shown.bar.finish_and_clear();
        let Err(error) = ended else { return Ok(()) };
        let safe = match file {
            Some(file) if state.position.is_some() => {
                format!("; the same command goes on (see {})", file.path().display())
            }
            _ => "; beginning again is safe".to_owned(),
        };
        Err(Failed::new(format!("the migration stopped: {}{safe}", Failed::from(error))))
    }

    async fn source(&self) -> Result<Source> {
        let reading = Reading { scope: self.scope.clone().unwrap_or_default(), now: SystemClock.now() };
        let from = self.from.reveal();
        if let Some(template) = &self.key_template {
            let url = StoreUrl::parse(from)?;
            if !url.scheme().starts_with("redis") {
                return Err(Failed::usage("--key-template is for a Redis: redis://… or rediss://…"));
            }
            let strings = Strings::open(RedisStrings::open(url).await?, template.clone(), reading).await?;
            return Ok(Source::Strings(strings));
        }
        for (scheme, form) in [("ndjson:", Form::Ndjson), ("csv:", Form::Csv)] {
            if let Some(path) = from.strip_prefix(scheme) {
                let text = Text::open(form, Path::new(path), reading);
                return Ok(Source::Text(Box::new(text.map_err(|error| Failed::new(format!("{path}: {error}")))?)));
            }
        }
        let store = stayput::open(from).await?;
        Ok(Source::Store { store, scope: self.scope.clone(), next: None, ended: false })
    }

    /// None where there is nothing to go on with.
    fn state_file(&self, source: &Source) -> Option<StateFile> {
        let goes_on = !self.dry_run && source.can_be_gone_on_with();
        let path = self.state.clone().unwrap_or_else(|| PathBuf::from(self.new_state().file_name()));
        goes_on.then(|| StateFile::new(path))
    }
    fn new_state(&self) -> State {
        let (from, to) = (self.from.to_string(), self.to.to_string());
        let scope = self.scope.as_ref().map(|scope| scope.as_str().to_owned());
        let key_template = self.key_template.as_ref().map(ToString::to_string);
        let pass = if self.dry_run { Pass::Rehearse } else { Pass::Move };
        State { from, to, scope, key_template, pass, position: None, report: Report::default() }
    }
    /// From where an earlier run came to, if there was one; tells whether there was.
    async fn begin(&self, file: Option<&StateFile>, source: &mut Source) -> Result<(State, bool)> {
        let new = self.new_state();
        let Some(file) = file else { return Ok((new, false)) };
        let path = file.path().display();
        let advice = "delete it to begin anew, or name another with --state";
        let read = file.read().map_err(|error| Failed::new(format!("{path} cannot be read ({error}); {advice}")))?;
        let Some(kept) = read else {
            eprintln!("the position is kept in {path}; the same command goes on from there");
            return Ok((new, false));
        };
        if !kept.is_of(&new) {
            return Err(Failed::usage(format!("{path} is of another migration; {advice}")));
        }
        match &kept.position {
            Some(position) if !source.resume(position).await? => {
                eprintln!("{path} means nothing to the source any more, which was started again: beginning anew");
                Ok((new, false))
            }
            _ => {
                eprintln!("going on behind {}, as {path} says", print::assignments(kept.report.found));
                Ok((kept, true))
            }
        }
    }

    fn tell(&self, state: &State, resumed: bool, moved: u64, seconds: f64) -> Result {
        let report = &state.report;
        let verified = state.pass == Pass::Verify;
        if self.json {
            let mut shown = json!(report);
            if let Some(fields) = shown.as_object_mut() {
                fields.extend([("dryRun".to_owned(), json!(self.dry_run)), ("resumed".to_owned(), json!(resumed))]);
                fields.insert("seconds".to_owned(), json!(seconds));
            }
            print::json(&shown)?;
        } else {
            let rate = if seconds > 0.0 { (moved as f64 / seconds).round() } else { 0.0 };
            let took = format!("{moved} in {seconds:.1} s, {rate} a second");
            let mut fields = vec![
                ("found", report.found.to_string()),
                ("created", report.created.to_string()),
                ("joined", report.joined.to_string()),
                ("kept", report.kept.to_string()),
                ("unchanged", report.unchanged.to_string()),
                ("failed", report.failed.to_string()),
            ];
            if report.others > 0 {
                fields.push(("others", format!("{} keys of another layout", report.others)));
            }
            if verified {
                fields.extend([("verified", report.verified.to_string()), ("differing", report.differing.to_string())]);
            }
            fields.push(("took", took));
            print::fields(&fields)?;
            if self.dry_run {
                eprintln!("this was a rehearsal: nothing was written");
            }
        }
        if report.found == 0
            && report.failed == 0
            && self.key_template.is_none()
            && self.from.reveal().starts_with("redis")
        {
            eprintln!(
                "nothing was found; if something else filled this Redis, say how its keys look with --key-template"
            );
        }
        Ok(if report.failed + report.differing > 0 { Ended::Partly } else { Ended::Done })
    }

    /// With a rate, and the time that is left as soon as somebody knows how much there is; only on a terminal.
    async fn progress(&self, source: &Source) -> Shown {
        let (begun, show_users) = (source.begun(), self.show_users);
        if !io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
            return Shown { bar, show_users, counting: None };
        }
        let bytes = matches!(source, Source::Text(_));
        let bar = match source.size().await {
            Some(size) => ProgressBar::new(size).with_style(style(Some(bytes))),
            None => ProgressBar::new_spinner().with_style(style(None)),
        };
        bar.set_position(begun);
        bar.reset_eta();
        bar.enable_steady_tick(Duration::from_millis(100));
        let counting = match source {
            Source::Store { store, scope, next, .. } if next.is_none() => {
                Some(tokio::spawn(count(store.clone(), scope.clone(), bar.clone())))
            }
            _ => None,
        };
        Shown { bar, show_users, counting }
    }
}

/// What is shown on the way.
struct Shown {
    bar: ProgressBar,
    show_users: bool,
    counting: Option<JoinHandle<()>>,
}

impl Listener for Shown {
    fn step(&self, steps: u64, report: &Report) {
        self.bar.inc(steps);
        self.bar.set_message(print::assignments(report.found.max(report.verified)));
    }
    fn tell(&self, at: &At, says: &str) {
        let place = if self.show_users { at.shown() } else { at.to_string() };
        self.bar.suspend(|| eprintln!("{place}: {}", print::plain(says)));
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(counting) = self.counting.take() {
            counting.abort();
        }
    }
}

/// Stores do not know how much they hold: it is counted while the moving goes on.
async fn count(store: Arc<dyn ScanStore>, scope: Option<Scope>, bar: ProgressBar) {
    let (mut count, mut after) = (0, None);
    loop {
        // Without an answer nothing but the time that is left goes unsaid.
        let Ok(page) = store.scan(scope.as_ref(), after.as_ref(), 5_000).await else { return };
        count += (page.entries.len() + page.unreadable.len()) as u64;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    bar.set_style(style(Some(false)));
    bar.set_length(count);
}

fn style(bytes: Option<bool>) -> ProgressStyle {
    let template = match bytes {
        None => "{spinner} {msg}, {per_sec}",
        Some(false) => "{bar:30} {human_pos} of {human_len}, {per_sec}, {eta} left",
        Some(true) => "{bar:30} {msg}, {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
