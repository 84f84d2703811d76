//! NDJSON and CSV, from a file or from standard input.
use super::{
    read::Reading,
    rows::{Row, Rows},
    source::{At, BATCH, Batch, Found, Position, Wrong},
};
use crate::lines::{LONGEST, Lines, Numbered};
use serde_json::{Map, Value};
use stayput::{Error, ErrorKind, Offer, Result};
use std::{
    fmt,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    path::Path,
};

/// How many bytes one batch holds, about.
const BATCH_BYTES: u64 = 4 * 1024 * 1024;

/// How the text is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One JSON object a line: a record, a line of an export, or an Optimizely profile.
    Ndjson,
    /// A head that names the fields of a record, then one record a row.
    Csv,
}

/// A text that is being read.
pub(crate) struct Text {
    input: Input,
    cut: Cut,
    reading: Reading,
    buffer: Vec<u8>,
    /// What of the buffer is still to be looked at.
    rest: Range<usize>,
    /// Whole pieces so far.
    bytes: u64,
    lines: u64,
    /// What was looked at behind them.
    begun: u64,
    ended: bool,
}

#[derive(Debug)]
enum Input {
    Stdin,
    File(File),
}

enum Cut {
    Lines(Lines),
    Rows { rows: Box<Rows>, head: Option<Vec<String>> },
}

enum Piece {
    Line(Numbered),
    Row(Row),
}

impl Text {
    /// `-` is standard input.
    pub(crate) fn open(form: Form, path: &Path, reading: Reading) -> Result<Self> {
        let input = match path == Path::new("-") {
            true => Input::Stdin,
            false => Input::File(File::open(path).map_err(|error| unreadable(&error))?),
        };
        let cut = match form {
            Form::Ndjson => Cut::Lines(Lines::default()),
            Form::Csv => Cut::Rows { rows: Box::new(Rows::after(0)), head: None },
        };
        let (buffer, rest) = (vec![0; 64 * 1024], 0..0);
        Ok(Self { input, cut, reading, buffer, rest, bytes: 0, lines: 0, begun: 0, ended: false })
    }
    /// Goes on behind so many bytes and lines.
    pub(crate) fn resume(&mut self, bytes: u64, lines: u64) -> Result<()> {
        if matches!(self.cut, Cut::Rows { .. }) {
            self.next_piece()?; // the head is always at the beginning
            let Cut::Rows { rows, head } = &mut self.cut else { return Ok(()) };
            if head.is_none() {
                return Err(headless());
            }
            **rows = Rows::after(lines);
        }
        let Input::File(file) = &mut self.input else {
            return Err(Error::invalid("from", "standard input cannot be gone on with; give a file"));
        };
        file.seek(SeekFrom::Start(bytes)).map_err(|error| unreadable(&error))?;
        (self.bytes, self.lines, self.begun, self.rest, self.ended) = (bytes, lines, 0, 0..0, false);
        Ok(())
    }
    /// Of the file, in bytes.
    pub(crate) fn size(&self) -> Option<u64> {
        match &self.input {
            Input::Stdin => None,
            Input::File(file) => file.metadata().ok().filter(|data| data.is_file()).map(|data| data.len()),
        }
    }
    /// Whether it can be read again from somewhere.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.input, Input::File(_))
    }
    /// How many bytes were read.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
    /// The next of it.
    pub(crate) fn next(&mut self) -> Result<Option<Batch>> {
        let (mut batch, from) = (Batch::default(), self.bytes);
        while batch.found.len() + batch.wrong.len() < BATCH && self.bytes - from < BATCH_BYTES {
            let Some((line, offers)) = self.next_piece()? else { break };
            for offer in offers {
                match offer {
                    Ok(offer) => batch.found.push(Found { at: At::Line(line), offer }),
                    Err(error) => batch.wrong.push(Wrong { at: At::Line(line), why: error.to_string() }),
                }
            }
        }
        batch.steps = self.bytes - from;
        if batch.steps == 0 {
            return Ok(None);
        }
        let position = Position::Text { bytes: self.bytes, lines: self.lines };
        batch.position = Some(position).filter(|_| self.is_file());
        Ok(Some(batch))
    }

    fn next_piece(&mut self) -> Result<Option<(u64, Vec<Result<Offer>>)>> {
        let Some(piece) = self.piece()? else { return Ok(None) };
        self.bytes += std::mem::take(&mut self.begun);
        match piece {
            Piece::Line(Numbered { bytes, .. }) => {
                self.lines += 1;
                let offers = match bytes {
                    None => vec![Err(too_long())],
                    Some(bytes) if bytes.trim_ascii().is_empty() => Vec::new(),
                    Some(bytes) => self.reading.object(&bytes),
                };
                Ok(Some((self.lines, offers)))
            }
            Piece::Row(Row { line, fields }) => {
                let Cut::Rows { rows, head } = &mut self.cut else { return Ok(None) };
                self.lines = rows.newlines();
                let Some(names) = head else {
                    *head = Some(named(fields)?);
                    return Ok(Some((line, Vec::new())));
                };
                let fields = fields.ok_or_else(too_long).and_then(|fields| record(names, fields));
                let offers = fields.map_or_else(|error| vec![Err(error)], |fields| self.reading.fields(fields));
                Ok(Some((line, offers)))
            }
        }
    }

    /// What comes next, whole.
    fn piece(&mut self) -> Result<Option<Piece>> {
        loop {
            let mut chunk = self.buffer.get(self.rest.clone()).unwrap_or_default();
            let before = chunk.len();
            let piece = match &mut self.cut {
                Cut::Lines(lines) => lines.next(&mut chunk).map(Piece::Line),
                Cut::Rows { rows, .. } => rows.next(&mut chunk).map(Piece::Row),
            };
            let used = before - chunk.len();
            self.begun += used as u64;
            self.rest.start += used;
            if piece.is_some() || self.ended {
                return Ok(piece);
            }
            let read = match &mut self.input {
                Input::Stdin => io::stdin().lock().read(&mut self.buffer),
                Input::File(file) => file.read(&mut self.buffer),
            };
            self.rest = 0..read.map_err(|error| unreadable(&error))?;
            if self.rest.is_empty() {
                self.ended = true;
                return Ok(match &mut self.cut {
                    Cut::Lines(lines) => std::mem::take(lines).last().map(Piece::Line),
                    Cut::Rows { rows, .. } => rows.last().map(Piece::Row),
                });
            }
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.bytes)
    }
}

