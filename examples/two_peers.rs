//! Two organisations in one program, with the protocol alone: no network, no disk, no clock.
//!
//! Brixton and Camberwell pair. Brixton writes a bulletin and grants Camberwell reading; Camberwell receives it, opens it,
//! and answers that it has read it.
//!
//! ```text
//! cargo run --release -p csu-examples --example two_peers
//! ```

use csu_protocol::author::{self, Acting};
use csu_protocol::document::{Content, Marking, Wanted, kind};
use csu_protocol::entropy::Entropy;
use csu_protocol::entry::{Grant, Remark, ResponsePayload, RevisionPayload, Role, Signer, Subject};
use csu_protocol::id::{DeviceId, DocumentId, EntryId, OrganisationId};
use csu_protocol::identity::{CardSecret, DeviceKey, Name, OrganisationKind, RootKey, SignedCard};
use csu_protocol::reading::{self, Opened, Reader};
use csu_protocol::store::{Memory, Read};
use csu_protocol::sync::{Budget, Connection, Input, Machine, Notice, Output};
use csu_protocol::time::Timestamp;
use csu_protocol::wire::Message;
use serde_json::json;
use std::collections::BTreeMap;
use std::error::Error;

/// The protocol reads no clock: whoever drives it says what time it is. Here it is always the same.
const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

/// What a node consists of, without everything that performs.
struct Peer {
    /// Signs entries.
    device: DeviceKey,
    /// Open what is wrapped for the organisation, one for each card it ever had.
    secrets: BTreeMap<u64, CardSecret>,
    /// Decides: inputs in, outputs out.
    machine: Machine,
    /// What the machine orders written. A real node keeps it on disk.
    store: Memory,
    /// How often randomness was drawn.
    draws: u8,
}

impl Peer {
    /// An organisation from a seed, which a real node draws from the operating system and keeps.
    fn new(seed: u8, name: &str) -> Result<Self, Box<dyn Error>> {
        // The root key is the organisation. It signs a card, which says: this device acts for us.
        let root = RootKey::from_secret([seed; 32]);
        let device = DeviceKey::from_seed(&[seed; 32]);
        let card = SignedCard::sign(&root, 0, device.device(), Name::new(name)?, OrganisationKind::Union);
        let store = Memory::default();
        let machine = Machine::new(card, store.start(), Budget::default(), &store)?;
        Ok(Self { device, secrets: BTreeMap::from([(0, root.card_secret(0))]), machine, store, draws: 0 })
    }

    fn organisation(&self) -> OrganisationId {
        self.machine.organisation()
    }

    /// Randomness is an argument too. Every act takes its own; never use a seed like this one outside an example.
    fn entropy(&mut self) -> Entropy {
        self.draws += 1;
        let mut seed = *self.organisation().as_bytes();
        seed[0] ^= self.draws;
        Entropy::from_seed(seed)
    }

