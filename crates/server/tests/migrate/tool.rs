//! Folders, lines, and the binary.
pub(crate) use super::ran::Ran;
use super::ran::{self, stayput};
use serde_json::json;
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Child,
    thread::sleep,
    time::Duration,
};
use tempfile::TempDir;

/// A folder of one test, where the binary runs.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
    /// A `file:` store below it.
    pub(crate) fn store(&self, name: &str) -> String {
        format!("file:{}", self.path(name).display())
    }
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).expect("written");
        self.path(name).display().to_string()
    }
    /// A store that holds `lines`.
    pub(crate) fn filled(&self, name: &str, lines: &str) -> String {
        let (store, path) = (self.store(name), self.write(&format!("{name}.lines"), lines));
        let ran = self.run(&["import", &path, "--store", &store]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        store
    }
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        ran::start(stayput(arguments).current_dir(self.0.path()))
    }
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.fed(arguments, "")
    }
    pub(crate) fn fed(&self, arguments: &[&str], input: &str) -> Ran {
        Ran::of(self.start(arguments), input)
    }
    pub(crate) fn migrate(&self, arguments: &[&str]) -> Ran {
        self.run(&[&["migrate", "--json"], arguments].concat())
    }
    /// Kills `migrate` with these arguments as soon as it has written down where it is; false if it was too quick.
    pub(crate) fn killed_on_the_way(&self, arguments: &[&str]) -> bool {
        let mut child = self.start(&[&["migrate"], arguments].concat());
        self.is_on_the_way(&mut child);
        child.kill().expect("SIGKILL");
        child.wait().expect("it is gone");
        !self.states().is_empty()
    }
    /// Waits until `child` has written down where it is, or has ended: then false.
    pub(crate) fn is_on_the_way(&self, child: &mut Child) -> bool {
        while child.try_wait().expect("asked").is_none() {
            if !self.states().is_empty() {
                return true;
            }
            sleep(Duration::from_millis(1));
        }
        false
    }
    pub(crate) fn export(&self, store: &str) -> String {
        let ran = self.run(&["export", "--store", store]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        ran.out
    }
    /// The files that say where a migration stands.
    pub(crate) fn states(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.0.path()).expect("a folder").flatten().map(|file| file.path());
        let is_state = |path: &Path| path.extension().is_some_and(|it| it == "json");
        files.filter(|path| is_state(path)).collect()
    }
}

impl Ran {
    /// Counts of the report.
    pub(crate) fn counts<const N: usize>(&self, names: [&str; N]) -> [u64; N] {
        let report = self.json();
        names.map(|name| report[name].as_u64().unwrap_or_else(|| panic!("{name} of {report}")))
    }
}

/// Lines that use everything a line can say.
pub(crate) fn lines(count: usize) -> String {
    let mut lines = String::new();
    for user in 0..count {
        let variation = ["Control", "Variation-1", "ü"][user / 3 % 3];
        let mut line = json!({"userId": format!("u{user:07}"), "campaignKey": format!("c{}", user % 3),
            "variationName": variation,
            "assignedAt": "2026-01-01T00:00:00.000Z", "changedAt": "2026-01-02T00:00:00.001Z"});
        if user % 4 == 0 {
            line["goalIdentifier"] = json!("z_vwo_a");
            line["metaData"] = json!({"k": [1, {"é": null}]});
        }
        if user % 5 == 0 {
            line["expiresAt"] = json!("2999-01-01T00:00:00.000Z");
            line["more"] = json!(["x"]);
        }
        if user % 7 == 0 {
            line["kind"] = json!("fme");
        }
        let _ = writeln!(lines, "{line}");
    }
    lines
}

pub(crate) fn sorted(lines: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = lines.lines().collect();
    lines.sort_unstable();
    lines
}

/// A line of the `/proc/PID/status` of `child`, in bytes; 0 once it has ended.
pub(crate) fn memory(child: &Child, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Where `servers/up` started it.
pub(crate) fn server(name: &str) -> Result<String, String> {
    let name = format!("STAYPUT_TEST_{name}");
    variable(&name).ok_or_else(|| format!("{name} is not set: servers/up starts the server and says where it is"))
}
/// Whether long rounds are wanted.
pub(crate) fn long() -> bool {
    variable("STAYPUT_LONG").is_some()
}

#[expect(clippy::disallowed_methods, reason = "tests read their own switches")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
