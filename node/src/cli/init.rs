//! `csu init`: a new organisation.
//!
//! The root secret is drawn, shown once as a recovery phrase and asked back, signs the first card, and
//! is forgotten. Keys reach the disk only after the phrase was given back or written to its file: an
//! organisation whose phrase nobody has could never be recovered.

use super::failure::Failure;
use super::{passphrase, phrase, screen};
use crate::config::Config;
use crate::keys::{Birth, Keys, KeysError, Passphrase, write_new_private};
use csu_protocol::identity::{Name, OrganisationKind, RecoveryPhrase};
use serde_json::json;
use std::io::{BufRead, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// How often the phrase may be mistyped.
const TRIES: u32 = 3;
/// More than the longest phrase: 24 words of at most 8 letters.
const LINE_BYTES: u64 = 1024;

/// Makes a new organisation in a data folder.
#[derive(Debug, Clone, clap::Args)]
pub struct InitArgs {
    /// The organisation's name, as neighbours will see it
    #[arg(long)]
    name: String,
    /// What it is: union, police, council, funder or other
    #[arg(long)]
    kind: OrganisationKind,
    /// Ask nothing; write the recovery phrase to --phrase-file
    #[arg(long, requires = "phrase_file")]
    non_interactive: bool,
    /// A new file for the recovery phrase (mode 0600). Move it off this computer
    #[arg(long, value_name = "FILE", requires = "non_interactive")]
    phrase_file: Option<PathBuf>,
    /// Seal the keys by a passphrase, which is asked for
    #[arg(long)]
    seal: bool,
    /// Seal the keys by the passphrase that a file holds (mode 0600)
    #[arg(long, value_name = "FILE", conflicts_with = "seal")]
    new_passphrase_file: Option<PathBuf>,
}

/// What `csu init` made.
#[derive(Debug)]
struct Made {
    keys: Keys,
    phrase_file: Option<PathBuf>,
}

/// Runs `csu init`, and returns what to print.
///
/// # Errors
/// When the folder has an organisation already, the phrase was not given back, or the disk refuses;
/// nothing is kept then.
pub fn init(config: &Config, args: &InitArgs, as_json: bool) -> Result<String, Failure> {
    phrase::keep_memory_private();
    let made = match &args.phrase_file {
        Some(file) => in_silence(&config.data, args, file)?,
        None => {
            if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
                return Err(Failure::usage(
                    "there is no terminal to show the recovery phrase on",
                    "run `csu init` on a terminal, or add --non-interactive --phrase-file FILE",
                ));
            }
            with_a_person(&config.data, args, &mut std::io::stdin().lock(), &mut std::io::stdout().lock())?
        }
    };
    Ok(report(config, &made, as_json))
}

fn report(config: &Config, made: &Made, as_json: bool) -> String {
    let card = made.keys.card().card();
    if as_json {
        let value = json!({
            "organisation": card.organisation, "device": card.device, "name": card.name, "kind": card.kind,
            "dataFolder": config.data, "phraseFile": made.phrase_file,
        });
        return screen::visible_json(&format!("{value:#}\n"));
    }
    let mut text = screen::columns(&[
        vec!["Organisation".into(), card.name.as_str().into()],
        vec!["Kind".into(), card.kind.to_string()],
        vec!["Fingerprint".into(), card.organisation.to_string()],
        vec!["Data folder".into(), config.data.display().to_string()],
    ]);
    if let Some(file) = &made.phrase_file {
        let file = screen::visible(&file.display().to_string());
        text.push_str(&format!("\nThe recovery phrase is in {file}. Move it off this computer, then delete it here.\n"));
    }
    text.push_str("\nNext: start the node with `csu up`, then invite a neighbour with `csu invite`.\n");
    text
}

/// A birth that nothing is known of yet but that its folder is free.
fn begin(data: &Path, args: &InitArgs) -> Result<Birth, Failure> {
    if Keys::exist(data) {
        return Err(Failure::of(&KeysError::Exists { folder: crate::keys::folder(data) }));
    }
    let name = Name::new(&args.name).map_err(|error| Failure::of(&error))?;
    let draw = || {
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(secret.as_mut_slice())
            .map_err(|error| Failure::new(format!("the system gives no random numbers ({error})"), "restart the computer and try again"))?;
        Ok::<_, Failure>(secret)
    };
    Birth::new(&draw()?, draw()?, name, args.kind).map_err(|error| Failure::of(&error))
}

