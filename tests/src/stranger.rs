//! A peer that speaks the protocol by hand, so that it can break its rules.

use crate::node::{Node, PATIENCE};
use csu_node::cli::client::segment;
use csu_node::desk::{Invitation, Peer};
use csu_node::network::{self, Config, Event, Network, SessionNumber, Sessions};
use csu_protocol::entry::SignedEntry;
use csu_protocol::id::DeviceId;
use csu_protocol::identity::{DeviceKey, Name, OrganisationKind, RootKey, SignedCard, Ticket};
use csu_protocol::wire::Message;
use serde_json::json;
use std::time::Duration;
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
}

impl Stranger {
    /// An organisation from one byte, with a network that sends frames of up to 16 MiB.
    ///
    /// # Panics
    /// When the network cannot be started.
    pub async fn new(byte: u8, name: &str) -> Self {
        let seed = [byte; 32];
        let (root, device) = (RootKey::from_secret([byte ^ 0x80; 32]), DeviceKey::from_seed(&seed));
        let card = SignedCard::sign(&root, 0, device.device(), Name::new(name).expect("a name"), OrganisationKind::Other);
        let mut config = Config::new(seed.into());
        config.mdns = false;
        config.limits.frame_bytes = 16 * 1024 * 1024;
        config.limits.queued_bytes = 32 * 1024 * 1024;
        config.timing.redial_min = Duration::from_millis(50);
        let (network, events) = network::start(config).await.expect("a network");
        Self { root, device, card, network, events, session: None }
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

    async fn until(&mut self, what: &str, is: impl Fn(&Event) -> bool) -> Event {
        let wait = async {
            loop {
                let event = self.events.recv().await.expect("the network goes on");
                if let Event::Connected { device, session, .. } = &event {
                    self.session = Some((*device, *session));
                }
                if is(&event) {
                    return event;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("the stranger was never {what}"))
    }

    /// Sends a frame.
    ///
    /// # Panics
    /// When there is no session.
    pub fn send(&self, frame: Vec<u8>) {
        let (device, session) = self.session.expect("a session");
        self.network.try_send(&device, session, frame).expect("the frame is taken");
    }

    /// Sends a message.
    pub fn say(&self, message: &Said) {
        self.send(message.encode());
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
        self.session = None;
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
