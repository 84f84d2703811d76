//! `demo`: an experiment that changes while it runs, decided with and without Stayput.
mod experiment;
mod visits;

use crate::cli::{Ended, Result, print};
use clap::Args;
use serde_json::json;
use visits::{Day, Seen};

/// `demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// How many users visit every day
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    users: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Demo {
    /// Decides every visit of a week both ways, and shows who flipped and what was counted twice.
    pub(crate) async fn run(self) -> Result {
        let week = visits::week(self.users).await?;
        if self.json {
            let days: Vec<_> = week.iter().map(shown).collect();
            print::json(&json!({ "users": self.users, "days": days }))?;
        } else {
            self.tell(&week)?;
        }
        Ok(Ended::Done)
    }

    fn tell(&self, week: &[Day]) -> Result<()> {
        let users = self.users;
        print::line(&format!(
            "{users} users visit every day; every tenth visit buys. Each is decided twice, for real.\n"
        ))?;
        let rows: Vec<[String; 6]> = week.iter().map(row).collect();
        print::table(["day", "what changes", "flipped", "with Stayput", "counted twice", "with Stayput"], &rows)?;
        print::line("\nUsers who see something else than on their first day")?;
        for (number, day) in week.iter().enumerate() {
            let share = f64::from(day.without.flipped) / f64::from(users);
            let kept = f64::from(day.with.flipped) / f64::from(users);
            print::line(&format!("  day {} without {}", number + 1, bar(share)))?;
            print::line(&format!("        with    {}", bar(kept)))?;
        }
        let total = |count: fn(&Seen) -> u32, which: fn(&Day) -> &Seen| -> u32 {
            week.iter().map(|day| count(which(day))).sum()
        };
        let twice = (total(|seen| seen.twice, |day| &day.without), total(|seen| seen.twice, |day| &day.with));
        let sent = (total(|seen| seen.sent, |day| &day.without), total(|seen| seen.sent, |day| &day.with));
        let (without, with) = (format!("{} of {}", twice.0, sent.0), format!("{} of {}", twice.1, sent.1));
        print::line(&format!(
            "\nConversions of users who were counted before: {without} without Stayput, {with} with it."
        ))
    }
}

fn row(day: &Day) -> [String; 6] {
    let numbers = [day.without.flipped, day.with.flipped, day.without.twice, day.with.twice];
    let [flipped, kept, twice, once] = numbers.map(|number| number.to_string());
    [day.number.to_string(), day.change.to_owned(), flipped, kept, twice, once]
}

fn shown(day: &Day) -> serde_json::Value {
    let seen = |seen: &Seen| json!({ "flipped": seen.flipped, "conversions": seen.sent, "countedTwice": seen.twice, "variations": seen.variations });
    json!({ "day": day.number, "change": day.change, "without": seen(&day.without), "with": seen(&day.with) })
}

fn bar(share: f64) -> String {
    const WIDTH: f64 = 50.0;
    format!(
        "{}{:.1} %",
        "█".repeat((share * WIDTH).round() as usize) + if share > 0.0 { " " } else { "" },
        share * 100.0
    )
}
