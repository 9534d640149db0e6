//! The `csu` command: what is typed, asked of the node, and written on the terminal.
//!
//! Commands are clients of the API and decide nothing: [`client`] asks, [`words`] and [`document`] put
//! the answer in words (`--json` prints it as it came), [`failure`] says what was refused and what to do.
//! The commands of a kind of document are made from its description by [`kinds`], so that a new kind
//! needs no line here. Only `init`, `up`, `doctor`, `config`, `passphrase`, `backup`,
//! `restore` and `demo` work without a node that runs.
//!
//! Exit codes: 0 done, 1 refused or failed, 2 wrongly typed.

pub mod account;
pub mod args;
pub mod asking;
pub mod backup;
pub mod circle;
pub mod client;
pub mod commands;
pub mod demo;
pub mod doctor;
pub mod document;
pub mod edit;
pub mod erase;
pub mod failure;
pub mod form;
pub mod grant;
pub mod init;
pub mod kinds;
mod listing;
pub mod log;
pub mod output;
mod passphrase;
mod phrase;
mod recovering;
pub mod release;
pub mod restore;
pub mod retention;
pub mod screen;
pub mod search;
pub mod up;
mod waiting;
pub mod words;

use crate::config::{Config, Flags};
use crate::desk::Actor;
use args::{Cli, Globals, Verb};
use clap::FromArgMatches;
use client::Client;
use csu_protocol::document::kind;
use failure::Failure;
use output::Output;
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs one command, as typed, with this environment.
pub async fn run(words: impl IntoIterator<Item = OsString>, variables: Vec<(String, String)>) -> ExitCode {
    let matches = match args::command().try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(error) => {
            // Help and the version are errors of this kind, too, and end with 0. A closed pipe is no failure.
            error.print().ok();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let as_json = Globals::from_arg_matches(&matches).is_ok_and(|globals| globals.json);
    match dispatch(&matches, &variables).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let text = if as_json { format!("{}\n", screen::visible_json(&failure.json())) } else { failure.text() };
            // Nobody is left to tell if even this cannot be written.
            std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()).ok();
            failure.exit_code()
        }
    }
}

async fn dispatch(matches: &clap::ArgMatches, variables: &[(String, String)]) -> Result<(), Failure> {
    let globals = Globals::from_arg_matches(matches).map_err(|error| Failure::usage(error.to_string(), "see `csu --help`"))?;
    let output = if globals.json { Output::Json } else { Output::Words };
    let mut flags =
        Flags { data: globals.data.clone(), config: globals.config.clone(), person: globals.person.clone(), ..Flags::default() };
    let load = |flags: &Flags| Config::load(flags, variables.iter().cloned()).map_err(|error| Failure::of(&error));

    if let Some((name, matches)) = matches.subcommand()
        && let Some(kind) = kind::find(name)
    {
        let config = load(&flags)?;
        return kinds::run(kind, matches, &client_of(&config, variables), output).await;
    }
    let cli = Cli::from_arg_matches(matches).map_err(|error| Failure::usage(error.to_string(), "see `csu --help`"))?;
    match cli.command {
        Verb::Init(args) => {
            screen::print(&init::init(&load(&flags)?, &args, globals.json)?);
            Ok(())
        }
        Verb::Up(args) => {
            args.network.set(&mut flags);
            flags.passphrase_file = args.passphrase_file;
            let config = load(&flags)?;
            let passphrase = passphrase::find(&config, variables)?;
            Ok(up::up(config, passphrase).await?)
        }
        Verb::Passphrase(verb) => {
            screen::print(&passphrase::run(&load(&flags)?, &verb, variables, output)?);
            Ok(())
        }
        Verb::Backup(args) => {
            let config = load(&flags)?;
            backup::run(&args, &config, &client_of(&config, variables), variables, output).await
        }
        Verb::Restore(args) => {
            args.network.set(&mut flags);
            flags.passphrase_file.clone_from(&args.passphrase_file);
            let recovery = restore::begin(&args, &load(&flags)?, variables, output)?;
            if output == Output::Words {
                screen::print(&restore::report(&recovery));
            }
            // Settings may have come from the backup.
            let config = load(&flags)?;
            let actor = actor_of(&config, variables);
            recovering::recover(config, recovery, actor, &args.neighbours, output).await
        }
        Verb::Config => {
            let config = load(&flags)?;
            screen::print(&match output {
                Output::Json => screen::visible_json(&format!("{:#}\n", serde_json::json!(config))),
                Output::Words => toml::to_string(&config).unwrap_or_default(),
            });
            Ok(())
        }
        Verb::Demo(args) => demo::demo(args).await,
        verb @ (Verb::Down
        | Verb::Status
        | Verb::Doctor
        | Verb::Invite(_)
        | Verb::Join(_)
        | Verb::Peer(_)
        | Verb::Respond(_)
        | Verb::Search(_)
        | Verb::Export(_)
        | Verb::Grant(_)
        | Verb::Circle(_)
        | Verb::Account(_)
        | Verb::Access(_)
        | Verb::Erase(_)
        | Verb::Release(_)
        | Verb::Log(_)
        | Verb::Retention(_)) => {
            let config = load(&flags)?;
            commands::ask(verb, &config, &client_of(&config, variables), output).await
        }
    }
}

