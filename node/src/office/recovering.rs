//! Coming back after the server was lost or stolen, with the root key at hand.
//!
//! ```text
//!   gather: what every neighbour holds ─► disown: the root key revokes each older device in every document,
//!                                                 keeping what is known by then ─► done; the root key is forgotten
//! ```
//!
//! The order matters: what is not known when the root key speaks falls with what a thief does afterwards. Each piece of the work
//! is one commit, and after an interruption the next run finds what is left: nothing is signed twice.

use super::steps::{author_problem, command_problem};
use super::{Office, count, now};
use crate::desk::{Actor, Problem, RecoveringState, RecoveringWith, Recovery, RecoveryStage, RecoveryStep, SinceBackup};
use crate::log_verb::LogVerb;
use csu_protocol::author::{self, Acting};
use csu_protocol::entry::Signer;
use csu_protocol::id::{DeviceId, DocumentId, OrganisationId};
use csu_protocol::identity::RootKey;
use csu_protocol::store::{Pairing, Read};
use csu_protocol::sync::{CommandError, Connection, Held};
use std::collections::BTreeSet;

/// Documents looked at in one piece of the work: one commit, and a sign of life on the screen.
const AT_A_TIME: usize = 256;
/// Passes at most: what comes while the root key speaks is seen in the next one, and nobody keeps it speaking for ever.
const PASSES: usize = 4;

/// What a node needs to come back, beside what every node has.
pub(super) struct Recovering {
    root: RootKey,
    /// Neighbours of which all was taken in since the start.
    compared: BTreeSet<OrganisationId>,
    /// What the lost device signed since the backup; none before all that is waited for is here. It is told before the root key
    /// speaks.
    since_backup: Option<Vec<SinceBackup>>,
    /// How far the pass through the documents is; none before it has begun.
    pass: Option<Pass>,
    /// How many passes are over.
    passes: usize,
}

/// One pass through all documents.
#[derive(Debug, Default)]
struct Pass {
    /// The last document that was looked at.
    last: Option<DocumentId>,
    /// How many were.
    seen: usize,
    /// How many entries were signed.
    signed: usize,
    /// Documents whose rules refuse the root key's word.
    refused: BTreeSet<DocumentId>,
}

impl Recovering {
    pub(super) const fn new(root: RootKey) -> Self {
        Self { root, compared: BTreeSet::new(), since_backup: None, pass: None, passes: 0 }
    }

    /// Memory was given up: what was signed and is not on disk is signed again.
    pub(super) fn begin_again(&mut self) {
        self.compared.clear();
        self.since_backup = None;
        self.pass = None;
        self.passes = 0;
    }

    /// Whether the root key has not spoken yet.
    pub(super) const fn is_gathering(&self) -> bool {
        self.pass.is_none()
    }

    /// All that a neighbour holds was taken in.
    pub(super) fn compared(&mut self, organisation: OrganisationId) {
        self.compared.insert(organisation);
    }
}

impl Office {
    /// Does the next piece of coming back that can be done now, and says how far it is.
    pub(super) fn recover(&mut self, actor: &Actor, step: &RecoveryStep) -> Result<Recovery, Problem> {
        let without = step.without.iter().map(|who| self.find_organisation(who)).collect::<Result<BTreeSet<_>, _>>()?;
        // The root key is put back whatever comes of it, until all is done.
        let Some(mut recovering) = self.recovering.take() else { return Ok(self.recovery(None, &without)) };
        let outcome = self.recover_with(actor, &mut recovering, &without);
        let recovery = self.recovery(Some(&recovering), &without);
        match outcome {
            Ok(true) => Ok(Recovery { stage: RecoveryStage::Done, ..recovery }),
            Ok(false) => {
                self.recovering = Some(recovering);
                Ok(recovery)
            }
            Err(problem) => {
                self.recovering = Some(recovering);
                Err(problem)
            }
        }
    }

