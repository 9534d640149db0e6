//! Messages between devices: one session with every neighbour, over libp2p.
//!
//! This layer moves opaque messages and knows nothing of entries, organisations or documents. A
//! *device* is an Ed25519 key and thereby a libp2p peer; a *session* is one long-lived stream with
//! it, which carries length-delimited frames both ways, each with a message or several packed
//! together; to the driver a *frame* is one message. The driver says whom it wants
//! ([`Sessions::set_peers`]); the layer dials, redials and tells what happens by [`Event`]s.
//!
//! # What holds
//!
//! - **Only the wanted get in.** Inbound connections of anyone but the given peers, devices that are
//!   dialled because of a ticket, and (while [`Strangers::Admitted`]) a few strangers are denied as
//!   soon as their key is known.
//! - **At most one session a device.** Of two devices the one with the smaller key opens the stream
//!   and the other accepts, so dialling each other at once still ends in one session. A newer
//!   stream of the proper opener replaces an older one.
//! - **Order.** For one device, `Connected`, its `Frame`s and `Sent`s, and `Disconnected` come in
//!   this order, and all of one session before any of the next. Everything bears its
//!   [`SessionNumber`]; frames are sent *to a session*, so a frame never strays into a later one.
//! - **Bounds.** Every queue has one: frames to a peer (count and bytes), events to the driver,
//!   connections, strangers, addresses. A frame's length is checked before memory is taken for it,
//!   and that of what it unpacks to; of a stranger nothing is unpacked.
//!   A driver that does not drain events stops the reading of all peers, one frame each in hand; a
//!   peer that does not read fills its own queue and nobody else's.
//! - **Silence ends.** An empty frame goes out after [`Timing::heartbeat`] without another;
//!   [`Timing::silence`] without one byte ends the session. Time in which this side did not read
//!   does not count, and neither does a large frame that trickles in over a slow line.
//!
//! # On the wire
//!
//! Noise and yamux over TCP, or QUIC; then streams of protocol `/csu-link/2`. A frame is its length
//! as 32 bits, big endian, and that many bytes: a form, and a message or several packed together
//! ([`csu_protocol::wire::block`]). Empty frames are heartbeats. Each side begins with
//! one, and a session counts as connected once the other's has arrived. What is queued when the
//! stream is ready goes out together; the first message of each side goes alone and as it is.
//!
//! # How it is built
//!
//! [`start`] gives a [`Network`] and the receiving end of the events. The driver should hold the
//! handle as a [`Sessions`], a trait of synchronous calls that never wait, so that its own tests can
//! stand in for libp2p. Inside, one task (`runner`) owns the swarm and decides; each session is a task
//! of its own; `dialler` (whom to dial when) and `admission` (who may connect) are plain state.
//! `streams` opens and accepts the streams: a behaviour of our own, since libp2p-stream picks a random
//! connection, tells nobody which, drops inbound streams under load and never forgets a connection.
//!
//! # Left out
//!
//! Relays, hole punching and AutoNAT. They bring connections of their own, and the rule that a new
//! connection from a device with a settled session moves the session there is made for them too.

mod address;
mod admission;
mod config;
mod dialler;
mod error;
mod event;
mod handle;
mod identity;
mod outbox;
mod runner;
mod session;
mod streams;
mod swarm;
mod wishes;

#[cfg(test)]
#[allow(clippy::wildcard_enum_match_arm, reason = "a test looks for one event among many")]
mod tests;

pub use address::DialAddress;
pub use config::{Config, Limits, Timing};
pub use error::{AddressError, NetworkError, SendError, TicketError};
pub use event::{Cause, DialFailure, Direction, EndReason, Event, SessionNumber};
pub use handle::{Network, Sessions};
pub use wishes::{Strangers, Target};

use tokio::sync::mpsc;

/// Starts the network: listens on every address of `config.listen` and spawns the task that keeps
/// the sessions. Nobody is admitted or dialled until [`Sessions::set_peers`] or another call says so.
///
/// The events must be drained; when their receiver is dropped the network stops.
///
/// # Errors
///
/// Some address cannot be listened on, or the machine lacks what libp2p needs; see
/// [`NetworkError`].
pub async fn start(config: Config) -> Result<(Network, mpsc::Receiver<Event>), NetworkError> {
    let own = identity::keypair(&config.seed)?;
    let mut swarm = swarm::build(&own.keypair, &config)?;
    let listening = swarm::listen(&mut swarm, &config.listen).await?;
    let (events, receiver) = mpsc::channel(config.limits.events.max(1));
    let network = handle::Network::new(own.device, config.limits.clone(), &listening);
    runner::spawn(runner::Parts { own: own.device, swarm, config, listening, events, shared: network.shared() });
    Ok((network, receiver))
}
