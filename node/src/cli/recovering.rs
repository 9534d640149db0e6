//! The second half of `csu restore`: the node is up again, takes in what its neighbours hold, and disowns the lost device.

mod questions;

use super::failure::Failure;
use super::output::Output;
use super::restore::generation_in_words;
use super::screen::{print, visible, visible_json};
use crate::config::Config;
use crate::desk::{
    Actor, DeskHandle, JoinRequest, Problem, RecoveringState, RecoveringWith, Recovery, RecoveryStage, RecoveryStep, SinceBackup,
};
use crate::driver::{self, DriverError};
use crate::office::OfficeError;
use crate::restoring::{self, Origin};
use crate::storage::Options;
use clap::Args;
use csu_protocol::identity::SignedCard;
use questions::Questions;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How often it is looked whether there is something to do.
const EVERY: Duration = Duration::from_millis(200);
/// How often neighbours that are waited for are named.
const REMIND: Duration = Duration::from_secs(15);
/// How long neighbours may take at the end to take what was signed; they get it later otherwise.
const FAREWELL: Duration = Duration::from_secs(30);

/// How many documents are named of those in which the lost device signed something since the backup.
const NAMED: usize = 20;

/// Whom to wait for, and whom to pair with first.
#[derive(Debug, Clone, Args)]
pub(super) struct Neighbours {
    /// A ticket of a neighbour that holds what was shared and that this computer does not know (repeatable)
    #[arg(long = "ticket", value_name = "TICKET")]
    pub(super) tickets: Vec<String>,
    /// A neighbour not to wait for: what only they hold of the lost computer's work is lost (repeatable)
    #[arg(long, value_name = "ORGANISATION")]
    without: Vec<String>,
}

/// Goes on until all is done, it is interrupted, or the node has to stop.
pub(super) async fn recover(
    config: Config,
    recovery: restoring::Recovery,
    actor: Actor,
    neighbours: &Neighbours,
    output: Output,
) -> Result<(), Failure> {
    let mut terminated = signal(SignalKind::terminate()).map_err(|error| Failure::of(&error))?;
    let going_on = GoingOn::of(&recovery, neighbours)?;
    let running = driver::start_recovering(config, Options::default(), recovery).await.map_err(|error| going_on.after(&error))?;
    let desk = running.desk.clone();
    let mut outcome = None;
    let work = async {
        tokio::select! {
            done = bring_back(&desk, &actor, neighbours, output) => outcome = Some(done),
            _ = terminated.recv() => {}
            result = tokio::signal::ctrl_c() => if result.is_err() { std::future::pending().await },
        }
    };
    running.until(work).await.map_err(|error| going_on.after(&error))?;
    match outcome {
        Some(Ok(recovery)) => {
            print(&match output {
                Output::Words => report(&recovery),
                Output::Json => visible_json(&format!("{:#}\n", serde_json::json!(recovery))),
            });
            Ok(())
        }
        // The node may have said already how to go on.
        Some(Err(failure)) if failure.text().contains("csu restore --resume") => Err(failure),
        Some(Err(failure)) => Err(failure.and(&going_on.advice())),
        None => Err(Failure::new("the restore was interrupted", going_on.advice())),
    }
}

/// What is said of going on, when the restore ended before it was done.
struct GoingOn {
    data: PathBuf,
    own: SignedCard,
    /// Whether nothing comes back but by tickets.
    by_ticket: bool,
}

impl GoingOn {
    fn of(recovery: &restoring::Recovery, neighbours: &Neighbours) -> Result<Self, Failure> {
        let own = recovery.keys.card().clone();
        let phrase_alone = match recovery.origin {
            Origin::Phrase => true,
            Origin::Backup(_) => false,
            // Until a neighbour was heard, whoever begins from the phrase knows no card but its own.
            Origin::Folder { under_way } => {
                under_way && restoring::knows_no_other_card(&recovery.data, &own).map_err(|error| Failure::of(&error))?
            }
        };
        let by_ticket = phrase_alone || !neighbours.tickets.is_empty();
        Ok(Self { data: recovery.data.clone(), own, by_ticket })
    }

    fn advice(&self) -> String {
        let command = if self.by_ticket {
            "`csu restore --resume --ticket …`, with a ticket of each neighbour that is still to be heard"
        } else {
            "`csu restore --resume`"
        };
        format!("what was done is done: go on with {command}")
    }

    /// After the node could not start or had to stop.
    fn after(&self, error: &DriverError) -> Failure {
        let replaced = if matches!(error, DriverError::Office(OfficeError::Replaced(_))) { replaced(&self.data, &self.own) } else { None };
        replaced.unwrap_or_else(|| Failure::of(error).and(&self.advice()))
    }
}

