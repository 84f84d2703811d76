//! From JavaScript's syntax of regular expressions (no flags) to that of Rust's engines.
use super::super::super::js::is_space;
use std::fmt::Write;

/// A pattern in Rust's syntax.
pub(super) struct Translated {
    pub(super) text: String,
    /// Neither lookaround nor backreferences.
    pub(super) regular: bool,
}

/// The character that stands for a UTF-16 unit: surrogates move to the end of the last plane.
pub(super) fn letter(unit: u32) -> Option<char> {
    char::from_u32(if (0xd800..0xe000).contains(&unit) { unit.wrapping_add(0x10_0000) } else { unit })
}

/// `None` where JavaScript reports a syntax error.
pub(super) fn translate(pattern: &str) -> Option<Translated> {
    let units: Vec<u32> = pattern.encode_utf16().map(u32::from).collect();
    let names = group_names(&units);
    let mut reader = Reader { units, at: 0, names, out: String::with_capacity(pattern.len()), regular: true };
    reader.pattern()?;
    if !reader.regular {
        // Now that the engine is known, once more in its spelling.
        (reader.at, reader.out) = (0, String::new());
        reader.pattern()?;
    }
    Some(Translated { text: reader.out, regular: reader.regular })
}

struct Reader {
    units: Vec<u32>,
    at: usize,
    /// The capturing groups of the whole pattern, in order.
    names: Vec<Option<Vec<u32>>>,
    out: String,
    /// Nothing irregular was met, in this reading or an earlier one.
    regular: bool,
}

/// Sorted or not, overlapping or not: ranges of UTF-16 units.
type Units = Vec<(u32, u32)>;

/// An open group.
struct Group {
    closing: &'static str,
    last: Last,
}

/// What a quantifier would repeat.
#[derive(Clone, Copy, PartialEq)]
enum Last {
    Nothing,
    Atom,
    /// A lookahead: JavaScript may repeat it, the engine may not.
    Ahead,
}

impl Reader {
    fn pattern(&mut self) -> Option<()> {
        let mut open = Vec::new();
        let mut last = Last::Nothing;
        while let Some(unit) = self.next() {
            last = match char::from_u32(unit) {
                Some('|') => {
                    self.out.push('|');
                    Last::Nothing
                }
                Some('^') => self.assertion("^"),
                Some('$') => self.assertion(r"\z"),
                Some('(') => {
                    open.push(self.group()?);
                    Last::Nothing
                }
                Some(')') => {
                    let group: Group = open.pop()?;
                    self.out.push_str(group.closing);
                    group.last
                }
                Some('*' | '+' | '?') if last == Last::Nothing => return None,
                Some(sign @ ('*' | '+' | '?')) if last == Last::Ahead => self.repeat_ahead(sign == '+'),
                Some(sign @ ('*' | '+' | '?')) => {
                    self.out.push(sign);
                    self.lazy()
                }
                Some('{') => match self.counts() {
                    Some(_) if last == Last::Nothing => return None,
                    Some((least, most)) => match last {
                        Last::Ahead if most.is_none_or(|most| least <= most) => self.repeat_ahead(least > 0),
                        _ => {
                            self.repeat(least, most)?;
                            self.lazy()
                        }
                    },
                    None => self.literal(unit)?,
                },
                Some('.') => self.class(&ANY_BUT_LINE_ENDS.to_vec(), true),
                Some('[') => {
                    let (ranges, negated) = self.brackets()?;
                    self.class(&ranges, negated)
                }
                Some('\\') => self.escape()?,
                _ => self.literal(unit)?,
            };
        }
        open.is_empty().then_some(())
    }

