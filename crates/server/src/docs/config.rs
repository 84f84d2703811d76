//! `docs/config.md`, from the options themselves.
use crate::{
    cli,
    config::{known, takes_several},
};
use clap::Arg;
use std::fmt::Write;

const HEAD: &str = "\
# Configuration

Every option can be given as a flag, in the environment, and in a TOML file that `--config FILE` or `STAYPUT_CONFIG`
names. Flags win over the environment, the environment over the file, the file over the defaults. A key of the file is
the flag without its dashes. An unknown key, or a value that is not taken, ends the start with one sentence that names
the file and the line.

```toml
store = \"file:/var/lib/stayput\"
listen = [\"127.0.0.1:7717\", \"unix:/run/stayput/stayput.sock\"]
log-format = \"json\"
idle-time = \"10m\"
```

`stayput serve` has all of them; the other commands take `store`, `scope` and `config`. At SIGHUP the file is read
again: `log` changes at once, and what else has changed is named in the log and needs a restart. Passwords in URLs are
shown as `***` wherever they are shown.

Sizes are bytes, or have a unit: `512`, `64KiB`, `1MiB`. Times have a unit: `500ms`, `30s`, `5m`. Connections are
watched at intervals: a limit of time for a slow or idle client is kept within half its length more.
";

/// The page.
pub fn config() -> String {
    let (serve, mut page) = (cli::serve(), String::from(HEAD));
    let mut heading = None;
    for option in known(&serve) {
        if heading != Some(option.get_help_heading()) {
            heading = Some(option.get_help_heading());
            let title = option.get_help_heading().unwrap_or("Options");
            let _ = write!(page, "\n## {title}\n\n| key | environment | default | |\n|---|---|---|---|\n");
        }
        let _ = writeln!(page, "{}", row(option));
    }
    page
}

fn row(option: &Arg) -> String {
    let text = |text: Option<&std::ffi::OsStr>| text.and_then(|text| text.to_str()).unwrap_or_default().to_owned();
    let defaults: Vec<String> = option.get_default_values().iter().map(|value| text(Some(value))).collect();
    let values: Vec<String> = match option.get_possible_values().as_slice() {
        [] => Vec::new(),
        values => values.iter().map(|value| format!("`{}`", value.get_name())).collect(),
    };
    let mut help = option.get_help().map(ToString::to_string).unwrap_or_default();
    if !values.is_empty() {
        help = format!("{help}: {}", values.join(" or "));
    }
    if takes_several(option) {
        help.push_str(" (a list in the file, commas in the environment)");
    }
    let (key, variable) = (option.get_long().unwrap_or_default(), text(option.get_env()));
    format!("| `{key}` | `{variable}` | `{}` | {help} |", defaults.join(","))
}