/// Another device counts: which, since when, and what that may mean.
fn replaced(data: &Path, own: &SignedCard) -> Option<Failure> {
    let newer = restoring::newer_card(data, own).ok().flatten()?;
    Some(Failure::new(
        format!(
            "another device of {} counts before this one: its card is of {}, this one's of {}",
            own.card().name,
            generation_in_words(&newer),
            generation_in_words(own)
        ),
        "if one of you restored it later on another computer, go on there and put this data folder away; if the clock of an earlier \
         restore was ahead and that computer is not used any more, put this device above it with `csu restore --resume --supersede`; if \
         nobody of yours did either, your recovery phrase is in other hands: tell your neighbours",
    ))
}

async fn bring_back(desk: &DeskHandle, actor: &Actor, neighbours: &Neighbours, output: Output) -> Result<Recovery, Failure> {
    use_tickets(desk, actor, &neighbours.tickets).await?;
    let mut progress = Progress::default();
    let mut questions = Questions::new(output);
    loop {
        let recovery = next(desk, actor, &neighbours.without).await?;
        if output == Output::Words {
            progress.tell(&recovery);
        }
        match recovery.stage {
            RecoveryStage::Done => return farewell(desk, actor, recovery).await,
            RecoveryStage::Disowning => {}
            RecoveryStage::Gathering => {
                questions.go_on(desk, actor, &recovery.neighbours).await?;
                tokio::time::sleep(EVERY).await;
            }
        }
    }
}

async fn use_tickets(desk: &DeskHandle, actor: &Actor, tickets: &[String]) -> Result<(), Failure> {
    for ticket in tickets {
        let (actor, request) = (actor.clone(), JoinRequest { ticket: ticket.clone() });
        match desk.ask(move |desk| desk.join(&actor, request)).await {
            // The same command is typed again after an interruption.
            Err(problem) if problem.is_already_paired() => {}
            other => drop(other.map_err(refused)?),
        }
    }
    Ok(())
}

async fn next(desk: &DeskHandle, actor: &Actor, without: &[String]) -> Result<Recovery, Failure> {
    let (actor, step) = (actor.clone(), RecoveryStep { without: without.to_vec() });
    desk.ask(move |desk| desk.recover(&actor, step)).await.map_err(refused)
}

/// Waits until the neighbours that are there have taken what was signed.
async fn farewell(desk: &DeskHandle, actor: &Actor, done: Recovery) -> Result<Recovery, Failure> {
    let end = tokio::time::Instant::now() + FAREWELL;
    let mut left = done.sending;
    while left > 0 && tokio::time::Instant::now() < end {
        tokio::time::sleep(EVERY).await;
        left = next(desk, actor, &[]).await?.sending;
    }
    Ok(Recovery { sending: left, ..done })
}

fn refused(problem: Problem) -> Failure {
    Failure::new(problem.detail(), problem.remedy())
}

/// What was told of the progress, so that only news are.
#[derive(Debug, Default)]
struct Progress {
    states: Vec<(String, RecoveringState)>,
    reminded: Option<tokio::time::Instant>,
    disowned: usize,
    told_since_backup: bool,
}

impl Progress {
    fn tell(&mut self, recovery: &Recovery) {
        for neighbour in &recovery.neighbours {
            let state = (neighbour.organisation.to_string(), neighbour.state);
            if !self.states.contains(&state) {
                print(&format!("{}: {}\n", visible(&state.0), state_in_words(neighbour)));
                self.states.retain(|(name, _)| *name != state.0);
                self.states.push(state);
            }
        }
        if !recovery.since_backup.is_empty() && !self.told_since_backup {
            self.told_since_backup = true;
            print(&since_backup_in_words(&recovery.since_backup));
        }
        if recovery.stage == RecoveryStage::Gathering {
            self.remind(recovery);
        } else if recovery.disowned > self.disowned {
            self.disowned = recovery.disowned;
            print(&format!("[{}/{}] disowning the lost device\n", recovery.disowned, recovery.documents.max(recovery.disowned)));
        }
    }

    /// Names those that are waited for.
    fn remind(&mut self, recovery: &Recovery) {
        let now = tokio::time::Instant::now();
        if self.reminded.is_some_and(|at| now < at + REMIND) {
            return;
        }
        // The first time there is something to say only after a while.
        if self.reminded.replace(now).is_some() {
            let open: Vec<&RecoveringWith> = recovery
                .neighbours
                .iter()
                .filter(|with| !with.left_out && !matches!(with.state, RecoveringState::Compared | RecoveringState::Paused))
                .collect();
            let names: Vec<String> = open.iter().map(|with| visible(&with.organisation.to_string())).collect();
            let Some((with, first)) = open.first().zip(names.first()) else { return };
            let otherwise = if !with.organisation.verified && with.number.is_none() {
                // Never met: nothing is known of it but what its ticket says.
                "csu restore --resume --ticket …, with a new ticket of theirs or of another neighbour".to_owned()
            } else {
                format!("csu restore --resume --without \"{first}\"")
            };
            print(&format!(
                "Waiting for {}. What only they hold of the lost device's work would be lost without them.\n\
                 If they cannot be reached: stop this with Ctrl-C, then {otherwise}\n",
                names.join(", ")
            ));
        }
    }
}

