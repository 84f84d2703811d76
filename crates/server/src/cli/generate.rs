//! `completions` and `man`: what packagers install beside the binary.
use super::{Ended, Failed, Result, command};
use clap::Args;
use clap_complete::Shell;
use clap_mangen::Man as Page;
use std::io::{self, Write};

/// `completions SHELL`
#[derive(Debug, Args)]
pub struct Completions {
    /// Which shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// `man [COMMAND]`
#[derive(Debug, Args)]
pub struct Man {
    /// The page of one command, instead of the page of all
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

impl Completions {
    pub(super) fn run(self) -> Result {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command(), "stayput", &mut script);
        write(&script)
    }
}

impl Man {
    pub(super) fn run(self) -> Result {
        let mut all = command();
        all.build();
        let page = match self.command {
            None => all,
            Some(name) => {
                let found = all.find_subcommand(&name).cloned();
                let found =
                    found.ok_or_else(|| Failed::usage("there is no such command; stayput --help lists them"))?;
                let title: &'static str = format!("stayput-{}", found.get_name()).leak();
                found.name(title)
            }
        };
        let mut text = Vec::new();
        Page::new(page).render(&mut text).map_err(|error| Failed::new(error.to_string()))?;
        write(&text)
    }
}

fn write(text: &[u8]) -> Result {
    let written = io::stdout().lock().write_all(text);
    written.map_err(|error| Failed::new(format!("the output is gone: {error}")))?;
    Ok(Ended::Done)
}
