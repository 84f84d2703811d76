//! File descriptors: each connection needs one, and most systems give a process few until it asks for more.
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the store, the log and the sockets need besides connections.
const RESERVED: usize = 64;

/// Asks for as many as the system lets this process have, and tells how many of `wanted` connections that allows.
pub fn connections(wanted: usize) -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // Only what is needed: some programs that are started from here would close all there could be.
    let needed = (wanted + RESERVED) as u64;
    if current.is_some_and(|current| current < needed) {
        let raised = Some(maximum.map_or(needed, |maximum| maximum.min(needed)));
        if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: raised, maximum }) {
            tracing::warn!(%error, "the limit of file descriptors could not be raised");
        }
    }
    let allowed =
        getrlimit(Resource::Nofile).current.map_or(usize::MAX, |it| usize::try_from(it).unwrap_or(usize::MAX));
    let connections = wanted.min(allowed.saturating_sub(RESERVED).max(1));
    if connections < wanted {
        tracing::warn!(
            "the system lets this process have {allowed} file descriptors, so at most {connections} connections are \
             kept instead of {wanted}; raise the hard limit (ulimit -Hn, LimitNOFILE=)"
        );
    }
    connections
}
