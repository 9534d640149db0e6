//! The second half of `csu restore`: the node is up again, takes in what its neighbours hold, and disowns the lost device.

use super::asking;
use super::failure::Failure;
use super::output::Output;
use super::screen::{print, visible, visible_json};
use crate::config::Config;
use crate::desk::{
    Actor, ConfirmRequest, DeskHandle, JoinRequest, Problem, RecoveringState, RecoveringWith, Recovery, RecoveryStage, RecoveryStep,
};
use crate::driver;
use crate::restoring;
use crate::storage::Options;
use clap::Args;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How often it is looked whether there is something to do.
const EVERY: Duration = Duration::from_millis(200);
/// How often neighbours that are waited for are named.
const REMIND: Duration = Duration::from_secs(15);
/// How long neighbours may take at the end to take what was signed; they get it later otherwise.
const FAREWELL: Duration = Duration::from_secs(30);

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
    let running = driver::start_recovering(config, Options::default(), recovery).await.map_err(|error| Failure::of(&error))?;
    let desk = running.desk.clone();
    let mut outcome = None;
    let work = async {
        tokio::select! {
            done = bring_back(&desk, &actor, neighbours, output) => outcome = Some(done),
            _ = terminated.recv() => {}
            result = tokio::signal::ctrl_c() => if result.is_err() { std::future::pending().await },
        }
    };
    running.until(work).await.map_err(|error| Failure::of(&error))?;
    match outcome {
        Some(Ok(recovery)) => {
            print(&match output {
                Output::Words => report(&recovery),
                Output::Json => visible_json(&format!("{:#}\n", serde_json::json!(recovery))),
            });
            Ok(())
        }
        Some(Err(failure)) => Err(failure.and("what was done is done: go on with `csu restore --resume`")),
        None => Err(Failure::new("the restore was interrupted", "what was done is done: go on with `csu restore --resume`")),
    }
}

async fn bring_back(desk: &DeskHandle, actor: &Actor, neighbours: &Neighbours, output: Output) -> Result<Recovery, Failure> {
    for ticket in &neighbours.tickets {
        let (actor, request) = (actor.clone(), JoinRequest { ticket: ticket.clone() });
        match desk.ask(move |desk| desk.join(&actor, request)).await {
            // The same command is typed again after an interruption.
            Err(problem) if is_paired(&problem) => {}
            other => drop(other.map_err(refused)?),
        }
    }
    let mut progress = Progress::default();
    let mut asked = Vec::new();
    loop {
        let recovery = next(desk, actor, &neighbours.without).await?;
        if output == Output::Words {
            progress.tell(&recovery);
        }
        match recovery.stage {
            RecoveryStage::Done => return farewell(desk, actor, recovery).await,
            RecoveryStage::Disowning => {}
            RecoveryStage::Gathering => {
                for neighbour in &recovery.neighbours {
                    confirm(desk, actor, neighbour, &mut asked, output).await?;
                }
                tokio::time::sleep(EVERY).await;
            }
        }
    }
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

/// Has a person compare the security number of a neighbour that was paired anew.
async fn confirm(desk: &DeskHandle, actor: &Actor, with: &RecoveringWith, asked: &mut Vec<String>, output: Output) -> Result<(), Failure> {
    let name = with.organisation.to_string();
    let Some(number) = with.number.clone().filter(|_| !asked.contains(&name)) else { return Ok(()) };
    asked.push(name.clone());
    let shown = visible(&name);
    if !asking::is_possible(output) {
        if output == Output::Words {
            print(&format!(
                "{shown}: ring them up and compare the security number {number}. If theirs is the same, type on another terminal:\n  csu peer confirm \"{shown}\" --number \"{number}\"\n"
            ));
        }
        return Ok(());
    }
    let question = format!("{shown}: ring them up. Is the security number on their screen {number}? Type yes or no: ");
    let same = tokio::task::spawn_blocking(move || asking::yes(&question, "confirm with `csu peer confirm`"));
    if !same.await.map_err(|error| Failure::of(&error))?? {
        print("Then somebody may be between you. Nothing is exchanged with them; ask for a new ticket.\n");
        return Ok(());
    }
    let (actor, request) = (actor.clone(), ConfirmRequest { number: Some(number) });
    desk.ask(move |desk| desk.confirm_peer(&actor, &name, request)).await.map(|_| ()).map_err(refused)
}

fn is_paired(problem: &Problem) -> bool {
    problem.status() == 409
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
            let open = recovery
                .neighbours
                .iter()
                .filter(|with| !with.left_out && !matches!(with.state, RecoveringState::Compared | RecoveringState::Paused));
            let names: Vec<String> = open.map(|with| visible(&with.organisation.to_string())).collect();
            if let Some(first) = names.first() {
                print(&format!(
                    "Waiting for {}. What only they hold of the lost device's work would be lost without them.\n\
                     If they cannot be reached: stop this with Ctrl-C, then csu restore --resume --without \"{first}\"\n",
                    names.join(", ")
                ));
            }
        }
    }
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
    let mut text = format!(
        "\nRestored. {} documents are here, and nothing that the lost device signs from now on counts in them.\n",
        recovery.documents
    );
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
