//! The lies by name that are told to real processes ([`Lie`]), told here to machines in the midst of everything else.
//!
//! Left out are those below the frames, those that only a connection can tell, and those about what is sealed: machines do
//! not look into it. Where a real liar waits for the right moment, this one speaks at any.

use super::frames;
use super::world::World;
use crate::history::Dice;
use crate::liar::{Lie, frame_of};
use csu_protocol::author::{self, Acting, Audience};
use csu_protocol::codec::Canonical;
use csu_protocol::entry::{
    Author, Body, Grant, Header, Openness, Plane, Principal, Reason, Remark, ResponsePayload, Role, SignedEntry, Signer, Subject,
    VerifiedEntry,
};
use csu_protocol::id::{DeviceId, DocumentId, EntryId, Hash};
use csu_protocol::identity::{Card, InvitationSecret, Name, OrganisationKind, RootKey, SignedCard};
use csu_protocol::limits;
use csu_protocol::sync::OpenAccess;
use csu_protocol::time::Timestamp;
use csu_protocol::wire::{Message, Place};

type Said = Message<SignedEntry>;

/// negentropy: "I have nothing: tell me all", "all the same", and a step of a mode that does not exist.
const TELL_ALL: [u8; 5] = [0x61, 0, 0, 2, 0];
const SAME: [u8; 1] = [0x61];
const NO_MODE: [u8; 7] = [0x61, 0, 0, 9, 1, 2, 3];
/// What an entry's signature is over, beside its hash.
const ENTRY_DOMAIN: &str = "csu-link 0 entry";
/// Messages of a lie that is only too much.
const MUCH: usize = 200;

/// A liar about to speak, about one document, of which it may have heard or not.
struct Mouth<'w> {
    root: &'w RootKey,
    card: &'w SignedCard,
    key: &'w csu_protocol::identity::DeviceKey,
    /// Whom it lies to, and somebody honest.
    hearer: &'w SignedCard,
    other: &'w SignedCard,
    document: DocumentId,
    all: Vec<DocumentId>,
    /// What it holds of the document.
    access: Option<OpenAccess>,
    now: Timestamp,
    dice: &'w mut Dice,
}

fn id(number: usize) -> [u8; 32] {
    *Hash::of(&(number as u64).to_le_bytes()).as_bytes()
}

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.into_iter().collect();
    items.sort();
    items
}

fn over_and_over(message: &Said) -> Vec<Vec<u8>> {
    vec![message.encode(); MUCH]
}

/// The lies that are told in simulations.
pub fn lies_told_here() -> impl Iterator<Item = Lie> {
    let elsewhere = [
        // Below the frames, or with another connection.
        Lie::EndlessFrame,
        Lie::FrameBomb,
        Lie::FrameMisfit,
        Lie::HalfAFrame,
        Lie::SlowDrip,
        Lie::Mute,
        Lie::HelloOfTheNode,
        Lie::HelloOfANeighbour,
        Lie::AddressesOfAnother,
        Lie::StolenPairRequest,
        Lie::EarlyEntries,
        Lie::TwoSessions,
        Lie::FloodOfPairings,
        Lie::Deaf,
        // By not speaking: liars here withhold what they like, too.
        Lie::Silence,
        Lie::SilenceAtFirst,
        // Who acts through which device, which these simulations take as given.
        Lie::ClaimedDevice,
        // In what is sealed.
        Lie::GarbageSeal,
        Lie::GarbageChange,
        Lie::WrongCommitment,
        Lie::ReplayedSeal,
        Lie::ReplayedChange,
        Lie::CompressedBomb,
        Lie::ColumnBomb,
        Lie::RunLengthBomb,
        // In what waits at one node alone: `process_liars` tells it at length.
        Lie::FloodOfEntries,
    ];
    Lie::ALL.iter().copied().filter(move |lie| !elsewhere.contains(lie))
}

impl World {
    /// The frames of a lie, if it can be told here and now.
    pub(super) fn lie(&mut self, lie: Lie, number: usize, peer: usize, document: DocumentId) -> Vec<Vec<u8>> {
        let all: Vec<DocumentId> = self.laws.documents().iter().copied().collect();
        let Some(liar) = self.liars.get_mut(&number) else { return Vec::new() };
        let member = &self.members[number];
        let other = self.members.iter().rev().find(|other| other.honest && other.number != peer).unwrap_or(&self.members[peer]);
        let access = member.access(&document);
        let mouth = Mouth {
            root: &member.root,
            card: &member.card,
            key: &member.key,
            hearer: &self.members[peer].card,
            other: &other.card,
            document,
            all,
            access,
            now: member.clock(self.now_ms),
            dice: liar.dice(),
        };
        mouth.tell(lie).unwrap_or_default()
    }
}