    /// The same with the root key in hand; whether all is done.
    fn recover_with(&mut self, actor: &Actor, recovering: &mut Recovering, without: &BTreeSet<OrganisationId>) -> Result<bool, Problem> {
        self.open_older_wraps(recovering)?;
        if recovering.pass.is_none() && self.waited_for(recovering, without).next().is_some() {
            return Ok(false);
        }
        if recovering.pass.is_none() && self.machine.directory().replaced_devices(&self.machine.organisation()).is_empty() {
            return Err(Problem::conflict(
                "no neighbour was reached that knows this organisation's device before this one, so there is nothing to restore yet",
                "ask a neighbour for a new ticket, then `csu restore --resume --ticket TICKET`",
            ));
        }
        if recovering.since_backup.is_none() {
            let since_backup = recovering.since_backup.insert(self.since_backup()?);
            if !since_backup.is_empty() {
                return Ok(false);
            }
        }
        let mut pass = recovering.pass.take().unwrap_or_default();
        let is_over = self.disown_some(&recovering.root, &mut pass)?;
        let (seen, signed, refused) = (pass.seen, pass.signed, pass.refused.clone());
        recovering.pass = Some(pass);
        if !is_over {
            return Ok(false);
        }
        recovering.passes = recovering.passes.saturating_add(1);
        if signed > 0 && recovering.passes < PASSES {
            // Documents came while others were looked at, and some of them sort before.
            recovering.pass = Some(Pass { refused, ..Pass::default() });
            return Ok(false);
        }
        self.machine.reconcile_alone();
        self.machine.set_recovering(false);
        self.storage.end_recovery()?;
        let left_out: Vec<String> = without.iter().map(|organisation| self.name_for_log(organisation)).collect();
        let left_out = if left_out.is_empty() { String::new() } else { format!(", without {}", left_out.join(" and ")) };
        let detail =
            format!("restored on a new device{left_out}; the root key disowned older ones in {}", count(seen, "document", "documents"));
        self.log_act(actor, LogVerb::Access, None, None, detail)?;
        Ok(true)
    }

    /// Where the lost device signed something since the backup was made.
    fn since_backup(&self) -> Result<Vec<SinceBackup>, Problem> {
        let lost = self.machine.directory().replaced_devices(&self.machine.organisation());
        let found = self.storage.came_since_backup(&lost)?.into_iter();
        let told = found.map(|(document, entries)| {
            let what = self.line_of(&document)?.map(|line| format!("{} \"{}\"", line.kind, line.title));
            Ok(SinceBackup { document, reference: document.short(), what, entries })
        });
        told.collect()
    }

