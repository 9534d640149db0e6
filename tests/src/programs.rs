//! Programs that the suites run: where they are, and how they are run.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The program of an example, which `cargo test --workspace` builds beside the tests.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap_or_default();
    // The test is `PROFILE/deps/NAME-HASH`, the example `PROFILE/examples/NAME`.
    let path = test.ancestors().nth(2).unwrap_or(Path::new("")).join("examples").join(name);
    assert!(path.is_file(), "{} is not built: run `tests/run examples`, or `cargo test --workspace`", path.display());
    path
}

/// The `csu` that the suites of processes run: the one that `tests/run` built and named in `CSU_TEST_BIN`.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn csu() -> PathBuf {
    named("CSU_TEST_BIN", "the `csu` to test")
}

/// The Python with other people's programs that check ours, which `tests/run` made and named in `CSU_TEST_PYTHON`.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn python() -> PathBuf {
    named("CSU_TEST_PYTHON", "a Python with tests/interop/requirements.txt")
}

fn named(variable: &str, what: &str) -> PathBuf {
    let path = PathBuf::from(std::env::var_os(variable).unwrap_or_default());
    assert!(path.is_file(), "{variable} does not name {what}: run the suites by `tests/run`");
    path
}

/// Runs a program to its end, without input.
///
/// # Panics
/// When it cannot be started.
pub fn run(program: &Path, arguments: &[impl AsRef<OsStr>]) -> Output {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    output.unwrap_or_else(|why| panic!("{}: {why}", program.display()))
}

/// What a program printed, once it ended well.
///
/// # Panics
/// When it did not.
#[must_use]
pub fn printed(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    out.into_owned()
}

/// Runs the example `api_client` against the API on a socket, and gives what it printed.
///
/// # Panics
/// When it ends with an error.
#[must_use]
pub fn api_client(socket: &Path) -> String {
    printed(&run(&example("api_client"), &[socket]))
}
