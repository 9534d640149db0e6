//! A peer that speaks the protocol by hand, so that it can break its rules, and that forgets nothing.
//!
//! A [`Stranger`] has real keys and a real network, and no node: what it says is what a test makes it say.
//! [`Record`] keeps every frame that ever reached it, and tries on them every key that the stranger ever had; [`Needles`]
//! searches bytes for words in all the forms in which they could have leaked.

mod needles;
mod record;

pub use needles::Needles;
pub use record::{Eye, Record, Unsealed, View, brief, unsealed};

use crate::node::{Node, PATIENCE};
use csu_node::cli::client::segment;
use csu_node::desk::{Invitation, Pairing, Peer};
use csu_node::network::{self, Config, Event, Network, SessionNumber, Sessions};
use csu_protocol::entry::SignedEntry;
use csu_protocol::id::DeviceId;
use csu_protocol::id::{DocumentId, OrganisationId};
use csu_protocol::identity::{DeviceKey, Name, OrganisationKind, RootKey, SignedCard, Ticket};
use csu_protocol::wire::Message;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// A message before anybody has checked it.
pub type Said = Message<SignedEntry>;

/// An organisation without a node.
#[derive(Debug)]
pub struct Stranger {
    /// Its root key.
    pub root: RootKey,
    /// Its device's key.
    pub device: DeviceKey,
    /// Its card.
    pub card: SignedCard,
    network: Network,
    events: mpsc::Receiver<Event>,
    session: Option<(DeviceId, SessionNumber)>,
    hang_ups: u32,
    record: Record,
    secret: [u8; 32],
    seed: [u8; 32],
}

/// How often somebody who waits for something looks again.
const LOOK: Duration = Duration::from_millis(20);

impl Stranger {
    /// An organisation from one byte, with a network that sends frames of up to 16 MiB.
    ///
    /// # Panics
    /// When the network cannot be started.
    pub async fn new(byte: u8, name: &str) -> Self {
        Self::with_keys([byte ^ 0x80; 32], [byte; 32], name).await
    }

    /// The same of any root secret and device seed.
    ///
    /// # Panics
    /// When the network cannot be started.
    pub async fn with_keys(secret: [u8; 32], seed: [u8; 32], name: &str) -> Self {
        let (root, device) = (RootKey::from_secret(secret), DeviceKey::from_seed(&seed));
        let card = SignedCard::sign(&root, 0, device.device(), Name::new(name).expect("a name"), OrganisationKind::Other);
        let mut config = Config::new(seed.into());
        config.mdns = false;
        config.limits.frame_bytes = 16 * 1024 * 1024;
        config.limits.queued_bytes = 32 * 1024 * 1024;
        config.limits.queued_frames = 1024;
        config.timing.redial_min = Duration::from_millis(50);
        config.timing.redial_max = Duration::from_millis(500);
        let (network, events) = network::start(config).await.expect("a network");
        Self { root, device, card, network, events, session: None, hang_ups: 0, record: Record::default(), secret, seed }
    }

    /// Its organisation.
    #[must_use]
    pub fn organisation(&self) -> OrganisationId {
        self.card.card().organisation
    }

    /// What it calls itself.
    #[must_use]
    pub fn name(&self) -> String {
        self.card.card().name.to_string()
    }

    /// Everything that ever reached it.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// What it can read with: its organisation and the secret of its card.
    #[must_use]
    pub fn eye(&self) -> Eye {
        Eye::of(&self.root)
    }

    /// What it knows of a document.
    #[must_use]
    pub fn view(&self, document: &DocumentId) -> View {
        self.record.view(&self.card, document)
    }

    /// The seed of its device's key.
    #[must_use]
    pub const fn seed(&self) -> [u8; 32] {
        self.seed
    }

    /// The same organisation and device in a second place.
    pub async fn twin(&self) -> Self {
        Self::with_keys(self.secret, self.seed, &self.name()).await
    }