/// What the head calls the fields.
fn named(head: Option<Vec<Vec<u8>>>) -> Result<Vec<String>> {
    let names = head.and_then(|names| names.into_iter().map(|name| String::from_utf8(name).ok()).collect());
    let names: Vec<String> = names.ok_or_else(headless)?;
    let has = |name: &str| names.iter().any(|known| known == name);
    match has("userId") && has("campaignKey") && has("variationName") {
        true => Ok(names),
        false => Err(headless()),
    }
}

/// A row as a record; an empty cell is an absent field.
fn record(names: &[String], cells: Vec<Vec<u8>>) -> Result<Map<String, Value>> {
    if cells.len() != names.len() {
        let message = format!("the row has {} fields where the head names {}", cells.len(), names.len());
        return Err(Error::invalid("row", message));
    }
    let mut fields = Map::new();
    for (name, cell) in names.iter().zip(cells) {
        let cell = String::from_utf8(cell).map_err(|_| Error::invalid("row", "the row is not UTF-8"))?;
        let value = match name.as_str() {
            _ if cell.is_empty() => continue,
            "metaData" => {
                serde_json::from_str(&cell).map_err(|_| Error::invalid("metaData", "metaData is not JSON"))?
            }
            _ => Value::String(cell),
        };
        fields.insert(name.clone(), value);
    }
    Ok(fields)
}

fn headless() -> Error {
    Error::invalid("head", "the first row must name userId, campaignKey, variationName and what else there is")
}
fn too_long() -> Error {
    let message = format!("this is longer than {LONGEST} bytes; in CSV, a quote may have been left open");
    Error::invalid("line", message)
}
fn unreadable(error: &io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "migrate", format!("the text cannot be read: {error}"))
}
