//! The folder of a `file:` store and the disk that it is on.
use super::{Finding, bytes};
use stayput::{StoreUrl, backends::FileFacts};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

/// Less free space than this ends writing soon.
const LITTLE: u64 = 64 << 20;

/// Where `url` keeps its data, if it is a folder.
pub(crate) fn path(url: &str) -> Option<String> {
    let url = StoreUrl::parse(url).ok().filter(|url| url.scheme() == "file")?;
    Some(url.place().strip_prefix("//").unwrap_or(url.place()).to_owned())
}

/// A folder that is not there, or holds no data, before anybody opens and thereby makes it.
pub(crate) fn missing(url: &str) -> Option<Finding> {
    let path = path(url)?;
    let found = fs::metadata(Path::new(&path).join("data.mdb"));
    let absent = found.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
    absent.then(|| {
        let says = format!("there is no store in {path}");
        let advice =
            "name the right folder with --store file:PATH; if nothing was ever stored, `stayput serve` makes it";
        Finding::wrong("store", says, advice)
    })
}

/// Disk, permissions and room.
pub(crate) fn inspect(url: &str, facts: &FileFacts) -> Vec<Finding> {
    let Some(path) = path(url) else { return Vec::new() };
    let path = Path::new(&path);
    let mut findings = vec![space(path, facts), permissions(path)];
    findings.push(room(facts));
    let (major, minor, patch) = facts.lmdb;
    findings.push(Finding::ok("versions", format!("LMDB {major}.{minor}.{patch}, layout {}", facts.format)));
    let readers = format!("{} of {} slots for reading threads", facts.readers, facts.most_readers);
    findings.push(match u64::from(facts.readers) * 10 > u64::from(facts.most_readers) * 9 {
        true => Finding::wrong("limits", readers, "stop some of the processes that have the folder open"),
        false => Finding::ok("limits", readers),
    });
    let map = format!("map of {} for {} of data; it grows by itself", bytes(facts.map), bytes(facts.size));
    findings.push(Finding::ok("limits", map));
    findings
}

fn space(path: &Path, facts: &FileFacts) -> Finding {
    let Ok(disk) = rustix::fs::statvfs(path) else {
        return Finding::wrong("disk", "its free space cannot be told", "look at the disk: df, dmesg");
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let says = format!("{} free on {}", bytes(free), file_system(path));
    if free < LITTLE {
        return Finding::wrong("disk", says, "make room on the disk: writes fail when it is full, reads go on");
    }
    match free < facts.size {
        true => {
            Finding::note("disk", says, "make room: less is free than the data takes, so that compacting may not fit")
        }
        false => Finding::ok("disk", says),
    }
}

/// The kind of file system, from the list of mounts: the one that is mounted nearest above `path`.
fn file_system(path: &Path) -> String {
    let Ok(path) = path.canonicalize() else { return "an unknown file system".into() };
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let nearest = mounts.filter(|(place, _)| path.starts_with(place)).max_by_key(|(place, _)| place.len());
    nearest.map_or_else(|| "an unknown file system".into(), |(_, kind)| kind.to_owned())
}

fn permissions(path: &Path) -> Finding {
    let open = ["", "data.mdb"].iter().filter(|file| {
        let found = if file.is_empty() { fs::metadata(path) } else { fs::metadata(path.join(file)) };
        found.is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
    });
    // A file that others may read is safe in a folder that they may not enter.
    match open.count() {
        2 => {
            let says = "other users of this machine can read the data, which holds user ids";
            Finding::note("disk", says, format!("chmod 700 {}", path.display()))
        }
        _ => Finding::ok("disk", "only its owner can read the data"),
    }
}

fn room(facts: &FileFacts) -> Finding {
    let unused = facts.size.saturating_sub(facts.used);
    let says = format!("{} of data, {} of it unused", bytes(facts.size), bytes(unused));
    match unused > facts.size / 2 && unused > LITTLE {
        true => {
            Finding::note("disk", says, "win it back with `stayput doctor --compact` while nothing has the folder open")
        }
        false => Finding::ok("disk", says),
    }
}
