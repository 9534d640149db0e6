//! What must hold: looked at with every frame, every notice and every commit, and once all is quiet.

use super::figures::Figures;
use super::frames::{FIRST_OF_DATA, Frame};
use super::link::Link;
use super::member::{Member, Published};
use csu_protocol::access::Access;
use csu_protocol::entry::{Author, Plane, VerifiedEntry};
use csu_protocol::id::{DeviceId, DocumentId, EntryId, Hash, OrganisationId};
use csu_protocol::limits;
use csu_protocol::store::Pairing;
use csu_protocol::sync::{Connection, Fault, Held, Machine};
use std::collections::{BTreeMap, BTreeSet};

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watch {
    /// Everything.
    Laws,
    /// Only what is counted: in large federations in which nothing goes wrong.
    Figures,
}

/// One place in a device's chain of entries.
type Place = (DeviceId, DocumentId, Plane, u64);

/// What the laws know of all that happened, whoever saw it.
#[derive(Debug)]
pub(super) struct Laws {
    watch: Watch,
    pub(super) figures: Figures,
    /// Devices of the honest, and what each put at which place of its chains, as far as anybody was told.
    honest: BTreeSet<DeviceId>,
    told_of: BTreeMap<Place, EntryId>,
    /// Who declined what of whom.
    declined: BTreeSet<(OrganisationId, OrganisationId, DocumentId)>,
    /// Entries whose way is followed: when each of those whom it reached had it.
    pub(super) followed: BTreeMap<EntryId, Vec<u64>>,
    documents: BTreeSet<DocumentId>,
    /// First bytes of their ids, to find them fast in what is sent.
    first_bytes: [bool; 256],
    erasures: BTreeMap<DocumentId, Vec<EntryId>>,
    /// Who told whom of which document.
    told: BTreeSet<(usize, usize, DocumentId)>,
    trace: Hash,
    /// Frames that honest nodes sent to honest ones since the last healing.
    pub(super) since_healing: u64,
}

impl Laws {
    pub(super) fn new(watch: Watch, honest: BTreeSet<DeviceId>) -> Self {
        Self {
            watch,
            honest,
            told_of: BTreeMap::new(),
            declined: BTreeSet::new(),
            followed: BTreeMap::new(),
            figures: Figures { simulations: 1, ..Figures::default() },
            documents: BTreeSet::new(),
            first_bytes: [false; 256],
            erasures: BTreeMap::new(),
            told: BTreeSet::new(),
            trace: Hash::of(b"federation"),
            since_healing: 0,
        }
    }

    pub(super) fn begun(&mut self, document: DocumentId) {
        self.figures.documents += 1;
        self.first_bytes[usize::from(document.as_bytes()[0])] = true;
        self.documents.insert(document);
    }

    pub(super) fn documents(&self) -> &BTreeSet<DocumentId> {
        &self.documents
    }

    pub(super) fn erased(&mut self, document: DocumentId, by: EntryId) {
        self.erasures.entry(document).or_default().push(by);
    }

    pub(super) fn erasures(&self, document: &DocumentId) -> &[EntryId] {
        self.erasures.get(document).map_or(&[], Vec::as_slice)
    }

    /// Documents whose ids are somewhere in these bytes.
    fn named_in(&self, bytes: &[u8]) -> BTreeSet<DocumentId> {
        let windows = bytes.windows(32).filter(|window| self.first_bytes[usize::from(window[0])]);
        let ids = windows.map(|window| DocumentId::new(window.try_into().expect("it is as long")));
        ids.filter(|id| self.documents.contains(id)).collect()
    }

    /// Something happened. The same seed makes it happen again.
    pub(super) fn trace(&mut self, now_ms: u64, from: usize, to: usize, bytes: &[u8]) {
        let header = [now_ms.to_le_bytes(), (from as u64).to_le_bytes(), (to as u64).to_le_bytes()].concat();
        self.trace = Hash::of(&[self.trace.as_bytes(), &header[..], Hash::of(bytes).as_bytes()].concat());
        self.figures.trace = self.trace.as_bytes().iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    }

