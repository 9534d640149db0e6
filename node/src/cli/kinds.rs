//! The commands of a kind of document, made from its description.

use super::args::ExportArgs;
use super::asking;
use super::client::{Answer, Client, segment};
use super::commands::export;
use super::document::{print_document, render_history};
use super::edit;
use super::failure::Failure;
use super::form;
use super::listing;
use super::output::Output;
use super::screen::print;
use super::words::{self, Told};
use crate::desk::{
    CIRCLE_PREFIX, Document, DraftChange, DraftRequest, HistoryLine, Imported, Moment, OpeningRequest, Recipient, RevocationEffect,
    StepRequest,
};
use crate::http::BODY_BYTES;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Args, Command, FromArgMatches, value_parser};
use csu_protocol::document::{Kind, Marking, Means, Step, kind};
use csu_protocol::entry::{Reason, Role};
use serde_json::{Map, Value};
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

/// The command of a kind, with everything under it.
#[must_use]
pub fn command(kind: &'static Kind) -> Command {
    let name = kind.name;
    let example = |rest: &str| example_of(&format!("csu {name} {rest}"));
    let verb = |verb: &'static str, about: String, rest: &str| Command::new(verb).about(about).after_help(example(rest));
    let of = if kind.sealed.is_some() { "--of 3fa9 " } else { "" };
    let drafting = format!("draft {of}{} --to \"Riverside CSU\"", kind.example);
    let show = if kind.sealed.is_some() { "show 3fa9 --reason \"to find the owner of the van\"" } else { "show 3fa9" };
    let mut command = Command::new(name)
        .about(kind.about.trim_end_matches('.'))
        .after_help(example(&drafting))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(belonging(
            kind,
            writing(verb("draft", format!("Begin a draft of {}; it stays on this node until you share it", kind.one()), &drafting)),
        ))
        .subcommand(writing(
            verb("edit", "Change it in your editor, or the fields you name".to_owned(), &format!("edit d3 {}", kind.example))
                .arg(reference()),
        ))
        .subcommand(verb("discard", "Throw a draft away".to_owned(), "discard d3").arg(reference()));
    for step in kind.steps {
        let arguments = if step.means == Means::Withdraw { " --reason mistaken" } else { "" };
        let about = format!("{}: the {name} is then {}", step.label, step.to);
        command = command.subcommand(step_command(kind, step, verb(step.verb, about, &format!("{} d3{arguments}", step.verb))));
    }
    command = command
        .subcommand(listing::narrowing(
            kind,
            verb("list", format!("List them, newest first: {}", kind.plural.to_lowercase()), "list --limit 10"),
        ))
        .subcommand(reasoned(kind, verb("show", "Show it whole".to_owned(), show).arg(reference())))
        .subcommand(verb("history", "Show who did what to it, and what counts".to_owned(), "history 3fa9").arg(reference()));
    // What is opened for a reason is not written into files.
    if kind.sealed.is_none() {
        // The same arguments as `csu export`; their own description would replace that of the command.
        let about = "Write it in another format".to_owned();
        let export = ExportArgs::augment_args(verb("export", about.clone(), "export 3fa9 --format json --output FILE")).about(about);
        command = command.subcommand(export);
    }
    if name == "bulletin" {
        command = command.subcommand(
            verb("import", "Make a draft of a Common Alerting Protocol file".to_owned(), "import alert.cap").arg(
                Arg::new("file")
                    .value_name("FILE")
                    .required(true)
                    .value_parser(value_parser!(PathBuf))
                    .help("The file; - for the standard input"),
            ),
        );
    }
    command
}

/// An example that can be copied, however narrow the terminal: long commands go on behind a backslash.
fn example_of(command: &str) -> String {
    let mut lines = String::from("Example:\n ");
    let (mut width, mut quoted) = (0, false);
    for word in command.split(' ') {
        if width + word.len() > 66 && !quoted {
            lines.push_str(" \\\n   ");
            width = 0;
        }
        lines.push(' ');
        lines.push_str(word);
        width += word.len() + 1;
        quoted ^= word.matches('"').count() % 2 == 1;
    }
    lines
}

