//! Takes alerts that others wrote through import and export.
//!
//! ```text
//! cap-check --out FOLDER [--refused FILE]... FILE...
//! ```
//!
//! Every FILE must be read, and be written as a CAP 1.2 alert that reads back as the same fields. What was written is left in
//! FOLDER under the same names, for a validator of somebody else's. Every `--refused` file must be refused.

use csu_node::cap::{self, Export, ReadOptions};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    match check_all() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(wrong) => {
            eprintln!("{wrong} files did not come out as they should");
            ExitCode::FAILURE
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

fn check_all() -> Result<usize, Box<dyn Error>> {
    let (mut out, mut refused, mut accepted) = (None, Vec::new(), Vec::new());
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--out") => out = Some(PathBuf::from(arguments.next().ok_or("--out needs a folder")?)),
            Some("--refused") => refused.push(PathBuf::from(arguments.next().ok_or("--refused needs a file")?)),
            _ => accepted.push(PathBuf::from(argument)),
        }
    }
    let out = out.ok_or("say where to write with --out FOLDER")?;
    if accepted.is_empty() && refused.is_empty() {
        return Err("name the files to check".into());
    }
    let mut wrong = 0;
    for file in &refused {
        match read(file) {
            Err(why) => println!("refused, as it should be: {why}"),
            Ok(_) => {
                println!("{}: was accepted, and should be refused", file.display());
                wrong += 1;
            }
        }
    }
    for file in &accepted {
        match there_and_back(file, &out) {
            Ok(warnings) => println!("{}: accepted with {warnings} warnings, and written again", file.display()),
            Err(why) => {
                println!("{}: {why}", file.display());
                wrong += 1;
            }
        }
    }
    Ok(wrong)
}

fn read(file: &Path) -> Result<cap::Alert, Box<dyn Error>> {
    Ok(cap::read(&std::fs::read(file)?, &ReadOptions::foreign(&file.display().to_string()))?)
}

/// How many warnings there were.
fn there_and_back(file: &Path, out: &Path) -> Result<usize, Box<dyn Error>> {
    let alert = read(file)?;
    let written = cap::write(&Export {
        identifier: &alert.identifier,
        sender: &alert.sender,
        sent: &alert.sent,
        msg_type: alert.msg_type,
        references: alert.references.clone(),
        note: None,
        marking: alert.marking.as_deref(),
        fields: &alert.fields,
    })?;
    let again = cap::read(written.as_bytes(), &ReadOptions::own_export("the export"))?;
    if again.fields != alert.fields {
        return Err(format!("reads back otherwise:\n{:?}\n{:?}", alert.fields, again.fields).into());
    }
    std::fs::write(out.join(file.file_name().ok_or("a file has a name")?), written)?;
    Ok(alert.warnings.len())
}