    /// Law: a peer is sent only what it may hold in the sender's view at that moment, and never hears of other documents.
    /// Law: frames under way are bounded.
    pub(super) fn sends(&mut self, now_ms: u64, (from, to): (&Member, &Member), frame: &Frame, link: &mut Link) {
        let side = link.side(from.number);
        if self.watch == Watch::Laws {
            self.trace(now_ms, from.number, to.number, &frame.bytes);
        }
        if !from.honest {
            return;
        }
        self.figures.frames += 1;
        if self.watch == Watch::Figures {
            return;
        }
        if to.honest {
            self.since_healing += 1;
        }
        let (number, peer) = (from.number, to.number);
        assert!(frame.message().is_ok(), "a law is broken: {number} sent what it would itself refuse: {:?}", frame.message());
        assert!(frame.bytes.len() <= limits::MESSAGE_BYTES, "a law is broken: {number} sent {} bytes at once", frame.bytes.len());
        let in_flight = &link.in_flight[side];
        let bytes: usize = in_flight.iter().sum();
        assert!(
            in_flight.len() < limits::WINDOW_FRAMES && bytes < limits::WINDOW_BYTES,
            "a law is broken: {number} has {} frames of {bytes} bytes under way to {peer} and sends another",
            in_flight.len(),
        );
        let machine = from.machine.as_ref();
        if frame.tag() >= FIRST_OF_DATA {
            let paired = machine.and_then(|machine| machine.peer(&to.organisation));
            let confirmed = paired.is_some_and(|peer| peer.pairing == Pairing::Confirmed && !peer.paused);
            assert!(confirmed, "a law is broken: {number} sent data to {peer}, which it is not paired with");
        }
        for document in self.named_in(&frame.bytes) {
            let may_hear = from.access(&document).is_some_and(|access| access.was_ever_named(&to.organisation));
            assert!(
                may_hear || self.told.contains(&(peer, number, document)),
                "a law is broken: {number} told {peer} of document {}, which never named it, in a message of kind {}",
                document.short(),
                frame.tag(),
            );
        }
        let Some(carried) = frame.carried() else { return };
        let may = from.access(&carried.document).is_some_and(|access| {
            let erased = carried.plane == Plane::Content && access.is_erased();
            let destroyed =
                machine.and_then(|machine| machine.document(&carried.document)).is_some_and(csu_protocol::sync::Held::is_destroyed);
            !erased
                && (carried.plane == Plane::Control || !destroyed)
                && access.may_hold(&to.organisation, carried.plane, from.clock(now_ms))
        });
        assert!(
            may || carried.entries.is_empty(),
            "a law is broken: {number} sent {peer} {:?} of document {}, which it may not hold",
            carried.plane,
            carried.document.short(),
        );
        self.figures.sent += carried.entries.len() as u64;
        self.figures.resent += carried.entries.iter().filter(|entry| !link.sent[side].insert(entry.id())).count() as u64;
        self.figures.returned += carried.entries.iter().filter(|entry| link.heard[side].contains(&entry.id())).count() as u64;
    }

    /// Law: what waits for a peer, and for what is missing, is bounded.
    pub(super) fn is_within_bounds(&self, member: &Member, everybody: &[OrganisationId]) {
        let Some(machine) = member.machine.as_ref().filter(|_| member.honest && self.watch == Watch::Laws) else { return };
        let number = member.number;
        for load in everybody.iter().filter_map(|peer| machine.load(peer)) {
            let fits = load.waiting_bytes <= limits::OUTBOX_MOST_BYTES
                && load.frames_under_way <= limits::WINDOW_FRAMES
                && load.requests <= 2 * limits::SERVES
                && load.asked <= limits::REQUESTS + limits::NEEDS
                && load.unnamed <= limits::UNNAMED_DOCUMENTS;
            assert!(fits, "a law is broken: {number} keeps more for a peer than it may: {load:?}");
        }
        let (entries, bytes) = machine.pending();
        let most = limits::PENDING_DOCUMENTS;
        let fits = entries <= most * limits::PENDING_ENTRIES && bytes <= most * limits::PENDING_BYTES;
        assert!(fits, "a law is broken: {number} keeps {entries} entries of {bytes} bytes whose past is missing");
    }

