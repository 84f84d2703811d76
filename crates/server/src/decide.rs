//! `decide`: what the Rust SDK answers to cases, in the form in which the official SDK's answers are kept, so that
//! anyone can compare the two.
mod case;
mod decider;
mod storage;

use crate::cli::{Ended, Failed, Result};
use clap::Args;
use decider::Decider;
use stayput_engine::{Json, Settings};
use stayput_sdk::calls::{Moment, Sender, Usage};
use std::{
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::PathBuf,
};

/// `decide --settings FILE`
#[derive(Debug, Args)]
pub struct Decide {
    /// The settings file of the account
    #[arg(long, value_name = "FILE")]
    settings: PathBuf,
    /// What time it is, in milliseconds since 1970
    #[arg(long, value_name = "MS", default_value_t = 1_700_000_000_000, allow_negative_numbers = true)]
    now: i64,
    /// What tracking calls say as their random number
    #[arg(long, value_name = "NUMBER", default_value_t = 0.5)]
    random: f64,
    /// Add to each answer the steps that led to it
    #[arg(long)]
    explain: bool,
}

impl Decide {
    /// Answers every line of standard input by one line, in order.
    pub(crate) fn run(self) -> Result {
        let settings = self.read()?;
        for problem in &settings.problems {
            eprintln!("warning: {problem}");
        }
        let decider = Decider {
            settings,
            sender: Sender {
                name: "vwo-node-sdk".to_owned(),
                version: "1.73.0".to_owned(),
                usage: Usage { logger: true, ..Usage::default() },
                ..Sender::default()
            },
            moment: Moment { milliseconds: self.now, random: self.random },
            explain: self.explain,
        };
        let (mut input, mut output) = (BufReader::new(io::stdin()), BufWriter::new(io::stdout().lock()));
        let mut line = Vec::new();
        while read_line(&mut input, &mut line)? {
            if line.trim_ascii().is_empty() {
                continue;
            }
            write_line(&mut output, &case::answer(&decider, &line))?;
            if !input.buffer().contains(&b'\n') {
                output.flush().map_err(gone)?; // whoever waits for this answer before asking again gets it
            }
        }
        output.flush().map_err(gone)?;
        Ok(Ended::Done)
    }

    fn read(&self) -> Result<Settings> {
        let file = self.settings.display();
        let text = std::fs::read(&self.settings);
        let text = text.map_err(|error| Failed::new(format!("{file} cannot be read: {error}")))?;
        Settings::parse(&text).map_err(|invalid| Failed::new(format!("{file}: {invalid}")))
    }
}

fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> Result<bool> {
    line.clear();
    let read = input.read_until(b'\n', line);
    read.map(|count| count > 0).map_err(|error| Failed::new(format!("the cases cannot be read: {error}")))
}

fn write_line(output: &mut impl Write, answer: &Json) -> Result<()> {
    serde_json::to_writer(&mut *output, answer).map_err(|error| gone(error.into()))?;
    output.write_all(b"\n").map_err(gone)
}

fn gone(error: io::Error) -> Failed {
    Failed::new(format!("the output is gone: {error}"))
}