    /// After `(`.
    fn group(&mut self) -> Option<Group> {
        const PLAIN: Group = Group { closing: ")", last: Last::Atom };
        if !self.take("?") {
            self.out.push('(');
            return Some(PLAIN);
        }
        for (sign, last) in [("=", Last::Ahead), ("!", Last::Ahead), ("<=", Last::Nothing), ("<!", Last::Nothing)] {
            if self.take(sign) {
                self.regular = false;
                let _ = write!(self.out, "(?:(?{sign}");
                return Some(Group { closing: "))", last });
            }
        }
        if self.take(":") {
            self.out.push_str("(?:");
            return Some(PLAIN);
        }
        if !self.take("<") {
            return None;
        }
        let name = self.name()?;
        self.out.push('(');
        let same = self.names.iter().flatten().filter(|known| **known == name).count();
        (same == 1).then_some(PLAIN)
    }

    fn name(&mut self) -> Option<Vec<u32>> {
        let mut name = Vec::new();
        loop {
            let unit = self.next()?;
            let letter = char::from_u32(unit).filter(|letter| letter.is_alphanumeric() || "_$>".contains(*letter))?;
            match letter {
                '>' => return (!name.is_empty()).then_some(name),
                letter if name.is_empty() && letter.is_numeric() => return None,
                _ => name.push(unit),
            }
        }
    }

    fn escape(&mut self) -> Option<Last> {
        let unit = self.next()?;
        match char::from_u32(unit) {
            Some('b') if self.regular => return Some(self.assertion(r"(?-u:\b)")),
            Some('B') if self.regular => return Some(self.assertion(r"(?-u:\B)")),
            Some('b') => return Some(self.assertion(&format!("(?:(?<={W})(?!{W})|(?<!{W})(?={W}))"))),
            Some('B') => return Some(self.assertion(&format!("(?:(?<={W})(?={W})|(?<!{W})(?!{W}))"))),
            Some('k') if self.names.iter().any(Option::is_some) => {
                let name = self.take("<").then(|| self.name())??;
                let group = self.names.iter().position(|known| known.as_ref() == Some(&name))?;
                return Some(self.reference(group.saturating_add(1)));
            }
            Some('1'..='9') => {
                let start = self.at;
                let mut number = unit.wrapping_sub(u32::from('0'));
                while let Some(digit) = self.peek().and_then(char::from_u32).and_then(|digit| digit.to_digit(10)) {
                    number = number.saturating_mul(10).saturating_add(digit);
                    self.at = self.at.saturating_add(1);
                }
                let group = usize::try_from(number).unwrap_or(usize::MAX);
                if group <= self.names.len() {
                    return Some(self.reference(group));
                }
                self.at = start;
            }
            _ => {}
        }
        if let Some((ranges, negated)) = shorthand(unit) {
            return Some(self.class(&ranges.to_vec(), negated));
        }
        let unit = self.character(unit, false);
        self.literal(unit)
    }

    /// The unit that an escape stands for.
    fn character(&mut self, unit: u32, in_class: bool) -> u32 {
        match char::from_u32(unit) {
            Some('t') => 9,
            Some('n') => 10,
            Some('v') => 11,
            Some('f') => 12,
            Some('r') => 13,
            Some('x') => self.hexadecimal(2).unwrap_or(unit),
            Some('u') => self.hexadecimal(4).unwrap_or(unit),
            Some('c') => {
                let control = self.peek().and_then(char::from_u32).filter(|letter| {
                    letter.is_ascii_alphabetic() || in_class && (letter.is_ascii_digit() || *letter == '_')
                });
                match control {
                    Some(letter) => {
                        self.at = self.at.saturating_add(1);
                        u32::from(letter) & 31
                    }
                    None => {
                        self.at = self.at.saturating_sub(1); // the backslash stands for itself
                        u32::from('\\')
                    }
                }
            }
            Some('0'..='7') => {
                let mut number = unit.wrapping_sub(u32::from('0'));
                while let Some(digit) = self.peek().and_then(char::from_u32).and_then(|digit| digit.to_digit(8)) {
                    let longer = number.saturating_mul(8).saturating_add(digit);
                    if longer > 255 {
                        break;
                    }
                    number = longer;
                    self.at = self.at.saturating_add(1);
                }
                number
            }
            _ => unit,
        }
    }

