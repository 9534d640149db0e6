//! What goes into the machine and what comes out of it.

use crate::access::Unsound;
use crate::entry::Plane;
use crate::id::{DeviceId, DocumentId, EntryId, OrganisationId};
use crate::store::{ReadError, Write};
use crate::time::Timestamp;
use crate::wire::{Message, WireError};

/// What happens to a node.
#[derive(Debug)]
pub enum Input {
    /// A session with a device is open. The connection proves that it is that device.
    Connected(DeviceId),
    /// It is over.
    Disconnected(DeviceId),
    /// A message, its signatures checked.
    Received(DeviceId, Box<Message>),
    /// A frame that was refused.
    Refused(DeviceId, WireError),
    /// So many frames were taken by the connection.
    Sent(DeviceId, usize),
    /// Time passed; see [`super::Machine::wake_at`].
    Tick,
}

/// What a peer did wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It sent a frame that is refused.
    #[error("it sent a faulty message: {0}")]
    Frame(#[from] WireError),
    /// It sent an entry that breaks a rule.
    #[error("it sent entry {entry} of document {document}, which breaks a rule: {rule}")]
    Unsound {
        /// The document.
        document: DocumentId,
        /// The entry.
        entry: EntryId,
        /// The rule.
        rule: Unsound,
    },
    /// It sent a message that has no place at this point.
    #[error("it sent {0} out of turn")]
    OutOfTurn(&'static str),
    /// Its card is not that of the organisation or device it should be.
    #[error("its card names another organisation or device than expected")]
    WrongCard,
    /// It showed no invitation, or one that is used or over.
    #[error("it is not paired with this node and showed no valid invitation")]
    NotInvited,
    /// It sent more of something than is allowed.
    #[error("it sent more {0} than allowed")]
    TooMuch(&'static str),
    /// It sent a step of reconciliation that cannot be one, or too many.
    #[error("it sent a step of reconciliation that cannot be read, or more steps than a comparison takes")]
    Step,
    /// It did not answer.
    #[error("it did not answer in time")]
    Silent,
}

/// What the operator, the log and the pages may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Entries became sound.
    Changed {
        /// Of which document.
        document: DocumentId,
        /// Which, in causal order.
        entries: Vec<EntryId>,
        /// Who brought them; none if they are this node's own.
        from: Option<OrganisationId>,
    },
    /// Entries were sent to a peer.
    Disclosed {
        /// Of which document.
        document: DocumentId,
        /// Of which plane.
        plane: Plane,
        /// How many.
        entries: usize,
        /// To whom.
        to: OrganisationId,
    },
    /// A peer did something wrong.
    Fault {
        /// Which device.
        device: DeviceId,
        /// Whose, if it is known.
        organisation: Option<OrganisationId>,
        /// What.
        fault: Fault,
    },
    /// Pairing with an organisation began, went on or is complete.
    Pairing(OrganisationId),
    /// This node now has all that a peer offered.
    InSync(OrganisationId),
    /// A card came that was not known.
    Card(OrganisationId),
    /// A paired organisation acts through another device now; the one before may not connect any more.
    Successor {
        /// Which organisation.
        organisation: OrganisationId,
        /// The device that it acts through.
        device: DeviceId,
        /// The one that it acted through before.
        before: DeviceId,
    },
    /// This organisation's root key put another device in the place of this one: this node is at its end.
    Replaced,
    /// A document that came back from a backup was compared with what a neighbour holds: it is silent no longer.
    Reconciled(DocumentId),
    /// What a peer sent of a document was not taken: the peer's budget is used up.
    Declined {
        /// The document.
        document: DocumentId,
        /// Who sent it.
        organisation: OrganisationId,
    },
}

/// Why a session is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    /// There is nothing to talk about, or it begins anew.
    Done,
    /// The peer did something wrong: it should not be back at once.
    Fault,
}

/// What the machine wants done, in order.
#[derive(Debug)]
pub enum Output {
    /// Make a record durable, before anything that follows leaves the node.
    Write(Write),
    /// Send a frame, once all writes before it are durable.
    Send(DeviceId, Vec<u8>),
    /// End a session.
    Disconnect(DeviceId, Parting),
    /// [`super::Machine::targets`] or [`super::Machine::admits_strangers`] changed.
    Targets,
    /// Tell whoever wants to know.
    Notice(Notice),
}

/// A Receipt that this node owes: it destroyed what it held of a document whose owner had it erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwedReceipt {
    /// The document.
    pub document: DocumentId,
    /// The Erase that was obeyed.
    pub erase: EntryId,
    /// The genesis or grant to sign it under.
    pub under: EntryId,
}

/// Why a command was refused. Whoever gave it can mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No such peer.
    #[error("no organisation {0} is paired or being paired with this node; `csu peer list` shows those that are")]
    UnknownPeer(OrganisationId),
    /// The ticket is one's own.
    #[error("this ticket was given out by this organisation itself; hand it to the other one")]
    OwnTicket,
    /// The ticket is over.
    #[error("the ticket ended at {0}; ask the other organisation for a new one")]
    TicketEnded(Timestamp),
    /// The organisation is paired.
    #[error(
        "this organisation is already paired with this node, or about to be; see `csu peer list`, and to pair anew end that first with `csu peer remove`"
    )]
    AlreadyPaired,
    /// The number differs: somebody may stand between.
    #[error(
        "the number is not the one this node shows: somebody may stand between you. Do not confirm; remove the peer and pair again with a new ticket"
    )]
    OtherNumber,
    /// The node's own entry breaks a rule.
    #[error("the access rules refuse it: {0}")]
    Refused(#[from] Unsound),
    /// Nothing is destroyed that nobody had erased.
    #[error("no order to erase this document counts here; `csu erase` gives one")]
    NotErased,
    /// The document is erased.
    #[error("its owner had this document erased, so nothing more can be written on it; begin a new one")]
    Erased,
    /// A newer card of this organisation names another device.
    #[error(
        "this organisation was restored on another device, so this one may not act for it any more; go on there, and put this machine's data folder away"
    )]
    Replaced,
    /// The node's own entry names something that is not here.
    #[error("something that it builds on is not on this node; wait until the neighbours are connected and try again")]
    Incomplete,
    /// This node's own storage is to blame.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// How a peer's session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// Open; a confirmation or Hello is missing.
    Greeting,
    /// Data moves; not all is here yet.
    Syncing,
    /// This node has all that the peer offered.
    InSync,
}

/// What a node keeps in memory for one connected peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Frames that wait until the connection has room.
    pub waiting_frames: usize,
    /// Bytes of them.
    pub waiting_bytes: usize,
    /// Frames given to the connection and not yet taken.
    pub frames_under_way: usize,
    /// Planes of documents that are being sent or wait to be.
    pub requests: usize,
    /// Planes of documents that the peer was asked for.
    pub asked: usize,
    /// Documents that it brought and that are in memory alone, because nothing received so far names this organisation.
    pub unnamed: usize,
}
