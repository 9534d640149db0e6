//! Circles: named lists of organisations. The protocol knows nothing of them: a grant to a circle is a grant to each of
//! its members, and this node remembers for which circle's sake it gave what.

mod giving;
mod pending;

pub(super) use giving::{Giving, Wishes, as_grant, batches, covers, each_grant, grants_of, highest_of, is_gift};

use super::opening::shown;
use super::{Office, now};
use crate::desk::{Actor, CIRCLE_PREFIX, Circle, CircleRequest, MembersRequest, Problem};
use crate::log_verb::LogVerb;
use crate::storage::{CircleKey, CircleRow};
use csu_protocol::id::OrganisationId;
use csu_protocol::identity::Name;

/// The name of the circle that a text names, if it names one.
pub(super) fn circle_named_in(who: &str) -> Option<&str> {
    let who = who.trim();
    let (prefix, name) = who.split_at_checked(CIRCLE_PREFIX.len())?;
    prefix.eq_ignore_ascii_case(CIRCLE_PREFIX).then_some(name)
}

impl Office {
    /// The circle of a name.
    pub(super) fn find_circle(&self, name: &str) -> Result<CircleRow, Problem> {
        let name = circle_named_in(name).unwrap_or(name).trim();
        self.storage.circle_named(name)?.ok_or_else(|| {
            Problem::not_found(
                format!("there is no circle '{}' on this node", shown(name)),
                "see the circles with `csu circle list`, or make it with `csu circle create`",
            )
        })
    }

    /// The circle of a number.
    pub(super) fn circle_of(&self, key: CircleKey) -> Result<CircleRow, Problem> {
        let found = self.storage.circles()?.into_iter().find(|circle| circle.key == key);
        found.ok_or_else(|| Problem::conflict("a circle that is named here was deleted", "name the recipients anew with --to"))
    }

    pub(super) fn list_circles(&self) -> Result<Vec<Circle>, Problem> {
        self.storage.circles()?.iter().map(|circle| self.show_circle(circle)).collect()
    }

    pub(super) fn show_circle(&self, circle: &CircleRow) -> Result<Circle, Problem> {
        let members = self.storage.members(circle.key)?;
        let mut members: Vec<_> = members.iter().map(|member| self.organisation(&member.organisation)).collect();
        members.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
        let documents = self.storage.count_shared(circle.key)?;
        Ok(Circle { name: circle.name.clone(), members, documents, created: circle.created.into() })
    }

    pub(super) fn make_circle(&mut self, actor: &Actor, request: &CircleRequest) -> Result<Circle, Problem> {
        let name = self.new_name(&request.name)?;
        let members = self.future_members(&request.members)?;
        if self.storage.circles()?.len() >= Circle::MOST {
            return Err(Problem::conflict(
                format!("this node has {} circles already, and more are not kept", Circle::MOST),
                "delete one with `csu circle delete`",
            ));
        }
        let circle = self.storage.add_circle(&name, now())?;
        for member in &members {
            self.storage.add_member(circle, member, now())?;
        }
        self.log_act(actor, LogVerb::Access, None, None, format!("made the circle {name}{}", self.names(" of ", &members)))?;
        self.show_circle(&self.find_circle(&name)?)
    }

    /// A name that a circle may bear: one that nobody could take for an organisation's.
    fn new_name(&self, text: &str) -> Result<String, Problem> {
        let name = text.trim();
        let good = Name::new(name).is_ok() && !name.contains('=') && circle_named_in(name).is_none();
        if !good {
            return Err(Problem::invalid(
                "name",
                format!("'{}' cannot name a circle", shown(name)),
                "choose another: 1 to 120 bytes, without =, control and direction characters, and without circle: before it",
            ));
        }
        if let Some(known) = self.storage.circle_named(name)? {
            return Err(Problem::conflict(
                format!("there is a circle {} already", known.name),
                "put members into it with `csu circle add`, or choose another name",
            ));
        }
        let taken = name.eq_ignore_ascii_case("anyone") || self.organisations_named(name).next().is_some();
        if taken {
            return Err(Problem::conflict(
                format!("'{name}' is the name of an organisation, and a circle of that name would be taken for it"),
                "choose another name",
            ));
        }
        Ok(name.to_owned())
    }

    fn future_members(&self, who: &[String]) -> Result<Vec<OrganisationId>, Problem> {
        let us = self.machine.organisation();
        if who.len() > Circle::MOST_MEMBERS {
            return Err(too_many());
        }
        let mut members = Vec::new();
        for text in who {
            let organisation = self.find_organisation(text)?;
            if organisation == us {
                return Err(Problem::invalid("members", "this organisation need not be in its own circles", "leave it out"));
            }
            if !members.contains(&organisation) {
                members.push(organisation);
            }
        }
        Ok(members)
    }

    pub(super) fn change_members(&mut self, actor: &Actor, name: &str, request: &MembersRequest) -> Result<Circle, Problem> {
        let circle = self.find_circle(name)?;
        let added = self.future_members(&request.add)?;
        if request.remove.len() > Circle::MOST_MEMBERS {
            return Err(too_many());
        }
        let mut removed = Vec::new();
        for text in &request.remove {
            let organisation = self.find_organisation(text)?;
            if !self.storage.remove_member(circle.key, &organisation)? {
                return Err(Problem::conflict(
                    format!("{} is not in the circle {}", self.organisation(&organisation), circle.name),
                    "see who is with `csu circle list`",
                ));
            }
            self.storage.share_gifts(circle.key, &organisation, now())?;
            removed.push(organisation);
        }
        for organisation in &added {
            self.storage.add_member(circle.key, organisation, now())?;
        }
        if self.storage.members(circle.key)?.len() > Circle::MOST_MEMBERS {
            return Err(too_many());
        }
        let detail = format!("changed the circle {}{}{}", circle.name, self.names(": in ", &added), self.names(": out ", &removed));
        self.log_act(actor, LogVerb::Access, None, None, detail)?;
        self.show_circle(&circle)
    }

    fn names(&self, before: &str, organisations: &[OrganisationId]) -> String {
        let names: Vec<String> = organisations.iter().map(|id| self.name_for_log(id)).collect();
        if names.is_empty() { String::new() } else { format!("{before}{}", names.join(", ")) }
    }

    pub(super) fn remove_circle(&mut self, actor: &Actor, name: &str) -> Result<(), Problem> {
        let circle = self.find_circle(name)?;
        let drafts = self.storage.open_drafts()?;
        if let Some(draft) = drafts.iter().find(|draft| draft.content.circles.iter().any(|grant| grant.circle == circle.key)) {
            return Err(Problem::conflict(
                format!("draft {} is for the circle {}", draft.number, circle.name),
                format!("take it from the draft first with `csu grant revoke {} \"{CIRCLE_PREFIX}{}\"`", draft.number, circle.name),
            ));
        }
        self.storage.delete_circle(circle.key)?;
        self.log_act(actor, LogVerb::Access, None, None, format!("deleted the circle {}", circle.name))
    }
}

fn too_many() -> Problem {
    Problem::invalid("members", format!("a circle has at most {} members", Circle::MOST_MEMBERS), "make two circles of them")
}
