//! Makes the golden vectors anew, and compares them with the files or writes them.
//!
//! ```text
//! cargo run --release -p csu-tests --bin vectors              which files differ
//! cargo run --release -p csu-tests --bin vectors -- --write   writes them
//! ```
//!
//! Write only what is new. A vector that changes means that nodes no longer understand each other: that needs another version.

use csu_tests::vectors;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let write = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--write") => true,
        Some(other) => return Err(format!("'{other}' is not known: only --write is").into()),
    };
    let folder = vectors::folder();
    let mut differ = 0;
    for file in vectors::all() {
        let path = folder.join(format!("{}.json", file.format));
        let text = file.render()?;
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