    fn hexadecimal(&mut self, length: usize) -> Option<u32> {
        let end = self.at.saturating_add(length);
        let mut number = 0u32;
        for unit in self.units.get(self.at..end)? {
            number = number.saturating_mul(16).saturating_add(char::from_u32(*unit)?.to_digit(16)?);
        }
        self.at = end;
        Some(number)
    }

    /// After `[`: the ranges, and whether all others are meant.
    fn brackets(&mut self) -> Option<(Units, bool)> {
        let negated = self.take("^");
        let mut ranges = Vec::new();
        while !self.take("]") {
            let first = self.member()?;
            let to_next = self.peek() == Some(u32::from('-'))
                && self.units.get(self.at.saturating_add(1)) != Some(&u32::from(']'));
            if !to_next {
                ranges.extend(first);
                continue;
            }
            self.take("-");
            let second = self.member()?;
            match (first.as_slice(), second.as_slice()) {
                ([(low, same)], [(high, other)]) if low == same && high == other => {
                    ranges.push((*low, *high));
                    if low > high {
                        return None;
                    }
                }
                _ => {
                    ranges.extend(first);
                    ranges.extend(second);
                    ranges.push((u32::from('-'), u32::from('-')));
                }
            }
        }
        Some((ranges, negated))
    }

    fn member(&mut self) -> Option<Units> {
        let unit = self.next()?;
        if unit != u32::from('\\') {
            return Some(vec![(unit, unit)]);
        }
        let unit = self.next()?;
        if let Some((ranges, negated)) = shorthand(unit) {
            return Some(if negated { others(ranges) } else { ranges.to_vec() });
        }
        let unit = if unit == u32::from('b') { 8 } else { self.character(unit, true) };
        Some(vec![(unit, unit)])
    }

    /// `{least}`, `{least,}` or `{least,most}` after the brace; otherwise nothing is read.
    fn counts(&mut self) -> Option<(u32, Option<u32>)> {
        let start = self.at;
        let counts = self.try_counts();
        if counts.is_none() {
            self.at = start;
        }
        counts
    }
    fn try_counts(&mut self) -> Option<(u32, Option<u32>)> {
        let least = self.decimal()?;
        let most = match self.take(",") {
            true if self.peek() == Some(u32::from('}')) => None,
            true => Some(self.decimal()?),
            false => Some(least),
        };
        self.take("}").then_some((least, most))
    }
    fn decimal(&mut self) -> Option<u32> {
        let mut number = None;
        while let Some(digit) = self.peek().and_then(char::from_u32).and_then(|digit| digit.to_digit(10)) {
            number = Some(number.unwrap_or(0u32).saturating_mul(10).saturating_add(digit));
            self.at = self.at.saturating_add(1);
        }
        number
    }

    fn repeat(&mut self, least: u32, most: Option<u32>) -> Option<()> {
        if most.is_some_and(|most| most < least) {
            return None;
        }
        let _ = match most {
            Some(most) => write!(self.out, "{{{least},{most}}}"),
            None => write!(self.out, "{{{least},}}"),
        };
        Some(())
    }
    /// Once says as much as any number of times; perhaps never says nothing.
    fn repeat_ahead(&mut self, needed: bool) -> Last {
        if !needed {
            self.out.pop();
            self.out.push_str("|)");
        }
        self.take("?");
        Last::Nothing
    }
    fn lazy(&mut self) -> Last {
        if self.take("?") {
            self.out.push('?');
        }
        Last::Nothing
    }
    fn assertion(&mut self, text: &str) -> Last {
        self.out.push_str(text);
        Last::Nothing
    }
    fn reference(&mut self, group: usize) -> Last {
        self.regular = false;
        let _ = write!(self.out, r"(?({group})\{group}|)");
        Last::Atom
    }
    fn literal(&mut self, unit: u32) -> Option<Last> {
        let _ = write!(self.out, r"\x{{{:X}}}", u32::from(letter(unit)?));
        Some(Last::Atom)
    }
    fn class(&mut self, ranges: &Units, negated: bool) -> Last {
        let ranges = if negated { others(ranges) } else { ranges.clone() };
        self.out.push('[');
        for (low, high) in ranges {
            // The surrogates moved away, so a range across them is three.
            for (from, to) in [(0, 0xd7ff), (0xd800, 0xdfff), (0xe000, 0xffff)] {
                let (low, high) = (low.max(from), high.min(to));
                if let (true, Some(low), Some(high)) = (low <= high, letter(low), letter(high)) {
                    let _ = write!(self.out, r"\x{{{:X}}}-\x{{{:X}}}", u32::from(low), u32::from(high));
                }
            }
        }
        if self.out.ends_with('[') {
            self.out.push_str(r"^\x{0}-\x{10FFFF}"); // nothing at all
        }
        self.out.push(']');
        Last::Atom
    }

