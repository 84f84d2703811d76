//! Figures of this process, read when somebody asks.
use rustix::process::{Resource, getrlimit};
use std::fs;

/// Resident memory, and the part of it that is no mapped file, in bytes.
pub(super) fn memory() -> Option<(u64, u64)> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim_start_matches(':').trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
    };
    Some((field("VmRSS")?, field("RssAnon")?))
}

/// File descriptors in use, the one that counts them left out.
pub(super) fn descriptors() -> Option<u64> {
    Some((fs::read_dir("/proc/self/fd").ok()?.count() as u64).saturating_sub(1))
}

/// File descriptors that may be used; unlimited is told as nothing.
pub(super) fn most_descriptors() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}
