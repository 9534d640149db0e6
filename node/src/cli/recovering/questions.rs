//! Security numbers that a person is to compare, asked one at a time while the node goes on.

use super::refused;
use crate::cli::asking;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::screen::{print, visible};
use crate::desk::{Actor, ConfirmRequest, DeskHandle, RecoveringWith};
use tokio::sync::oneshot;

/// What was asked of the person at the terminal.
pub(super) struct Questions {
    output: Output,
    /// The neighbours that were asked about.
    asked: Vec<String>,
    /// The one without an answer.
    open: Option<Question>,
}

struct Question {
    name: String,
    number: String,
    answer: oneshot::Receiver<Result<bool, Failure>>,
}

impl Questions {
    pub(super) const fn new(output: Output) -> Self {
        Self { output, asked: Vec::new(), open: None }
    }

    /// Does what was answered meanwhile, and asks the next question if none is open. Waits for nobody.
    pub(super) async fn go_on(&mut self, desk: &DeskHandle, actor: &Actor, neighbours: &[RecoveringWith]) -> Result<(), Failure> {
        if let Some(mut question) = self.open.take() {
            match question.answer.try_recv() {
                Ok(answer) => {
                    // Somebody may have confirmed it on another terminal.
                    let is_open = neighbours.iter().any(|with| with.number.is_some() && with.organisation.to_string() == question.name);
                    if is_open {
                        question.answered(desk, actor, answer?).await?;
                    }
                }
                Err(oneshot::error::TryRecvError::Empty) => {
                    self.open = Some(question);
                    return Ok(());
                }
                Err(oneshot::error::TryRecvError::Closed) => {}
            }
        }
        for with in neighbours {
            let name = with.organisation.to_string();
            let Some(number) = with.number.clone().filter(|_| !self.asked.contains(&name)) else { continue };
            self.asked.push(name.clone());
            if asking::is_possible(self.output) {
                self.open = Some(Question::ask(name, number)?);
                return Ok(());
            }
            if self.output == Output::Words {
                let shown = visible(&name);
                print(&format!(
                    "{shown}: ring them up and compare the security number {number}. If theirs is the same, type on another terminal:\n  csu peer confirm \"{shown}\" --number \"{number}\"\n"
                ));
            }
        }
        Ok(())
    }
}

impl Question {
    fn ask(name: String, number: String) -> Result<Self, Failure> {
        let shown = visible(&name);
        let question = format!("{shown}: ring them up. Is the security number on their screen {number}? Type yes or no:\n");
        let (sender, answer) = oneshot::channel();
        let ask = move || {
            // Nobody waits any more if the restore has ended meanwhile.
            sender.send(asking::yes(&question, "confirm with `csu peer confirm`")).ok();
        };
        // A thread of its own, not one of the runtime's, whose end would wait for a line to be typed.
        std::thread::Builder::new().name("question".to_owned()).spawn(ask).map_err(|error| {
            Failure::new(format!("the system gives no thread ({error})"), format!("confirm with `csu peer confirm \"{shown}\"`"))
        })?;
        Ok(Self { name, number, answer })
    }

    async fn answered(self, desk: &DeskHandle, actor: &Actor, same: bool) -> Result<(), Failure> {
        if !same {
            print("Then somebody may be between you. Nothing is exchanged with them; ask for a new ticket.\n");
            return Ok(());
        }
        let (actor, name, request) = (actor.clone(), self.name, ConfirmRequest { number: Some(self.number) });
        desk.ask(move |desk| desk.confirm_peer(&actor, &name, request)).await.map(|_| ()).map_err(refused)
    }
}
