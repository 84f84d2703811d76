//! The corpus, and the real binary that answers it.
use flate2::read::GzDecoder;
use stayput_engine::{Json, Object};
use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The corpus was made in one process, and the official SDK never forgets a `collectionPrefix`: these settings, which
/// have none, came after `event-arch`, which has `eu01`.
const AFTER_EVENT_ARCH: [&str; 3] = ["not-running", "unicode", "empty-campaigns"];

/// Answers `rows`, in a process of its own.
pub(crate) fn decide(settings: &[u8], rows: &[Json]) -> Vec<Json> {
    let lines: Vec<String> = rows.iter().map(text).collect();
    let answers = decide_lines(settings, (lines.join("\n") + "\n").as_bytes());
    assert_eq!(answers.len(), rows.len(), "one line for each case");
    for (row, answer) in rows.iter().zip(&answers) {
        assert_eq!(row.get("id"), answer.get("id"), "the answers are in order");
    }
    answers
}

pub(crate) fn decide_lines(settings: &[u8], input: &[u8]) -> Vec<Json> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(settings).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_stayput"))
        .args(["decide", "--settings"])
        .arg(file.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut stdin, mut output) = (child.stdin.take().unwrap(), String::new());
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input).unwrap());
        child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    });
    assert!(child.wait().unwrap().success());
    output.lines().map(|line| Json::parse(line.as_bytes()).unwrap()).collect()
}

/// Result and tracking calls of an answer of the settings called `name`.
pub(crate) fn answer(name: &str, row: &Json) -> (Option<Json>, Vec<Json>) {
    let result = row.get("result").cloned();
    assert!(result.is_some() || row.get("resultUndefined").is_some(), "no answer: {}", text(row));
    let tracks = list(row, "tracks").iter();
    (
        result,
        tracks
            .map(|track| if AFTER_EVENT_ARCH.contains(&name) { without_prefix(track) } else { track.clone() })
            .collect(),
    )
}

/// What a uniting storage holds once the sets of `answer` came to what `row` says is stored.
pub(crate) fn left(row: &Json, answer: &Json) -> Vec<(String, Json)> {
    let mut records: Vec<(String, Json)> = Vec::new();
    for set in list(answer, "sets") {
        let campaign = set.get("campaignKey").and_then(Json::as_str).unwrap();
        let stored = || row.get("stored").and_then(|stored| stored.get(campaign)).cloned();
        let place = records.iter().position(|(key, _)| key == campaign).unwrap_or_else(|| {
            records.push((campaign.to_owned(), stored().unwrap_or_default()));
            records.len() - 1
        });
        records[place].1 = united(&records[place].1, set);
    }
    records
}

fn united(record: &Json, set: &Json) -> Json {
    let mut goals: Vec<&str> = Vec::new();
    for list in [record, set] {
        let list = list.get("goalIdentifier").and_then(Json::as_str).unwrap_or_default();
        let new: Vec<&str> = list.split("_vwo_").filter(|goal| !goal.is_empty() && !goals.contains(goal)).collect();
        goals.extend(new);
    }
    let fields = [record, set].into_iter().filter_map(Json::as_object).flat_map(Object::iter);
    let mut all: Vec<(String, Json)> = fields.map(|(key, value)| (key.to_owned(), value.clone())).collect();
    if !goals.is_empty() {
        all.push(("goalIdentifier".to_owned(), goals.join("_vwo_").as_str().into()));
    }
    Json::Object(all.into_iter().collect())
}

fn without_prefix(track: &Json) -> Json {
    Json::parse(text(track).replace(".com/eu01/", ".com/").as_bytes()).unwrap()
}

pub(crate) fn settings_files() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(data().join("corpus/settings")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    files.into_iter().map(|path| (name(&path), std::fs::read(&path).unwrap())).collect()
}

pub(crate) fn rows(name: &str, ending: &str) -> Vec<Json> {
    // Only settings without campaigns have no sequences.
    let absent = name == "empty-campaigns" && ending == "seq.jsonl.gz";
    if absent { Vec::new() } else { read(&format!("corpus/{name}.{ending}")) }
}

pub(crate) fn read(file: &str) -> Vec<Json> {
    let lines = BufReader::new(GzDecoder::new(File::open(data().join(file)).unwrap())).lines();
    lines.map(|line| Json::parse(line.unwrap().as_bytes()).unwrap()).collect()
}

pub(crate) fn list<'a>(row: &'a Json, name: &str) -> &'a [Json] {
    row.get(name).and_then(Json::as_array).unwrap()
}
pub(crate) fn text(json: &Json) -> String {
    serde_json::to_string(json).unwrap()
}
fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/data")
}