    fn peek(&self) -> Option<u32> {
        self.units.get(self.at).copied()
    }
    fn next(&mut self) -> Option<u32> {
        let unit = self.peek()?;
        self.at = self.at.saturating_add(1);
        Some(unit)
    }
    fn take(&mut self, text: &str) -> bool {
        let end = self.at.saturating_add(text.len());
        let found =
            self.units.get(self.at..end).is_some_and(|units| units.iter().copied().eq(text.bytes().map(u32::from)));
        if found {
            self.at = end;
        }
        found
    }
}

const LINE_ENDS: [(u32, u32); 3] = [(0xa, 0xa), (0xd, 0xd), (0x2028, 0x2029)];
const ANY_BUT_LINE_ENDS: [(u32, u32); 3] = LINE_ENDS; // negated where it is used
const W: &str = "[0-9A-Z_a-z]";
const DIGITS: [(u32, u32); 1] = [(0x30, 0x39)];
const WORD: [(u32, u32); 4] = [(0x30, 0x39), (0x41, 0x5a), (0x5f, 0x5f), (0x61, 0x7a)];
const SPACE: [(u32, u32); 10] = [
    (0x9, 0xd),
    (0x20, 0x20),
    (0xa0, 0xa0),
    (0x1680, 0x1680),
    (0x2000, 0x200a),
    (0x2028, 0x2029),
    (0x202f, 0x202f),
    (0x205f, 0x205f),
    (0x3000, 0x3000),
    (0xfeff, 0xfeff),
];

/// What `\d` and its kin mean, and whether all others are meant.
fn shorthand(unit: u32) -> Option<(&'static [(u32, u32)], bool)> {
    debug_assert!(SPACE.iter().all(|(low, _)| char::from_u32(*low).is_some_and(is_space)));
    Some(match char::from_u32(unit)? {
        'd' => (&DIGITS, false),
        'D' => (&DIGITS, true),
        'w' => (&WORD, false),
        'W' => (&WORD, true),
        's' => (&SPACE, false),
        'S' => (&SPACE, true),
        _ => return None,
    })
}

/// All units that are in none of `ranges`.
fn others(ranges: &[(u32, u32)]) -> Units {
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable();
    let (mut free, mut out) = (0u32, Vec::new());
    for (low, high) in sorted {
        if low > free {
            out.push((free, low.saturating_sub(1)));
        }
        free = free.max(high.saturating_add(1));
    }
    if free <= 0xffff {
        out.push((free, 0xffff));
    }
    out
}

fn group_names(units: &[u32]) -> Vec<Option<Vec<u32>>> {
    let mut names = Vec::new();
    let (mut in_class, mut rest) = (false, units);
    while let Some((unit, after)) = rest.split_first() {
        rest = after;
        match char::from_u32(*unit) {
            Some('\\') => rest = rest.split_first().map_or(rest, |(_, rest)| rest),
            Some('[') => in_class = true,
            Some(']') => in_class = false,
            Some('(') if !in_class => {
                let start: String = rest.iter().take(3).filter_map(|unit| char::from_u32(*unit)).collect();
                if !start.starts_with('?') {
                    names.push(None);
                } else if start.starts_with("?<") && !start.starts_with("?<=") && !start.starts_with("?<!") {
                    names
                        .push(Some(rest.iter().skip(2).take_while(|unit| **unit != u32::from('>')).copied().collect()));
                }
            }
            _ => {}
        }
    }
    names
}
