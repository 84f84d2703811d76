//! `doctor`: what is wrong, and what to do about it.
use super::{Ended, Failed, Place, Result, print, spool::inspect, transfer};
use crate::doctor::{self, Census, Finding, Level};
use clap::Args;
use serde::Serialize;
use stayput::{
    Clock, Key, Kind, SystemClock,
    backends::{Compacted, File, FileFacts, FileOptions},
    layers::SpoolStats,
};
use std::path::PathBuf;

/// Campaigns that people are shown.
const SHOWN: usize = 20;

/// `doctor`
#[derive(Debug, Args)]
pub struct Doctor {
    #[command(flatten)]
    place: Place,
    /// The folder that was given to serve; left out, the one that the server's configuration names
    #[arg(long, value_name = "PATH", hide_env_values = true)]
    spool: Option<PathBuf>,
    /// Make the folder of a file: store smaller; nothing may have it open
    #[arg(long)]
    compact: bool,
    /// Assignments that are counted at most
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    limit: u64,
    /// Tell the users of values that cannot be read
    #[arg(long)]
    show_users: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Default, Serialize)]
struct Report {
    findings: Vec<Finding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Census>,
}

impl Doctor {
    pub(super) async fn run(self) -> Result {
        let mut report = Report::default();
        let (config, finding) = doctor::configuration(self.place.file.config.as_deref());
        report.findings.push(finding);
        report.findings.extend(config.as_ref().map(doctor::limits));
        let outages = config.as_ref().map(|config| &config.outages);
        let limit = outages.map_or(u64::MAX, |outages| outages.spool_limit as u64);
        if let Some(folder) = self.spool.as_ref().or_else(|| outages?.spool.as_ref()) {
            report.findings.extend(spooled(folder, limit));
        }
        report.findings.push(Finding::ok("versions", format!("stayput {}", env!("CARGO_PKG_VERSION"))));
        match doctor::missing(self.place.store.reveal()) {
            Some(finding) => report.findings.push(finding),
            None => {
                if self.compact {
                    report.findings.push(self.compacted()?);
                }
                self.store(&mut report).await;
            }
        }
        let wrong = report.findings.iter().any(|finding| finding.level == Level::Wrong);
        if self.json {
            print::json(&report)?
        } else {
            tell(&report)?
        }
        Ok(if wrong { Ended::Partly } else { Ended::Done })
    }

    async fn store(&self, report: &mut Report) {
        let url = self.place.store.reveal();
        let store = match self.place.open().await {
            Ok(store) => store,
            Err(failed) => return report.findings.push(unusable(&failed)),
        };
        let probed = async {
            let key = Key::new(&self.place.scope, Kind::Classic, "stayput-probe", "stayput-probe")?;
            store.get(&[key]).await
        };
        if let Err(error) = probed.await {
            return report.findings.push(unusable(&error.into()));
        }
        report.findings.push(Finding::ok("store", format!("{} answers", self.place.store)));
        if let Some(facts) = self.facts() {
            report.findings.extend(doctor::inspect(url, &facts));
        }
        let progress = transfer::progress(None);
        let census = doctor::take(&*store, self.limit, self.show_users, |done| progress.set_position(done)).await;
        progress.finish_and_clear();
        match census {
            Ok(census) => {
                report.findings.extend(census.findings(SystemClock.now()));
                report.data = Some(census);
            }
            Err(error) => report.findings.push(unusable(&error.into())),
        }
    }

    /// The store is open already, so that this shares it.
    fn facts(&self) -> Option<FileFacts> {
        let path = doctor::path(self.place.store.reveal())?;
        File::open(path, FileOptions::default().accept_network(true)).and_then(|file| file.facts()).ok()
    }

    fn compacted(&self) -> Result<Finding> {
        let Some(path) = doctor::path(self.place.store.reveal()) else {
            return Err(Failed::usage("--compact is for the folder of a file: store; other stores do it themselves"));
        };
        let Compacted { before, after } = File::compact(path, FileOptions::default())?;
        let (won, now) = (doctor::bytes(before.saturating_sub(after)), doctor::bytes(after));
        Ok(Finding::ok("disk", format!("compacted: {won} won, {now} left")))
    }
}

/// What waits in `folder` for the store. Nothing is delivered by looking, and no folder is made.
fn spooled(folder: &PathBuf, limit: u64) -> Vec<Finding> {
    if !folder.exists() {
        return vec![Finding::ok("spool", format!("{} is made when a server starts with it", folder.display()))];
    }
    match inspect(folder).and_then(|queue| Ok(queue.stats()?)) {
        Ok(stats) => doctor::spool(&SpoolStats { limit, ..stats }),
        Err(failed) => {
            vec![Finding::wrong("spool", failed.to_string(), "give --spool the folder that serve was given")]
        }
    }
}

fn unusable(failed: &Failed) -> Finding {
    let advice = "do what it says; if it says nothing of use, run `stayput serve --log debug` on the same store";
    Finding::wrong("store", failed.to_string(), advice)
}

fn tell(report: &Report) -> Result<()> {
    for Finding { area, level, says, advice } in &report.findings {
        print::line(&format!("{:5}  {area:13}  {}", level.name(), print::plain(says)))?;
        if let Some(advice) = advice {
            print::line(&format!("{:20}  → {advice}", ""))?;
        }
    }
    let Some(census) = &report.data else { return Ok(()) };
    if !census.campaigns.is_empty() {
        let rows = census
            .campaigns
            .iter()
            .take(SHOWN)
            .map(|it| [it.assignments.to_string(), it.scope.clone(), it.kind.to_owned(), it.campaign.clone()]);
        print::line("")?;
        print::table(["assignments", "scope", "kind", "campaign"], &rows.collect::<Vec<_>>())?;
        let hidden = census.campaigns.len().saturating_sub(SHOWN);
        if hidden > 0 {
            print::line(&format!("and {hidden} more campaigns; --json lists them"))?;
        }
    }
    if !census.damaged.is_empty() {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".into());
        let rows = census.damaged.iter().map(|it| {
            let key = it.user_id.as_ref().or(it.key.as_ref()).cloned();
            [text(&key), text(&it.scope), text(&it.campaign), it.why.clone()]
        });
        print::line("")?;
        print::table(["unreadable", "scope", "campaign", "why"], &rows.collect::<Vec<_>>())?;
    }
    Ok(())
}
