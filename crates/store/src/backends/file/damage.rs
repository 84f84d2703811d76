//! Tells an LMDB file that was cut off, or that is something else, before LMDB maps it.
//!
//! Reading beyond the end of a mapped file kills the process, so a file that is shorter than its header says is walked
//! page by page. A healthy one can be a little shorter: LMDB does not write pages that a transaction took and gave back.
use super::{NAME, place::shortly, trouble::refused};
use crate::{Error, ErrorKind, Result};
use std::{collections::BTreeSet, fs::File, io, os::unix::fs::FileExt, path::Path};

const BRANCH: u16 = 1;
const LEAF: u16 = 2;
/// Flags of a leaf's node: its value is on pages of its own; its value is a database.
const BIG: u16 = 1;
const DATABASE: u16 = 2;
const HEADER: usize = 16;
const NO_PAGE: u64 = u64::MAX;

/// Accepts a file that is not there, or that LMDB can map without falling off its end.
pub(super) fn check(path: &Path) -> Result<()> {
    if cfg!(not(all(target_pointer_width = "64", target_endian = "little"))) {
        return Ok(()); // other machines lay the file out differently
    }
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused(error)),
    };
    // Another process may be creating it this moment.
    if !shortly(|| file.metadata().is_ok_and(|found| found.len() > 0)) {
        return Err(damaged("data.mdb is empty: restore the folder from a copy; if it never held anything, delete it"));
    }
    // A process that writes meanwhile may recycle what is being looked at; it cannot do so for ever.
    let sound = || walk(&file).is_ok_and(|sound| sound);
    match walk(&file).map_err(refused)? || shortly(sound) {
        true => Ok(()),
        false => Err(damaged(
            "data.mdb is cut off or is not LMDB's, and was not changed: restore the folder from a copy or an export",
        )),
    }
}

fn damaged(message: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, NAME, message)
}

/// Whether the header makes sense and every page that it leads to is there.
fn walk(file: &File) -> io::Result<bool> {
    let Some(header) = Header::read(file)? else { return Ok(false) };
    let length = file.metadata()?.len();
    if length >= (header.last_page + 1).saturating_mul(header.page_size) {
        return Ok(true);
    }
    let pages = length / header.page_size;
    let (mut seen, mut next) = (BTreeSet::new(), header.roots.to_vec());
    while let Some(number) = next.pop() {
        if number == NO_PAGE || !seen.insert(number) {
            continue;
        }
        if number >= pages {
            return Ok(false);
        }
        let mut page = vec![0; header.page_size as usize];
        file.read_exact_at(&mut page, number * header.page_size)?;
        match children(&page, file, header.page_size, pages) {
            Some(children) => next.extend(children),
            None => return Ok(false),
        }
    }
    Ok(true)
}

struct Header {
    page_size: u64,
    roots: [u64; 2],
    last_page: u64,
    transaction: u64,
}

impl Header {
    /// The newer of the two headers, if LMDB would accept both.
    fn read(file: &File) -> io::Result<Option<Self>> {
        let Some(first) = Self::at(file, 0)? else { return Ok(None) };
        let Some(second) = Self::at(file, first.page_size)? else { return Ok(None) };
        Ok(Some(if second.transaction > first.transaction { second } else { first }))
    }
    fn at(file: &File, offset: u64) -> io::Result<Option<Self>> {
        let mut bytes = [0; 152];
        match file.read_exact_at(&mut bytes, offset) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            done => done?,
        }
        let page = Bytes(&bytes);
        let page_size = page.number(40, 4);
        let sane = page.number(16, 4) == Some(0xBEEF_C0DE)
            && page_size.is_some_and(|size| size.is_power_of_two() && (512..=65_536).contains(&size));
        let read = || {
            Some(Self {
                page_size: page_size?,
                roots: [page.number(80, 8)?, page.number(128, 8)?],
                last_page: page.number(136, 8)?,
                transaction: page.number(144, 8)?,
            })
        };
        Ok(read().filter(|header| sane && header.last_page < u64::MAX / header.page_size))
    }
}

/// The pages that a page leads to; `None` if it is none that could, or leads beyond `pages`.
fn children(page: &[u8], file: &File, page_size: u64, pages: u64) -> Option<Vec<u64>> {
    let bytes = Bytes(page);
    let (flags, lower) = (bytes.number(10, 2)? as u16, bytes.number(12, 2)? as usize);
    let mut found = Vec::new();
    for slot in (HEADER..lower).step_by(2) {
        let node = bytes.number(slot, 2)? as usize;
        let (low, node_flags) = (bytes.number(node, 4)?, bytes.number(node + 4, 2)? as u16);
        if flags & BRANCH != 0 {
            found.push(low | u64::from(node_flags) << 32);
        } else if flags & LEAF == 0 {
            return None;
        } else {
            let value = node + 8 + bytes.number(node + 6, 2)? as usize;
            if node_flags & BIG != 0 {
                let first = bytes.number(value, 8)?;
                let mut count = [0; 4];
                file.read_exact_at(&mut count, first.checked_mul(page_size)? + 12).ok()?;
                first.checked_add(u64::from(u32::from_le_bytes(count))).filter(|end| *end <= pages)?;
            } else if node_flags & DATABASE != 0 {
                found.push(bytes.number(value + 40, 8)?);
            }
        }
    }
    Some(found)
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    /// The little-endian number of `size` bytes at `at`.
    fn number(&self, at: usize, size: usize) -> Option<u64> {
        let bytes = self.0.get(at..at.checked_add(size)?)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}
