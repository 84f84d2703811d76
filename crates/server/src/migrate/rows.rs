//! Rows of CSV out of a stream of chunks, in bounded memory.
use crate::lines::LONGEST;
use csv_core::{ReadRecordResult, Reader};

/// Puts rows together.
pub(crate) struct Rows {
    reader: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    filled: usize,
    fields: usize,
    too_long: bool,
    newlines: u64,
    last: u8,
}

/// A row, and the line that it ends on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Counted from 1.
    pub(crate) line: u64,
    /// Its fields; `None` if there were more than [`LONGEST`] bytes of them.
    pub(crate) fields: Option<Vec<Vec<u8>>>,
}

const FIELDS: usize = 1_024;

impl Rows {
    /// Goes on behind so many line feeds.
    pub(crate) fn after(newlines: u64) -> Self {
        let (text, ends) = (vec![0; 4096], vec![0; FIELDS]);
        let (filled, fields, too_long, last) = (0, 0, false, b'\n');
        Self { reader: Reader::new(), text, ends, filled, fields, too_long, newlines, last }
    }
    /// Takes the next row off the front of `chunk`; `None` when `chunk` is used up before the row ends.
    pub(crate) fn next(&mut self, chunk: &mut &[u8]) -> Option<Row> {
        while !chunk.is_empty() {
            if let Some(row) = self.step(chunk) {
                return Some(row);
            }
        }
        None
    }
    /// The last row, if the stream did not end with a line feed.
    pub(crate) fn last(&mut self) -> Option<Row> {
        loop {
            let before = (self.too_long, self.text.len());
            match self.step(&mut [].as_slice()) {
                Some(row) => return Some(row),
                None if before == (self.too_long, self.text.len()) => return None,
                None => {}
            }
        }
    }
    /// How many line feeds there were so far.
    pub(crate) fn newlines(&self) -> u64 {
        self.newlines
    }

    fn step(&mut self, chunk: &mut &[u8]) -> Option<Row> {
        let (text, ends) = (self.text.get_mut(self.filled..)?, self.ends.get_mut(self.fields..)?);
        let (result, read, written, ended) = self.reader.read_record(chunk, text, ends);
        let (taken, rest) = chunk.split_at(read.min(chunk.len()));
        *chunk = rest;
        self.newlines += taken.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.last = taken.last().copied().unwrap_or(self.last);
        (self.filled, self.fields) = (self.filled + written, self.fields + ended);
        match result {
            ReadRecordResult::Record => Some(self.row()),
            ReadRecordResult::OutputFull if self.text.len() >= LONGEST => {
                (self.too_long, self.filled) = (true, 0);
                None
            }
            ReadRecordResult::OutputFull => {
                self.text.resize(self.text.len() * 2, 0);
                None
            }
            ReadRecordResult::OutputEndsFull => {
                (self.too_long, self.fields) = (true, 0);
                None
            }
            ReadRecordResult::InputEmpty | ReadRecordResult::End => None,
        }
    }

    fn row(&mut self) -> Row {
        let (filled, count) = (std::mem::take(&mut self.filled), std::mem::take(&mut self.fields));
        let line = self.newlines + u64::from(self.last != b'\n');
        if std::mem::take(&mut self.too_long) {
            return Row { line, fields: None };
        }
        let mut begin = 0;
        let mut fields = Vec::with_capacity(count);
        for end in self.ends.iter().take(count) {
            fields.push(self.text.get(begin..(*end).min(filled)).unwrap_or_default().to_vec());
            begin = *end;
        }
        Row { line, fields: Some(fields) }
    }
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rows({} lines)", self.newlines)
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, Row, Rows};

    fn rows(chunks: &[&[u8]]) -> Vec<Row> {
        let (mut rows, mut found) = (Rows::after(0), Vec::new());
        for mut chunk in chunks.iter().copied() {
            while let Some(row) = rows.next(&mut chunk) {
                found.push(row);
            }
        }
        found.extend(rows.last());
        found
    }
    fn row(line: u64, fields: &[&str]) -> Row {
        Row { line, fields: Some(fields.iter().map(|field| field.as_bytes().to_vec()).collect()) }
    }

    #[test]
    fn rows_are_the_same_however_the_stream_is_cut() {
        let text = "\u{feff}a,b\r\n1,\"x\ny\"\"z\"\n\n2,\n3".as_bytes();
        let expected = [row(1, &["a", "b"]), row(3, &["1", "x\ny\"z"]), row(5, &["2", ""]), row(6, &["3"])];
        assert_eq!(rows(&[text]), expected);
        // Not inside the byte order mark, which is looked for in the first chunk only.
        for cut in 3..text.len() {
            let (front, back) = text.split_at(cut);
            assert_eq!(rows(&[front, back]), expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_row_that_is_too_long_is_told_and_the_next_one_is_whole() {
        let long = vec![b'x'; LONGEST * 3];
        let many = vec![b','; 5_000];
        let found = rows(&[b"\"", &long, b"\"\nnext,1\n", &many, b"\nlast"]);
        let too_long = |line| Row { line, fields: None };
        assert_eq!(found, [too_long(1), row(2, &["next", "1"]), too_long(3), row(4, &["last"])]);
    }

    #[test]
    fn a_quote_that_is_left_open_is_one_row_in_bounded_memory() {
        let mut rows = Rows::after(0);
        let chunk = vec![b'x'; 64 * 1024];
        let mut begin: &[u8] = b"\"";
        assert_eq!(rows.next(&mut begin), None);
        for _ in 0..1_000 {
            assert_eq!(rows.next(&mut chunk.as_slice()), None);
        }
        assert_eq!(rows.last(), Some(Row { line: 1, fields: None }));
        assert!(rows.text.capacity() <= 2 * LONGEST);
    }
}