    /// Law: an honest device never puts two entries at one place of its chain, whatever it forgot in between.
    fn signs(&mut self, (device, document, plane, seq): Place, entry: EntryId) {
        if self.honest.contains(&device) {
            let before = *self.told_of.entry((device, document, plane, seq)).or_insert(entry);
            assert!(
                before == entry,
                "a law is broken: honest {} contradicts itself in the {plane:?} of document {}: {} and {} are both number {seq}",
                device.short(),
                document.short(),
                before.short(),
                entry.short(),
            );
        }
    }

    /// Entries of a member's own making are durable, and somebody was told so.
    pub(super) fn acknowledges(&mut self, member: &Member, published: &[Published]) {
        self.figures.published += published.len() as u64;
        if self.watch == Watch::Laws {
            for Published { document, entry, plane, seq } in published {
                self.signs((member.device(), *document, *plane, *seq), *entry);
            }
        }
    }

    /// A budget was used up.
    pub(super) fn declined(&mut self, by: OrganisationId, bringer: OrganisationId, document: DocumentId) {
        self.figures.declined += 1;
        self.declined.insert((by, bringer, document));
    }

    /// Entries became sound somewhere.
    pub(super) fn changed(&mut self, now_ms: u64, entries: &[EntryId], brought: bool) {
        self.figures.taken += if brought { entries.len() as u64 } else { 0 };
        for entry in entries {
            if let Some(times) = self.followed.get_mut(entry) {
                times.push(now_ms);
            }
        }
    }

    /// Whoever was told of a document by a peer may answer it. What leaves a node was signed.
    pub(super) fn tells(&mut self, from: usize, to: usize, frame: &Frame) {
        self.figures.bytes += frame.bytes.len() as u64;
        if self.watch == Watch::Figures {
            return;
        }
        if let Some(carried) = frame.carried() {
            for entry in carried.entries {
                let header = entry.header();
                if let Author::Device(device) = header.author {
                    self.signs((device, carried.document, carried.plane, header.seq), entry.id());
                }
            }
        }
        let named = self.named_in(&frame.bytes);
        self.told.extend(named.into_iter().map(|document| (from, to, document)));
    }

    /// Counts what was known where it arrives.
    pub(super) fn arrives(&mut self, (from, to): (&Member, &Member), frame: &Frame, link: &mut Link) {
        let Some(carried) = frame.carried().filter(|_| from.honest && to.honest) else { return };
        self.figures.arrived += carried.entries.len() as u64;
        if self.watch == Watch::Figures {
            return;
        }
        link.heard[link.side(to.number)].extend(carried.entries.iter().map(VerifiedEntry::id));
        if let Some(access) = to.access(&carried.document) {
            self.figures.known += carried.entries.iter().filter(|entry| access.contains(&entry.id())).count() as u64;
        }
    }

    /// Law: an honest peer is never at fault, unless it was slow.
    pub(super) fn faulted(&mut self, by: &Member, peer: Option<&Member>, fault: &Fault, slow: bool) {
        if !by.honest {
            return;
        }
        let Some(peer) = peer.filter(|peer| peer.honest) else {
            self.figures.liars_caught += 1;
            return;
        };
        if *fault == Fault::Silent {
            self.figures.silent += 1;
            assert!(slow, "a law is broken: {} gave {} up as silent, although the link was quick", by.number, peer.number);
            return;
        }
        let paired = by.machine.as_ref().is_some_and(|machine| machine.peer(&peer.organisation).is_some());
        // Whoever was removed does not know, and finds out like that.
        assert!(!paired, "a law is broken: honest {} found fault with honest {}: {fault}", by.number, peer.number);
    }