fn option(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn reference() -> Arg {
    Arg::new("reference")
        .value_name("DOCUMENT")
        .required(true)
        .help("Its id, 4 or more letters of the beginning, or a draft's number such as d3")
}

/// Adds the arguments with which fields are given.
fn writing(command: Command) -> Command {
    recipients(command)
        .arg(
            Arg::new("assign")
                .value_name("NAME=VALUE")
                .num_args(0..)
                .action(ArgAction::Append)
                .help("Fields, such as severity=Severe; += adds to a list; nothing behind = empties"),
        )
        .arg(
            option("file", "FORM.toml", "All fields from a form, as the editor shows it; - for the standard input")
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(
            option("marking", "MARKING", "CLEAR, GREEN, AMBER, AMBER+STRICT or RED")
                .value_parser(|text: &str| text.parse::<Marking>().map_err(|error| error.to_string())),
        )
}

fn recipients(command: Command) -> Command {
    command
        .arg(
            option(
                "to",
                "WHO[=ROLE]",
                "Whom it is for: a name, an id, anyone or circle:NAME; the role is read, if not relay, write or admin (repeatable)",
            )
            .action(ArgAction::Append)
            .value_parser(recipient),
        )
        .arg(
            option("circle", "NAME[=ROLE]", "Which circle it is for, as with --to circle:NAME (repeatable)")
                .action(ArgAction::Append)
                .value_parser(|text: &str| recipient(&format!("{CIRCLE_PREFIX}{text}"))),
        )
        .group(ArgGroup::new("recipients").args(["to", "circle"]).multiple(true))
        .arg(
            option("until", "TIME", "Until when they may, as 2026-12-24T18:00:00+00:00")
                .requires("recipients")
                .value_parser(value_parser!(Moment)),
        )
}

/// Adds what says to which document a sealed one belongs, and what is moved into it.
fn belonging(kind: &Kind, command: Command) -> Command {
    if kind.sealed.is_none() {
        return command;
    }
    command
        .arg(option("of", "DOCUMENT", "Which document or draft it belongs to").required(true))
        .arg(
            option("move", "WORDS", "Move these words out of that draft into it; a mark stays in their place (repeatable)")
                .action(ArgAction::Append),
        )
        .arg(
            Arg::new("move-found")
                .long("move-found")
                .action(ArgAction::SetTrue)
                .help("Move whatever in that draft looks like personal data"),
        )
}

/// Adds the reason for which a sealed document is opened.
fn reasoned(kind: &Kind, command: Command) -> Command {
    if kind.sealed.is_none() {
        return command;
    }
    command.arg(option("reason", "WHY", "Why you open it; its owner is told and keeps it in the access log for good. Every time needs one"))
}

fn checked() -> Arg {
    option("personal-data-checked", "WHY", "You looked at what looks like personal data in it: why it may be shared, for the access log")
}

/// What a step does about roles that a stricter marking does not allow.
fn narrowing() -> [Arg; 2] {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    [
        flag("narrow", "Take back, without asking, the roles that the marking does not allow"),
        flag("dry-run", "Show who would lose or gain a role, and do nothing").conflicts_with("narrow"),
    ]
}

fn step_command(kind: &Kind, step: &'static Step, command: Command) -> Command {
    let command = command.arg(reference());
    match step.means {
        Means::Revision if kind.sealed.is_some() => writing(command).args(narrowing()),
        Means::Revision => writing(command)
            .arg(checked())
            .arg(
                Arg::new("move-to-annex")
                    .long("move-to-annex")
                    .action(ArgAction::SetTrue)
                    .conflicts_with("personal-data-checked")
                    .help("Move what looks like personal data to the draft of an annex, and share the rest"),
            )
            .args(narrowing()),
        Means::Response => command.arg(option("text", "TEXT", "In words")).arg(checked()),
        Means::Withdraw => command.arg(
            option("reason", "REASON", "Why: mistaken, duplicate, superseded, no-longer-needed, consent-withdrawn, legal or other")
                .required(true)
                .value_parser(value_parser!(Reason)),
        ),
    }
}

/// Reads `WHO` or `WHO=ROLE`.
fn recipient(text: &str) -> Result<Recipient, String> {
    let (who, role) = match text.rsplit_once('=') {
        Some((who, role)) => (who, Some(role.parse::<Role>()?)),
        None => (text, None),
    };
    if who.trim().trim_start_matches(CIRCLE_PREFIX).is_empty() {
        return Err("nobody is named: write --to \"Riverside CSU\" or --to anyone=read".to_owned());
    }
    Ok(Recipient { who: who.trim().to_owned(), role, until: None })
}

/// What was given to write with.
#[derive(Debug, Default)]
struct Writing {
    assign: Vec<String>,
    fields: Option<Map<String, Value>>,
    marking: Option<String>,
    to: Vec<Recipient>,
}

impl Writing {
    fn of(kind: &Kind, matches: &ArgMatches) -> Result<Self, Failure> {
        let until = matches.get_one::<Moment>("until").copied();
        let named = ["to", "circle"].into_iter().flat_map(|name| matches.get_many::<Recipient>(name).unwrap_or_default());
        let to = named.map(|to| Recipient { until, ..to.clone() });
        let fields = match matches.get_one::<PathBuf>("file") {
            None => None,
            Some(path) => {
                let text = String::from_utf8(read_bounded(path)?)
                    .map_err(|_| Failure::new(format!("{} is not UTF-8", path.display()), "save it as UTF-8"))?;
                let wrong = |message: String| Failure::new(format!("{}: {message}", path.display()), "mend the form and try again");
                Some(form::parse(kind, &form::without_message(&text)).map_err(wrong)?)
            }
        };
        Ok(Self {
            assign: matches.get_many::<String>("assign").unwrap_or_default().cloned().collect(),
            fields,
            marking: matches.get_one::<Marking>("marking").map(ToString::to_string),
            to: to.collect(),
        })
    }

    fn is_empty(&self) -> bool {
        self.assign.is_empty() && self.fields.is_none() && self.marking.is_none() && self.to.is_empty()
    }
}

/// Reads a file, or the standard input, of at most as many bytes as the node takes.
fn read_bounded(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new(format!("{} cannot be read ({error})", path.display()), "check its name and that you may read it")
    };
    let limit = u64::try_from(BODY_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    } else {
        std::fs::File::open(path).map_err(unreadable)?.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    }
    if bytes.len() > BODY_BYTES {
        let what = format!("{} has more than {BODY_BYTES} bytes", path.display());
        return Err(Failure::new(what, "shorten it: polygons with many points are the usual cause"));
    }
    Ok(bytes)
}

/// Runs a command of a kind.
///
/// # Errors
/// When the node refuses, or cannot be asked.
pub async fn run(kind: &'static Kind, matches: &ArgMatches, client: &Client, output: Output) -> Result<(), Failure> {
    let Some((verb, matches)) = matches.subcommand() else {
        return Err(Failure::usage(format!("nothing to do with {}", kind.one()), format!("see `csu {} --help`", kind.name)));
    };
    let reference = matches.try_get_one::<String>("reference").ok().flatten().cloned().unwrap_or_default();
    let address = format!("/documents/{}", segment(&reference));
    match verb {
        "draft" => draft(kind, &Writing::of(kind, matches)?, &Belonging::of(matches), client, output).await,
        "edit" => change(kind, &reference, Writing::of(kind, matches)?, client, output).await,
        "discard" => output.done(&client.delete(&format!("{address}/draft")).await?, "The draft is gone.\n"),
        "list" => listing::run(kind, matches, client, output).await,
        "show" => match text(matches, "reason") {
            Some(reason) => print_document(&client.post(&format!("{address}/openings"), &OpeningRequest { reason }).await?, output),
            None => print_document(&client.get(&address).await?, output),
        },
        "history" => output.show(&client.get(&format!("{address}/history")).await?, |lines: Vec<HistoryLine>| render_history(&lines)),
        "export" => {
            let args = ExportArgs::from_arg_matches(matches).map_err(|error| Failure::usage(error.to_string(), "see its --help"))?;
            export(&args, client).await
        }
        "import" => import(matches, client, output).await,
        verb => match kind.step(verb) {
            Some(step) => take(kind, step, &address, matches, client, output).await,
            None => Err(Failure::usage(format!("{} has no '{verb}'", kind.one()), format!("see `csu {} --help`", kind.name))),
        },
    }
}

/// An argument of a text that only some commands have.
fn text(matches: &ArgMatches, name: &str) -> Option<String> {
    matches.try_get_one::<String>(name).ok().flatten().cloned()
}

fn flag(matches: &ArgMatches, name: &str) -> bool {
    matches.try_get_one::<bool>(name).ok().flatten().copied().unwrap_or_default()
}

/// To what a sealed document belongs, and what is moved into it.
#[derive(Debug, Default)]
struct Belonging {
    of: Option<String>,
    words: Vec<String>,
    found: bool,
}

impl Belonging {
    fn of(matches: &ArgMatches) -> Self {
        let words = matches.try_get_many::<String>("move").ok().flatten().unwrap_or_default().cloned().collect();
        Self { of: text(matches, "of"), words, found: flag(matches, "move-found") }
    }

    fn moves(&self) -> bool {
        self.found || !self.words.is_empty()
    }
}

async fn take(
    kind: &'static Kind,
    step: &Step,
    address: &str,
    matches: &ArgMatches,
    client: &Client,
    output: Output,
) -> Result<(), Failure> {
    let personal_data_checked = text(matches, "personal-data-checked");
    let request = match step.means {
        Means::Revision => {
            let Writing { assign, fields, marking, to } = Writing::of(kind, matches)?;
            let move_to_annex = flag(matches, "move-to-annex");
            let narrow = flag(matches, "narrow");
            let mut request =
                StepRequest { fields, assign, marking, narrow, to, personal_data_checked, move_to_annex, ..StepRequest::default() };
            if !agreed(&mut request, &format!("{address}/steps/{}/preview", step.verb), flag(matches, "dry-run"), client, output).await? {
                return Ok(());
            }
            request
        }
        Means::Response => StepRequest { text: text(matches, "text"), personal_data_checked, ..StepRequest::default() },
        Means::Withdraw => StepRequest { reason: matches.get_one::<Reason>("reason").copied(), ..StepRequest::default() },
    };
    let answer = client.post(&format!("{address}/steps/{}", step.verb), &request).await?;
    print_document(&answer, output)
}

/// Shows who would lose or gain a role by a step, and asks if somebody would lose one. Whether to go on.
async fn agreed(request: &mut StepRequest, preview: &str, is_dry: bool, client: &Client, output: Output) -> Result<bool, Failure> {
    let asks = request.marking.is_some() && !request.narrow && asking::is_possible(output);
    if !is_dry && !asks {
        return Ok(true);
    }
    let answer = client.post(preview, &*request).await?;
    if is_dry {
        output.show(&answer, |effect: RevocationEffect| words::effect(&effect, Told::Before, ""))?;
        return Ok(false);
    }
    let effect: RevocationEffect = answer.read()?;
    if effect.losses.is_empty() {
        return Ok(true);
    }
    print(&format!("By this marking:\n{}", words::effect(&effect, Told::Before, "  ")));
    request.narrow = asking::yes("\nMark it so, and take these roles back? Type yes or no: ", "add --narrow")?;
    if !request.narrow {
        print("Nothing was done.\n");
    }
    Ok(request.narrow)
}

async fn draft(kind: &'static Kind, given: &Writing, part: &Belonging, client: &Client, output: Output) -> Result<(), Failure> {
    let request = |fields: Map<String, Value>| DraftRequest {
        kind: kind.name.to_owned(),
        fields,
        assign: given.assign.clone(),
        marking: given.marking.clone(),
        to: given.to.clone(),
        of: part.of.clone(),
        move_words: part.words.clone(),
        move_found: part.found,
    };
    if !given.assign.is_empty() || given.fields.is_some() || part.moves() {
        return print_document(&client.post("/documents", &request(given.fields.clone().unwrap_or_default())).await?, output);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("there is nothing to draft", format!("give fields: csu {} draft {}", kind.name, kind.example)));
    }
    let about = format!("{}: a new draft. {}", kind.label, kind.about);
    let store = async |fields| client.post("/documents", &request(fields)).await;
    let stored = edit::edit(kind, &about, &Map::new(), &mut edit::open_editor, store).await?;
    print_or_say_unchanged(stored, output)
}

