//! Completions, manual pages, and help that fits a terminal.
use std::process::Command;

const COMMANDS: [&str; 12] =
    ["serve", "get", "set", "user", "forget", "export", "import", "doctor", "bench", "spool", "completions", "man"];

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    // One that serves although it should refuse ends too, and is no exit code that anybody expects.
    let stayput = env!("CARGO_BIN_EXE_stayput");
    let output = Command::new("timeout").args(["30", stayput]).args(arguments).output().expect("the binary");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn every_shell_gets_a_script_that_knows_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, script, _) = run(&["completions", shell]);
        assert_eq!(code, Some(0));
        for word in COMMANDS.into_iter().chain(["listen", "idle-time"]) {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let (_, script, _) = run(&["completions", "bash"]);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), script).expect("written");
    let check = format!(". {} && complete -p stayput", file.path().display());
    let output = Command::new("bash").args(["--norc", "-c", &check]).output().expect("bash");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(run(&["completions", "tcsh"]).0, Some(2));
}

#[test]
fn every_command_has_a_manual_page() {
    let (code, page, _) = run(&["man"]);
    assert_eq!(code, Some(0));
    assert!(page.contains(".TH stayput 1") && page.contains("Exit codes"), "{page}");
    for command in COMMANDS {
        assert!(page.contains(command), "{command}");
        let (code, page, _) = run(&["man", command]);
        assert_eq!(code, Some(0));
        assert!(page.contains(&format!(".TH stayput-{command} 1")), "{page}");
    }
    assert!(run(&["man", "serve"]).1.contains("STAYPUT_LISTEN"));
    let (code, _, said) = run(&["man", "nothing"]);
    assert_eq!((code, said.lines().count()), (Some(2), 1), "{said}");
}

#[test]
fn help_fits_80_columns() {
    let (_, all, _) = run(&["--help"]);
    for command in COMMANDS {
        assert!(all.contains(&format!("\n  {command} ")), "{command}");
        for flag in ["--help", "-h"] {
            let (code, help, _) = run(&[command, flag]);
            assert_eq!(code, Some(0));
            let longest = help.lines().chain(all.lines()).map(|line| line.chars().count()).max();
            assert!(longest <= Some(80), "{command} {flag}: {help}");
        }
    }
}

#[test]
fn what_keeps_a_server_from_starting_is_one_sentence_with_advice() {
    let folder = tempfile::tempdir().expect("a folder");
    let foreign = folder.path().join("data");
    std::fs::create_dir(&foreign).expect("a folder");
    std::fs::write(foreign.join("data.mdb"), "precious, and nothing of LMDB".repeat(1_000)).expect("written");
    let foreign_url = format!("file:{}", foreign.display());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("an address").to_string();
    let cases: [(&[&str], i32, &[&str]); 6] = [
        (&["--lisen", "x"], 2, &["--lisen", "--listen"]),
        (&["--store", "stayput://127.0.0.1:1"], 1, &["127.0.0.1:1 cannot be reached", "check that the store runs"]),
        (&["--store", "nothing:"], 2, &["there is no store \"nothing:\"; this build has memory:"]),
        (&["--store", "memory:", "--listen", &taken], 1, &["in use", "choose another address"]),
        (&["--store", &foreign_url], 1, &["data.mdb", "was not changed"]),
        (&["--store", "memory:", "--listen", "192.0.2.1:80"], 1, &["this machine does not have that address"]),
    ];
    for (arguments, code, told) in cases {
        let (ended, _, said) = run(&[&["serve"], arguments].concat());
        assert_eq!(ended, Some(code), "{arguments:?}: {said}");
        assert!(code == 2 || said.lines().count() == 1, "{said}");
        assert!(told.iter().all(|words| said.contains(words)), "{arguments:?}: {said}");
        println!("{said}");
    }
    let kept = std::fs::read_to_string(foreign.join("data.mdb")).expect("still there");
    assert!(kept.starts_with("precious"), "nothing was overwritten");
}