fn new_passphrase(args: &InitArgs) -> Result<Option<Passphrase>, Failure> {
    if args.seal || args.new_passphrase_file.is_some() {
        passphrase::choose(args.new_passphrase_file.as_deref()).map(Some)
    } else {
        Ok(None)
    }
}

fn in_silence(data: &Path, args: &InitArgs, file: &Path) -> Result<Made, Failure> {
    let birth = begin(data, args)?;
    let passphrase = new_passphrase(args)?;
    let words = Zeroizing::new(format!("{}\n", birth.phrase.words()));
    write_new_private(file, words.as_bytes()).map_err(|error| {
        Failure::new(
            format!("the recovery phrase cannot be written to {} ({error})", file.display()),
            "name a new file in a folder that is there and yours; an existing file is never replaced",
        )
    })?;
    if let Err(error) = birth.keys.store(data, passphrase.as_ref()) {
        // A phrase without its organisation would only confuse.
        std::fs::remove_file(file).ok();
        return Err(Failure::of(&error));
    }
    Ok(Made { keys: birth.keys, phrase_file: Some(file.to_owned()) })
}

fn with_a_person(data: &Path, args: &InitArgs, input: &mut dyn BufRead, output: &mut dyn Write) -> Result<Made, Failure> {
    let birth = begin(data, args)?;
    let passphrase = new_passphrase(args)?;
    let agreed = show_and_ask(&birth.phrase, input, output)
        .map_err(|error| Failure::new(format!("the terminal cannot be used ({error})"), "add --non-interactive --phrase-file FILE"))?;
    if !agreed {
        return Err(Failure::new(
            "the recovery phrase was not given back, so no organisation was made",
            "run `csu init` again, write the new words on paper, and type them from there",
        ));
    }
    birth.keys.store(data, passphrase.as_ref()).map_err(|error| Failure::of(&error))?;
    Ok(Made { keys: birth.keys, phrase_file: None })
}

/// Shows the words, clears them away, and asks for all of them: whoever lacks one lacks the organisation.
fn show_and_ask(phrase: &RecoveryPhrase, input: &mut dyn BufRead, output: &mut dyn Write) -> std::io::Result<bool> {
    writeln!(output, "These 24 words are your organisation. Whoever has them can act for it; without them")?;
    writeln!(output, "nobody can bring it back. Write them on paper, in order, and keep the paper off this desk.\n")?;
    for (row, words) in phrase.words().split(' ').collect::<Vec<_>>().chunks(6).enumerate() {
        let numbered: Vec<String> = words.iter().enumerate().map(|(at, word)| format!("{:>2} {word:<10}", row * 6 + at + 1)).collect();
        writeln!(output, "  {}", numbered.join(" ").trim_end())?;
    }
    write!(output, "\nPress Enter when they are on paper. The screen is cleared then. ")?;
    output.flush()?;
    if read_line(input)?.is_none() {
        return Ok(false);
    }
    // Clears the screen, what scrolled off it, and goes to its top.
    write!(output, "\u{1b}[2J\u{1b}[3J\u{1b}[H")?;
    for left in (0..TRIES).rev() {
        writeln!(output, "Type the 24 words from the paper, with spaces between:")?;
        output.flush()?;
        let Some(typed) = read_line(input)? else { return Ok(false) };
        let why = match RecoveryPhrase::parse(&typed) {
            Ok(typed) if typed.words() == phrase.words() => {
                write!(output, "\u{1b}[2J\u{1b}[3J\u{1b}[H")?;
                return Ok(true);
            }
            Ok(_) => "these are the words of another organisation".to_owned(),
            Err(error) => error.to_string(),
        };
        writeln!(output, "That is not it: {why}. {left} {} left.\n", if left == 1 { "try" } else { "tries" })?;
    }
    Ok(false)
}

