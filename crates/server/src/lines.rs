//! Lines out of a stream of chunks, in bounded memory.

/// Longest line: the largest record there can be, every byte of its goals escaped, fits in.
pub(crate) const LONGEST: usize = 2 * 1024 * 1024;

/// A line and where it stood, counted from 1.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Numbered {
    /// The number of the line.
    pub(crate) number: u64,
    /// Its bytes without the line feed; `None` if there were more than [`LONGEST`].
    pub(crate) bytes: Option<Vec<u8>>,
}

/// Puts lines together.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    begun: Vec<u8>,
    too_long: bool,
    number: u64,
}

impl Lines {
    /// Takes the next line off the front of `chunk`; `None` when `chunk` is used up before the line ends.
    pub(crate) fn next(&mut self, chunk: &mut &[u8]) -> Option<Numbered> {
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let (part, rest) = chunk.split_at(end.unwrap_or(chunk.len()));
        if self.too_long || self.begun.len() + part.len() > LONGEST {
            (self.too_long, self.begun) = (true, Vec::new());
        } else {
            self.begun.extend_from_slice(part);
        }
        *chunk = rest.get(1..).unwrap_or_default();
        end.map(|_| self.line())
    }
    /// The last line, if the stream did not end with a line feed.
    pub(crate) fn last(mut self) -> Option<Numbered> {
        (self.too_long || !self.begun.is_empty()).then(|| self.line())
    }

    fn line(&mut self) -> Numbered {
        self.number += 1;
        let bytes = std::mem::take(&mut self.begun);
        let too_long = std::mem::take(&mut self.too_long);
        Numbered { number: self.number, bytes: Some(bytes).filter(|_| !too_long) }
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, Lines, Numbered};

    fn lines(chunks: &[&[u8]]) -> Vec<Numbered> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for mut chunk in chunks.iter().copied() {
            while let Some(line) = lines.next(&mut chunk) {
                found.push(line);
            }
        }
        found.extend(lines.last());
        found
    }
    fn line(number: u64, text: &str) -> Numbered {
        Numbered { number, bytes: Some(text.into()) }
    }

    #[test]
    fn lines_are_the_same_however_the_stream_is_cut() {
        let text = b"one\n\nthree\r\nfour";
        let expected = [line(1, "one"), line(2, ""), line(3, "three\r"), line(4, "four")];
        for cut in 0..text.len() {
            let (front, back) = text.split_at(cut);
            assert_eq!(lines(&[front, back]), expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_told_and_the_next_one_is_whole() {
        let long = vec![b'x'; LONGEST / 2 + 1];
        let found = lines(&[&long, &long, &long, b"\nnext\n"]);
        assert_eq!(found, [Numbered { number: 1, bytes: None }, line(2, "next")]);
    }
}
