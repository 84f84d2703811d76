//! What goes wrong between us and a node.
use super::NAME;
use crate::{Error, ErrorKind};

/// Why an exchange failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No connection could be made.
    Connect,
    /// The connection broke.
    Lost,
    /// The node has no memory for the value, or the value is larger than it takes.
    Full,
    TooLarge,
    /// It does not speak as Memcached does.
    Strange,
}

/// What a line that was not expected means.
pub(super) fn answered(line: &str) -> Trouble {
    match line {
        line if line.contains("too large") => Trouble::TooLarge,
        line if line.contains("out of memory") => Trouble::Full,
        _ => Trouble::Strange,
    }
}

/// In words; `node` is where.
pub(super) fn of(trouble: Trouble, node: &str) -> Error {
    let (kind, what) = match trouble {
        Trouble::Connect => (ErrorKind::Unavailable, "cannot be reached"),
        Trouble::Lost => (ErrorKind::Unavailable, "broke the connection"),
        Trouble::Full => (ErrorKind::Unavailable, "has no memory left"),
        Trouble::TooLarge => {
            (ErrorKind::Refused, "takes no value as large as this assignment: start it with a larger -I")
        }
        Trouble::Strange => {
            (ErrorKind::Refused, "does not speak Memcached's meta protocol: 1.6 is the oldest that will do")
        }
    };
    Error::new(kind, NAME, format!("{node} {what}"))
}