fn since_backup_in_words(documents: &[SinceBackup]) -> String {
    let entries = documents.iter().map(|document| document.entries).fold(0, usize::saturating_add);
    let mut text = format!("After the backup the lost device signed, as the neighbours tell (entries: {entries}):\n");
    for document in documents.iter().take(NAMED) {
        let what = document.what.as_ref().map(|what| format!(" {}", visible(what))).unwrap_or_default();
        text.push_str(&format!("  {}{what}: {}\n", document.reference, document.entries));
    }
    if let Some(more) = documents.len().checked_sub(NAMED).filter(|more| *more > 0) {
        text.push_str(&format!("  and in {more} more documents: --json names them all\n"));
    }
    text.push_str(
        "Was all of it yours? It is kept. Look at what was not once the node runs (`csu log --verb collection`), and set it right.\n",
    );
    text
}

fn state_in_words(with: &RecoveringWith) -> &'static str {
    match with.state {
        _ if with.left_out => "not waited for",
        RecoveringState::Paused => "the exchange with it is paused, so it is not waited for",
        RecoveringState::ToConfirm => "the pairing is to be confirmed",
        RecoveringState::Connecting => "connecting",
        RecoveringState::Comparing => "taking in what it holds",
        RecoveringState::Compared => "all that it holds is here",
    }
}

fn report(recovery: &Recovery) -> String {
    let mut text =
        format!("\nRestored. Documents here: {}. Nothing that the lost device signs from now on counts in them.\n", recovery.documents);
    if recovery.silent > 0 {
        text.push_str(&format!(
            "{} of them came from the backup and are not shown until a neighbour that holds them was reached: they may have been erased.\n",
            recovery.silent
        ));
    }
    if recovery.refused > 0 {
        text.push_str(&format!("In {} of them the lost device may still act: `csu doctor` names them.\n", recovery.refused));
    }
    if recovery.sending > 0 {
        text.push_str("Some neighbours have not taken all that was signed; they get it when the node runs.\n");
    }
    text.push_str("What the neighbours brought that is newer than the backup: csu log --verb collection. Was all of it yours?\n");
    text.push_str("Put the recovery phrase back where it was. Start the node with `csu up`.\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::fake::FakeDesk;

    /// What comes of two tickets of which the desk refuses the first so, and what it was asked.
    async fn use_two(refusal: Problem) -> (Result<(), Failure>, Vec<String>) {
        let (handle, mut jobs) = DeskHandle::channel(1);
        let asked = tokio::spawn(async move { use_tickets(&handle, &Actor::default(), &["one".to_owned(), "two".to_owned()]).await });
        let mut desk = FakeDesk { refuse_join: Some(refusal), ..FakeDesk::default() };
        while let Some(job) = jobs.recv().await {
            job(&mut desk)(Ok(()));
        }
        (asked.await.unwrap(), desk.asked)
    }

    #[test]
    fn what_the_lost_device_signed_since_the_backup_is_named_and_not_without_end() {
        let one = |byte: u8| SinceBackup {
            document: csu_protocol::id::DocumentId::new([byte; 32]),
            reference: format!("{byte:02x}"),
            what: Some("bulletin \"Bins\u{1b}[31m\"".to_owned()),
            entries: 2,
        };
        let text = since_backup_in_words(&[one(1)]);
        assert!(text.contains("(entries: 2)") && text.contains("  01 bulletin \"Bins") && !text.contains('\u{1b}'), "{text}");
        let text = since_backup_in_words(&(0..25).map(one).collect::<Vec<_>>());
        assert!(text.contains("(entries: 50)") && text.contains("and in 5 more documents") && text.lines().count() == 23, "{text}");
    }

    #[tokio::test]
    async fn a_ticket_of_a_neighbour_is_passed_over_and_any_other_refusal_is_told() {
        let (outcome, asked) = use_two(Problem::already_paired("paired", "nothing to do")).await;
        outcome.unwrap();
        assert_eq!(asked.len(), 2, "{asked:?}");
        let (outcome, asked) = use_two(Problem::conflict("this organisation was restored on another device", "go on there")).await;
        assert!(outcome.unwrap_err().text().contains("restored on another device"));
        assert_eq!(asked.len(), 1, "{asked:?}");
    }
}
