//! A peer that lies on purpose: every lie by name, what it says, and what an honest node does about it.
//!
//! A [`Lie`] is told by a [`Stranger`], which is paired with the node like any neighbour: it has real keys, a real connection and
//! perhaps a role in a document. The program `liar` tells one to any node, the suite `process_liars` each of them to a node with
//! honest neighbours. [`Lie::verdict`] is what the suite demands of the node; beside that, whatever the lie:
//!
//! - the node goes on, and serves its honest neighbours while it is lied to and afterwards;
//! - nothing of the lie is shown, and nothing of it is stored but what [`Lie::stored`] says;
//! - the memory that it takes is bounded;
//! - the liar learns nothing that it may not know.
//!
//! | file | lies about |
//! |---|---|
//! | `cards` | who it is |
//! | `frames` | bytes that are no message, or none in that shape |
//! | `entries` | entries that are not what they seem, or that nobody may make |
//! | `bombs` | content that would expand |
//! | `asking` | what it may ask for |
//! | `rounds` | what both hold |
//! | `floods` | how much |
//! | `table` | which lies there are |
//! | `raw` | bytes below the frames |

mod asking;
mod bombs;
mod cards;
mod entries;
mod floods;
mod frames;
mod raw;
mod rounds;
mod table;

pub(crate) use cards::frame_of;
pub use raw::Raw;
pub use table::Lie;

use crate::stranger::{Said, Stranger};
use csu_protocol::entry::{Plane, Role};
use csu_protocol::id::DocumentId;
use csu_protocol::identity::{SignedCard, Ticket};

/// What a node does about a lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It ends the session, and its log names the peer and these words.
    CutOff(&'static str),
    /// It ends the connection below the messages, and its log names the device and these words.
    HungUp(&'static str),
    /// It bears it: the session goes on, or ends without blame.
    Borne,
}

/// What a liar must have before it can lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// A ticket alone: it lies before anybody has confirmed it.
    Ticket,
    /// To be paired.
    Pairing,
    /// This role in a document.
    Role(Role),
    /// This role in two documents.
    Two(Role),
}

/// Where a lie is told.
#[derive(Debug, Clone)]
pub struct Stage {
    /// A ticket of the node.
    pub ticket: Ticket,
    /// Documents in which the liar was given a role.
    pub granted: Vec<DocumentId>,
    /// Documents that the node holds and that are none of the liar's business.
    pub secret: Vec<DocumentId>,
    /// The card of an honest neighbour of the node.
    pub neighbour: SignedCard,
}

impl Stage {
    fn document(&self) -> DocumentId {
        *self.granted.first().expect("this lie needs a document in which the liar has a role")
    }
}

