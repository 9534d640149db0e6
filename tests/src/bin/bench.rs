//! Measures CSU Link; `--help` says how.

use csu_tests::bench::{self, HELP, Request, STAGES};
use std::error::Error;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let (stages, json, size) = match bench::parse(std::env::args().skip(1))? {
        Request::Help => {
            print!("{HELP}");
            return Ok(());
        }
        Request::List => {
            print!("{}", bench::list());
            return Ok(());
        }
        Request::Run { stages, json, size } => (stages, json, size),
    };
    let mut all = Vec::new();
    for stage in STAGES.iter().filter(|stage| stages.contains(&stage.name)) {
        all.extend((stage.run)(size, &mut |what| eprintln!("{}: {what}", stage.name)));
    }
    print!("{}", if json { bench::json_lines(&all)? } else { bench::table(&all) });
    Ok(())
}