/// A line, or nothing at the end of the input.
fn read_line(input: &mut dyn BufRead) -> std::io::Result<Option<Zeroizing<String>>> {
    let mut line = Zeroizing::new(String::new());
    let read = input.take(LINE_BYTES).read_line(&mut line)?;
    Ok((read > 0).then_some(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn args(name: &str) -> InitArgs {
        InitArgs {
            name: name.into(),
            kind: OrganisationKind::Union,
            non_interactive: false,
            phrase_file: None,
            seal: false,
            new_passphrase_file: None,
        }
    }

    #[test]
    fn without_a_person_the_phrase_goes_to_a_private_file_that_opens_the_organisation() {
        let folder = tempfile::tempdir().unwrap();
        let (data, file) = (folder.path().join("data"), folder.path().join("phrase"));
        let made = in_silence(&data, &args("Brixton CSU"), &file).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
        let phrase = RecoveryPhrase::parse(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(phrase.root_key().unwrap().organisation(), made.keys.card().card().organisation);
        assert_eq!(Keys::load(&data, None).unwrap().card().card().name.as_str(), "Brixton CSU");
    }

    #[test]
    fn an_organisation_or_a_phrase_that_is_there_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (data, file) = (folder.path().join("data"), folder.path().join("phrase"));
        std::fs::write(&file, "precious").unwrap();
        let failure = in_silence(&data, &args("Brixton CSU"), &file).unwrap_err();
        assert!(failure.text().contains("name a new file"), "{}", failure.text());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
        assert!(!data.exists(), "something half-written stayed");
        in_silence(&data, &args("Brixton CSU"), &folder.path().join("other")).unwrap();
        let failure = in_silence(&data, &args("Brixton CSU"), &folder.path().join("third")).unwrap_err();
        assert!(failure.text().contains("--data"), "{}", failure.text());
        assert!(!folder.path().join("third").exists());
    }

    #[test]
    fn when_the_folder_cannot_be_written_the_phrase_does_not_stay() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let phrase = folder.path().join("phrase");
        in_silence(&folder.path().join("file/data"), &args("Brixton CSU"), &phrase).unwrap_err();
        assert!(!phrase.exists());
    }

    #[test]
    fn a_name_that_misleads_is_refused_before_anything_is_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let failure = in_silence(folder.path(), &args("Brix\u{202e}ton"), &folder.path().join("phrase")).unwrap_err();
        assert!(failure.text().contains("choose another"), "{}", failure.text());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_phrase_must_be_given_back_within_three_tries() {
        let data = tempfile::tempdir().unwrap();
        let (mut output, nonsense) = (Vec::new(), "\nzoo\nzoo zoo\nzoo zoo zoo\n");
        let failure = with_a_person(data.path(), &args("Brixton CSU"), &mut nonsense.as_bytes(), &mut output).unwrap_err();
        assert!(failure.text().contains("no organisation was made"), "{}", failure.text());
        assert!(!Keys::exist(data.path()));
        let shown = String::from_utf8(output).unwrap();
        assert_eq!(shown.matches("Type the 24 words").count(), 3);
        // A terminal that closes is no agreement.
        with_a_person(data.path(), &args("Brixton CSU"), &mut "\n".as_bytes(), &mut Vec::new()).unwrap_err();
        assert!(!Keys::exist(data.path()));
    }

    #[test]
    fn words_typed_back_are_accepted_and_the_screen_is_cleared_before_they_are_asked_for() {
        let phrase = begin(Path::new("/nowhere"), &args("Brixton CSU")).unwrap().phrase;
        let mut output = Vec::new();
        let typed = format!("\nwrong words\n  {}\n", phrase.words().to_uppercase());
        assert!(show_and_ask(&phrase, &mut typed.as_bytes(), &mut output).unwrap());
        let shown = String::from_utf8(output).unwrap();
        let cleared = shown.find("\u{1b}[2J").unwrap();
        let first = phrase.words().split(' ').next().unwrap();
        assert!(shown[..cleared].contains(first) && shown.find("Type the 24 words").unwrap() > cleared);
    }
}
