//! Invitations and neighbours, as people handle them.

use super::steps::command_problem;
use super::{Office, now};
use crate::desk::{Actor, Invitation, InvitationRequest, OrgRef, Pairing, Peer, Problem};
use crate::log_verb::LogVerb;
use csu_protocol::id::OrganisationId;
use csu_protocol::identity::{Ticket, TicketError};
use csu_protocol::store;

const HOUR_MS: u64 = 3_600_000;

impl Office {
    pub(super) fn make_invitation(&mut self, actor: &Actor, request: &InvitationRequest) -> Result<Invitation, Problem> {
        let hours = request.valid_hours.unwrap_or(InvitationRequest::DEFAULT_HOURS);
        if !(1..=InvitationRequest::MAX_HOURS).contains(&hours) {
            return Err(Problem::invalid(
                "validHours",
                format!("a ticket cannot be good for {hours} hours"),
                format!("choose from 1 to {}", InvitationRequest::MAX_HOURS),
            ));
        }
        let addresses = self.addresses();
        if addresses.is_empty() {
            return Err(Problem::unavailable("this node listens nowhere", "look at `listen` in csu.toml, then start it again"));
        }
        let expires = now().plus_ms(u64::from(hours).saturating_mul(HOUR_MS));
        let mut entropy = self.entropy()?;
        let ticket = self.machine.invite(expires, addresses, &mut entropy);
        self.log_act(actor, LogVerb::Network, None, None, format!("made a ticket good until {expires}"))?;
        Ok(Invitation {
            ticket: ticket.to_string(),
            expires: expires.into(),
            addresses: ticket.addresses.iter().map(ToString::to_string).collect(),
        })
    }

    pub(super) fn use_ticket(&mut self, actor: &Actor, text: &str) -> Result<Peer, Problem> {
        let ticket: Ticket = text.parse().map_err(|error: TicketError| {
            let text = error.to_string();
            let (detail, remedy) = text.split_once(": ").unwrap_or((&text, "ask for a new ticket"));
            Problem::invalid("ticket", detail, remedy)
        })?;
        let organisation = ticket.organisation;
        self.machine.join(now(), ticket).map_err(|error| command_problem(&error))?;
        self.log_act(actor, LogVerb::Network, None, None, format!("began to pair with {} by its ticket", organisation.short()))?;
        self.neighbour(&organisation)
    }

    pub(super) fn neighbours(&self) -> Vec<Peer> {
        let joining = self.machine.joinings().map(|joining| joining.organisation);
        let known = self.machine.peers().map(|peer| peer.organisation);
        known.chain(joining).filter_map(|organisation| self.neighbour(&organisation).ok()).collect()
    }

    pub(super) fn neighbour(&self, organisation: &OrganisationId) -> Result<Peer, Problem> {
        let fingerprint = fingerprint(organisation);
        if let Some(peer) = self.machine.peer(organisation) {
            return Ok(Peer {
                organisation: self.pairing_name(peer),
                pairing: match peer.pairing {
                    store::Pairing::Waiting { .. } => Pairing::Waiting,
                    store::Pairing::Confirmed => Pairing::Confirmed,
                },
                we_confirmed: peer.we_confirmed(),
                they_confirmed: peer.they_confirmed(),
                number: Some(peer.number.to_string()),
                paused: peer.paused,
                connected: self.machine.connection(organisation).is_some(),
                addresses: peer.addresses.iter().map(ToString::to_string).collect(),
                since: peer.since.into(),
                fingerprint,
                trouble: self.machine.directory().device(organisation).and_then(|device| self.troubles.get(&device).cloned()),
            });
        }
        let joining = self.machine.joinings().find(|joining| joining.organisation == *organisation);
        let joining = joining.ok_or_else(|| {
            Problem::not_found(
                format!("{} is not a neighbour of this node", self.organisation(organisation)),
                "see the neighbours with `csu peer list`",
            )
        })?;
        Ok(Peer {
            organisation: self.organisation(organisation),
            pairing: Pairing::Joining,
            we_confirmed: false,
            they_confirmed: false,
            number: None,
            paused: false,
            connected: false,
            addresses: joining.addresses.iter().map(ToString::to_string).collect(),
            since: now().into(),
            fingerprint,
            trouble: self.troubles.get(&joining.device).cloned(),
        })
    }

    /// A peer that is being paired bears the name its card gives, unverified.
    fn pairing_name(&self, peer: &store::Peer) -> OrgRef {
        let known = self.organisation(&peer.organisation);
        OrgRef { name: peer.name.to_string(), ..known }
    }

    pub(super) fn confirm(&mut self, actor: &Actor, who: &str, number: Option<&str>) -> Result<Peer, Problem> {
        let organisation = self.find_organisation(who)?;
        self.machine.confirm(now(), &organisation, number).map_err(|error| command_problem(&error))?;
        let compared = if number.is_some() { "gave the security number, which matched" } else { "said that the security numbers match" };
        self.log_act(actor, LogVerb::Network, None, None, format!("{compared}: {}", self.name_for_log(&organisation)))?;
        self.neighbour(&organisation)
    }

    pub(super) fn set_paused(&mut self, actor: &Actor, who: &str, paused: bool) -> Result<Peer, Problem> {
        let organisation = self.find_organisation(who)?;
        self.machine.pause(&organisation, paused).map_err(|error| command_problem(&error))?;
        let what = if paused { "paused" } else { "resumed" };
        self.log_act(actor, LogVerb::Network, None, None, format!("{what} the exchange with {}", self.name_for_log(&organisation)))?;
        self.neighbour(&organisation)
    }

    pub(super) fn forget(&mut self, actor: &Actor, who: &str) -> Result<(), Problem> {
        let organisation = self.find_organisation(who)?;
        let name = self.name_for_log(&organisation);
        self.machine.remove_peer(&organisation).map_err(|error| command_problem(&error))?;
        self.log_act(actor, LogVerb::Network, None, None, format!("ended the pairing with {name}"))
    }
}

/// An organisation's id as people compare it: the first 80 bits in groups of four.
fn fingerprint(organisation: &OrganisationId) -> String {
    let id = organisation.to_string();
    let groups: Vec<String> = id.as_bytes().chunks(4).take(5).map(|four| String::from_utf8_lossy(four).into_owned()).collect();
    groups.join(" ")
}