    /// Whether a session is open, as far as it has heard.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        self.session.is_some()
    }

    /// Connects to a node by a ticket.
    ///
    /// # Panics
    /// When it is not let in.
    pub async fn connect(&mut self, ticket: &Ticket) {
        let addresses: Vec<String> = ticket.addresses.iter().map(ToString::to_string).collect();
        self.network.dial_ticket(&ticket.device, &addresses).expect("the ticket's addresses can be dialled");
        self.until("connected", |event| matches!(event, Event::Connected { .. })).await;
    }

    /// Whether a node lets it in within a second.
    pub async fn is_let_in(&mut self, ticket: &Ticket) -> bool {
        let addresses: Vec<String> = ticket.addresses.iter().map(ToString::to_string).collect();
        self.network.dial_ticket(&ticket.device, &addresses).expect("the ticket's addresses can be dialled");
        let wait = async { while !matches!(self.events.recv().await, Some(Event::Connected { .. }) | None) {} };
        tokio::time::timeout(Duration::from_secs(1), wait).await.is_ok()
    }

    /// Tries to connect for a second. Whether that led to anything is for [`Self::is_connected`].
    ///
    /// # Panics
    /// When the ticket's addresses cannot be dialled.
    pub async fn try_connect(&mut self, ticket: &Ticket) {
        let addresses: Vec<String> = ticket.addresses.iter().map(ToString::to_string).collect();
        self.network.dial_ticket(&ticket.device, &addresses).expect("the ticket's addresses can be dialled");
        self.listen(Duration::from_millis(300)).await;
    }

    /// Leaves: its network is gone, and its record stays.
    pub async fn leave(&mut self) {
        self.hang_up().await;
        self.network.shutdown().await;
    }

    async fn until(&mut self, what: &str, is: impl Fn(&Event) -> bool) -> Event {
        let wait = async {
            loop {
                let event = self.events.recv().await.expect("the network goes on");
                self.note(&event);
                if is(&event) {
                    return event;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("the stranger was never {what}"))
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::Connected { device, session, .. } => self.session = Some((*device, *session)),
            Event::Frame { bytes, .. } => self.record.keep(bytes),
            Event::Disconnected { session: ended, .. } => {
                self.hang_ups += 1;
                self.session.take_if(|(_, session)| session == ended);
            }
            Event::Listening { .. }
            | Event::StoppedListening { .. }
            | Event::Sent { .. }
            | Event::DialFailed { .. }
            | Event::Refused { .. } => {}
        }
    }

    /// How many of its sessions have ended. Its network connects again by itself as long as it is let in.
    #[must_use]
    pub const fn hang_ups(&self) -> u32 {
        self.hang_ups
    }

    /// Listens, answering nothing, until nothing has come for so long; at most [`PATIENCE`].
    pub async fn listen(&mut self, quiet: Duration) {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            match tokio::time::timeout(quiet, self.events.recv()).await {
                Ok(Some(event)) => self.note(&event),
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// Listens, answering nothing, until what it has heard is enough.
    ///
    /// # Panics
    /// When it never is.
    pub async fn listen_until<T>(&mut self, what: &str, mut enough: impl FnMut(&Self) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = enough(self) {
                return found;
            }
            assert!(Instant::now() < until, "{} never {what}; it heard {:?}", self.name(), self.record);
            if let Ok(Some(event)) = tokio::time::timeout(LOOK, self.events.recv()).await {
                self.note(&event);
            }
        }
    }

    /// Listens, answering nothing, until a node compares with it what both have, if it is the node that begins with that. From then
    /// on it is told of what comes.
    ///
    /// # Panics
    /// When the node never begins.
    pub async fn until_compared(&mut self, node: &Node) {
        if ticket(node).device < self.device.device() {
            let is_step = |message: Message| matches!(message, Message::Reconcile(_)).then_some(());
            self.listen_until("was compared", |peer| peer.record().messages().find_map(is_step)).await;
        }
    }

    /// Listens, answering nothing, until it has heard this or so long. Whether it has.
    pub async fn listen_for(&mut self, wait: Duration, enough: impl Fn(&Self) -> bool) -> bool {
        let until = Instant::now() + wait;
        while !enough(self) && Instant::now() < until {
            if let Ok(Some(event)) = tokio::time::timeout(LOOK, self.events.recv()).await {
                self.note(&event);
            }
        }
        enough(self)
    }

    /// Ends its session; its record stays.
    pub async fn hang_up(&mut self) {
        if let Some((device, _)) = self.session {
            self.network.disconnect(&device, network::Cause::Finished);
            self.until_hung_up().await;
        }
    }

    /// Connects again with a node that it is paired with, and says that it still is.
    pub async fn come_back(&mut self, node: &Node) {
        self.connect(&ticket(node)).await;
        self.say(&self.hello(true));
    }

    /// Sends a frame.
    ///
    /// # Panics
    /// When there is no session.
    pub fn send(&self, frame: Vec<u8>) {
        let (device, session) = self.session.expect("a session");
        self.network.try_send(&device, session, vec![frame]).expect("the frame is taken");
    }

    /// Sends a message.
    pub fn say(&self, message: &Said) {
        self.send(message.encode());
    }

    /// Sends a frame as soon as there is room for it, hearing nothing meanwhile; whether the session is still there.
    ///
    /// # Panics
    /// When there never is room.
    pub async fn send_when_taken(&mut self, frame: Vec<u8>) -> bool {
        let until = Instant::now() + PATIENCE;
        let Some((device, session)) = self.session else { return false };
        let mut frames = vec![frame];
        loop {
            frames = match self.network.try_send(&device, session, frames) {
                Ok(()) => return true,
                Err(network::SendError::Full { frames, .. }) => frames,
                Err(_) => return false,
            };
            assert!(Instant::now() < until, "{} never had room to send", self.name());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// The same with a message.
    pub async fn say_when_taken(&mut self, message: &Said) -> bool {
        self.send_when_taken(message.encode()).await
    }

    /// The next message it hears.
    ///
    /// # Panics
    /// When there is none, or it is malformed.
    pub async fn hear(&mut self) -> Message {
        match self.until("spoken to", |event| matches!(event, Event::Frame { .. })).await {
            Event::Frame { bytes, .. } => Message::receive(&bytes).expect("a node says nothing malformed"),
            event => panic!("{event:?}"),
        }
    }

    /// Waits until the session is over.
    pub async fn until_hung_up(&mut self) {
        self.until("disconnected", |event| matches!(event, Event::Disconnected { .. })).await;
    }

    /// Its Hello.
    #[must_use]
    pub fn hello(&self, confirmed: bool) -> Said {
        Message::Hello { card: self.card.clone(), addresses: None, confirmed }
    }

    /// Its answer to an invitation.
    #[must_use]
    pub fn pair_request(&self, ticket: &Ticket) -> Said {
        Message::PairRequest { card: self.card.clone(), proof: ticket.secret.proof(&self.device.device()) }
    }

    /// Pairs with a node up to where each side waits for its operator.
    ///
    /// # Panics
    /// When the node does not answer as it should.
    pub async fn meet(&mut self, node: &Node) {
        let ticket = ticket(node);
        self.connect(&ticket).await;
        self.say(&self.pair_request(&ticket));
        let answer = self.hear().await;
        assert!(matches!(answer, Message::Hello { confirmed: false, .. }), "{answer:?}");
        self.say(&self.hello(false));
    }

    /// Pairs with a node, both sides confirmed: data may move.
    ///
    /// # Panics
    /// When the node does not answer as it should.
    pub async fn pair(&mut self, node: &Node) {
        self.meet(node).await;
        let name = self.card.card().name.to_string();
        tokio::task::block_in_place(|| {
            node.post::<Peer>(&format!("/peers/{}/confirm", segment(&name)), &json!({})).expect("a confirmation");
        });
        self.say(&Message::Confirmed);
        let confirmed = |node: &Node| node.peer(&name).filter(|peer| peer.pairing == Pairing::Confirmed);
        tokio::task::block_in_place(|| node.until(&format!("was paired with {name}"), confirmed));
    }
}

/// A fresh ticket of a node.
///
/// # Panics
/// When it gives none.
#[must_use]
pub fn ticket(node: &Node) -> Ticket {
    let invitation: Invitation = tokio::task::block_in_place(|| node.post("/invitations", &json!({}))).expect("an invitation");
    invitation.ticket.parse().expect("a ticket")
}
