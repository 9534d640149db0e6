//! The recovery phrase, where a command needs it: typed without being shown, or from a file.
//!
//! It is no argument and no variable: others could read those.

use super::failure::Failure;
use super::passphrase::{Others, read_secret};
use csu_protocol::identity::{RecoveryPhrase, RootKey};
use std::io::{IsTerminal, Read};
use std::path::Path;
use zeroize::Zeroizing;

/// Keeps what is in this process's memory, the root secret for perhaps days among it, out of core dumps, and from other programs
/// of this user, which could attach to it otherwise. It keeps nothing from whoever administers the machine, nor out of swap.
pub(super) fn keep_memory_private() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let core = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let dumped = core.and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable));
    if let Err(error) = dumped {
        tracing::warn!(%error, "the system does not let this process keep its memory out of core dumps");
    }
}

/// How often the phrase may be mistyped.
const TRIES: u32 = 3;
/// More than the longest phrase: 24 words of at most 8 letters.
const PHRASE_BYTES: u64 = 1024;

/// The root key of the phrase that a file holds (`-` is the standard input), or that is typed.
///
/// # Errors
/// When there is no phrase to be had, or what is given is none.
pub(super) fn root_key(file: Option<&Path>) -> Result<RootKey, Failure> {
    match file {
        Some(file) if file == Path::new("-") => {
            let mut text = Zeroizing::new(String::new());
            let read = std::io::stdin().lock().take(PHRASE_BYTES).read_to_string(&mut text);
            read.map_err(|error| Failure::new(format!("the standard input cannot be read ({error})"), "name a file with --phrase-file"))?;
            parse(&text)
        }
        Some(file) => parse(&read_secret(file, "recovery phrase", PHRASE_BYTES, Others::MayNotRead)?),
        None if !std::io::stdin().is_terminal() => Err(Failure::usage(
            "there is no terminal to ask for the recovery phrase on",
            "name a file that holds it with --phrase-file (mode 0600), or `-` for the standard input",
        )),
        None => ask(),
    }
}

fn parse(text: &str) -> Result<RootKey, Failure> {
    RecoveryPhrase::parse(text).and_then(|phrase| phrase.root_key()).map_err(|error| Failure::of(&error))
}

fn ask() -> Result<RootKey, Failure> {
    let mut left = TRIES;
    loop {
        let typed = rpassword::prompt_password("The 24 words of the recovery phrase, with spaces between (they are not shown): ");
        let typed = typed.map(Zeroizing::new).map_err(|error| {
            Failure::new(format!("the terminal cannot be used ({error})"), "name a file that holds the phrase with --phrase-file")
        })?;
        left = left.saturating_sub(1);
        match parse(&typed) {
            Err(failure) if left > 0 => eprint!("{}{left} {} left.\n\n", failure.text(), if left == 1 { "try" } else { "tries" }),
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn whoever_holds_a_phrase_leaves_no_core_and_is_not_looked_into() {
        use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};
        keep_memory_private();
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }

    #[test]
    fn a_phrase_comes_from_a_file_that_nobody_else_may_read() {
        let folder = tempfile::tempdir().unwrap();
        let root = RootKey::from_secret([1; 32]);
        let file = folder.path().join("phrase");
        let words = format!("  {}\n", RecoveryPhrase::of(&root).unwrap().words().to_uppercase());
        crate::keys::write_new_private(&file, words.as_bytes()).unwrap();
        assert_eq!(root_key(Some(&file)).unwrap().organisation(), root.organisation());
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let failure = root_key(Some(&file)).unwrap_err().text();
        assert!(failure.contains("chmod 600"), "{failure}");
        for (text, words) in [("zoo zoo", "24 words"), ("", "is empty")] {
            let file = folder.path().join(format!("wrong{}", text.len()));
            crate::keys::write_new_private(&file, text.as_bytes()).unwrap();
            let failure = root_key(Some(&file)).unwrap_err().text();
            assert!(failure.contains(words) && !failure.contains("zoo"), "{failure}");
        }
    }
}