    /// Who acts, by which right: here always this device, under the entry that gave its organisation a role.
    fn acting(&self, under: EntryId) -> Acting<'_> {
        Acting { organisation: self.organisation(), signer: Signer::Device(&self.device), under: Some(under) }
    }

    /// What people here call an organisation.
    fn name_of(&self, organisation: &OrganisationId) -> String {
        self.machine.name_of(organisation).map_or_else(|| organisation.short(), |(name, _)| name.to_string())
    }

    /// The document as this organisation may see it: decrypted, checked and merged.
    fn open(&self, document: &DocumentId) -> Result<Opened, Box<dyn Error>> {
        let access = self.machine.access(document, &self.store)?.ok_or("this node does not hold the document")?;
        let reader = Reader { organisation: self.organisation(), secrets: &self.secrets };
        Ok(reading::open(&access, &self.store.document(document)?, &reader))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut brixton = Peer::new(1, "Brixton Community Security Union")?;
    let mut camberwell = Peer::new(2, "Camberwell Community Security Union")?;

    pair(&mut brixton, &mut camberwell)?;
    let document = write_bulletin(&mut brixton, camberwell.organisation())?;
    println!("Brixton wrote bulletin {} and granted Camberwell reading.", document.short());

    // Nothing has moved yet: the machines only said what they want sent.
    assert!(camberwell.machine.document(&document).is_none());
    exchange(&mut brixton, &mut camberwell)?;

    // The content is sealed on its way and at rest; Camberwell's card secret opens it.
    let opened = camberwell.open(&document)?;
    let shown = opened.content.snapshot();
    let revision = opened.revisions.first().ok_or("the bulletin did not arrive")?;
    let person = revision.person.as_deref().unwrap_or("nobody in particular");
    println!("Camberwell reads what {person} of {} wrote:", camberwell.name_of(&revision.organisation));
    println!("  a {}, {}", shown.kind_name.as_deref().unwrap_or("document"), shown.state.unwrap_or("without a state"));
    for path in ["info.headline", "info.severity", "info.description"] {
        println!("  {path}: {}", shown.fields.get(path).and_then(|value| value.as_str()).unwrap_or("not set"));
    }

    acknowledge(&mut camberwell, document)?;
    exchange(&mut brixton, &mut camberwell)?;
    for response in brixton.open(&document)?.responses {
        let (name, payload) = (brixton.name_of(&response.organisation), &response.payload);
        println!("Brixton reads the answer of {name}: {} ({})", payload.remark, payload.text);
    }
    Ok(())
}

/// Pairing: a ticket goes from one to the other by some way of their own, and both confirm that they see the same number.
fn pair(one: &mut Peer, other: &mut Peer) -> Result<(), Box<dyn Error>> {
    let an_hour = NOW.plus_ms(3_600_000);
    let mut entropy = one.entropy();
    let ticket = one.machine.invite(an_hour, Vec::new(), &mut entropy);
    println!("The ticket: {:.40}...", ticket.to_string());
    other.machine.join(NOW, ticket)?;

    // A connection proves which device is at its other end. Here we say so.
    one.machine.handle(NOW, Input::Connected(other.device.device()), &one.store)?;
    other.machine.handle(NOW, Input::Connected(one.device.device()), &other.store)?;
    exchange(one, other)?;

    // Two people read this to each other, on a telephone number they know.
    let (first, second) = (one.organisation(), other.organisation());
    let number = one.machine.peer(&second).ok_or("no pairing began")?.number.to_string();
    println!("The number on both screens: {number}");
    one.machine.confirm(NOW, &second, Some(&number))?;
    other.machine.confirm(NOW, &first, Some(&number))?;
    exchange(one, other)?;
    assert_eq!(one.machine.connection(&second), Some(Connection::InSync));
    Ok(())
}

/// A document is a set of signed entries. Three make one that can be read: its beginning, with whom it is granted to; a key,
/// wrapped for everyone who may read; and a revision, sealed under that key.
fn write_bulletin(author: &mut Peer, reader: OrganisationId) -> Result<DocumentId, Box<dyn Error>> {
    let mut entropy = author.entropy();

    let grants = vec![Grant { subject: Subject::Organisation(reader), role: Role::Read, until: None }];
    let genesis = author::genesis(author.organisation(), Signer::Device(&author.device), grants, &mut entropy)?;
    let document = genesis.document();
    let under = genesis.id();
    author.machine.publish(NOW, genesis, &author.store)?;

    let access = author.machine.access(&document, &author.store)?.ok_or("the document did not begin")?;
    let audience = reading::audience(&access, author.machine.directory(), NOW);
    let (key_entry, key) = author::key(&access, &author.acting(under), &audience, &[], &mut entropy)?;
    let epoch = author.machine.publish(NOW, key_entry, &author.store)?;

    // What the document says is one change of an Automerge document, made by comparing what is wanted with what is there.
    let kind = kind::find("bulletin").ok_or("this version knows no bulletins")?;
    let values = json!({
        "status": "Exercise",
        "info": [{
            "language": "en-GB",
            "event": "Bicycle theft",
            "severity": "Minor",
            "headline": "Bicycles taken from railings on Atlantic Road",
            "description": "Four bicycles in one week, between 17:00 and 19:00, each time with the lock cut."
        }]
    });
    let fields = kind.check(values.as_object().ok_or("the fields are one object")?)?;
    let wanted = Wanted { kind, marking: Marking::Green, state: Some("issued".to_owned()), fields };
    let change = Content::default().revise(&document, &[], &wanted)?;

    let payload = RevisionPayload { at: NOW, person: Some("Ada, coordinator".to_owned()), change: change.bytes().to_vec() };
    let access = author.machine.access(&document, &author.store)?.ok_or("the document is gone")?;
    let revision = author::revision(&access, &author.acting(under), (epoch, &key), Vec::new(), &payload, &mut entropy)?;
    author.machine.publish(NOW, revision, &author.store)?;
    Ok(document)
}