    /// Law: nothing that was acknowledged is lost.
    pub(super) fn nothing_is_lost(&self, member: &Member) {
        for (document, entries) in &member.acknowledged {
            let held = member.access(document);
            let lost = entries.iter().find(|id| !held.as_ref().is_some_and(|access| access.contains(id)));
            assert!(
                lost.is_none(),
                "a law is broken: {} lost an entry of document {} that it acknowledged",
                member.number,
                document.short()
            );
        }
    }

    /// Law: nobody honest contradicts itself, whatever it forgot in a crash. Asked where nobody lies.
    pub(super) fn nobody_contradicts_itself(&self, member: &Member) {
        for document in member.machine.iter().flat_map(Machine::documents).map(Held::document) {
            let forks = member.access(&document).map_or(0, |access| access.forks().count());
            assert_eq!(forks, 0, "a law is broken: in document {} somebody contradicts itself", document.short());
        }
    }

    /// Law: neighbours that may both hold a plane hold the same of it. Looked at both ways, and once all is quiet.
    pub(super) fn agree(&mut self, one: &Member, other: &Member, now_ms: u64) {
        let (Some(machine), Some(theirs)) = (&one.machine, &other.machine) else { return };
        let (us, them) = (one.number, other.number);
        let connection = machine.connection(&other.organisation);
        assert_eq!(connection, Some(Connection::InSync), "a law is broken: {us} and {them} can talk, and {us} is not up to date");
        self.figures.pairs += 1;
        for held in machine.documents() {
            let document = &held.document();
            let Some(ours) = one.access(document) else { continue };
            let full = |by: &Member, of: &Member| self.declined.contains(&(by.organisation, of.organisation, *document));
            if !ours.was_ever_named(&other.organisation) || full(one, other) || full(other, one) {
                continue;
            }
            let Some(their) = other.access(document) else {
                panic!("a law is broken: {them} knows nothing of document {}, which {us} has for it", document.short());
            };
            self.same(Plane::Control, (us, &ours), (them, &their), document);
            let both = [(&ours, one.clock(now_ms)), (&their, other.clock(now_ms))]
                .into_iter()
                .all(|(access, now)| [one, other].into_iter().all(|member| access.may_hold(&member.organisation, Plane::Content, now)));
            let destroyed = held.is_destroyed() || theirs.document(document).is_some_and(csu_protocol::sync::Held::is_destroyed);
            let verdicts = |access: &Access| {
                (access.withdrawal(), access.erasure().map(|erasure| erasure.entry), access.named(), access.readers(one.clock(now_ms)))
            };
            assert!(verdicts(&ours) == verdicts(&their), "a law is broken: {us} and {them} judge document {} otherwise", document.short());
            if both && !ours.is_erased() && !destroyed {
                self.same(Plane::Content, (us, &ours), (them, &their), document);
                let effective = |access: &Access| {
                    access.effective_revisions().into_iter().chain(access.effective_responses()).collect::<BTreeSet<EntryId>>()
                };
                assert!(
                    effective(&ours) == effective(&their),
                    "a law is broken: {us} and {them} show document {} otherwise",
                    document.short()
                );
            }
        }
    }

    /// Law: what is sent in vain is bounded.
    pub(super) fn is_thrifty(&self) {
        let Figures { sent, resent, returned, .. } = self.figures;
        assert!(resent <= 200 + sent / 4, "a law is broken: of {sent} entries sent, {resent} had gone the same way in the same session");
        assert!(returned <= 500 + sent / 4, "a law is broken: of {sent} entries sent, {returned} went to whom they had come from");
    }

    fn same(&mut self, plane: Plane, (us, ours): (usize, &Access), (them, their): (usize, &Access), document: &DocumentId) {
        self.figures.planes += 1;
        let (ours, theirs): (BTreeSet<EntryId>, BTreeSet<EntryId>) = (ours.entries(plane).collect(), their.entries(plane).collect());
        assert!(
            ours == theirs,
            "a law is broken: of the {plane:?} of document {}, {us} holds {} entries that {them} lacks, and {them} {} that {us} lacks",
            document.short(),
            ours.difference(&theirs).count(),
            theirs.difference(&ours).count(),
        );
    }
}
