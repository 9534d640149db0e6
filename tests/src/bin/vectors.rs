//! Makes the golden vectors anew, and compares them with the files or writes them.
//!
//! ```text
//! cargo run --release -p csu-tests --bin vectors              which files differ
//! cargo run --release -p csu-tests --bin vectors -- --write   writes them
//! ```
//!
//! Write only what is new. A vector that changes means that nodes no longer understand each other: that needs another version.
//! A history or session that has its file already is never written again: its entries are the contract, and its verdicts are checked by the tests.

use csu_tests::vectors::{self, histories, session};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let write = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--write") => true,
        Some(other) => return Err(format!("'{other}' is not known: only --write is").into()),
    };
    let folder = vectors::folder();
    let mut files = Vec::new();
    for file in vectors::all() {
        files.push((folder.join(format!("{}.json", file.format)), file.render()?));
    }
    for story in histories::scenarios() {
        let path = folder.join(format!("history-{}.json", story.name()));
        if !path.exists() {
            files.push((path, story.file().render()));
        }
    }
    let path = folder.join("session.json");
    if !path.exists() {
        files.push((path, serde_json::to_string_pretty(&session::session())? + "\n"));
    }
    let mut differ = 0;
    for (path, text) in files {
        if std::fs::read_to_string(&path).is_ok_and(|stored| stored == text) {
            continue;
        }
        differ += 1;
        if write {
            std::fs::create_dir_all(&folder)?;
            std::fs::write(&path, text)?;
        }
        println!("{}: {}", path.display(), if write { "written" } else { "differs" });
    }
    if differ > 0 && !write { Err(format!("{differ} files differ").into()) } else { Ok(()) }
}
