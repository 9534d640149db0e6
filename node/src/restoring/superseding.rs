//! Taking the organisation back from a card of a generation that lies ahead.
//!
//! Generations come from the clock. A restore under a clock that was ahead leaves a card that every later restore falls short of:
//! each is told that it was replaced. Whoever has the recovery phrase can say that the device in this folder is the one that counts.

use super::{Origin, Recovery, RestoreError};
use crate::storage::{self, Options, Storage};
use csu_protocol::identity::SignedCard;
use csu_protocol::store::Write;
use std::path::Path;

/// The newest card of another device of this organisation that a data folder's database knows and that counts before `own`.
///
/// # Errors
/// When the database cannot be read.
pub fn newer_card(data: &Path, own: &SignedCard) -> Result<Option<SignedCard>, RestoreError> {
    let cards = storage::cards_now(data, &own.card().organisation).map_err(RestoreError::Storage)?;
    let newest = cards.into_iter().fold(own.clone(), |newest, card| if card.supersedes(&newest) { card } else { newest });
    Ok((newest.card().device != own.card().device).then_some(newest))
}

/// Whether a data folder's database knows no card of this organisation but its own: nobody has told it anything yet.
///
/// # Errors
/// When the database cannot be read.
pub fn knows_no_other_card(data: &Path, own: &SignedCard) -> Result<bool, RestoreError> {
    let cards = storage::cards_now(data, &own.card().organisation).map_err(RestoreError::Storage)?;
    Ok(cards.iter().all(|card| card.card().device == own.card().device))
}

/// Signs a card of a generation above all that are known, for the device that is in the folder, and stores it. The card that
/// counted until now; none if it was this device's already, as after an interruption.
///
/// At every moment the keys belong together, and recovery stays under way: it may be done again wherever it was cut off.
///
/// # Errors
/// When recovery is not under way there, or the keys or the database cannot be written.
pub fn supersede(recovery: &mut Recovery) -> Result<Option<SignedCard>, RestoreError> {
    if !matches!(recovery.origin, Origin::Folder { under_way: true }) {
        return Err(RestoreError::NotUnderWay { data: recovery.data.clone() });
    }
    let newer = newer_card(&recovery.data, recovery.keys.card())?;
    // The card that this device had stays known, since others may have wrapped keys for it.
    remember(&recovery.data, recovery.keys.card())?;
    if let Some(newer) = &newer {
        let generation = newer.card().generation.checked_add(1).ok_or(RestoreError::NoGeneration)?;
        recovery.keys.replace_card(&recovery.data, &recovery.root, generation)?;
        remember(&recovery.data, recovery.keys.card())?;
    }
    Ok(newer)
}

/// Stores one of this organisation's own cards.
fn remember(data: &Path, card: &SignedCard) -> Result<(), RestoreError> {
    let opened = Storage::open(data, Options::default()).map_err(RestoreError::Storage)?;
    let mut storage = opened.storage;
    let stored = storage.apply(&Write::Card { card: card.clone(), brought_by: None }).and_then(|()| storage.commit());
    // A stop that was not in good order stays to be seen: only a node that starts checks the database for it.
    let closed = if opened.clean { storage.close() } else { Ok(()) };
    stored.and(closed).map_err(RestoreError::Storage)
}
