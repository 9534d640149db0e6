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

/// A Python with other people's programs that check ours: the one that `CSU_TEST_PYTHON` names, as `tests/run` does,
/// or one made beside the programs under test.
///
/// # Panics
/// When it can be neither found nor made.
#[must_use]
pub fn python() -> PathBuf {
    if let Some(named) = std::env::var_os("CSU_TEST_PYTHON") {
        let path = PathBuf::from(named);
        assert!(path.is_file(), "CSU_TEST_PYTHON names no program: leave it unset, or run the suites by `tests/run`");
        return path;
    }
    let test = std::env::current_exe().unwrap_or_default();
    let venv = test.ancestors().nth(3).unwrap_or(Path::new("")).join("interop-venv");
    let wanted = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/requirements.txt");
    let python = venv.join("bin/python3");
    let made_for = |path: &Path| std::fs::read(path).unwrap_or_default();
    if !python.exists() || made_for(&venv.join("requirements.txt")) != made_for(&wanted) {
        let make = |program: &Path, arguments: &[&OsStr]| printed(&run(program, arguments));
        make(Path::new("python3"), &["-m".as_ref(), "venv".as_ref(), "--clear".as_ref(), venv.as_os_str()]);
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"].map(OsStr::new);
        make(&python, &[&install[..], &[wanted.as_os_str()]].concat());
        std::fs::copy(&wanted, venv.join("requirements.txt")).unwrap_or_else(|why| panic!("{}: {why}", venv.display()));
    }
    python
}

/// Where npm installed what `tests/interop/package-lock.json` names, this package among it: `CSU_TEST_NODE_MODULES`, as `tests/run`
/// sets it, or the folder that it makes beside the programs under test.
///
/// # Panics
/// When the package is not there.
#[must_use]
pub fn node_modules(package: &str) -> PathBuf {
    let named = std::env::var_os("CSU_TEST_NODE_MODULES").map(PathBuf::from);
    let test = std::env::current_exe().unwrap_or_default();
    let folder = named.unwrap_or_else(|| test.ancestors().nth(3).unwrap_or(Path::new("")).join("interop-npm/node_modules"));
    assert!(
        folder.join(package).join("package.json").is_file(),
        "{} holds no {package}: run the suite by `tests/run`, or type\n  npm ci --prefix {}\nwith tests/interop/package.json and \
         package-lock.json copied there",
        folder.display(),
        folder.parent().unwrap_or(&folder).display(),
    );
    folder
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