impl Lie {
    /// The lie of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|lie| lie.name() == name)
    }

    /// How many entries signed by the liar an honest node stores, because they are sound: whatever they hold that cannot be opened
    /// or shown, counting and forwarding never depend on that.
    #[must_use]
    pub const fn stored(self) -> usize {
        match self {
            Self::Reordered => entries::CHAIN,
            Self::Fork | Self::WrongCommitment => 2,
            Self::Duplicates
            | Self::GarbageSeal
            | Self::GarbageChange
            | Self::ReplayedSeal
            | Self::ReplayedChange
            | Self::CompressedBomb
            | Self::ColumnBomb
            | Self::RunLengthBomb => 1,
            _ => 0,
        }
    }

    /// On which side of a round of reconciliation the liar must be: whether its device must be the one that begins them. None if
    /// either will do.
    #[must_use]
    pub const fn begins(self) -> Option<bool> {
        match self {
            Self::GarbageStep
            | Self::OtherVersionStep
            | Self::HugeStep
            | Self::StepsWithoutEnd
            | Self::RoundsWithoutEnd
            | Self::TellMeAll
            | Self::UnaskedNeed
            | Self::UnknownNeeds
            | Self::ProbeOfSecrets
            | Self::GarbageProbe
            | Self::WantOfSecrets
            | Self::SettledAtOnce
            | Self::SettledEarly
            | Self::SilenceAtFirst => Some(true),
            Self::GarbageAnswer
            | Self::AnswersWithoutEnd
            | Self::WishesWithoutEnd
            | Self::SameSets
            | Self::MillionsOfNeeds
            | Self::OfferOfNothing
            | Self::OfferOfSecrets
            | Self::OfferTooMany
            | Self::UnaskedOffer
            | Self::LacksWhatIsSecret
            | Self::Silence => Some(false),
            _ => None,
        }
    }

    /// Its bytes, if it is one frame that cannot be read or only by half.
    pub(crate) fn frame(self) -> Option<Vec<u8>> {
        matches!(
            self,
            Self::Garbage
                | Self::UnknownKind
                | Self::BytesAfter
                | Self::LongLength
                | Self::UncountedArray
                | Self::UnsortedIds
                | Self::RepeatedIds
                | Self::HugeCards
                | Self::HugeEntries
                | Self::HugeIds
                | Self::HugeHeader
                | Self::OversizedFrame
        )
        .then(|| frames::of(self))
    }

    /// Tells it.
    ///
    /// # Panics
    /// When the liar cannot even say it.
    pub async fn tell(self, liar: &mut Stranger, stage: &Stage) {
        match self {
            Self::ForgedCard
            | Self::StolenOrganisation
            | Self::NewerCardOfAnother
            | Self::HelloOfTheNode
            | Self::HelloOfANeighbour
            | Self::ClaimedDevice
            | Self::AddressesOfAnother
            | Self::ReplayedHello
            | Self::ReplayedPairRequest
            | Self::ReplayedConfirmed
            | Self::StolenPairRequest
            | Self::TwoSessions => cards::tell(self, liar, stage).await,
            Self::Garbage
            | Self::UnknownKind
            | Self::BytesAfter
            | Self::LongLength
            | Self::UncountedArray
            | Self::UnsortedIds
            | Self::RepeatedIds
            | Self::HugeCards
            | Self::HugeEntries
            | Self::HugeIds
            | Self::HugeHeader
            | Self::OversizedFrame => self.frame().into_iter().for_each(|frame| liar.send(frame)),
            Self::EndlessFrame | Self::HalfAFrame | Self::FrameBomb | Self::FrameMisfit | Self::SlowDrip | Self::Mute => {
                frames::below(self, liar, stage).await
            }
            Self::CompressedBomb | Self::ColumnBomb | Self::RunLengthBomb => bombs::tell(self, liar, stage),
            Self::NeverGranted
            | Self::AsksForKeys
            | Self::AfterRevocation
            | Self::UnknownIds
            | Self::UnaskedServed
            | Self::Silence
            | Self::SilenceAtFirst => asking::tell(self, liar, stage).await,
            Self::GarbageStep
            | Self::OtherVersionStep
            | Self::HugeStep
            | Self::LongStep
            | Self::GarbageAnswer
            | Self::StepsWithoutEnd
            | Self::AnswersWithoutEnd
            | Self::RoundsWithoutEnd
            | Self::WishesWithoutEnd
            | Self::SameSets
            | Self::TellMeAll
            | Self::MillionsOfNeeds
            | Self::OfferOfNothing
            | Self::OfferOfSecrets
            | Self::OfferTooMany
            | Self::UnaskedOffer
            | Self::UnaskedNeed
            | Self::UnsortedNeeds
            | Self::TooManyNeeds
            | Self::UnknownNeeds
            | Self::UnaskedProbed
            | Self::ProbeOfSecrets
            | Self::GarbageProbe
            | Self::WantOfSecrets
            | Self::LacksWhatIsSecret
            | Self::DeclinesEverything
            | Self::DeclinesWithoutEnd
            | Self::SettledAtOnce
            | Self::SettledEarly => rounds::tell(self, liar, stage).await,
            Self::FloodOfMessages
            | Self::FloodOfRequests
            | Self::Deaf
            | Self::FloodOfDocuments
            | Self::FloodOfEntries
            | Self::FloodOfWaiting
            | Self::FloodOfCards
            | Self::FloodOfPairings => floods::tell(self, liar, stage).await,
            Self::ForeignAuthor
            | Self::ForeignOrganisation
            | Self::WrongPayload
            | Self::WrongWraps
            | Self::MissingPayload
            | Self::Misplaced
            | Self::WrongPlane
            | Self::MissingLink
            | Self::Reordered
            | Self::Duplicates
            | Self::GrantsItself
            | Self::Usurper
            | Self::Fork
            | Self::GarbageSeal
            | Self::GarbageChange
            | Self::WrongCommitment
            | Self::ReplayedSeal
            | Self::ReplayedChange
            | Self::EarlyEntries => entries::tell(self, liar, stage).await,
        }
    }
}

/// What the liar may truly say about a document in which it has a role.
#[must_use]
pub fn truth(liar: &Stranger, document: DocumentId) -> Said {
    let entry = entries::Pen::new(liar, document).response("True.").into_signed();
    Said::Entries { document, plane: Plane::Content, entries: vec![entry] }
}

#[cfg(test)]
mod tests {
    use super::Lie;
    use std::collections::BTreeSet;

    #[test]
    fn every_lie_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = Lie::ALL.iter().map(|lie| lie.name()).collect();
        assert_eq!(names.len(), Lie::ALL.len());
        assert!(Lie::ALL.iter().all(|lie| Lie::named(lie.name()) == Some(*lie) && lie.says().ends_with('.')));
    }
}
