//! Output for people, and for programs.
use super::{Failed, Result};
use serde::Serialize;
use stayput::Assignment;
use std::io::{self, Write};

/// Writes `value` as one line of JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string(value).map_err(|error| Failed::new(error.to_string()))?;
    line(&text)
}

/// Writes one line to stdout.
pub(crate) fn line(text: &str) -> Result<()> {
    writeln!(io::stdout().lock(), "{text}").map_err(|error| Failed::new(format!("the output is gone: {error}")))
}

/// Writes names and values, the values under each other.
pub(super) fn fields(fields: &[(&str, String)]) -> Result<()> {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    fields.iter().try_for_each(|(name, value)| line(&format!("{name:width$}  {}", plain(value))))
}

/// Writes a table with a head.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> Result<()> {
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|cell| plain(cell))).collect();
    let mut widths = head.map(|cell| cell.chars().count());
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let write = |cells: [&str; N]| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        line(cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    write(head)?;
    rows.iter().try_for_each(|row| write(row.each_ref().map(String::as_str)))
}

/// `1 assignment`, `2 assignments`.
pub(super) fn assignments(count: u64) -> String {
    format!("{count} assignment{}", if count == 1 { "" } else { "s" })
}

/// The goals of `held`, as people list them.
pub(super) fn goals(held: &Assignment) -> String {
    let goals: Vec<&str> = held.goals.iter().map(|goal| goal.name.as_str()).collect();
    if goals.is_empty() { "none".into() } else { goals.join(", ") }
}

/// `text` without anything that a terminal would obey: what is stored came from anywhere.
pub(super) fn plain(text: &str) -> String {
    let shown = |char: char| match char.is_control() {
        true => char.escape_default().to_string(),
        false => char.to_string(),
    };
    text.chars().map(shown).collect()
}
