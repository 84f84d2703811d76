//! What waits for the store, and what could never be stored.
use super::{Finding, bytes};
use stayput::layers::SpoolStats;

/// What `stats` say.
pub(crate) fn spool(stats: &SpoolStats) -> Vec<Finding> {
    let SpoolStats { waiting, oldest, dead, bytes: used, limit, .. } = *stats;
    let room = format!("{} of {}", bytes(used), bytes(limit));
    let oldest = oldest.unwrap_or_default().as_secs();
    let mut findings = vec![match waiting {
        _ if used >= limit => Finding::wrong(
            "spool",
            format!("full: {waiting} claims wait, the oldest {oldest} s, {room}; more are refused"),
            "bring the store back, or raise --spool-limit",
        ),
        0 => Finding::ok("spool", format!("nothing waits, {room}")),
        waiting => Finding::note(
            "spool",
            format!("{waiting} claims wait, the oldest {oldest} s, {room}"),
            "a server of this machine delivers them when the store answers; `stayput spool` shows them",
        ),
    }];
    if dead > 0 {
        findings.push(Finding::wrong(
            "spool",
            format!("{dead} dead letters: claims that can never be stored"),
            "`stayput spool` says why; --clear-dead forgets them",
        ));
    }
    findings
}
