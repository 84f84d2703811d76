//! What the server would be configured with, and what this machine would let it do.
use super::Finding;
use crate::{
    cli::{Arguments, Command},
    config::{self, Config},
};
use rustix::process::{Resource, getrlimit};
use std::{ffi::OsString, fs, path::Path};

/// What `serve` would read now, and whether it could run with it.
pub(crate) fn configuration(file: Option<&Path>) -> (Option<Config>, Finding) {
    let mut arguments: Vec<OsString> = vec!["stayput".into(), "serve".into()];
    if let Some(file) = file {
        arguments.extend(["--config".into(), file.as_os_str().to_owned()]);
    }
    let broken = |why: String| {
        let advice = "correct the file or the environment variable; docs/config.md lists every option";
        (None, Finding::wrong("configuration", why, advice))
    };
    // What is wrong has been told on stderr by whoever read it.
    let Ok((Arguments { command: Command::Serve(config) }, _)) =
        config::read(&arguments, |path| fs::read_to_string(path))
    else {
        return broken("the server's configuration cannot be used".into());
    };
    if let Err(why) = config.check() {
        return broken(why.to_string());
    }
    let from = file.map_or_else(|| "defaults and environment".to_owned(), |file| file.display().to_string());
    (Some(*config), Finding::ok("configuration", format!("usable, from {from}")))
}

/// File descriptors for the connections of `config`.
pub(crate) fn limits(config: &Config) -> Finding {
    let wanted = config.limits.connections as u64;
    match getrlimit(Resource::Nofile).maximum {
        Some(most) if most < wanted => {
            let says = format!("{most} file descriptors at most, for {wanted} connections");
            Finding::note("limits", says, "raise the hard limit (ulimit -Hn, LimitNOFILE=) or lower --connections")
        }
        most => {
            let most = most.map_or_else(|| "any number of".to_owned(), |most| format!("up to {most}"));
            Finding::ok("limits", format!("{most} file descriptors, for {wanted} connections"))
        }
    }
}
