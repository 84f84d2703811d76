//! What the results come from.
use std::{fs, process::Command};

/// The load of the last minute, and of how many processors.
pub(crate) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or("unknown").to_owned()
}

/// Processor, memory and system, a sentence.
pub(crate) fn shown() -> String {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let memory = field("/proc/meminfo", "MemTotal").and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    let system = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let system = system.split('-').next().unwrap_or_default();
    format!("{processors} × {processor}, {} GiB, Linux {}", memory.unwrap_or(0) >> 20, system.trim())
}

/// What a program says about its version.
pub(crate) fn version(program: &str) -> String {
    let said = Command::new(program).arg("--version").output().ok();
    let said = said.and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    let word = |word: &str| word.trim_start_matches("v=").to_owned();
    let found =
        said.split_whitespace().find(|part| part.trim_start_matches("v=").starts_with(|c: char| c.is_ascii_digit()));
    found.map(word).unwrap_or_else(|| "unknown".into())
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
