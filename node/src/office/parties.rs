//! Organisations, by the names people here use.

use super::Office;
use super::circles::circle_named_in;
use super::opening::shown;
use crate::desk::{CIRCLE_PREFIX, OrgRef, Party, Problem};
use csu_protocol::entry::Subject;
use csu_protocol::id::OrganisationId;
use csu_protocol::store::Pairing;

impl Office {
    /// An organisation as people here know it.
    pub(super) fn organisation(&self, id: &OrganisationId) -> OrgRef {
        let ours = self.machine.card().card();
        if *id == ours.organisation {
            return OrgRef { id: *id, name: ours.name.to_string(), verified: true, called: None, kind: Some(ours.kind) };
        }
        if let Some(peer) = self.machine.peer(id)
            && peer.pairing == Pairing::Confirmed
        {
            return OrgRef { id: *id, name: peer.name.to_string(), verified: true, called: None, kind: Some(peer.kind) };
        }
        let Some(known) = self.machine.directory().current(id) else {
            return OrgRef { id: *id, name: id.short(), verified: false, called: None, kind: None };
        };
        let card = known.card.card();
        let by = match known.brought_by {
            // Only who was confirmed has a name of our own; cards may have come through one another.
            Some(by) => self
                .machine
                .peer(&by)
                .filter(|peer| peer.pairing == Pairing::Confirmed)
                .map_or_else(|| by.short(), |peer| peer.name.to_string()),
            None => "itself".to_owned(),
        };
        let called = format!("called \"{}\" by {by}", card.name);
        OrgRef { id: *id, name: card.name.to_string(), verified: false, called: Some(called), kind: Some(card.kind) }
    }

    pub(super) fn party(&self, subject: Subject) -> Party {
        match subject {
            Subject::Anyone => Party::Anyone,
            Subject::Organisation(id) => Party::Organisation(self.organisation(&id)),
        }
    }

    /// The name under which an organisation stands in the log.
    pub(super) fn name_for_log(&self, id: &OrganisationId) -> String {
        let organisation = self.organisation(id);
        if organisation.verified { organisation.name } else { format!("unverified {} ({})", id.short(), organisation.name) }
    }

    /// The name under which whoever was given a role stands in the log.
    pub(super) fn party_for_log(&self, subject: Subject) -> String {
        match subject {
            Subject::Anyone => "anyone".to_owned(),
            Subject::Organisation(id) => self.name_for_log(&id),
        }
    }

    /// Finds whom a text names: a local name or a part of it, an id or its beginning, or anyone.
    pub(super) fn subject(&self, text: &str) -> Result<Subject, Problem> {
        if text.eq_ignore_ascii_case("anyone") {
            return Ok(Subject::Anyone);
        }
        self.find_organisation(text).map(Subject::Organisation)
    }

    /// Everybody this node knows of, itself included.
    fn known_organisations(&self) -> Vec<OrganisationId> {
        let peers = self.machine.peers().map(|peer| peer.organisation).chain(self.machine.joinings().map(|joining| joining.organisation));
        let mut known: Vec<OrganisationId> = self.machine.directory().organisations().map(|known| known.card.card().organisation).collect();
        known.extend(peers);
        known.push(self.machine.organisation());
        known.sort();
        known.dedup();
        known
    }

    /// The organisations that bear a name, in whatever letters.
    pub(super) fn organisations_named(&self, name: &str) -> impl Iterator<Item = OrganisationId> {
        let wanted = name.to_lowercase();
        self.known_organisations().into_iter().filter(move |id| self.organisation(id).name.to_lowercase() == wanted)
    }

    /// Finds the organisation that a text names.
    pub(super) fn find_organisation(&self, text: &str) -> Result<OrganisationId, Problem> {
        let wanted = text.trim().to_lowercase();
        let named: Vec<(OrganisationId, String)> =
            self.known_organisations().into_iter().map(|id| (id, self.organisation(&id).name.to_lowercase())).collect();
        let by_id = |(id, _): &&(OrganisationId, String)| wanted.len() >= 4 && id.to_string().starts_with(&wanted);
        let whole = |(_, name): &&(OrganisationId, String)| *name == wanted;
        let part = |(_, name): &&(OrganisationId, String)| !wanted.is_empty() && name.contains(&wanted);
        // A verified name is never outdone by what a stranger calls itself.
        let verified = |(id, _): &&(OrganisationId, String)| self.organisation(id).verified;
        let rounds: [Vec<&(OrganisationId, String)>; 5] = [
            named.iter().filter(by_id).collect(),
            named.iter().filter(whole).filter(verified).collect(),
            named.iter().filter(whole).collect(),
            named.iter().filter(part).filter(verified).collect(),
            named.iter().filter(part).collect(),
        ];
        match rounds.iter().find(|found| !found.is_empty()).map(Vec::as_slice) {
            Some([(id, _)]) => Ok(*id),
            Some(several) => {
                let names: Vec<String> = several.iter().take(5).map(|(id, name)| format!("{name} ({})", id.short())).collect();
                Err(Problem::invalid("who", format!("'{}' could be {}", shown(text), names.join(", ")), "give the beginning of its id"))
            }
            None if circle_named_in(text).is_some() => Err(Problem::invalid(
                "who",
                "a circle can be granted a document, and it can be taken back; here one organisation is to be named",
                "name one of its members: see them with `csu circle list`",
            )),
            None if self.storage.circle_named(text.trim())?.is_some() => Err(Problem::not_found(
                format!("this node knows no organisation '{}'; there is a circle of that name", shown(text)),
                format!("write {CIRCLE_PREFIX}{} to name all its members", shown(text)),
            )),
            None => Err(Problem::not_found(
                format!("this node knows no organisation '{}'", shown(text)),
                "see whom it knows with `csu peer list`, or pair with it by `csu invite`",
            )),
        }
    }
}
