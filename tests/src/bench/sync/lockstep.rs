//! Two nodes' machines in this process, over what their databases hold or over memory: every frame and every turn of a
//! reconnection is counted, and nothing of it stays in a database.

use super::bulletins::{Writer, size};
use super::nodes::{keys, now};
use crate::node::Node;
use csu_node::storage::{Options, Storage};
use csu_protocol::id::{DeviceId, DocumentId, OrganisationId};
use csu_protocol::identity::SignedCard;
use csu_protocol::reading::{self, Reader};
use csu_protocol::store::{Memory, Read, Start, Write};
use csu_protocol::sync::{Budget, Connection, Held, Input, Machine, Output};
use csu_protocol::time::Timestamp;
use csu_protocol::wire::Message;
use std::time::{Duration, Instant};

/// Turns, and waits between them, after which something is wrong.
const LOOKS: u64 = 10_000;

/// What a reconnection took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Talk {
    /// Bytes of all frames in both directions, the Hellos among them.
    pub(super) bytes: u64,
    /// Turns there and back after the Hellos, which cross. What goes one way in the end, such as Settled and the last
    /// entries, is no round trip.
    pub(super) round_trips: u64,
}

/// What a machine reads from and writes to.
pub(super) trait Disk: Read {
    fn write(&mut self, write: Write);
}

impl Disk for Storage {
    fn write(&mut self, write: Write) {
        self.apply(&write).expect("storage can be written");
    }
}

impl Disk for Memory {
    fn write(&mut self, write: Write) {
        self.apply(write);
    }
}

/// One end.
#[derive(Debug)]
pub(super) struct End<D> {
    machine: Machine,
    storage: D,
    device: DeviceId,
    /// What its machine took so far.
    pub(super) busy: Duration,
}

impl<D: Disk> End<D> {
    /// Of the device of a card.
    pub(super) fn new(card: SignedCard, start: Start, storage: D) -> Self {
        let device = card.card().device;
        let machine = Machine::new(card, start, Budget::default(), &storage).expect("what a node wrote");
        Self { machine, storage, device, busy: Duration::ZERO }
    }

    /// What it has to send to a device. Others take what it sends them at once.
    fn outbox(&mut self, now: Timestamp, to: Option<DeviceId>) -> Vec<Vec<u8>> {
        let begun = Instant::now();
        let mut frames = Vec::new();
        while let Some(output) = self.machine.poll_output(now, &self.storage).expect("storage can be read") {
            match output {
                Output::Write(write) => self.storage.write(write),
                Output::Send(device, frame) if Some(device) == to => frames.push(frame),
                Output::Send(device, _) => self.machine.handle(now, Input::Sent(device, 1), &self.storage).expect("storage can be read"),
                Output::Disconnect(..) => panic!("the two ended their session"),
                Output::Targets | Output::Notice(_) => {}
            }
        }
        self.busy += begun.elapsed();
        frames
    }

    fn handle(&mut self, now: Timestamp, input: Input) {
        let begun = Instant::now();
        self.machine.handle(now, input, &self.storage).expect("storage can be read");
        self.busy += begun.elapsed();
    }

    fn is_in_sync_with(&self, other: OrganisationId) -> bool {
        self.machine.connection(&other) == Some(Connection::InSync)
    }
}

impl End<Storage> {
    /// Of a node that is down.
    pub(super) fn of(node: &Node) -> Self {
        let storage = Storage::open(node.data(), Options::default()).expect("the database of a node that is down").storage;
        let start = storage.start().expect("what the node wrote");
        // Otherwise the first start would be another one than all that follow.
        assert!(start.documents.values().all(Option::is_some), "what the entries of a document come to is not kept");
        Self::new(keys(node).card().clone(), start, storage)
    }

    /// Publishes a further version of so many bulletins, evenly spread; the bytes of the entries.
    pub(super) fn revise(&mut self, writer: &Writer, bulletins: u64) -> u64 {
        let documents: Vec<DocumentId> = self.machine.documents().map(Held::document).collect();
        let bulletins = usize::try_from(bulletins).unwrap_or(usize::MAX).min(documents.len());
        let mut bytes = 0;
        for at in 0..bulletins {
            let document = documents[at * documents.len() / bulletins];
            let access = self.machine.access(&document, &self.storage).expect("storage can be read").expect("a bulletin");
            let stored = self.storage.document(&document).expect("storage can be read");
            let reader = Reader { organisation: writer.organisation(), secrets: writer.keys().card_secrets() };
            let opened = reading::open(&access, &stored, &reader);
            let entry = writer.revise_again(&access, &opened, now());
            bytes += size(entry.signed()) as u64;
            self.machine.publish(now(), entry, &self.storage).expect("an entry of one's own");
        }
        assert!(self.outbox(now(), None).is_empty(), "nobody is connected");
        bytes
    }

    /// Gives up all that was written here.
    pub(super) fn close(self) {
        self.storage.close().expect("a database can be closed");
    }
}

/// Connects the two, lets them come in sync, and parts them.
pub(super) fn reconnect(one: &mut End<impl Disk>, other: &mut End<impl Disk>) -> Talk {
    // Long after the last time, so that nobody waits with the next round.
    let mut now = now().plus_ms(60_000);
    let talk = connect(one, other, &mut now);
    one.handle(now, Input::Disconnected(other.device));
    other.handle(now, Input::Disconnected(one.device));
    talk
}

/// Connects the two, and lets them come in sync; `now` goes on meanwhile.
pub(super) fn connect(one: &mut End<impl Disk>, other: &mut End<impl Disk>, now: &mut Timestamp) -> Talk {
    let organisations = [one.machine.organisation(), other.machine.organisation()];
    let devices = [one.device, other.device];
    one.handle(*now, Input::Connected(devices[1]));
    other.handle(*now, Input::Connected(devices[0]));
    let (mut talk, mut turns, mut in_sync_after) = (Talk::default(), 0_u64, None);
    for look in 0.. {
        assert!(look < LOOKS, "the two never come in sync");
        let frames = [one.outbox(*now, Some(devices[1])), other.outbox(*now, Some(devices[0]))];
        if in_sync_after.is_none() && one.is_in_sync_with(organisations[1]) && other.is_in_sync_with(organisations[0]) {
            in_sync_after = Some(turns);
        }
        if frames.iter().all(Vec::is_empty) {
            if in_sync_after.is_some() {
                break;
            }
            // A step that was put off until a moment: no turn of its own.
            let wake = [one.machine.wake_at(), other.machine.wake_at()].into_iter().flatten().min();
            *now = wake.unwrap_or(*now).max(*now).plus_ms(1);
            one.handle(*now, Input::Tick);
            other.handle(*now, Input::Tick);
        } else {
            turns += 1;
        }
        let [from_one, from_other] = frames;
        talk.bytes += from_one.iter().chain(&from_other).map(|frame| frame.len() as u64).sum::<u64>();
        deliver(from_one, one, other, *now);
        deliver(from_other, other, one, *now);
    }
    // The Hellos are the first turn; there and back are two.
    talk.round_trips = in_sync_after.unwrap_or(turns).saturating_sub(1) / 2;
    talk
}

fn deliver(frames: Vec<Vec<u8>>, from: &mut End<impl Disk>, to: &mut End<impl Disk>, now: Timestamp) {
    let count = frames.len();
    for frame in frames {
        let input = match Message::receive(&frame) {
            Ok(message) => Input::Received(from.device, Box::new(message)),
            Err(error) => Input::Refused(from.device, error),
        };
        to.handle(now, input);
    }
    if count > 0 {
        from.handle(now, Input::Sent(to.device, count));
    }
}