impl Mouth<'_> {
    fn tell(mut self, lie: Lie) -> Option<Vec<Vec<u8>>> {
        self.in_one_frame(lie).or_else(|| self.about_cards(lie)).or_else(|| self.about_entries(lie)).or_else(|| self.in_a_round(lie))
    }

    /// Lies that are one message, or bytes that are none.
    fn in_one_frame(&mut self, lie: Lie) -> Option<Vec<Vec<u8>>> {
        let (document, plane, nowhere) = (self.document, Plane::ALL[self.dice.below(2)], DocumentId::new(id(7)));
        let message: Said = match lie {
            Lie::NeverGranted | Lie::AfterRevocation => Message::Have { document, plane, ids: Vec::new() },
            Lie::AsksForKeys => {
                Message::Have { document, plane: Plane::Content, ids: sorted([EntryId::from(document), EntryId::new([3; 32])]) }
            }
            Lie::UnknownIds => Message::Have { document, plane, ids: (0..=255).map(|byte| EntryId::new([byte; 32])).collect() },
            Lie::UnaskedServed => Message::Served { document: nowhere, plane, lacking: Vec::new() },
            Lie::LacksWhatIsSecret => {
                Message::Served { document, plane, lacking: sorted(self.all.iter().map(|document| EntryId::from(*document))) }
            }
            Lie::GarbageStep | Lie::GarbageAnswer => Message::Reconcile(NO_MODE.to_vec()),
            Lie::OtherVersionStep => Message::Reconcile(vec![0x60]),
            Lie::HugeStep => Message::Reconcile([&[0x61, 0, 0, 2][..], &[0xff; 8], &[0x7f]].concat()),
            Lie::SameSets => Message::Reconcile(SAME.to_vec()),
            Lie::TellMeAll => Message::Reconcile(TELL_ALL.to_vec()),
            Lie::OfferOfNothing | Lie::UnaskedOffer => Message::Offer(sorted((0..3).map(|it| (DocumentId::new(id(it)), Plane::Control)))),
            Lie::OfferOfSecrets => Message::Offer(sorted(self.all.iter().map(|document| (*document, Plane::Control)))),
            Lie::OfferTooMany => Message::Offer(sorted((0..limits::NEEDS + 10).map(|it| (DocumentId::new(id(it)), Plane::Control)))),
            Lie::UnaskedNeed => Message::Need(vec![Hash::new([7; 32])]),
            Lie::UnsortedNeeds => Message::Need(vec![Hash::new([9; 32]), Hash::new([7; 32])]),
            Lie::TooManyNeeds => Message::Need(sorted((0..=limits::NEEDS).map(|it| Hash::new(id(it))))),
            Lie::UnaskedProbed => Message::Probed { document: nowhere, plane, step: SAME.to_vec() },
            Lie::GarbageProbe => Message::Probe { document, plane, step: NO_MODE[..4].to_vec() },
            Lie::SettledAtOnce => Message::Settled,
            Lie::ReplayedHello => Message::Hello { card: self.card.clone(), addresses: None, confirmed: true },
            Lie::ReplayedPairRequest => {
                let proof = InvitationSecret::from_bytes([1; 32]).proof(&self.key.device());
                Message::PairRequest { card: self.card.clone(), proof }
            }
            Lie::LongStep => {
                let length = u32::try_from(limits::RECONCILE_BYTES + 1).ok()?.to_be_bytes();
                return Some(vec![[&[0x82, 0x09, 0x5a][..], &length, &vec![0x61; limits::RECONCILE_BYTES + 1]].concat()]);
            }
            _ => return lie.frame().map(|frame| vec![frame]),
        };
        Some(vec![message.encode()])
    }

    fn own(&self, generation: u64, device: DeviceId) -> SignedCard {
        SignedCard::sign(self.root, generation, device, self.card.card().name.clone(), OrganisationKind::Other)
    }

    fn about_cards(&self, lie: Lie) -> Option<Vec<Vec<u8>>> {
        Some(match lie {
            Lie::ForgedCard => {
                let mut frame = Said::Cards(vec![self.own(1, self.key.device())]).encode();
                // The signature stands at the end.
                *frame.last_mut()? ^= 1;
                vec![frame]
            }
            Lie::StolenOrganisation => vec![frame_of(self.root, &Card { device: self.key.device(), ..self.other.card().clone() })],
            Lie::NewerCardOfAnother => {
                let theirs = self.hearer.card();
                vec![frame_of(self.root, &Card { generation: theirs.generation + 1, device: self.key.device(), ..theirs.clone() })]
            }
            Lie::ReplayedConfirmed | Lie::FloodOfMessages => over_and_over(&Message::Confirmed),
            Lie::FloodOfCards => {
                let name = Name::new("Nobody").ok()?;
                let card =
                    |it| SignedCard::sign(&RootKey::from_secret(id(it)), 0, DeviceId::new(id(it)), name.clone(), OrganisationKind::Other);
                vec![Said::Cards((0..MUCH).map(card).collect()).encode()]
            }
            _ => return None,
        })
    }

    /// Responses to anyone that each build on the one before.
    fn chain(&mut self, length: usize) -> Option<Vec<VerifiedEntry>> {
        let mut entries = Vec::new();
        let known = self.access.as_ref()?;
        let under = known.standing_for(&self.card.card().organisation, Role::Read, self.now)?;
        for number in 0..length {
            let audience = Audience { recipients: Vec::new(), openness: Openness::Anyone };
            let text = format!("Link {number}.");
            let payload = ResponsePayload { at: self.now, person: None, remark: Remark::Comment, step: String::new(), text };
            let acting = Acting { organisation: self.card.card().organisation, signer: Signer::Device(self.key), under: Some(under) };
            let mut entry = author::response(known, &acting, &audience, &payload, self.dice.entropy()).ok()?;
            if let Some(before) = entries.last().map(VerifiedEntry::id) {
                let seq = entries.last().map_or(0, |before: &VerifiedEntry| before.header().seq + 1);
                let header = Header { seq, previous: Some(before), parents: vec![before], ..entry.header().clone() };
                let (payload, wraps) = (entry.signed().payload.clone(), entry.signed().wraps.clone());
                entry = VerifiedEntry::sign(header, payload, wraps, Signer::Device(self.key)).ok()?;
            }
            entries.push(entry);
        }
        Some(entries)
    }

    fn control(&self, body: Body) -> Option<VerifiedEntry> {
        let known = self.access.as_ref()?;
        let under = known.standing_for(&self.card.card().organisation, Role::Relay, self.now)?;
        let acting = Acting { organisation: self.card.card().organisation, signer: Signer::Device(self.key), under: Some(under) };
        author::control(known, &acting, body).ok()
    }

    fn entries(&self, plane: Plane, entries: impl IntoIterator<Item = SignedEntry>) -> Vec<Vec<u8>> {
        entries.into_iter().map(|entry| frames::entries(self.document, plane, vec![entry])).collect()
    }

    fn about_entries(&mut self, lie: Lie) -> Option<Vec<Vec<u8>>> {
        let signed = |entries: Vec<VerifiedEntry>| entries.into_iter().map(VerifiedEntry::into_signed);
        Some(match lie {
            Lie::ForeignAuthor | Lie::ForeignOrganisation => {
                let entry = self.chain(1)?.pop()?;
                let theirs = self.other.card();
                let device = if lie == Lie::ForeignAuthor { theirs.device } else { self.key.device() };
                let under = self.access.as_ref()?.standing_for(&theirs.organisation, Role::Relay, self.now);
                let (organisation, author) = (theirs.organisation, Author::Device(device));
                let header = Header { organisation, author, under, seq: 0, previous: None, ..entry.header().clone() };
                let bytes = header.to_canonical();
                let signature = self.key.sign(ENTRY_DOMAIN, Hash::of(&bytes).as_bytes());
                self.entries(Plane::Content, [SignedEntry { header: bytes, signature, ..entry.into_signed() }])
            }
            Lie::WrongPayload | Lie::WrongWraps | Lie::MissingPayload => {
                let mut entry = self.chain(1)?.pop()?.into_signed();
                match lie {
                    Lie::WrongPayload => *entry.payload.as_mut()?.last_mut()? ^= 1,
                    Lie::WrongWraps => *entry.wraps.as_mut()?.last_mut()? ^= 1,
                    _ => entry.payload = None,
                }
                self.entries(Plane::Content, [entry])
            }
            Lie::WrongPlane => {
                let chain = signed(self.chain(1)?);
                self.entries(Plane::Control, chain)
            }
            Lie::Misplaced => {
                let elsewhere = *self.dice.pick(&self.all)?;
                signed(self.chain(1)?).map(|entry| frames::entries(elsewhere, Plane::Content, vec![entry])).collect()
            }
            Lie::MissingLink => {
                let chain = signed(self.chain(5)?).skip(1);
                self.entries(Plane::Content, chain)
            }
            Lie::FloodOfWaiting => {
                let chain = signed(self.chain(MUCH)?).skip(1);
                self.entries(Plane::Content, chain)
            }
            Lie::Reordered => {
                let chain = signed(self.chain(5)?).rev();
                self.entries(Plane::Content, chain)
            }
            Lie::Duplicates => {
                let entry = self.chain(1)?.pop()?.into_signed();
                vec![frames::entries(self.document, Plane::Content, vec![entry]); MUCH]
            }
            Lie::Fork => {
                let fork = [self.chain(1)?, self.chain(1)?].concat();
                self.entries(Plane::Content, signed(fork))
            }
            Lie::GrantsItself => {
                let own = Subject::Organisation(self.card.card().organisation);
                let grant = |until| Grant { subject: own, role: Role::Admin, until: Some(Timestamp::from_ms(u64::MAX - until)) };
                let grants = (1..=4).map_while(|until| self.control(Body::Grant { grants: vec![grant(until)] }));
                self.entries(Plane::Control, signed(grants.collect()))
            }
            Lie::Usurper => {
                let revoke =
                    |card: &SignedCard| Body::Revoke { principal: Principal::Organisation(card.card().organisation), keep: Vec::new() };
                let bodies = [revoke(self.hearer), revoke(self.other), Body::Withdraw { reason: Reason::Mistaken }, Body::Erase];
                self.entries(Plane::Control, signed(bodies.into_iter().map_while(|body| self.control(body)).collect()))
            }
            Lie::FloodOfDocuments => {
                let organisation = self.card.card().organisation;
                let mut frames = Vec::new();
                for _ in 0..limits::UNNAMED_DOCUMENTS + 10 {
                    let entry = author::genesis(organisation, Signer::Device(self.key), Vec::new(), self.dice.entropy()).ok()?;
                    frames.push(frames::entries(entry.document(), Plane::Control, vec![entry.into_signed()]));
                }
                frames
            }
            _ => return None,
        })
    }

    /// Lies that are a series of messages of a round.
    fn in_a_round(&mut self, lie: Lie) -> Option<Vec<Vec<u8>>> {
        let everything: Vec<Place> = sorted(self.all.iter().flat_map(|document| Plane::ALL.map(|plane| (*document, plane))));
        let step = |step: &[u8]| Said::Reconcile(step.to_vec()).encode();
        Some(match lie {
            Lie::StepsWithoutEnd => over_and_over(&Message::Reconcile(SAME.to_vec())),
            Lie::AnswersWithoutEnd => (0..MUCH).map(|it| step(&[&[0x61, 0, 0, 1], &id(it)[..16]].concat())).collect(),
            Lie::RoundsWithoutEnd => (0..MUCH).flat_map(|_| [step(&TELL_ALL), Said::Settled.encode()]).collect(),
            Lie::WishesWithoutEnd => over_and_over(&Message::Reconcile(Vec::new())),
            Lie::MillionsOfNeeds => {
                // As many as a length of two bytes says.
                let ids = (0..16_000).flat_map(id);
                vec![step(&[0x61, 0, 0, 2, (16_000 >> 7) as u8 | 0x80, (16_000 & 0x7f) as u8].into_iter().chain(ids).collect::<Vec<u8>>())]
            }
            Lie::UnknownNeeds => {
                let needs = sorted((0..limits::NEEDS).map(|it| Hash::new(id(it))));
                vec![step(&TELL_ALL), Said::Need(needs).encode(), Said::Settled.encode()]
            }
            Lie::SettledEarly => vec![step(&TELL_ALL), Said::Settled.encode()],
            Lie::ProbeOfSecrets => {
                everything.into_iter().map(|(document, plane)| Said::Probe { document, plane, step: TELL_ALL.to_vec() }.encode()).collect()
            }
            Lie::WantOfSecrets => {
                let want = |(document, plane)| Said::Want { document, plane, ids: vec![EntryId::from(document)] }.encode();
                everything.into_iter().map(want).collect()
            }
            Lie::DeclinesEverything => {
                [false, true, false].map(|again| Said::Decline { places: everything.clone(), again }.encode()).into_iter().collect()
            }
            Lie::DeclinesWithoutEnd => {
                let some =
                    |first: usize| sorted((first..first + limits::MESSAGE_ITEMS).map(|it| (DocumentId::new(id(it)), Plane::Control)));
                let every = (0..=limits::DECLINED).step_by(limits::MESSAGE_ITEMS);
                every.map(|first| Said::Decline { places: some(first), again: false }.encode()).collect()
            }
            Lie::FloodOfRequests => {
                let have = |it| Said::Have { document: DocumentId::new(id(it)), plane: Plane::Content, ids: Vec::new() }.encode();
                (0..limits::SERVES + 10).map(have).collect()
            }
            _ => return None,
        })
    }
}