/// A response is a reader's own statement. It carries a key of its own, for whoever may read the document.
fn acknowledge(reader: &mut Peer, document: DocumentId) -> Result<(), Box<dyn Error>> {
    let mut entropy = reader.entropy();
    let access = reader.machine.access(&document, &reader.store)?.ok_or("this node does not hold the document")?;
    let audience = reading::audience(&access, reader.machine.directory(), NOW);
    let payload = ResponsePayload {
        at: NOW,
        person: None,
        remark: Remark::Acknowledge,
        step: String::new(),
        text: "we have told our patrols".to_owned(),
    };
    // The first grant stands in the genesis entry, so that is what the reader acts under.
    let response = author::response(&access, &reader.acting(document.into()), &audience, &payload, &mut entropy)?;
    reader.machine.publish(NOW, response, &reader.store)?;
    Ok(())
}

/// The loop that every driver of the protocol has: poll each machine until it wants nothing, write what it orders written, and
/// carry its frames to the other. A real node commits its transaction between the two.
fn exchange(one: &mut Peer, other: &mut Peer) -> Result<(), Box<dyn Error>> {
    loop {
        let to_other = poll(one)?;
        let to_one = poll(other)?;
        if to_other.is_empty() && to_one.is_empty() {
            return Ok(());
        }
        deliver(one.device.device(), to_other, other)?;
        deliver(other.device.device(), to_one, one)?;
    }
}

/// All that a machine wants done; its frames are handed back.
fn poll(peer: &mut Peer) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let mut frames = Vec::new();
    while let Some(output) = peer.machine.poll_output(NOW, &peer.store)? {
        match output {
            Output::Write(write) => peer.store.apply(write),
            Output::Send(device, frame) => {
                frames.push(frame);
                // The machine keeps count of frames under way, so that a slow peer slows nobody else.
                peer.machine.handle(NOW, Input::Sent(device, 1), &peer.store)?;
            }
            Output::Notice(notice) => tell(&notice),
            Output::Disconnect(..) => return Err("the other side broke a rule".into()),
            // Whom to dial changed; nobody is dialled here.
            Output::Targets => {}
        }
    }
    Ok(frames)
}

/// A frame is checked, signatures included, before the machine sees it.
fn deliver(from: DeviceId, frames: Vec<Vec<u8>>, to: &mut Peer) -> Result<(), Box<dyn Error>> {
    for frame in frames {
        let message = Message::receive(&frame)?;
        to.machine.handle(NOW, Input::Received(from, Box::new(message)), &to.store)?;
    }
    Ok(())
}

fn tell(notice: &Notice) {
    match notice {
        Notice::Fault { fault, .. } => println!("A fault: {fault}"),
        // A node logs what it disclosed to whom, and tells its pages what changed.
        Notice::Disclosed { .. }
        | Notice::Changed { .. }
        | Notice::Pairing(_)
        | Notice::InSync(_)
        | Notice::Card(_)
        | Notice::Successor { .. }
        | Notice::Replaced
        | Notice::Reconciled(_)
        | Notice::Declined { .. } => {}
    }
}