async fn change(kind: &'static Kind, reference: &str, given: Writing, client: &Client, output: Output) -> Result<(), Failure> {
    let address = format!("/documents/{}", segment(reference));
    let put = format!("{address}/draft");
    if !given.is_empty() {
        let Writing { assign, fields, marking, to } = given;
        let change = DraftChange { fields, assign, marking, to: (!to.is_empty()).then_some(to) };
        return print_document(&client.put(&put, &change).await?, output);
    }
    let document: Document = client.get(&address).await?.read()?;
    // What the document is decides on the form, not the command it was called by.
    let kind = kind::find(&document.kind).unwrap_or(kind);
    let fields = document.draft.as_ref().map_or(&document.fields, |draft| &draft.fields);
    let about = format!("{} {}: {}", kind.label, document.reference, document.title);
    let store = async |fields| client.put(&put, &DraftChange { fields: Some(fields), ..DraftChange::default() }).await;
    let stored = edit::edit(kind, &about, fields, &mut edit::open_editor, store).await?;
    print_or_say_unchanged(stored, output)
}

fn print_or_say_unchanged(stored: Option<Answer>, output: Output) -> Result<(), Failure> {
    match stored {
        Some(answer) => print_document(&answer, output),
        None => {
            output.say("Nothing was changed.\n");
            Ok(())
        }
    }
}