    /// Neighbours that are to be waited for, and how far the node is with each.
    fn waited_for<'o>(
        &'o self,
        recovering: &'o Recovering,
        without: &'o BTreeSet<OrganisationId>,
    ) -> impl Iterator<Item = (OrganisationId, RecoveringState)> + 'o {
        let paired = self.machine.peers().map(|peer| (peer.organisation, self.state_with(recovering, peer)));
        let joining = self.machine.joinings().map(|joining| (joining.organisation, RecoveringState::Connecting));
        let is_open = |state: RecoveringState| !matches!(state, RecoveringState::Paused | RecoveringState::Compared);
        paired.chain(joining).filter(move |(organisation, state)| is_open(*state) && !without.contains(organisation))
    }

    fn state_with(&self, recovering: &Recovering, peer: &csu_protocol::store::Peer) -> RecoveringState {
        if peer.paused {
            return RecoveringState::Paused;
        }
        let was_compared = recovering.compared.contains(&peer.organisation);
        match self.machine.connection(&peer.organisation) {
            _ if peer.pairing != Pairing::Confirmed => RecoveringState::ToConfirm,
            // More may have come since; and one that went off afterwards is not waited for again.
            Some(Connection::InSync) | None if was_compared => RecoveringState::Compared,
            Some(Connection::Syncing | Connection::InSync) => RecoveringState::Comparing,
            Some(Connection::Greeting) | None => RecoveringState::Connecting,
        }
    }

    /// How far it is; without the root key it is done.
    fn recovery(&self, recovering: Option<&Recovering>, without: &BTreeSet<OrganisationId>) -> Recovery {
        let paired = recovering.into_iter().flat_map(|recovering| {
            self.machine.peers().map(|peer| RecoveringWith {
                organisation: self.organisation(&peer.organisation),
                state: self.state_with(recovering, peer),
                left_out: without.contains(&peer.organisation),
                number: (peer.pairing != Pairing::Confirmed).then(|| peer.number.to_string()),
            })
        });
        let unmet = self.machine.joinings().filter(|joining| recovering.is_some() && self.machine.peer(&joining.organisation).is_none());
        let joining = unmet.map(|joining| RecoveringWith {
            organisation: self.organisation(&joining.organisation),
            state: RecoveringState::Connecting,
            left_out: without.contains(&joining.organisation),
            number: None,
        });
        let neighbours = paired.chain(joining);
        let load = self.machine.peers().filter_map(|peer| self.machine.load(&peer.organisation));
        Recovery {
            stage: match recovering.map(|recovering| recovering.pass.is_some()) {
                Some(false) => RecoveryStage::Gathering,
                Some(true) => RecoveryStage::Disowning,
                None => RecoveryStage::Done,
            },
            neighbours: neighbours.collect(),
            documents: self.machine.documents().count(),
            disowned: recovering.and_then(|recovering| recovering.pass.as_ref()).map_or(0, |pass| pass.seen),
            silent: self.machine.unreconciled().count(),
            refused: recovering.and_then(|recovering| recovering.pass.as_ref()).map_or(0, |pass| pass.refused.len()),
            since_backup: recovering.and_then(|recovering| recovering.since_backup.clone()).unwrap_or_default(),
            sending: load.map(|load| load.waiting_frames.saturating_add(load.frames_under_way)).sum(),
        }
    }

    /// Keys were wrapped for cards that this node learnt of from others only now.
    fn open_older_wraps(&mut self, recovering: &Recovering) -> Result<(), Problem> {
        let us = self.machine.organisation();
        let generations = self.machine.directory().cards(&us).map(|card| card.card().generation).collect::<Vec<_>>();
        let learnt = self.keys.add_card_secrets(&self.config.data, &recovering.root, generations);
        learnt.map(|_| ()).map_err(|error| {
            let text = error.to_string();
            let (detail, remedy) = text.split_once(": ").unwrap_or((&text, "look at the folder `keys`"));
            Problem::storage(detail, remedy)
        })
    }

    /// Signs what the root key says of older devices in some documents; whether the pass is over.
    fn disown_some(&mut self, root: &RootKey, pass: &mut Pass) -> Result<bool, Problem> {
        let us = self.machine.organisation();
        let directory = self.machine.directory();
        let lost = directory.replaced_devices(&us).into_iter();
        let lost: Vec<(DeviceId, BTreeSet<DeviceId>)> = lost.map(|device| (device, directory.successors(&us, &device))).collect();
        let some: Vec<DocumentId> = self.machine.documents_after(pass.last).map(Held::document).take(AT_A_TIME).collect();
        for document in &some {
            for (device, successors) in &lost {
                let access = self.access_of(document)?;
                let mut unread = None;
                let own = || self.storage.own_entries(document, device).map_err(|error| unread = Some(error)).unwrap_or_default();
                let body = access.disown(&us, device, successors, own);
                if let Some(error) = unread {
                    return Err(error.into());
                }
                let Some(body) = body else { continue };
                let acting = Acting { organisation: us, signer: Signer::Root(root), under: None };
                let entry = author::control(&access, &acting, body).map_err(|error| author_problem(&error))?;
                // A graph that nobody looks at is changed in its place.
                drop(access);
                match self.machine.publish(now(), entry, &self.storage) {
                    Ok(_) => pass.signed = pass.signed.saturating_add(1),
                    // One document that somebody made unfit must not keep all the others from being saved.
                    Err(CommandError::Refused(rule)) => {
                        tracing::warn!(document = document.short(), %rule, "the root key's word is refused");
                        pass.refused.insert(*document);
                    }
                    Err(error) => return Err(command_problem(&error)),
                }
            }
        }
        pass.seen = pass.seen.saturating_add(some.len());
        pass.last = some.last().copied().or(pass.last);
        Ok(some.len() < AT_A_TIME)
    }
}
