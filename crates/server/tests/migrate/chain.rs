//! Around through every kind of store, killed on the way.
use super::tool::{Folder, Ran, lines, long, memory, sorted};
use std::{io::Read, thread::sleep, time::Duration};

pub(crate) fn redis_and_postgres(urls: &[String]) {
    the_same_lines(urls);
}
pub(crate) fn mongodb_too(urls: &[String]) {
    the_same_lines(urls);
}

fn the_same_lines(urls: &[String]) {
    let count = if long() { 1_000_000 } else { 20_000 };
    let folder = Folder::new();
    let name = format!("moved_{}_{}", std::process::id(), urls.len());
    let first = folder.filled("first", &lines(count));
    // Places of their own: the servers are everybody's.
    let places = [format!("prefix={name}:"), format!("schema={name}"), format!("collection={name}")];
    let between = urls.iter().zip(places).map(|(url, place)| format!("{url}?{place}&timeout=30s"));
    let last = folder.store("last");
    let stops: Vec<String> = [first.clone()].into_iter().chain(between).chain([last.clone()]).collect();
    let mut was_killed = 0;
    for pair in stops.windows(2) {
        let [from, to] = pair else { panic!("pairs") };
        was_killed += usize::from(folder.killed_on_the_way(&[from, to]));
        let (ran, peak) = watched(&folder, &["migrate", from, to, "--json", "--verify"]);
        assert_eq!((ran.code, ran.counts(["found", "failed", "kept"])), (Some(0), [count as u64, 0, 0]), "{}", ran.err);
        assert_eq!(ran.counts(["verified", "differing"]), [count as u64, 0]);
        let scheme = |url: &str| url.split(':').next().unwrap_or_default().to_owned();
        let (seconds, peak) = (ran.json()["seconds"].as_f64().unwrap_or_default(), peak >> 20);
        println!("{} -> {}: {seconds:.1} s, at most {peak} MiB", scheme(from), scheme(to));
        assert!(peak < 512, "{peak} MiB");
    }
    assert!(was_killed > 0, "it was never caught in the middle");
    assert!(sorted(&folder.export(&first)) == sorted(&folder.export(&last)), "the same lines at both ends");
}

/// Runs to the end; tells the most anonymous memory that was seen.
fn watched(folder: &Folder, arguments: &[&str]) -> (Ran, u64) {
    let mut child = folder.start(arguments);
    let (mut out, mut err, mut peak) = (String::new(), String::new(), 0);
    let code = loop {
        peak = peak.max(memory(&child, "RssAnon"));
        if let Some(status) = child.try_wait().expect("asked") {
            break status.code();
        }
        sleep(Duration::from_millis(10));
    };
    child.stdout.take().expect("piped").read_to_string(&mut out).expect("UTF-8");
    child.stderr.take().expect("piped").read_to_string(&mut err).expect("UTF-8");
    (Ran { code, out, err }, peak)
}
