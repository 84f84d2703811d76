//! A stored value that cannot be read any more.
use std::{fs, path::Path};

/// In the file of an LMDB: overwrites the version of the value that stands behind `key`.
pub(crate) fn spoil(path: &Path, key: &[u8]) {
    let mut bytes = fs::read(path).expect("there");
    let mut spoiled = 0;
    for at in 0..bytes.len() - key.len() {
        if &bytes[at..at + key.len()] == key && bytes[at + key.len()] == 1 {
            bytes[at + key.len()] = 0xEE;
            spoiled += 1;
        }
    }
    assert!(spoiled > 0, "the value is there");
    fs::write(path, bytes).expect("written");
}
