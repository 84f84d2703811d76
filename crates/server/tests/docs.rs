//! What `docs/` says is what the program does. `STAYPUT_BLESS=1 cargo test -p stayput-server --test docs` writes it anew.
use std::{fs, path::Path};

#[test]
fn the_pages_are_those_that_the_program_writes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let pages = [
        ("config.md", stayput_server::docs::config()),
        ("metrics.md", stayput_server::docs::metrics()),
        ("api.md", stayput_server::docs::api()),
        ("openapi.json", stayput_server::docs::openapi()),
    ];
    for (name, page) in pages {
        let path = folder.join(name);
        if blessed() {
            fs::create_dir_all(&folder).expect("a folder");
            fs::write(&path, &page).expect("written");
        }
        let told = fs::read_to_string(&path).unwrap_or_default();
        assert!(told == page, "docs/{name} is not what the program writes; STAYPUT_BLESS=1 writes it anew");
    }
}

#[expect(clippy::disallowed_methods, reason = "a switch of this test")]
fn blessed() -> bool {
    std::env::var_os("STAYPUT_BLESS").is_some()
}
