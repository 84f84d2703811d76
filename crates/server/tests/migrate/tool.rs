//! Folders, lines, and the binary.
use serde_json::{Value, json};
use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// A folder of one test, where the binary runs.
pub(crate) struct Folder(TempDir);

pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

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
        Command::new(env!("CARGO_BIN_EXE_stayput"))
            .args(arguments)
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary")
    }
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.fed(arguments, "")
    }
    pub(crate) fn fed(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = self.start(arguments);
        // It may end before it reads everything.
        let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
    pub(crate) fn migrate(&self, arguments: &[&str]) -> Ran {
        self.run(&[&["migrate", "--json"], arguments].concat())
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
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("not JSON: {} {}", self.out, self.err))
    }
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