async fn import(matches: &ArgMatches, client: &Client, output: Output) -> Result<(), Failure> {
    let path = matches.get_one::<PathBuf>("file").cloned().unwrap_or_default();
    let bytes = read_bounded(&path)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let answer = client.post_file(&format!("/import/cap?name={}", segment(&name)), bytes).await?;
    output.show(&answer, |imported: Imported| {
        let mut text = super::document::render_document(&imported.document);
        if !imported.warnings.is_empty() {
            text.push_str("\nLook at these before you issue it:\n");
            let rows: Vec<Vec<String>> =
                imported.warnings.into_iter().map(|warning| vec![format!("  {}", warning.path), warning.text]).collect();
            text.push_str(&super::screen::columns(&rows));
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_may_bear_a_role_and_a_name_may_bear_an_equals_sign() {
        assert_eq!(recipient("Riverside CSU").unwrap().role, None);
        let to = recipient("A=B Watch=write").unwrap();
        assert_eq!((to.who.as_str(), to.role), ("A=B Watch", Some(Role::Write)));
        assert!(recipient("x=boss").unwrap_err().contains("relay, read, write or admin"));
        recipient("=read").unwrap_err();
    }

    #[test]
    fn no_step_of_any_kind_takes_a_name_that_every_kind_has() {
        for kind in kind::all() {
            for step in kind.steps {
                assert!(
                    !["draft", "edit", "discard", "list", "show", "history", "export", "import", "help"].contains(&step.verb),
                    "{}",
                    step.verb
                );
            }
        }
    }

    #[test]
    fn every_step_can_be_typed_with_what_it_takes() {
        for (line, ok) in [
            ("csu bulletin issue d3 severity=Severe headline=x --to anyone --marking clear", true),
            ("csu bulletin withdraw d3", false),
            ("csu bulletin withdraw d3 --reason mistaken", true),
            ("csu bulletin withdraw d3 --reason bored", false),
            ("csu note answer d3 --text yes", true),
            ("csu note answer d3 severity=Severe", false),
            ("csu guide publish d3 --marking PURPLE", false),
            ("csu bulletin issue d3 --until 2026-12-24T18:00:00+00:00", false),
            ("csu bulletin issue d3 --circle Ward=write --until 2026-12-24T18:00:00+00:00", true),
            ("csu bulletin issue d3 --circle =write", false),
            ("csu guide import x", false),
            ("csu bulletin issue d3 --move-to-annex", true),
            ("csu bulletin issue d3 --move-to-annex --personal-data-checked office", false),
            ("csu note answer d3 --text yes --personal-data-checked office", true),
            ("csu annex draft persons=x", false),
            ("csu annex draft --of d3 --move x --move-found", true),
            ("csu annex issue d3 --move-to-annex", false),
            ("csu annex show 3fa9 --reason case", true),
            ("csu bulletin show 3fa9 --reason case", false),
            ("csu annex export 3fa9", false),
        ] {
            assert_eq!(crate::cli::args::command().try_get_matches_from(line.split(' ')).is_ok(), ok, "{line}");
        }
    }

    #[test]
    fn a_file_that_is_too_large_is_not_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("big");
        std::fs::File::create(&path).unwrap().set_len(10 * 1024 * 1024 * 1024).unwrap();
        assert!(read_bounded(&path).unwrap_err().text().contains("more than"));
    }
}