/// Asks as the person who is configured or named, or else as whoever is logged in.
fn client_of(config: &Config, variables: &[(String, String)]) -> Client {
    Client::new(&config.socket, actor_of(config, variables))
}

fn actor_of(config: &Config, variables: &[(String, String)]) -> Actor {
    let mut actor = config.actor();
    if actor.person().is_none() {
        let user = variables.iter().find(|(name, _)| name == "USER").map(|(_, user)| user.as_str());
        actor = user.and_then(|user| Actor::named(user).ok()).unwrap_or_default();
    }
    actor
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::DeskHandle;
    use crate::desk::fake::FakeDesk;
    use crate::http::{ApiSocket, router, serve};
    use std::sync::{Arc, Mutex};

    async fn csu(folder: &std::path::Path, line: &[&str]) -> bool {
        let words: Vec<OsString> = ["csu", "--data", folder.to_str().unwrap()].iter().chain(line).map(OsString::from).collect();
        run(words, vec![("USER".into(), "jo".into())]).await == ExitCode::SUCCESS
    }

    /// A data folder at whose socket a desk answers that remembers what it was asked.
    async fn answering() -> (tempfile::TempDir, Arc<Mutex<FakeDesk>>) {
        let folder = tempfile::tempdir().unwrap();
        let socket = ApiSocket::bind(&folder.path().join("csu.sock"), None).await.unwrap();
        let (handle, mut jobs) = DeskHandle::channel(8);
        let desk = Arc::new(Mutex::new(FakeDesk::default()));
        let behind = Arc::clone(&desk);
        tokio::spawn(async move {
            while let Some(job) = jobs.recv().await {
                let reply = job(&mut *behind.lock().unwrap());
                reply(Ok(()));
            }
        });
        tokio::spawn(serve(socket, router(handle), std::future::pending()));
        (folder, desk)
    }

    #[tokio::test]
    async fn commands_reach_the_desk_as_they_were_typed() {
        let (folder, desk) = answering().await;
        let [alert, form, backup] = ["alert.cap", "form.toml", "backup"].map(|name| folder.path().join(name));
        std::fs::write(&alert, "<alert/>").unwrap();
        std::fs::write(&form, "title = \"Locks\"").unwrap();
        for (line, good, asked) in [
            (vec!["status"], true, None),
            (vec!["invite", "--hours", "48"], true, Some("jo: invite Some(48)")),
            (vec!["join", "csu-ticket-", "ab"], true, Some("jo: join csu-ticket-ab")),
            (vec!["peer", "confirm", "Riverside CSU", "--number", "12345"], true, Some("jo: confirm Riverside CSU Some(\"12345\")")),
            (vec!["peer", "confirm", "Riverside CSU", "--yes"], true, Some("jo: confirm Riverside CSU None")),
            (vec!["peer", "pause", "Riverside", "--resume"], true, Some("jo: pause Riverside false")),
            (vec!["peer", "remove", "Riverside"], true, Some("jo: remove Riverside")),
            (
                vec!["bulletin", "edit", "d3", "severity=Severe", "category+=Safety"],
                true,
                Some("jo: edit d3 [\"severity=Severe\", \"category+=Safety\"]"),
            ),
            (vec!["--as", "Sam", "bulletin", "withdraw", "3fa9", "--reason", "legal"], true, Some("Sam: withdraw 3fa9 Some(Legal) []")),
            (vec!["note", "answer", "3fa9", "--text", "done"], true, Some("jo: answer 3fa9 None []")),
            (vec!["guide", "discard", "d3"], true, Some("jo: discard d3")),
            (vec!["bulletin", "import", alert.to_str().unwrap()], true, Some("jo: import Some(\"alert.cap\") 8")),
            (vec!["grant", "add", "3fa9", "anyone", "--role", "relay"], true, Some("jo: grant 3fa9 anyone Some(Relay)")),
            (vec!["grant", "add", "3fa9", "--circle", "Ward"], true, Some("jo: grant 3fa9 circle:Ward Some(Read)")),
            // Whoever runs the tests on a terminal must not be asked.
            (vec!["grant", "revoke", "3fa9", "Riverside", "--yes"], true, Some("jo: revoke 3fa9 Riverside")),
            (vec!["grant", "revoke", "3fa9", "Riverside", "--dry-run"], true, Some("jo: preview 3fa9 Riverside Stay")),
            (
                vec!["grant", "revoke", "3fa9", "--circle", "Ward", "--cascade", "--dry-run"],
                true,
                Some("jo: preview 3fa9 circle:Ward Fall"),
            ),
            (vec!["circle", "create", "Ward", "Hill", "Mill"], true, Some("jo: circle Ward [\"Hill\", \"Mill\"]")),
            (vec!["circle", "add", "Ward/é?", "Hill"], true, Some("jo: circle Ward/é? +[\"Hill\"] -[]")),
            (vec!["circle", "remove", "Ward", "Hill", "--apply"], true, Some("jo: circle Ward +[] -[\"Hill\"]")),
            (vec!["circle", "list"], true, None),
            (vec!["circle", "list", "Ward"], true, None),
            (vec!["circle", "pending"], true, None),
            (vec!["circle", "apply", "Ward"], true, None),
            (vec!["circle", "delete", "Ward"], true, Some("jo: delete circle Ward")),
            (vec!["respond", "3fa9", "acknowledge"], false, Some("jo: respond 3fa9 acknowledge")),
            (vec!["bulletin", "show", "ffff"], false, Some("jo: document ffff")),
            (vec!["bulletin", "history", "3fa9"], true, None),
            (vec!["access", "3fa9"], true, None),
            (
                vec!["retention", "set", "3fa9", "--keep-months", "6", "--why", "trial"],
                true,
                Some("jo: keep 3fa9 RetentionRequest { keep_months: Some(6), until: None, review: None, by_kind: false, why: \"trial\" }"),
            ),
            (vec!["retention", "run", "--dry-run"], true, Some("jo: run RetentionRunRequest { dry_run: true }")),
            (vec!["retention", "list"], true, Some("jo: retention RetentionQuery { before: None, limit: None }")),
            (vec!["log", "head"], true, None),
            (vec!["log", "verify"], true, Some("jo: check log LogCheckQuery { after: Some(1), limit: None, sought: None }")),
            (vec!["log", "--limit", "1001"], false, None),
            (vec!["erase", "3fa9", "--why", "legal", "--yes"], true, Some("jo: erase 3fa9 legal")),
            (vec!["erase", "status"], true, None),
            (vec!["release", "3fa9", "--yes"], true, Some("jo: release Some(\"3fa9\")")),
            (vec!["release", "--yes"], true, Some("jo: release None")),
            (vec!["erase", "status", "3fa9"], true, None),
            // What this desk gives is no backup: it is looked through before it gets its name.
            (vec!["backup", backup.to_str().unwrap()], false, Some("jo: backup")),
            (vec!["account", "list"], true, None),
            (
                vec!["account", "add", "Amina Okafor", "--role", "editor", "--role", "issuer"],
                true,
                Some("jo: account Amina Okafor reader, editor, issuer"),
            ),
            (vec!["account", "roles", "Amina/é?", "--role", "reader"], true, Some("jo: roles Amina/é? reader")),
            (vec!["account", "disable", "Amina"], true, Some("jo: disable Amina true")),
            (vec!["account", "enable", "Amina"], true, Some("jo: disable Amina false")),
            (vec!["account", "reset", "Amina"], true, Some("jo: link Amina")),
            (vec!["down"], true, Some("jo: shutdown")),
        ] {
            for json in [false, true] {
                let mut line = line.clone();
                if json {
                    line.push("--json");
                }
                assert_eq!(csu(folder.path(), &line).await, good, "{line:?}");
                if let Some(asked) = asked {
                    assert_eq!(desk.lock().unwrap().asked.last().map(String::as_str), Some(asked), "{line:?}");
                }
            }
        }
        assert!(csu(folder.path(), &["guide", "draft", "--file", form.to_str().unwrap(), "--to", "anyone=read"]).await);
        let last = desk.lock().unwrap().asked.last().cloned().unwrap();
        assert!(last.contains("Locks") && last.contains("anyone") && last.contains("Read"), "{last}");
        let table = folder.path().join("log.csv");
        let export = ["log", "--who", "Lambeth Police", "--csv", table.to_str().unwrap()];
        assert!(csu(folder.path(), &export).await);
        let written = std::fs::read_to_string(&table).unwrap();
        assert_eq!((written.matches(",disclosure,").count(), written.matches("'=HYPERLINK").count()), (2, 1), "{written}");
        assert!(!csu(folder.path(), &export).await, "a file was replaced");
        assert!(!csu(folder.path(), &["log", "--csv", "--json"]).await);
        assert!(!backup.exists() && !folder.path().join("backup.part").exists());
        let out = folder.path().join("out.cap");
        let export = ["export", "3fa9", "--format", "cap", "--output", out.to_str().unwrap()];
        assert!(csu(folder.path(), &export).await);
        assert_eq!(std::fs::read(&out).unwrap(), b"<alert/>");
        assert!(!csu(folder.path(), &export).await, "a file was replaced");
        let again = folder.path().join("again.cap");
        assert!(csu(folder.path(), &["bulletin", "export", "3fa9", "--format", "cap", "-o", again.to_str().unwrap()]).await);
    }

    #[tokio::test]
    async fn exit_codes_tell_a_wrong_command_from_a_refusal() {
        let folder = tempfile::tempdir().unwrap();
        for (line, code) in [
            (vec!["--help"], 0),
            (vec!["bulletin", "issue", "--help"], 0),
            (vec!["status"], 1),
            (vec!["stauts"], 2),
            (vec!["bulletin"], 2),
            (vec!["peer", "confirm", "x", "--json"], 2),
            (vec!["grant", "revoke", "x"], 2),
            (vec!["grant", "add", "x", "y", "--circle", "z"], 2),
            (vec!["circle", "add", "x"], 2),
            (vec!["account", "roles", "x"], 2),
            (vec!["account", "add", "x", "--role", "king"], 2),
            (vec!["erase"], 2),
            (vec!["erase", "3fa9"], 2),
            (vec!["erase", "3fa9", "--why", "spite"], 2),
            (vec!["erase", "3fa9", "--why", "legal", "--json"], 2),
            (vec!["backup", "--check"], 2),
            (vec!["backup", "x", "--open"], 2),
            (vec!["backup", "x", "--set-key"], 2),
            (vec!["backup", "-", "--json"], 2),
            (vec!["backup", "x"], 1),
            (vec!["restore"], 2),
            (vec!["restore", "--name", "Brixton CSU"], 2),
            (vec!["restore", "x", "--resume"], 2),
            (vec!["restore", "x"], 1),
            (vec!["restore", "--resume"], 1),
        ] {
            let words: Vec<OsString> = ["csu", "--data", folder.path().to_str().unwrap()].iter().chain(&line).map(OsString::from).collect();
            assert_eq!(run(words, vec![]).await, ExitCode::from(code), "{line:?}");
        }
    }
}
